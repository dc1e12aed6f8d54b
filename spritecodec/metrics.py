"""Picture quality: PSNR here with numpy alone; SSIM through scikit-image."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from spritecodec.errors import InputError, MissingExtraError

PEAK = 255.0


def squared_error(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> int:
    """Sum of squared differences of two uint8 arrays of one shape, exact."""
    if a.shape != b.shape:
        raise InputError(f"cannot compare frames of shape {a.shape} with frames of shape {b.shape}")
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


def ssim(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Mean structural similarity of two frames or two clips, in [-1, 1].

    Wang et al. 2004: 11x11 Gaussian window of sigma 1.5, per RGB channel, then averaged
    (over frames too).

    Parameters
    ----------
    a, b : ndarray, shape (h, w, 3) or (n, h, w, 3), uint8

    Raises
    ------
    InputError
        The shapes differ, or a side is shorter than the 11-pixel window.
    MissingExtraError
        scikit-image is not installed.
    """
    if a.shape != b.shape:
        raise InputError(f"cannot compare frames of shape {a.shape} with frames of shape {b.shape}")
    if min(a.shape[-3:-1]) < 11:
        raise InputError("SSIM needs frames of at least 11x11 pixels")
    try:
        from skimage.metrics import structural_similarity
    except ImportError as error:
        raise MissingExtraError("scikit-image", "SSIM") from error
    pairs = [(a, b)] if a.ndim == 3 else list(zip(a, b, strict=True))
    values = [
        structural_similarity(
            p,
            q,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=PEAK,
        )
        for p, q in pairs
    ]
    return float(np.mean(values))
