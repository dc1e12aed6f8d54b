"""Picture quality with numpy alone: PSNR in RGB and luma, SSIM, MS-SSIM.

All figures are of 8-bit RGB pictures as shown, on the 0 to 255 scale.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from spritecodec.errors import InputError

PEAK = 255.0

# Wang et al. 2004: an 11x11 Gaussian window of sigma 1.5, K1 = 0.01, K2 = 0.03.
WINDOW = 11
SIGMA = 1.5
C1 = (0.01 * PEAK) ** 2
C2 = (0.03 * PEAK) ** 2

# Wang et al. 2003, section 3.2: the exponents of the five scales, finest first.
MS_SSIM_EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)

# ITU-R BT.601: the weights of R, G and B in luma.
LUMA_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)


def squared_error(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> int:
    """Sum of squared differences of two uint8 arrays of one shape, exact."""
    _check_shapes(a, b)
    d = a.astype(np.int32) - b
    return int(np.einsum("i,i->", d.ravel(), d.ravel(), dtype=np.int64))


def psnr_from_mse(mse: float) -> float:
    """Decibels for a mean squared error on the 0 to 255 scale; ``inf`` for 0."""
    return math.inf if mse <= 0 else 10.0 * math.log10(PEAK * PEAK / mse)


def psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """PSNR in dB from the mean squared error over all pixels, channels and frames.

    Parameters
    ----------
    a, b : ndarray, any one shape, uint8
        For example (h, w, 3) for a frame or (n, h, w, 3) for a clip.

    Returns
    -------
    float
        ``inf`` where the two are identical.

    Raises
    ------
    InputError
        The shapes differ.
    """
    return psnr_from_mse(squared_error(a, b) / max(a.size, 1))


def luma_squared_error(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Sum of squared differences of luma (BT.601 weights, full range, not rounded).

    Parameters
    ----------
    a, b : ndarray, shape (..., 3), uint8

    Raises
    ------
    InputError
        The shapes differ.
    """
    _check_shapes(a, b)
    # The weights are linear: the difference of lumas is the luma of the difference.
    d = (a.astype(np.float32) - b) @ LUMA_WEIGHTS
    return float(np.einsum("i,i->", d.ravel(), d.ravel(), dtype=np.float64))


def psnr_y(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """PSNR in dB of luma, from the mean squared error over all pixels and frames.

    Parameters
    ----------
    a, b : ndarray, shape (h, w, 3) or (n, h, w, 3), uint8

    Returns
    -------
    float
        ``inf`` where the lumas are identical.

    Raises
    ------
    InputError
        The shapes differ.
    """
    return psnr_from_mse(luma_squared_error(a, b) / max(a.size // 3, 1))


def ssim(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Mean structural similarity of two frames or two clips, in [-1, 1].

    Wang et al. 2004: 11x11 Gaussian window of sigma 1.5 where it lies wholly inside the
    picture, per RGB channel, then averaged (over frames too).

    Parameters
    ----------
    a, b : ndarray, shape (h, w, 3) or (n, h, w, 3), uint8

    Raises
    ------
    InputError
        The shapes differ, or a side is shorter than the 11-pixel window.
    """
    # float32 can leave an identical pair some 1e-8 above 1.
    return min(1.0, float(np.mean([_scales(p, q, 1)[0][1] for p, q in _frame_pairs(a, b)])))


def ms_ssim_scales(height: int, width: int) -> int:
    """How many of the five scales of MS-SSIM a picture is large enough for, 0 to 5.

    The smallest scale must still hold the 11-pixel window: five scales need 176 pixels.
    """
    side = min(height, width)
    return sum((side >> scale) >= WINDOW for scale in range(len(MS_SSIM_EXPONENTS)))


def ms_ssim(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Mean multi-scale structural similarity of two frames or two clips, in [0, 1].

    Wang et al. 2003: contrast and structure at every scale, luminance at the coarsest,
    each scale half the previous one by 2x2 averages; per RGB channel, then averaged (over
    frames too). A picture too small for five scales takes the `ms_ssim_scales` finest,
    their exponents divided by their sum. A negative term counts as 0.

    Parameters
    ----------
    a, b : ndarray, shape (h, w, 3) or (n, h, w, 3), uint8

    Raises
    ------
    InputError
        The shapes differ, or a side is shorter than the 11-pixel window.
    """
    return float(np.mean([ssim_and_ms_ssim(p, q)[1] for p, q in _frame_pairs(a, b)]))


def ssim_and_ms_ssim(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> tuple[float, float]:
    """`ssim` and `ms_ssim` of two frames at once; they share the finest scale.

    Parameters
    ----------
    a, b : ndarray, shape (h, w, 3), uint8

    Raises
    ------
    InputError
        The shapes differ, or a side is shorter than the 11-pixel window.
    """
    ((a, b),) = _frame_pairs(a, b)
    count = ms_ssim_scales(*a.shape[:2])
    scales = _scales(a, b, count)
    exponents = np.array(MS_SSIM_EXPONENTS[:count]) / sum(MS_SSIM_EXPONENTS[:count])
    # Contrast-structure at all scales but the coarsest, where the whole index stands.
    terms = np.array([contrast for contrast, _ in scales[:-1]] + [scales[-1][1]])
    per_channel = np.prod(np.maximum(terms, 0.0) ** exponents[:, None], axis=0)
    return min(1.0, float(np.mean(scales[0][1]))), min(1.0, float(np.mean(per_channel)))


def _check_shapes(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> None:
    if a.shape != b.shape:
        raise InputError(f"cannot compare frames of shape {a.shape} with frames of shape {b.shape}")


def _frame_pairs(
    a: NDArray[np.uint8], b: NDArray[np.uint8]
) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    _check_shapes(a, b)
    if min(a.shape[-3:-1]) < WINDOW:
        raise InputError(f"SSIM needs frames of at least {WINDOW}x{WINDOW} pixels")
    return [(a, b)] if a.ndim == 3 else list(zip(a, b, strict=True))


@lru_cache(maxsize=16)
def _window_matrix(size: int) -> NDArray[np.float32]:
    """Matrix (size, size - 10): a row of pixels times it is the row's windowed means."""
    x = np.arange(WINDOW) - WINDOW // 2
    weights = np.exp(-(x**2) / (2 * SIGMA**2))
    weights /= weights.sum()
    matrix = np.zeros((size, size - WINDOW + 1), np.float32)
    for column in range(matrix.shape[1]):
        matrix[column : column + WINDOW, column] = weights
    return matrix


def _windowed(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Windowed means of the last two axes, where the window lies wholly inside.

    The matrices are zero but for a band, so they are multiplied block by block.
    """
    block, margin = 32, WINDOW - 1
    height, width = planes.shape[-2] - margin, planes.shape[-1] - margin
    down, across = _window_matrix(planes.shape[-2]).T, _window_matrix(planes.shape[-1])
    rows = np.empty((*planes.shape[:-2], height, planes.shape[-1]), np.float32)
    for i in range(0, height, block):
        j = min(i + block, height)
        rows[..., i:j, :] = down[i:j, i : j + margin] @ planes[..., i : j + margin, :]
    means = np.empty((*planes.shape[:-2], height, width), np.float32)
    for i in range(0, width, block):
        j = min(i + block, width)
        means[..., i:j] = rows[..., i : j + margin] @ across[i : j + margin, i:j]
    return means


def _scales(
    a: NDArray[np.uint8], b: NDArray[np.uint8], count: int
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Per scale, finest first: mean contrast-structure and mean SSIM, each per channel."""
    # Centred on 0 so that float32 keeps the variances exact enough.
    pair = np.empty((2, 3, *a.shape[:2]), np.float32)
    np.subtract(a.transpose(2, 0, 1), np.float32(128), out=pair[0])
    np.subtract(b.transpose(2, 0, 1), np.float32(128), out=pair[1])
    found = []
    for _ in range(count):
        found.append(_similarity(pair[0], pair[1]))
        h, w = pair.shape[-2] // 2 * 2, pair.shape[-1] // 2 * 2
        rows = pair[..., :h:2, :w] + pair[..., 1:h:2, :w]
        pair = (rows[..., ::2] + rows[..., 1::2]) * np.float32(0.25)
    return found


def _similarity(
    a: NDArray[np.float32], b: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean contrast-structure and mean SSIM per channel of two (3, h, w) arrays around 0."""
    sums = _windowed(np.stack([a, b, a * a + b * b, a * b]))
    mean_a, mean_b = sums[0], sums[1]
    covariance = sums[3] - mean_a * mean_b
    variances = sums[2] - mean_a * mean_a - mean_b * mean_b
    contrast = (2 * covariance + C2) / (variances + C2)
    light_a, light_b = mean_a + 128, mean_b + 128
    luminance = (2 * light_a * light_b + C1) / (light_a * light_a + light_b * light_b + C1)
    return (
        contrast.mean(axis=(1, 2), dtype=np.float64),
        (luminance * contrast).mean(axis=(1, 2), dtype=np.float64),
    )
