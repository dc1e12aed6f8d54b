"""Finding how the native picture of a lossy recording was scaled."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn, idctn

from spritecodec.restore.native import (
    KERNELS,
    AxisScale,
    NativeGrid,
    enlargement,
    find_grid,
    shrink,
)

Floats = NDArray[np.float32]

FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def drawn(width: int, height: int, cell: int = 1) -> Floats:
    """Six frames of tiles and sprites that move, of pixels of `cell` x `cell`: luma."""
    rng = np.random.default_rng(5)
    levels = rng.integers(20, 235, 12)
    tiles = levels[rng.integers(0, 12, (6, 8, 8)) * (rng.random((6, 8, 8)) < 0.5)]
    kinds = rng.integers(0, 6, (height // 8 + 1, width // 8 + 1))
    background = tiles[kinds].transpose(0, 2, 1, 3).reshape(kinds.shape[0] * 8, -1)
    frames = np.repeat(background[None, :height, :width], 6, axis=0)
    sprite = levels[rng.integers(0, 12, (9, 11))]
    for t, frame in enumerate(frames):
        for k in range(4):
            y, x = 3 + 17 * k % (height - 12), (7 + 29 * k + 3 * t) % (width - 11)
            frame[y : y + 9, x : x + 11] = sprite
    return frames.repeat(cell, axis=1).repeat(cell, axis=2).astype(np.float32)


def overlaps(size: int, native: int) -> NDArray[np.float64]:
    """How much of each of `size` pixels lies in each of `native`."""
    edges = np.arange(size + 1)[:, None] * native / size
    return np.diff(np.clip(edges - np.arange(native), 0, 1), axis=0) * size / native


def enlarged(frames: Floats, width: int, height: int, kernel: str) -> Floats:
    """By Pillow, and by what they mean where it has no such kernel or is inexact."""
    if kernel.startswith("nearest"):
        across, down = (
            ((2 * np.arange(size) + 1) * native - (kernel == "nearest, ties down")) // (2 * size)
            for size, native in zip((width, height), frames.shape[:0:-1], strict=True)
        )
        return frames[:, down[:, None], across]
    if kernel == "area":
        across, down = overlaps(width, frames.shape[2]), overlaps(height, frames.shape[1])
        return np.asarray(down @ frames @ across.T, np.float32)
    return np.stack(
        [
            np.asarray(Image.fromarray(frame).resize((width, height), FILTERS[kernel]))
            for frame in frames
        ]
    )


def coded(frames: Floats, step: float = 12.0) -> Floats:
    """What is left after a quantiser of 8 x 8 blocks' cosines, coarser for the finer ones."""
    n, height, width = frames.shape
    down, right = -height % 8, -width % 8
    padded = np.pad(frames, ((0, 0), (0, down), (0, right)), mode="edge")
    blocks = padded.reshape(n, padded.shape[1] // 8, 8, padded.shape[2] // 8, 8)
    steps = step * (1 + (np.arange(8)[:, None, None] + np.arange(8)) / 8)
    cosines = dctn(blocks, axes=(2, 4), norm="ortho") / steps
    blocks = idctn(np.round(cosines) * steps, axes=(2, 4), norm="ortho")
    return np.rint(blocks.reshape(padded.shape)[:, :height, :width]).clip(0, 255).astype(np.float32)


def summary(grid: NativeGrid | None) -> tuple[int, int, str] | None:
    return grid and (grid.x.native, grid.y.native, grid.kernel)


@pytest.mark.parametrize("scale", [2, 3, 4, 5, 8])
def test_whole_scales_of_nearest_neighbour(scale: int) -> None:
    recording = coded(enlarged(drawn(96, 80), 96 * scale, 80 * scale, "nearest"))
    assert summary(find_grid(recording)) == (96, 80, "nearest")


@pytest.mark.parametrize(
    ("width", "height", "kernel"),
    [
        (240, 200, "nearest"),  # 2.5
        (240, 200, "nearest, ties down"),
        (330, 274, "nearest"),  # 3.4375 x 3.425
        (330, 274, "area"),
        (432, 360, "bilinear"),  # 4.5
        (330, 274, "bilinear"),
        (192, 160, "bilinear"),
        (329, 240, "bicubic"),  # 8:7 pixels
        (480, 400, "lanczos"),
        (480, 270, "lanczos"),
    ],
)
def test_other_scales_and_kernels(width: int, height: int, kernel: str) -> None:
    recording = coded(enlarged(drawn(96, 80), width, height, kernel))
    assert summary(find_grid(recording)) == (96, 80, kernel.partition(",")[0])


@pytest.mark.parametrize("step", [0.0, 4.0, 16.0, 40.0])
def test_native_pixels_are_not_taken_for_scaled(step: float) -> None:
    frames = drawn(160, 144)
    grid = find_grid(coded(frames, step) if step else frames)
    assert grid is not None
    assert not grid.scaled
    assert (grid.x, grid.y) == (AxisScale(160, 160), AxisScale(144, 144))
    assert grid.confidence > 0.5


def test_art_of_doubled_pixels_with_single_ones_is_native() -> None:
    frames = drawn(80, 72, cell=2)
    for y in (5, 65, 120):
        frames[:, y : y + 9, 41:52] = np.random.default_rng(y).integers(0, 255, (9, 11))
    grid = find_grid(coded(frames, 6))
    assert grid is not None
    assert not grid.scaled


def test_camera_video_has_no_grid() -> None:
    rng = np.random.default_rng(2)
    spectrum = np.fft.rfft2(rng.standard_normal((4, 240, 320)))
    distance = np.hypot(np.fft.fftfreq(240)[:, None], np.fft.rfftfreq(320))
    smooth = np.fft.irfft2(spectrum / (0.003 + distance) ** 2, s=(240, 320))
    assert find_grid(coded((128 + 40 * smooth / smooth.std()).astype(np.float32))) is None


def test_blank_frames_have_no_grid() -> None:
    assert find_grid(np.full((3, 120, 160), 16, np.float32)) is None


@pytest.mark.parametrize(("left", "top"), [(40, 0), (40, 24), (0, 24)])
def test_black_borders(left: int, top: int) -> None:
    picture = enlarged(drawn(96, 80), 288, 240, "nearest")
    recording = coded(np.pad(picture, ((0, 0), (top, top), (left, left)), constant_values=16))
    grid = find_grid(recording)
    assert grid is not None
    assert grid.x == AxisScale(288 + 2 * left, 96, left, left)
    assert grid.y == AxisScale(240 + 2 * top, 80, top, top)


def test_a_known_screen_that_is_black_at_its_edges() -> None:
    screen = drawn(160, 144)
    screen[:, :20] = screen[:, 121:] = 16
    screen[:, :, 141:] = 16
    picture = enlarged(screen, 480, 432, "nearest")
    recording = coded(np.pad(picture, ((0, 0), (24, 24), (80, 80)), constant_values=16))
    assert summary(find_grid(recording)) == (160, 144, "nearest")


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("inside", [288, 329, 432])
def test_enlarging_and_shrinking(kernel: str, inside: int) -> None:
    """Pillow treats the ends otherwise, and its bicubic is another cubic."""
    axis = AxisScale(inside + 30, 96, 10, 20)
    forward, back = enlargement(axis, kernel), shrink(axis, kernel)
    assert forward.shape == (axis.size, 96)
    assert back.shape == (96, axis.size)
    np.testing.assert_allclose(forward[10:-20].sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(back.sum(1), 1, atol=1e-5)
    assert not forward[:10].any()
    assert not forward[-20:].any()
    line = drawn(96, 16)[0, 5]
    if kernel != "bicubic":
        wide = enlarged(line[None, None], inside, 1, kernel)[0, 0]
        np.testing.assert_allclose((forward @ line)[30:-40], wide[20:-20], atol=1.0)
    tolerance = 1e-3 if kernel == "nearest" else 6.0
    np.testing.assert_allclose(back @ (forward @ line), line, atol=tolerance)


def test_an_unscaled_axis_is_copied() -> None:
    axis = AxisScale(50, 50)
    assert (enlargement(axis, "nearest") == np.eye(50)).all()
    assert (shrink(axis, "nearest") == np.eye(50)).all()


def test_unknown_kernels_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown kernel 'magic'"):
        enlargement(AxisScale(90, 30), "magic")
