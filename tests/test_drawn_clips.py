"""The drawn clips: deterministic, true to their scenes, and with all that they promise."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.clips.drawn import DRAWN, true_scene
from benchmarks.clips.platformer import FOX, platformer_scene
from benchmarks.clips.sprite_game import DOORS, sprite_game_scene
from benchmarks.clips.truth import label_frame
from spritecodec.errors import SettingsError
from spritecodec.render import Renderer
from spritecodec.scene import FLIP_HORIZONTAL, FLIP_VERTICAL, Scene

GAME, PLATFORMER = "sprite-game-small", "platformer-small"
LEVEL, DISPLAY = 3, 4  # layers of the platformer

scenes = pytest.mark.parametrize("name", [GAME, PLATFORMER])


@cache
def small(name: str) -> Scene:
    return true_scene(name)


def cut_of(scene: Scene) -> int:
    """The platformer's first frame after the cut: where the level's pan jumps."""
    return int(np.argmax(np.abs(np.diff(scene.layers[LEVEL].pan[:, 0])))) + 1


@scenes
def test_frames_are_those_of_the_registry(name: str, tmp_path: Path) -> None:
    spec = DRAWN[name]
    frames = list(spec.make(tmp_path))
    assert len(frames) == spec.frames
    assert {f.shape for f in frames} == {(spec.height, spec.width, 3)}
    digest = hashlib.sha256(b"".join(f.tobytes() for f in frames)).hexdigest()
    assert digest == spec.sha256


def test_sprite_game_is_won_and_lost() -> None:
    """A level ends before its time where the door is reached; the hurt turn upside down."""
    won = sprite_game_scene(220, 128, seed=2)
    doors = np.unique(won.tracks.start[won.tracks.z == DOORS])
    assert len(doors) == 2
    assert doors[1] < 220 * 2 // 3
    lost = sprite_game_scene(220, 128, seed=0)
    assert (lost.tracks.flip & FLIP_VERTICAL > 0).any()


def test_seed_decides() -> None:
    a, b, c = (platformer_scene(6, 128, 96, seed) for seed in (5, 5, 6))
    for same, other in zip(a.textures, b.textures, strict=True):
        np.testing.assert_array_equal(same, other)
    np.testing.assert_array_equal(a.tracks.x, b.tracks.x)
    assert not np.array_equal(Renderer(a).frame(0), Renderer(c).frame(0))
    x, y = (sprite_game_scene(2, 96, seed) for seed in (5, 6))
    assert not np.array_equal(Renderer(x).frame(0), Renderer(y).frame(0))


def posterised(scene: Scene) -> Scene:
    """The scene with each sprite's index as its colour, opaque from alpha 128 on."""

    def paint(image: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
        flat = np.zeros_like(image)
        flat[image[..., 3] >= 128] = (index + 1, 0, 0, 255)
        return flat

    return replace(
        scene,
        sprites=tuple(paint(s, i) for i, s in enumerate(scene.sprites)),
        textures=tuple(paint(s, -1) for s in scene.textures),
        backdrop=np.zeros_like(scene.backdrop),
    )


@scenes
def test_labels_are_what_the_renderer_draws(name: str) -> None:
    scene = small(name)
    assert len(scene.sprites) < 255
    drawn = Renderer(posterised(scene))
    seen: set[int] = set()
    for t in range(0, len(scene), 7):
        labels = label_frame(scene, t)
        assert labels.dtype == np.int32
        np.testing.assert_array_equal(labels, drawn.frame(t)[..., 0].astype(np.int32) - 1)
        seen |= set(np.unique(labels).tolist())
    assert -1 in seen
    assert len(seen) > 10


@scenes
def test_every_placement_shows_and_every_sprite_is_used(name: str) -> None:
    scene = small(name)
    tracks = scene.tracks
    length = tracks.length
    assert (length > 0).all()
    assert (tracks.start + length <= len(scene)).all()
    t = np.concatenate([s + np.arange(n) for s, n in zip(tracks.start, length, strict=True)])
    layer = np.repeat(tracks.layer, length)
    pan = np.array([scene.layers[i].pan[at] for i, at in zip(layer, t, strict=True)])
    sizes = np.array([s.shape[:2] for s in scene.sprites])[tracks.sprite]
    x, y = tracks.x - pan[:, 0], tracks.y - pan[:, 1]
    assert ((x > -sizes[:, 1]) & (x < scene.width)).all()
    assert ((y > -sizes[:, 0]) & (y < scene.height)).all()
    np.testing.assert_array_equal(np.unique(tracks.sprite), np.arange(len(scene.sprites)))
    for sprite in scene.sprites:
        assert max(sprite.shape[:2]) <= 32
        alpha = sprite[..., 3]
        border = (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1])
        assert all(edge.any() for edge in border), "sprites are trimmed of clear border"


@scenes
def test_a_sprite_is_seen_flipped_and_animated(name: str) -> None:
    tracks = small(name).tracks
    flipped = set(tracks.sprite[tracks.flip & FLIP_HORIZONTAL > 0].tolist())
    assert flipped & set(tracks.sprite[tracks.flip == 0].tolist())
    changes = [len(np.unique(tracks.sprite[a:b])) for a, b in
               zip(tracks.first[:-1], tracks.first[1:], strict=True)]  # fmt: skip
    assert max(changes) >= 4


@scenes
def test_sprites_occlude_one_another(name: str) -> None:
    """Some frame shows fewer opaque sprite pixels than its placements have."""
    scene = small(name)
    tracks, t = scene.tracks, 30
    alive = np.flatnonzero((tracks.start <= t) & (t < tracks.start + tracks.length))
    placed = 0
    for track in alive:
        sprite = scene.sprites[tracks.sprite[tracks.first[track] + t - tracks.start[track]]]
        placed += int((sprite[..., 3] >= 128).sum())
    assert (label_frame(scene, t) >= 0).sum() < placed


def test_sprite_game_stands_on_one_colour() -> None:
    scene = small(GAME)
    assert not scene.textures
    assert len(np.unique(scene.backdrop, axis=0)) == 1
    assert all(not layer.pan.any() for layer in scene.layers)
    assert all(np.isin(s[..., 3], (0, 255)).all() for s in scene.sprites)
    frame, labels = Renderer(scene).frame(45), label_frame(scene, 45)
    assert (frame[labels < 0] == scene.backdrop[45]).all()


def test_sprite_game_is_rearranged() -> None:
    scene = small(GAME)
    tracks = scene.tracks
    ends = tracks.start + tracks.length
    again = int(ends[0])
    assert 0 < again < len(scene)
    assert not ((tracks.start < again) & (ends > again)).any()
    before, after = label_frame(scene, again - 1), label_frame(scene, again)
    assert (before != after).mean() > 0.05


def test_platformer_layers_pan_with_the_camera() -> None:
    scene = small(PLATFORMER)
    cut = cut_of(scene)
    for begin, end, zone in ((0, cut, 0), (cut, len(scene), 1)):
        origin = np.array([scene.layers[LEVEL].textures[zone][1], 0])
        camera = scene.layers[LEVEL].pan[begin:end] - origin
        assert (np.ptp(camera, axis=0) > 8).all(), "scrolls in x and y"
        for layer, depth in ((0, 16), (1, 4), (2, 2)):
            np.testing.assert_array_equal(
                scene.layers[layer].pan[begin:end] - origin, camera // depth
            )


def test_platformer_sky_fills_every_frame() -> None:
    scene = small(PLATFORMER)
    sky = replace(scene, layers=scene.layers[:1], tracks=scene.tracks.none())
    blank = np.full_like(scene.backdrop, (255, 0, 255))
    for frame in Renderer(replace(sky, backdrop=blank)).frames():
        assert not (frame == (255, 0, 255)).all(-1).any()


def test_platformer_cuts_once() -> None:
    scene = small(PLATFORMER)
    frames = np.stack(list(Renderer(scene).frames())).astype(np.int16)
    change = np.abs(np.diff(frames, axis=0)).mean((1, 2, 3))
    cut = cut_of(scene)
    assert cut == len(scene) * 2 // 3
    assert change[cut - 1] > 2 * np.delete(change, cut - 1).max()


def test_platformer_is_translucent() -> None:
    """Without its translucent pixels, most frames look different."""
    scene = small(PLATFORMER)
    assert sum(bool(((s[..., 3] > 0) & (s[..., 3] < 255)).any()) for s in scene.sprites) >= 5

    def opaque(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.where(image[..., 3:] == 255, image, 0).astype(np.uint8)

    hard = replace(scene, sprites=tuple(opaque(s) for s in scene.sprites))
    real, without = Renderer(scene), Renderer(hard)
    differs = [not np.array_equal(real.frame(t), without.frame(t)) for t in range(len(scene))]
    assert np.mean(differs) > 0.5


def test_platformer_display_stands_still_and_counts() -> None:
    scene = small(PLATFORMER)
    assert not scene.layers[DISPLAY].pan.any()
    tracks = scene.tracks
    shown = np.flatnonzero(tracks.layer == DISPLAY)
    assert (tracks.length[shown] == len(scene)).all()
    counting = 0
    for i in shown:
        own = slice(tracks.first[i], tracks.first[i + 1])
        assert len(np.unique(tracks.y[own])) == 1
        assert np.ptp(tracks.x[own]) <= 1  # a narrow digit is trimmed
        counting += len(np.unique(tracks.sprite[own])) > 1
    assert counting >= 2


def test_platformer_fox_jumps_in_an_arc() -> None:
    """Up fast, slower and slower, then down faster and faster: to within the whole pixels."""
    tracks = small(PLATFORMER).tracks
    fox = np.flatnonzero((tracks.layer == LEVEL) & (tracks.z == FOX))[0]
    y = tracks.y[tracks.first[fox] : tracks.first[fox + 1]]
    speed = np.diff(y)
    leap = int(np.argmin(speed))
    flight = speed[leap : leap + 28]
    assert flight[0] <= -4
    assert flight[-1] >= 0
    assert (np.diff(flight) >= -1).all()
    assert y[leap] - y[leap : leap + 28].min() > 32


def test_clear_errors() -> None:
    with pytest.raises(SettingsError, match="multiple of 16"):
        sprite_game_scene(10, 100)
    with pytest.raises(SettingsError, match="not 1 frames of 128x96"):
        platformer_scene(1, 128, 96)
    with pytest.raises(SettingsError, match="drawn clips are: sprite-game,"):
        true_scene("mario-1-1")
