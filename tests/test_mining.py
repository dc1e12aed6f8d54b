"""Mining: what is fixed, what moves, and what repeats is found in the pixels, exactly."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.clips.drawn import true_scene
from spritecodec.clip import MAX_OTHERS, NO_COLOUR, Doubt
from spritecodec.mining.camera.pan import estimate_pan
from spritecodec.mining.indexed import Indexed, pack_rgb
from spritecodec.mining.mine import mine
from spritecodec.mining.setting import find_settings
from spritecodec.mining.solve import solve_background
from spritecodec.mining.sprites.merge import merge_sprites
from spritecodec.mining.tracks.residual import exact_residual
from spritecodec.render import Renderer
from spritecodec.scene import Scene, Tracks, mirrored

Frames = NDArray[np.uint8]
WIDTH, HEIGHT = 96, 64


def textured(height: int, width: int, seed: int) -> Frames:
    """A picture of few colours in which no place looks like another."""
    rng = np.random.default_rng(seed)
    palette = np.array([[30, 60, 90], [200, 180, 40], [90, 160, 60]], np.uint8)
    cells = rng.integers(0, 3, (height // 4 + 1, width // 4 + 1))
    return palette[np.kron(cells, np.ones((4, 4), int))[:height, :width]]


def ball(seed: int = 0) -> Frames:
    """A round sprite, 12x12 RGBA, in colours that no background has."""
    y, x = np.mgrid[:12, :12] - 5.5
    out = np.zeros((12, 12, 4), np.uint8)
    rng = np.random.default_rng(seed)
    out[..., :3] = rng.choice(np.array([[250, 20, 60], [255, 255, 255]], np.uint8), (12, 12))
    out[..., 3] = np.where(x**2 + y**2 < 36, 255, 0)
    return out


def put(frame: Frames, sprite: Frames, x: int, y: int) -> None:
    part = frame[y : y + sprite.shape[0], x : x + sprite.shape[1]]
    shown = sprite[: part.shape[0], : part.shape[1]]
    part[shown[..., 3] > 0] = shown[..., :3][shown[..., 3] > 0]


def index(frames: Frames) -> Indexed:
    return Indexed.of(frames, *frames.shape[1:3])


def mined(frames: Frames) -> Scene:
    """The Scene of the frames with its exact residual."""
    indexed = index(frames)
    pts = np.arange(len(frames), dtype=np.int64)
    scene = mine(find_settings(indexed)[0], pts, Fraction(1, 60))
    return dataclasses.replace(scene, residual=exact_residual(scene, lambda t, _: frames[t]))


def scroller(path: NDArray[np.int64], hud: int = 0) -> Frames:
    """A world seen along `path`, under a bar of `hud` rows that stays."""
    world = textured(HEIGHT, int(path.max()) + WIDTH, 1)
    frames = np.stack([world[:, x : x + WIDTH] for x in path.tolist()])
    if hud:
        frames[:, :hud] = textured(hud, WIDTH, 2)
    return frames


def test_pan_follows_a_camera_that_speeds_up_stops_and_turns_back() -> None:
    path = np.cumsum([0, *[1] * 10, *[3] * 10, *[0] * 10, *[-2] * 10, *[7] * 6])
    pan = estimate_pan(index(scroller(path)))
    np.testing.assert_array_equal(pan.position[:, 0], path)
    assert not pan.position[:, 1].any()
    assert not pan.room.any()


def test_a_world_visited_again_after_a_jump_is_stored_once() -> None:
    there = np.arange(0, 120, 2)
    path = np.concatenate([there, there])
    frames = scroller(path)
    world = solve_background(index(frames))[0].world
    assert world.canvas.shape == (HEIGHT, int(path.max()) + WIDTH)
    np.testing.assert_array_equal(world.position[:, 0], path)


def test_a_bar_that_stays_becomes_an_overlay() -> None:
    frames = scroller(np.arange(0, 180, 3), hud=12)
    scene = mined(frames)
    assert len(scene.layers) == 3
    assert not scene.layers[-1].pan.any()
    assert scene.layers[0].pan[-1, 0] == 177
    assert len(scene.residual.pixels) < 0.01 * frames[..., 0].size


def test_what_changes_on_a_bar_is_in_front_and_what_passes_below_is_behind() -> None:
    frames = scroller(np.linspace(0, 90, 60).astype(int), hud=12)
    frames[:, :12] //= 2  # colours of its own
    digits = [ball(seed)[3:9, 3:9] for seed in (1, 2, 3)]
    for t, frame in enumerate(frames):
        bar = frame[:12].copy()
        put(frame, ball(), 10 + t, 24 - abs(t - 30) // 2)  # half of it below the bar at times
        frame[:12] = bar
        put(frame, digits[t // 20], 40, 3)
    scene = mined(frames)
    parts = np.split(scene.residual.pixels[:, 3] > 0, scene.residual.first[1:-1])
    on_bar = [int(p.sum()) for p, y in zip(parts, scene.residual.y, strict=True) if y < 12]
    assert max(on_bar, default=0) < 6  # slivers
    overlay = next(i for i, layer in enumerate(scene.layers) if i and len(layer.textures))
    on = set(scene.tracks.layer.tolist())
    assert min(on) < overlay < max(on)


def river(path: NDArray[np.int64]) -> Frames:
    """Straight banks with a few houses, seen along `path` above a bar full of texture."""
    height, width, bar = 120, 128, 24
    world = np.full((int(path.max()) + height, width, 3), (20, 160, 40), np.uint8)
    rng = np.random.default_rng(6)
    for y in range(0, len(world), 60):
        bank = int(rng.integers(10, 50))
        world[y : y + 60, bank : width - bank] = (0, 40, 200)
    for y in range(5, len(world) - 12, 20):
        for x in rng.integers((0, 58, 112), (8, 62, 116)):
            world[y : y + 12, x : x + 12] = textured(12, 12, int(rng.integers(1 << 20)))
    frames = np.stack([world[y : y + height] for y in path.tolist()])
    frames[:, -bar:] = textured(bar, width, 7)
    return frames


def test_a_camera_over_straight_banks_is_followed_and_found_again_after_a_jump() -> None:
    path = np.concatenate([np.arange(300, 60, -1), np.arange(300, 200, -2)])
    frames = river(path)
    world = solve_background(index(frames))[0].world
    np.testing.assert_array_equal(world.position[:, 1], path - path.min())
    scene = mined(frames)
    assert len(scene.textures[0]) == len(np.unique(path)) - 1 + 120
    assert len(scene.residual.pixels) < 0.001 * frames[..., 0].size


def test_another_place_is_another_room() -> None:
    one, two = textured(HEIGHT, WIDTH, 3), textured(HEIGHT, WIDTH, 4)
    frames = np.stack([one] * 20 + [two] * 20 + [one] * 20)
    scene = mined(frames)
    assert scene.textures[0].shape[0] == 2 * HEIGHT
    assert len(scene.residual) == len(scene.tracks) == 0


def test_rooms_that_differ_in_a_few_places_are_distinguished_and_known_again() -> None:
    first = textured(HEIGHT, WIDTH, 3)
    second = first.copy()
    second[40:60, 10:50] = textured(20, 40, 4)
    stay = 40
    frames = np.repeat(np.stack([first, second, first, second]), stay, axis=0)
    walker = textured(9, 7, 5)
    for t in range(len(frames)):  # walks in front of what differs, also when it switches
        x = 5 + t % 60
        frames[t, 45:54, x : x + 7] = walker
    worlds = [b.world for b in solve_background(index(frames))]
    assert [len(w.canvas) for w in worlds] == [HEIGHT, 2 * HEIGHT]
    rooms = worlds[1].position[:, 1] // HEIGHT
    np.testing.assert_array_equal(rooms, np.repeat([0, 1, 0, 1], stay))
    assert len(solve_background(index(frames[:stay]))) == 1


def test_an_object_is_one_sprite_on_one_track() -> None:
    frames = np.repeat(textured(HEIGHT, WIDTH, 5)[None], 60, axis=0)
    for t, frame in enumerate(frames):
        put(frame, ball(), 4 + t, 20 + t // 3)
    scene = mined(frames)
    assert len(scene.residual) == 0
    assert len(scene.tracks) == len(scene.sprites) == 1
    np.testing.assert_array_equal(scene.sprites[0], np.where(ball()[..., 3:] > 0, ball(), 0))
    np.testing.assert_array_equal(np.diff(scene.tracks.x), 1)


def test_objects_that_pass_one_another_keep_their_sprites() -> None:
    frames = np.full((50, HEIGHT, WIDTH, 3), 40, np.uint8)
    for t, frame in enumerate(frames):
        put(frame, ball(1), 5 + t, 20)
        put(frame, ball(2), 60 - t, 24)
    scene = mined(frames)
    assert len(scene.residual) == 0
    opaque = sorted(int((s[..., 3] > 0).sum()) for s in scene.sprites)
    assert opaque[-2:] == [int((ball()[..., 3] > 0).sum())] * 2


def test_of_orders_that_contradict_each_other_those_seen_most_are_drawn() -> None:
    # The first passes in front of the second, the third behind the second; at the end, for a few
    # frames, the third is in front of the first.
    balls = [ball(1), ball(2), ball(3)]
    for i, shown in enumerate(balls):
        shown[..., :3] = shown[..., :3] // (i + 1)
    frames = np.full((56, HEIGHT, 160, 3), 40, np.uint8)
    for t, frame in enumerate(frames):
        third = (40 + max(0, t - 45) * 2, 60 - 2 * min(max(0, t - 20), 25))
        places = ((8 + min(2 * t, 50), 20), (40, 20), third)
        for i in (2, 1, 0) if t < 45 else (0, 2, 1):
            put(frame, balls[i], places[i][0] + t // 2, places[i][1])
    scene = mined(frames)
    assert 1 <= len(scene.residual) <= 8  # where the third is in front of the first, and slivers


def without_clear_colours(sprite: Frames) -> Frames:
    """The sprite with all its clear pixels alike, so that equal sprites compare equal."""
    return np.where(sprite[..., 3:] > 0, sprite, 0)


def on_screen(scene: Scene, track: int) -> list[tuple[int, int, int]]:
    """Where a track's sprite is in each of its frames: (t, x, y)."""
    tracks = scene.tracks
    part = slice(tracks.first[track], tracks.first[track + 1])
    t = np.arange(tracks.length[track]) + tracks.start[track]
    pan = scene.layers[tracks.layer[track]].pan[t]
    x, y = tracks.x[part] - pan[:, 0], tracks.y[part] - pan[:, 1]
    return list(zip(t.tolist(), x.tolist(), y.tolist(), strict=True))


def test_the_scene_that_was_drawn_is_found() -> None:
    camera = np.arange(60)
    frames = scroller(camera)
    sprites = [ball(1), ball(2)[:, 2:10], ball(3)[3:9], ball(4)[1:11, 4:8]]
    x = [
        10 + camera,  # walks through the world, faster than the camera
        150 - 2 * camera,  # comes into view, walking the other way
        np.full(60, 40),  # falls at one place of the screen
        20 + abs(2 * camera - 60),  # goes and comes back
    ]
    y = [4 + camera // 8, np.full(60, 50), 18 + camera // 4, np.full(60, 36)]
    for t, frame in enumerate(frames):
        for sprite, left, top in zip(sprites, x, y, strict=True):
            if left[t] < WIDTH:
                put(frame, sprite, left[t], top[t])
    scene = mined(frames)
    assert len(scene.residual) == 0
    drawn = [without_clear_colours(sprite).tobytes() for sprite in sprites]
    assert sorted(sprite.tobytes() for sprite in scene.sprites) == sorted(drawn)
    found: dict[int, list[tuple[int, int, int]]] = {i: [] for i in range(len(sprites))}
    for track in range(len(scene.tracks)):
        sprite = scene.tracks.sprite[scene.tracks.first[track] : scene.tracks.first[track + 1]]
        assert (sprite == sprite[0]).all()
        found[drawn.index(scene.sprites[sprite[0]].tobytes())] += on_screen(scene, track)
    for i, places in found.items():
        true = zip(range(60), x[i].tolist(), y[i].tolist(), strict=True)
        assert sorted(places) == [place for place in true if place[1] < WIDTH]
    assert len(scene.tracks) == len(sprites)


def share_explained(scene: Scene, frames: Frames) -> float:
    """Of the pixels that the background draws wrong, the share that the tracks draw right."""
    wrong = []
    for tracks in (Tracks.none(), scene.tracks):
        alone = Renderer(dataclasses.replace(scene, tracks=tracks), residual=False)
        wrong.append((np.stack(list(alone.frames())) != frames).any(axis=-1).sum())
    return 1 - float(wrong[1] / wrong[0])


def share_true(sprite: Frames, true: list[Frames]) -> float:
    """The largest share of a sprite's pixels that a true sprite has at some distance."""
    y, x = np.nonzero(sprite[..., 3])
    best = 0
    for other in true:
        h, w = other.shape[:2]
        for top in range(-sprite.shape[0] + 1, h):
            for left in range(-sprite.shape[1] + 1, w):
                inside = (y + top >= 0) & (y + top < h) & (x + left >= 0) & (x + left < w)
                there = other[y[inside] + top, x[inside] + left]
                best = max(best, int((there == sprite[y[inside], x[inside]]).all(axis=-1).sum()))
    return best / len(y)


# Of the pixels that the background draws wrong, the share that must be explained. The true scene
# explains all; only 24 frames, and slivers below the smallest region, keep mining from it.
@pytest.mark.parametrize(
    ("name", "explained"), [("sprite-game-small", 0.95), ("platformer-small", 0.8)]
)
def test_tracks_explain_what_moves_and_the_residual_the_rest(name: str, explained: float) -> None:
    frames = np.stack(list(Renderer(true_scene(name)).frames(0, 24)))
    scene = mined(frames)
    for drawn, wanted in zip(Renderer(scene).frames(), frames, strict=True):
        np.testing.assert_array_equal(drawn, wanted)
    assert share_explained(scene, frames) > explained
    assert len(scene.tracks.sprite) > 5 * len(scene.tracks)  # followed, not found anew each time


def test_found_sprites_are_true_ones_or_parts_of_them() -> None:
    true = true_scene("sprite-game-small")
    scene = mined(np.stack(list(Renderer(true).frames(0, 24))))
    tracks = true.tracks
    t = np.arange(len(tracks.sprite)) + np.repeat(tracks.start - tracks.first[:-1], tracks.length)
    shown = set(zip(tracks.sprite[t < 24].tolist(), tracks.flip[t < 24].tolist(), strict=True))
    pictures = [mirrored(true.sprites[sprite], flip) for sprite, flip in shown]
    assert 0 < len(scene.sprites) <= len(pictures)
    assert 0 < len(scene.tracks) <= int((tracks.start < 24).sum())
    pixels = [int((sprite[..., 3] > 0).sum()) for sprite in scene.sprites]
    assert sum(pixels) > 0.3 * sum(int((p[..., 3] > 0).sum()) for p in pictures)
    agreement = [share_true(sprite, pictures) for sprite in scene.sprites]
    assert np.average(agreement, weights=pixels) > 0.95


def corrected(clean: Frames, frames: Frames) -> Scene:
    """The Scene of clean frames, with what makes it draw others."""
    scene = mined(clean)
    assert len(scene.residual) == 0
    scene = dataclasses.replace(scene, residual=exact_residual(scene, lambda t, _: frames[t]))
    for drawn, wanted in zip(Renderer(scene).frames(), frames, strict=True):
        np.testing.assert_array_equal(drawn, wanted)
    return scene


def test_what_differs_in_the_world_is_one_patch_that_moves_with_it() -> None:
    path = np.cumsum([0, 0, *[2] * 12, 0, 0, *[-3] * 5])
    clean = scroller(path)
    frames = clean.copy()
    for frame, x in zip(frames[1:], path[1:].tolist(), strict=True):
        frame[20:23, 50 - x : 54 - x] = (250, 20, 60)
    scene = corrected(clean, frames)
    residual = scene.residual
    assert len(residual) == 1
    layer = int(residual.layer[0])
    np.testing.assert_array_equal(scene.layers[layer].pan[:, 0], path)
    assert (residual.start[0], residual.length[0]) == (1, len(path) - 1)
    assert (residual.x[0], residual.y[0]) == (50, 20)


def test_what_differs_on_the_screen_is_one_patch_that_stands_still() -> None:
    clean = scroller(np.arange(0, 40, 2))
    frames = clean.copy()
    frames[4:, 20:23, 50:54] = (250, 20, 60)
    residual = corrected(clean, frames).residual
    assert (len(residual), residual.layer[0], residual.length[0]) == (1, -1, 16)


def test_a_patch_lives_on_beside_what_changes() -> None:
    clean = scroller(np.arange(0, 40, 2))
    frames = clean.copy()
    frames[:, 20:23, 50:54] = (250, 20, 60)
    frames[1::2, 21, 55] = (255, 255, 255)  # so near that it would be of the same patch
    residual = corrected(clean, frames).residual
    assert residual.length[0] == 20
    assert len(residual.pixels) == 12 + 10


def test_a_patch_lives_through_frames_that_do_not_need_it() -> None:
    path = np.arange(0, 80, 2)
    world = scroller(path)
    frames, clean = world.copy(), world.copy()
    for t, x in enumerate(path[:20].tolist()):
        frames[t, 20:23, 50 - x : 54 - x] = (250, 20, 60)
    clean[8:14] = frames[8:14]  # there it is a sprite
    residual = corrected(clean, frames).residual
    assert (len(residual), residual.length[0]) == (1, 20)


def test_a_patch_ends_where_it_would_leave_the_screen() -> None:
    path = np.arange(0, 40, 2)
    clean = scroller(path)
    frames = clean.copy()
    for frame, x in zip(frames, path.tolist(), strict=True):
        frame[20:23, max(11 - x, 0) : max(14 - x, 0)] = (250, 20, 60)
    residual = corrected(clean, frames).residual
    assert residual.length.tolist() == [6, 1]
    assert residual.width.tolist() == [3, 2]


def test_more_colours_than_numbers_stay_exact() -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (3, 180, 200, 3), np.uint8)
    indexed = index(frames)
    assert len(indexed.colours) == 65534
    for t, frame in enumerate(frames):
        np.testing.assert_array_equal(indexed.rgb(t), frame)


def test_fragments_that_are_seen_together_become_one_sprite() -> None:
    """Over stripes of its own colour the ball falls to fragments, each time to others."""
    whole = np.where(ball()[..., 3:] > 0, ball(), 0)
    back = np.full((HEIGHT, WIDTH, 3), (30, 60, 90), np.uint8)
    back[:, 20::9] = back[:, 21::9] = whole[5, 5, :3]
    frames = np.repeat(back[None], 80, axis=0)
    for t, frame in enumerate(frames):
        put(frame, ball(), 2 + t, 20 + t // 5)
    indexed, pts = index(frames), np.arange(80)
    setting = find_settings(indexed)[0]
    pieces = mine(setting, pts, Fraction(1, 60))
    joined = mine(setting, pts, Fraction(1, 60), merge_sprites(pieces, indexed))
    assert len(pieces.sprites) > len(joined.sprites)
    assert any(s.shape == whole.shape and (s == whole).all() for s in joined.sprites)
    residual = exact_residual(joined, lambda t, _: frames[t])
    for t, shown in enumerate(Renderer(dataclasses.replace(joined, residual=residual)).frames()):
        np.testing.assert_array_equal(shown, frames[t])


def test_sprites_are_found_where_their_pixels_are_doubted() -> None:
    """Two balls pass each other; many pixels may be of another colour, a few show the wrong one."""
    rng = np.random.default_rng(3)
    background, near, far = textured(HEIGHT, WIDTH, 1), ball(1), ball(2)
    colours = np.unique(near[near[..., 3] > 0][:, :3], axis=0)
    truth, indexed = [], Indexed(HEIGHT, WIDTH)
    for t in range(40):
        frame = background.copy()
        for sprite, x in ((far, 70 - t), (near, 15 + t)):
            put(frame, sprite, x, 24)
        moving = np.flatnonzero((frame != background).any(axis=-1))
        wrong = rng.random(len(moving)) < 0.03
        doubted = wrong | (rng.random(len(moving)) < 0.3)
        right = frame.reshape(-1, 3)[moving]
        other = np.where((right == colours[0]).all(-1)[:, None], colours[1], colours[0])
        shown = frame.copy()
        shown.reshape(-1, 3)[moving[wrong]] = other[wrong]
        instead = np.full((int(doubted.sum()), MAX_OTHERS), NO_COLOUR, np.uint32)
        instead[:, 0] = pack_rgb(np.where(wrong[:, None], right, other)[doubted])
        indexed.add(shown, Doubt(moving[doubted], instead))
        truth.append(frame)
    scene = mine(find_settings(indexed)[0], np.arange(40), Fraction(1, 60))
    assert len(scene.sprites) == len(scene.tracks) == 2
    different = [(Renderer(scene).frame(t) != truth[t]).any(-1).sum() for t in range(40)]
    assert np.mean(different) < 1
