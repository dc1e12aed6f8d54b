"""Short tracks and patches stay where the recorded planes speak for them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from spritecodec.render import Renderer
from spritecodec.restore.chroma import KNOWN_TAPS, make_filter
from spritecodec.restore.labels import LabelDecoder, Planes, label_table
from spritecodec.restore.palette import ycc_of
from spritecodec.restore.surprises import drop_unlikely
from spritecodec.scene import Layer, Residual, Scene, Tracks

FRAMES, HEIGHT, WIDTH = 60, 24, 32
RGB = np.array([[20, 20, 20], [190, 117, 70], [250, 240, 200]], np.uint8)


def scene(*, tracks: bool) -> Scene:
    """A pixel that is lighter for one frame each, as a track or a patch."""
    opaque = np.full((HEIGHT, WIDTH, 4), 255, np.uint8)
    opaque[..., :3] = RGB[1]
    dot = np.array([[[*RGB[2], 255]]], np.uint8)
    times = np.arange(FRAMES, dtype=np.int32)
    zero, one = np.zeros(FRAMES, np.int32), np.ones(FRAMES, np.int32)
    at = 2 + times % 20
    first = np.arange(FRAMES + 1, dtype=np.int64)
    flip = np.zeros(FRAMES, np.uint8)
    pixels = np.repeat(dot[0], FRAMES, 0)
    patches = Residual(times, one, zero - 1, at, at, one, one, first, pixels)
    layer = Layer(np.zeros((FRAMES, 2), np.int32), np.zeros((1, 3), np.int32))
    return Scene(
        WIDTH,
        HEIGHT,
        times.astype(np.int64),
        Fraction(1, 60),
        np.repeat(RGB[:1], FRAMES, 0),
        (dot,) if tracks else (),
        (opaque,),
        (layer,),
        Tracks(zero, zero, times, first, zero, at, at, flip) if tracks else Tracks.none(),
        Residual.none() if tracks else patches,
    )


@pytest.mark.parametrize("tracks", [True, False])
@pytest.mark.parametrize("shown", [True, False])
def test_what_the_planes_do_not_show_goes(tracks: bool, shown: bool) -> None:
    mined = scene(tracks=tracks)
    chroma = make_filter(KNOWN_TAPS[0], KNOWN_TAPS[0], (HEIGHT, WIDTH), (HEIGHT // 2, WIDTH // 2))
    ycc = ycc_of(RGB, "bt601", False)
    number = label_table(RGB)
    noise = np.random.default_rng(1)
    truth = Renderer(mined)

    def planes(t: int) -> Planes:
        frame = truth.frame(t) if shown else np.broadcast_to(RGB[1], (HEIGHT, WIDTH, 3))
        image = ycc_of(frame.reshape(-1, 3), "bt601", False).reshape(HEIGHT, WIDTH, 3)
        image = image + noise.normal(0, 0.3, image.shape)
        u, v = (chroma.rows @ image[..., c] @ chroma.columns.T for c in (1, 2))
        return Planes(*(p.astype(np.float32) for p in (image[..., 0], u, v)))

    kept = drop_unlikely(mined, map(planes, range(FRAMES)), LabelDecoder(ycc, chroma), number)
    count = len(kept.tracks) + len(kept.residual)
    assert count == (FRAMES if shown else 0)
