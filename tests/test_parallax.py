"""Parallax and translucency: planes and materials are found from pixels alone."""

from __future__ import annotations

import dataclasses
import itertools
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from spritecodec.formats.spr.chunks import Palette, pack_pictures, pack_segment
from spritecodec.mining.camera.parallax import find_parallax
from spritecodec.mining.indexed import Indexed
from spritecodec.mining.mine import mine
from spritecodec.mining.setting import Setting, find_settings
from spritecodec.mining.solve import Background, solve_background
from spritecodec.mining.tracks.residual import exact_residual
from spritecodec.render import Renderer
from spritecodec.scene import Layer, Residual, Scene, Tracks

HEIGHT, WIDTH, FRAMES = 64, 96, 90
SHARES = (Fraction(1, 4), Fraction(1, 2), Fraction(1))  # of the camera's motion, per plane
GLASS = (30, 20, 60, 110)
CHEEK = (200, 140, 220, 148)

Frames = NDArray[np.uint8]


def hills(rng: np.random.Generator, width: int, top: int, base: int) -> Frames:
    """Textured ground below a ragged line, clear above; few colours of its own."""
    colours = rng.integers(base, base + 80, (12, 3))
    picture = np.zeros((HEIGHT, width, 4), np.uint8)
    picture[..., :3] = colours[rng.integers(0, len(colours), (HEIGHT, width))]
    line = top + np.cumsum(rng.integers(-1, 2, width)).clip(-8, 8)
    picture[..., 3] = np.where(np.arange(HEIGHT)[:, None] >= line, 255, 0)
    return picture


def camera() -> NDArray[np.int32]:
    """Right at changing speed, a rest, and some way back."""
    speed = np.array([1, 2, 2, 3] * 15 + [0] * 10 + [-2] * 20)[: FRAMES - 1]
    return np.append(0, np.cumsum(speed)).astype(np.int32)


def scene() -> Scene:
    """Three planes, of which two are clear above their hills."""
    rng = np.random.default_rng(7)
    path = camera()
    textures, layers = [], []
    for i, share in enumerate(SHARES):
        x = path * share.numerator // share.denominator
        textures.append(hills(rng, int(x.max()) + WIDTH, (0, 24, 48)[i], 40 + 70 * i))
        if i == 0:
            textures[0][..., 3] = 255
        pan = np.stack([x, np.zeros_like(x)], axis=1)
        layers.append(Layer(pan, np.array([[i, 0, 0]], np.int32)))
    return Scene(
        WIDTH,
        HEIGHT,
        np.arange(FRAMES),
        Fraction(1, 60),
        np.zeros((FRAMES, 3), np.uint8),
        (),
        tuple(textures),
        tuple(layers),
        Tracks.none(),
        Residual.none(),
    )


def with_pane(scene: Scene) -> Scene:
    """The same with a translucent pane of 10x10 pixels that flies over everything."""
    pane = np.full((10, 10, 4), GLASS, np.uint8)
    n = len(scene)
    t = np.arange(n)
    still = Layer(np.zeros((n, 2), np.int32), np.zeros((0, 3), np.int32))
    one = np.zeros(1, np.int32)
    tracks = Tracks(
        one + len(scene.layers),
        one,
        one,
        np.array([0, n], np.int64),
        np.zeros(n, np.int32),
        (20 + t // 2 % 40).astype(np.int32),
        (6 + t // 3).astype(np.int32),
        np.zeros(n, np.uint8),
    )
    return dataclasses.replace(scene, sprites=(pane,), layers=(*scene.layers, still), tracks=tracks)


def drawn(scene: Scene) -> Frames:
    return np.stack(list(Renderer(scene).frames()))


def index(frames: Frames) -> Indexed:
    return Indexed.of(frames, HEIGHT, WIDTH)


def size(scene: Scene) -> int:
    palette = Palette()
    pictures = pack_pictures(scene.textures, palette), pack_pictures(scene.sprites, palette)
    return len(pictures[0]) + len(pictures[1]) + len(pack_segment(scene, palette))


@pytest.fixture(scope="module")
def planes() -> Frames:
    return drawn(scene())


@pytest.fixture(scope="module")
def pane() -> Frames:
    return drawn(with_pane(scene()))


@pytest.fixture(scope="module")
def pane_background(pane: Frames) -> Background:
    return solve_background(index(pane))[0]


def test_every_plane_is_followed_to_the_pixel(planes: Frames) -> None:
    found = find_parallax(index(planes))
    assert found is not None
    true = np.stack([layer.pan for layer in scene().layers])
    assert found.position.shape == true.shape
    steps = np.diff(found.position, axis=1)
    np.testing.assert_array_equal(steps, np.diff(true, axis=1))
    assert not found.room.any()


def test_planes_explain_the_frames_and_cost_little_more_than_the_truth(planes: Frames) -> None:
    frames = index(planes)
    background = solve_background(frames)[0]
    assert len(background.world.planes) == len(SHARES)
    found = mine(Setting.of(frames, background), np.arange(FRAMES), Fraction(1, 60))
    alone = np.stack(list(Renderer(found).frames()))
    assert (alone != planes).any(axis=3).mean() < 0.01
    exact = dataclasses.replace(found, residual=exact_residual(found, lambda t, _: planes[t]))
    np.testing.assert_array_equal(drawn(exact), planes)
    assert size(exact) < 1.5 * size(scene())


def test_one_plane_stays_one_plane() -> None:
    texture = hills(np.random.default_rng(3), int(camera().max()) + WIDTH, 0, 40)
    frames = np.stack([texture[:, x : x + WIDTH, :3] for x in camera().tolist()])
    assert find_parallax(index(frames)) is None
    assert not solve_background(index(frames))[0].world.behind


def test_a_cut_to_another_place_and_back_again(planes: Frames) -> None:
    other = np.ascontiguousarray(planes[20:50, ::-1])
    frames = np.concatenate([planes[:60], other, planes[40:60]])
    found = find_parallax(index(frames))
    assert found is not None
    assert len(np.unique(found.room)) == 2
    np.testing.assert_array_equal(found.room[90:], found.room[0])
    np.testing.assert_array_equal(found.position[-1, 90:], found.position[-1, 40:60])


def test_a_translucent_pane_is_one_material(pane: Frames, pane_background: Background) -> None:
    frames = index(pane)
    numbered = Setting.of(frames, pane_background).frames
    shown = np.stack([numbered[t] for t in range(FRAMES)])
    labelled = shown >= len(frames.colours)
    assert 0.8 * 100 * FRAMES < labelled.sum() <= 1.05 * 100 * FRAMES
    most = np.bincount(shown[labelled]).argmax() - len(frames.colours)
    # Several colours and alphas may do the same to all backgrounds; nearly this one.
    assert np.abs(numbered.materials[most].astype(int) - GLASS).max() <= 3


def test_a_translucent_pane_is_drawn_exactly(pane: Frames, pane_background: Background) -> None:
    setting = Setting.of(index(pane), pane_background)
    found = mine(setting, np.arange(FRAMES), Fraction(1, 60))
    exact = dataclasses.replace(found, residual=exact_residual(found, lambda t, _: pane[t]))
    np.testing.assert_array_equal(drawn(exact), pane)
    assert any(((s[..., 3] > 0) & (s[..., 3] < 255)).any() for s in found.sprites)
    assert size(exact) < 1.5 * size(with_pane(scene()))


def with_figure(scene: Scene) -> Scene:
    """The same with a figure of two cels, and a pane that passes before it."""
    rng = np.random.default_rng(11)
    cels = np.zeros((2, 16, 12, 4), np.uint8)
    cels[..., :3] = rng.integers(0, 256, (9, 3))[rng.integers(0, 9, cels.shape[:3])]
    cels[..., 3] = 255
    passing = with_pane(scene)
    t = np.arange(len(scene))
    own = passing.tracks
    tracks = Tracks(
        np.repeat(own.layer, 2),
        np.array([0, 1], np.int32),
        np.repeat(own.start, 2),
        np.array([0, len(t), 2 * len(t)], np.int64),
        np.append(1 + t // 8 % 2, own.sprite).astype(np.int32),
        np.append(34 + t // 9, own.x).astype(np.int32),
        np.append(np.full(len(t), 18), own.y).astype(np.int32),
        np.zeros(2 * len(t), np.uint8),
    )
    return dataclasses.replace(passing, sprites=(*passing.sprites, *cels), tracks=tracks)


def mined(true: Scene) -> Scene:
    """The Scene that is found in the frames of the true one, with a residual: it is exact."""
    frames = drawn(true)
    run = index(frames)
    found = mine(find_settings(run)[0], np.arange(FRAMES), Fraction(1, 60))
    exact = dataclasses.replace(found, residual=exact_residual(found, lambda t, _: frames[t]))
    np.testing.assert_array_equal(drawn(exact), frames)
    return exact


def test_a_figure_is_the_same_sprite_behind_something_translucent() -> None:
    true = with_figure(scene())
    exact = mined(true)
    placed = np.bincount(exact.tracks.sprite, minlength=len(exact.sprites))
    whole = [s.shape[:2] == (16, 12) and bool((s[..., 3] == 255).all()) for s in exact.sprites]
    # Before the pane comes and after it has gone are 36 frames.
    assert np.sort(placed[whole])[-2:].sum() > 40
    assert size(exact) < 1.6 * size(true)


def with_ghost(scene: Scene) -> Scene:
    """The same with a figure of two cels, and a larger ghost of two materials before it."""
    figured = with_figure(scene)
    ghost = np.full((18, 18, 4), (200, 220, 250, 96), np.uint8)
    ghost[3:-3, 3:-3] = (250, 250, 240, 148)
    ghost[6:9, 5:7], ghost[6:9, 11:13] = (20, 20, 30, 215), (20, 20, 30, 215)
    ghost[10, 4] = ghost[10, 13] = CHEEK
    small = tuple(cel[:10, :10] for cel in figured.sprites[1:])
    own = figured.tracks
    t = np.arange(len(scene))
    tracks = dataclasses.replace(
        own,
        x=np.append(own.x[: len(t)], t - 8).astype(np.int32),
        y=np.append(own.y[: len(t)], 8 + t // 3 % 6).astype(np.int32),
    )
    return dataclasses.replace(figured, sprites=(ghost, *small), tracks=tracks)


def test_what_is_known_is_the_same_sprite_behind_and_before_what_is_known() -> None:
    true = with_ghost(scene())
    exact = mined(true)
    placed = np.bincount(exact.tracks.sprite, minlength=len(exact.sprites))
    shapes = [s.shape[:2] for s in exact.sprites]
    # They meet in about 40 frames, with something else between them in each.
    for shape in ((10, 10), (18, 18)):
        at = placed[[shape == s for s in shapes]]
        assert np.sort(at)[-2:].sum() > 0.75 * FRAMES
    assert len(exact.tracks) < 20
    assert size(exact) < size(true)


def test_single_translucent_pixels_are_told_by_the_alpha_that_they_share() -> None:
    run = index(drawn(with_ghost(scene())))
    materials = solve_background(run)[0].materials.rgba.astype(int)
    assert (np.abs(materials - CHEEK).max(axis=1) <= 2).any()


def with_water(scene: Scene) -> Scene:
    """The camera also moves up and down, and before the hills there is water in the level."""
    n, (depth, above) = len(scene), (10, 8)
    rise = (np.abs(np.arange(n) % 40 - 20) // 2).astype(np.int32)
    layers, textures = [], []
    for layer, texture, share in zip(scene.layers, scene.textures, SHARES, strict=True):
        pan = layer.pan.copy()
        pan[:, 1] = rise * share.numerator // share.denominator
        layers.append(Layer(pan, layer.textures))
        textures.append(np.pad(texture, ((0, depth), (0, 0), (0, 0)), "reflect"))
    level = textures[-1]
    level[..., 3] = 0
    level[HEIGHT - 6 :, :, 3] = 255
    wet = np.arange(level.shape[1]) // 24 % 3 > 0
    level[HEIGHT - 6 - above - depth :, wet] = GLASS
    level[HEIGHT - 6 - above - depth :, ~wet, 3] = 255
    return dataclasses.replace(scene, layers=tuple(layers), textures=tuple(textures))


def test_water_that_hides_a_plane_for_good_is_told() -> None:
    true = with_water(scene())
    frames = drawn(true)
    world = solve_background(index(frames))[0].world
    assert len(world.planes) == len(SHARES)
    assert world.materials is not None
    water = (true.textures[-1] == GLASS).all(axis=2)
    translucent = (world.canvas >= world.materials.over.shape[1]) & (world.canvas != 65535)
    assert translucent.sum() > 0.5 * water.sum()


def with_panel(scene: Scene) -> Scene:
    """The camera also moves up and down, and the screen's upper rows lie behind a panel."""
    moved = with_water(scene)
    panel = np.full((8, WIDTH, 4), (200, 190, 160, 90), np.uint8)
    still = np.zeros((len(scene), 2), np.int32)
    layer = Layer(still, np.array([[len(moved.textures), 0, 0]], np.int32))
    return dataclasses.replace(
        moved, layers=(*moved.layers, layer), textures=(*moved.textures, panel)
    )


def test_a_panel_that_hides_part_of_the_sky_for_good_is_told() -> None:
    frames = drawn(with_panel(scene()))
    world = solve_background(index(frames))[0].world
    assert world.glass is not None
    assert (world.glass[:8] != 65535).mean() > 0.9
    assert (world.glass[8:] != 65535).mean() < 0.05


COIN_TURN, WAVE_TURN = 5, 4  # frames that each cel shows
COINS = [(86 + 15 * i, 14 + 5 * (i % 2), i) for i in range(7)]  # x, y, cel at first
TAKEN_AT = 62  # the third coin is gone from then on


def with_coins_and_waves(scene: Scene) -> Scene:
    """The same with seven coins that spin, one of which is taken, and water with waves."""
    n = len(scene)
    rng = np.random.default_rng(5)
    coin = np.zeros((9, 9, 4), np.uint8)
    coin[..., :3] = rng.integers(120, 255, (5, 3))[rng.integers(0, 5, (9, 9))]
    cels = []
    for narrow in (0, 2, 3, 2):
        cel = coin.copy()
        cel[:, narrow : 9 - narrow, 3] = 255
        cels.append(cel)
    for phase in range(4):
        wave = np.zeros((6, 40, 4), np.uint8)
        wave[1:] = GLASS
        crest = (np.arange(40) + 2 * phase) % 8 < 3
        wave[0, crest] = (240, 240, 250, 255)
        wave[3, ~crest] = (150, 200, 240, 120)
        cels.append(wave)
    t = np.arange(n)
    things = [(x, y, (t // COIN_TURN + first) % 4) for x, y, first in COINS]
    things += [(x, HEIGHT - 20, 4 + t // WAVE_TURN % 4) for x in (30, 140)]
    length = np.full(len(things), n)
    length[2] = TAKEN_AT
    tracks = Tracks(
        np.full(len(things), len(SHARES) - 1, np.int32),
        np.arange(len(things), dtype=np.int32),
        np.zeros(len(things), np.int32),
        np.append(0, np.cumsum(length)).astype(np.int64),
        np.concatenate([s[:k] for (_, _, s), k in zip(things, length, strict=True)]).astype(
            np.int32
        ),
        np.repeat([x for x, _, _ in things], length).astype(np.int32),
        np.repeat([y for _, y, _ in things], length).astype(np.int32),
        np.zeros(int(length.sum()), np.uint8),
    )
    return dataclasses.replace(scene, sprites=tuple(cels), tracks=tracks)


def test_what_is_animated_in_its_place_is_one_track_for_each() -> None:
    true = with_coins_and_waves(scene())
    exact = mined(true)
    # The coins, and one or two for each pond: seen through the water, hills hide some of it.
    assert len(COINS) <= len(exact.tracks) <= len(COINS) + 4
    whole = [i for i, s in enumerate(exact.sprites) if s.shape[:2] == (9, 9)]
    assert len(whole) == 1  # the coin when it is seen from the front
    turns = [exact.tracks.sprite[a:b] for a, b in itertools.pairwise(exact.tracks.first.tolist())]
    coins = [k for k, sprites in enumerate(turns) if whole[0] in sprites]
    assert len(coins) == len(COINS)
    assert len(np.unique(np.concatenate([turns[k] for k in coins]))) == 3
    ends = exact.tracks.start[coins] + exact.tracks.length[coins]
    assert TAKEN_AT in ends.tolist()
    assert size(exact) < size(true)


def test_what_moves_is_not_animated_in_its_place() -> None:
    run = index(drawn(with_ghost(scene())))
    assert not solve_background(run)[0].world.animations
