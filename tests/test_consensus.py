"""What a recording shows joins the sprites of a noisy scene, and corrects its colours."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from spritecodec.render import Renderer
from spritecodec.restore.chroma import IDENTITY, make_filter
from spritecodec.restore.consensus import agree, telling_frames
from spritecodec.restore.labels import LabelDecoder, Planes
from spritecodec.restore.object_colours import object_colours
from spritecodec.restore.palette import RestoredPalette, ycc_of
from spritecodec.scene import (
    FLIP_HORIZONTAL,
    FLIP_VERTICAL,
    Layer,
    Residual,
    Scene,
    Tracks,
)

Frames = NDArray[np.uint8]

RGB = np.array([(0, 0, 0), (200, 40, 40), (40, 200, 40), (240, 240, 240)], np.uint8)
COUNT, HEIGHT, WIDTH = 40, 48, 96


def figure() -> NDArray[np.uint8]:
    """Labels of a figure of two colours with an eye, which fills its box."""
    labels = np.ones((12, 10), np.uint8)
    labels[2:4, 6:9] = 3
    labels[8:, 2:5] = 2
    return labels


def scene_of(
    first: NDArray[np.uint8],
    second: NDArray[np.uint8],
    flip: int = 0,
    palette: NDArray[np.uint8] = RGB,
) -> Scene:
    """A figure that walks over a black ground, with a second picture from midway on.

    It is then mirrored as `flip` says.
    """
    half, none = COUNT // 2, np.zeros((0, 3), np.int32)
    t = np.arange(COUNT, dtype=np.int32)
    later = t >= half
    rgba = np.concatenate([palette, np.full((len(palette), 1), 255, np.uint8)], 1)
    tracks = Tracks(
        layer=np.zeros(1, np.int32),
        z=np.zeros(1, np.int32),
        start=np.zeros(1, np.int32),
        first=np.array([0, COUNT]),
        sprite=later.astype(np.int32),
        x=4 + 2 * t,
        y=np.full(COUNT, 20, np.int32),
        flip=np.where(later, flip, 0).astype(np.uint8),
    )
    return Scene(
        width=WIDTH,
        height=HEIGHT,
        pts=t.astype(np.int64),
        time_base=Fraction(1, 60),
        backdrop=np.zeros((COUNT, 3), np.uint8),
        sprites=(rgba[first], rgba[second]),
        textures=(),
        layers=(Layer(np.zeros((COUNT, 2), np.int32), none),),
        tracks=tracks,
        residual=Residual.none(),
    )


def frames_of(scene: Scene) -> Frames:
    """All frames, shape (n, h, w, 3)."""
    return np.stack(list(Renderer(scene).frames()))


def recorded(frames: Frames, sigma: float) -> dict[int, Planes]:
    """Planes of full chroma with independent noise; luma is the red and green, halved."""
    rng = np.random.default_rng(5)
    noisy = plain_ycc(frames) + rng.normal(0, sigma, (*frames.shape[:3], 3))
    planes = noisy.astype(np.float32).transpose(0, 3, 1, 2)
    return {t: Planes(*(np.ascontiguousarray(p) for p in frame)) for t, frame in enumerate(planes)}


def plain_ycc(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A plain luma and two differences."""
    r, g, b = (rgb[..., i].astype(np.float32) for i in range(3))
    return np.stack([(r + g + b) / 3, r - g, b - g], -1).astype(np.float32)


def decoder() -> LabelDecoder:
    size = (HEIGHT, WIDTH)
    return LabelDecoder(plain_ycc(RGB), make_filter(IDENTITY, IDENTITY, size, size))


def agreed(scene: Scene, truth: Frames, sigma: float) -> Scene:
    """The scene after a look at the recording of the truth."""
    planes = recorded(truth, sigma)
    return agree(scene, {t: planes[t] for t in telling_frames(scene, len(RGB))}, decoder(), RGB)


@pytest.mark.parametrize("flip", [0, FLIP_HORIZONTAL, FLIP_VERTICAL])
def test_a_misread_picture_becomes_the_other(flip: int) -> None:
    truth = scene_of(figure(), figure(), flip)
    misread = figure()
    misread[2, 7], misread[11, 9] = 1, 3
    found = agreed(scene_of(figure(), misread, flip), frames_of(truth), 25)
    assert len(found.sprites) == 1
    np.testing.assert_array_equal(frames_of(found), frames_of(truth))


@pytest.mark.parametrize("axis", [0, 1])
def test_a_picture_and_its_mirror_image_become_one(axis: int) -> None:
    scene = scene_of(figure(), np.flip(figure(), axis))
    found = agreed(scene, frames_of(scene), 10)
    assert len(found.sprites) == 1
    np.testing.assert_array_equal(frames_of(found), frames_of(scene))


def test_a_pixel_that_all_sights_contradict_is_mended() -> None:
    truth = scene_of(figure(), figure())
    misread = figure()
    misread[5, 5] = 2
    found = agreed(scene_of(misread, misread), frames_of(truth), 25)
    np.testing.assert_array_equal(frames_of(found), frames_of(truth))


def test_pictures_that_the_planes_tell_apart_stay_apart() -> None:
    closed = figure()
    closed[2:4, 6:9] = 1
    scene = scene_of(figure(), closed)
    found = agreed(scene, frames_of(scene), 6)
    assert len(found.sprites) == 2
    np.testing.assert_array_equal(frames_of(found), frames_of(scene))


def test_nothing_is_said_of_translucent_scenes() -> None:
    scene = scene_of(figure(), figure())
    for sprite in scene.sprites:
        sprite[..., 3] = 128
    assert not telling_frames(scene, len(RGB))


def palette_of(rgb: NDArray[np.uint8], table: NDArray[np.uint8] | None = None) -> RestoredPalette:
    """Colours of a recording by BT.601."""
    ycc = ycc_of(rgb, "bt601", False)
    return RestoredPalette(ycc, rgb, "bt601", False, None, 0.0, table)


def objects_with(
    scene: Scene, truth: Frames, wrong: NDArray[np.uint8], table: NDArray[np.uint8] | None
) -> tuple[RestoredPalette, Scene]:
    """What the objects of a scene in wrong colours say, of a recording of the truth."""
    rng = np.random.default_rng(5)
    planes = {}
    for t in telling_frames(scene, len(wrong)):
        stored = ycc_of(truth[t].reshape(-1, 3), "bt601", False).reshape(*truth[t].shape)
        noisy = (stored + rng.normal(0, 3, stored.shape)).astype(np.float32).transpose(2, 0, 1)
        planes[t] = Planes(*(np.ascontiguousarray(p) for p in noisy))
    first = palette_of(wrong, table)
    chroma = make_filter(IDENTITY, IDENTITY, (HEIGHT, WIDTH), (HEIGHT, WIDTH))
    decoder = LabelDecoder(first.ycc, chroma)
    return object_colours(scene, planes, decoder, first, chroma, first.ycc)


@pytest.mark.parametrize("known", [False, True])
def test_colours_that_an_object_mixes_are_told_apart(known: bool) -> None:
    table = np.concatenate([RGB, [(172, 124, 0), (248, 56, 0), (228, 92, 16)]]).astype(np.uint8)
    labels = figure()
    labels[5:7, 1:5], labels[5:7, 5:9] = 4, 5
    truth = scene_of(labels, labels, palette=table)
    # Both were taken for one colour in between.
    mixed = np.where(labels >= 4, 6, labels)
    wrong = np.concatenate([RGB, table[6:]])
    found, painted = objects_with(
        scene_of(mixed, mixed, palette=table),
        frames_of(truth),
        wrong,
        table if known else None,
    )
    assert len(found.rgb) == 6
    off = np.abs(frames_of(painted).astype(int) - frames_of(truth))
    assert off.max() <= (0 if known else 2)


@pytest.mark.parametrize("known", [False, True])
def test_a_colour_that_was_missed_is_found_in_its_objects(known: bool) -> None:
    truth = scene_of(figure(), figure())
    frames = frames_of(truth)
    # Green was missed, and grey taken for it; another grey is in no object at all.
    wrong = RGB.copy()
    wrong[2] = 60, 60, 60
    wrong = np.concatenate([wrong, [[130, 130, 130]]]).astype(np.uint8)
    scene = scene_of(figure(), figure(), palette=wrong)
    found, painted = objects_with(scene, frames, wrong, RGB if known else None)
    off = np.abs(found.rgb[:, None].astype(int) - RGB[None].astype(int)).max(2)
    assert len(found.rgb) == len(RGB)
    assert off.min(0).max() <= (0 if known else 2)
    assert np.abs(frames_of(painted).astype(int) - frames).max() <= (0 if known else 2)
