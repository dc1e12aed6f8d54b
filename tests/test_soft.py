"""Soft content: games with more colours than a palette names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from test_restore import game, record

import spritecodec as sc
from benchmarks.restored_pixels import Downscaler
from spritecodec.restore.chroma import KNOWN_TAPS, ChromaFilter, make_filter
from spritecodec.restore.labels import Planes
from spritecodec.restore.soft import core_colours, guided_planes

Floats = NDArray[np.float32]

SIZE = (48, 64)
HALVED = make_filter(KNOWN_TAPS[0], KNOWN_TAPS[0], SIZE, (24, 32))


def sparkling(frames: NDArray[np.uint8], alpha: float) -> NDArray[np.uint8]:
    """The frames seen through sparks of any colour, 2 x 2 pixels each, on 3 % of their area."""
    rng = np.random.default_rng(5)
    out = frames.copy()
    count = int(0.03 * frames[0, ..., 0].size / 4)
    for frame in out:
        rows, columns = (rng.integers(0, n - 1, count) for n in frame.shape[:2])
        colours = rng.integers(0, 256, (count, 3), np.uint8)
        for i in range(2):
            for j in range(2):
                behind = frame[rows + i, columns + j]
                frame[rows + i, columns + j] = alpha * colours + (1 - alpha) * behind
    return out


def recorded(native: Floats, chroma: ChromaFilter, noise: float) -> Planes:
    """The planes of a frame, shape (h, w, 3), with noise on them."""
    rng = np.random.default_rng(7)
    y, *others = np.moveaxis(native, -1, 0)
    planes = (y, *(chroma.rows @ c @ chroma.columns.T for c in others))
    return Planes(*(np.rint(p + rng.normal(0, noise, p.shape)).astype(np.float32) for p in planes))


def mosaic(colours: Floats) -> Floats:
    """A frame of ragged patches of these colours, shape (*SIZE, 3)."""
    rng = np.random.default_rng(11)
    centres = rng.uniform((0, 0), SIZE, (40, 2))
    at = np.stack(np.indices(SIZE), -1)
    nearest = ((at[:, :, None] - centres) ** 2).sum(-1).argmin(-1)
    return colours[nearest % len(colours)]


def test_soft_content_is_restored_and_said_to_be_soft(tmp_path: Path) -> None:
    truth = sparkling(game(), 0.35)
    recording = record(tmp_path / "soft.mp4", truth, 3, 23)
    report = sc.encode(recording, tmp_path / "soft.spr", preset="fast")
    assert report.degradation is not None
    assert report.degradation.restored
    assert any("128x96 behind 384x288, nearest x3, soft" in note for note in report.notes)
    plain = np.concatenate([p.frames for p in sc.open_clip(str(recording)).pieces()])
    scale = Downscaler()
    with sc.open(tmp_path / "soft.spr") as reader:
        ours = np.square(reader[:].astype(np.float64) - truth).mean()
    theirs = np.mean(
        [np.square(scale(p, *t.shape[:2]) - t).mean() for p, t in zip(plain, truth, strict=True)]
    )
    assert 10 * np.log10(theirs / ours) > 1


def test_what_the_core_misses_too_far_is_not_restored(tmp_path: Path) -> None:
    recording = record(tmp_path / "any.mp4", sparkling(game(12), 1), 3, 23)
    report = sc.encode(recording, tmp_path / "any.spr", preset="fast")
    assert report.degradation is None


def test_chroma_follows_the_edges_of_luma() -> None:
    colours = np.array([(40, 90, 150), (90, 160, 100), (140, 110, 120), (200, 128, 170)])
    native = mosaic(colours.astype(np.float32))
    planes = recorded(native, HALVED, 0.5)
    guided = guided_planes(planes, HALVED)
    assert guided.u.shape == SIZE
    plain = planes.u.repeat(2, axis=0).repeat(2, axis=1)
    errors = [float(np.square(u - native[..., 1]).mean()) for u in (guided.u, plain)]
    assert errors[0] < errors[1] / 4


def test_the_core_of_a_game_is_found() -> None:
    colours = np.array([(40, 90, 150), (90, 160, 100), (90, 110, 120), (200, 128, 170)])
    sample = [recorded(mosaic(colours.astype(np.float32)), HALVED, 1.0)]
    found = core_colours(sample, HALVED)
    assert found is not None
    off = np.abs(found[:, None] - colours).max(axis=2).min(axis=0)
    assert (off < 2).all()


def test_continuous_tones_have_no_core() -> None:
    rows, columns = np.indices(SIZE)
    tones = np.stack([60 + 2 * columns, 120 + rows / 4, 130 - columns / 8], -1)
    sample = [recorded(tones.astype(np.float32), HALVED, 1.0)]
    assert core_colours(sample, HALVED) is None
