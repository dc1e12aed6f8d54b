"""Compare two runs of frames, one pair at a time: per frame and over the whole clip."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from spritecodec import metrics
from spritecodec.errors import InputError

Frame = NDArray[np.uint8]

# A frame without error has infinite PSNR; in a mean over frames it counts as this many dB.
EXACT_FRAME_PSNR = 100.0


@dataclass(frozen=True)
class FrameQuality:
    """How close one frame is to the source's.

    Attributes
    ----------
    psnr, psnr_y : float
        dB over RGB and over luma; ``inf`` where the frames are the same.
    ssim, ms_ssim : float
        1 where the frames are the same; nan below 11 pixels a side.
    exact : bool
        Every pixel is the same.
    md5_source, md5 : str
        Of the RGB bytes, in hexadecimal: the frame-by-frame lossless check.
    """

    psnr: float
    psnr_y: float
    ssim: float
    ms_ssim: float
    exact: bool
    md5_source: str
    md5: str


@dataclass(frozen=True)
class Quality:
    """How close a clip is to the source.

    Attributes
    ----------
    frames : tuple of FrameQuality
    psnr : float
        dB in RGB from the mean squared error over the whole clip; ``inf`` where it is exact.
    psnr_mean : float
        dB in RGB, the mean of the frames' PSNR, exact frames counted as 100 dB; ``inf``
        where all frames are exact. Never below `psnr` but for that cap.
    psnr_y : float
        dB of luma from the mean squared error over the whole clip.
    ssim, ms_ssim : float
        Means over frames.
    ms_ssim_scales : int
        Scales that the picture is large enough for; 5 is the published measure.
    exact_frames : int
    first_difference : int or None
        The first frame that is not exact.
    """

    frames: tuple[FrameQuality, ...]
    psnr: float
    psnr_mean: float
    psnr_y: float
    ssim: float
    ms_ssim: float
    ms_ssim_scales: int
    exact_frames: int
    first_difference: int | None


def compare_frames(source: Iterable[Frame], other: Iterable[Frame]) -> Quality:
    """Measure `other` against `source`, holding one frame of each.

    Parameters
    ----------
    source, other : iterable of ndarray, each shape (h, w, 3), uint8

    Raises
    ------
    InputError
        The two differ in size or in number of frames, or have none.
    """
    found: list[FrameQuality] = []
    error, error_y, pixels, scales = 0, 0.0, 0, 0
    previous: tuple[Frame, Frame, FrameQuality, int, float] | None = None
    for a, b in zip_longest(source, other):
        if a is None or b is None:
            shorter = "the source" if a is None else "the compared video"
            raise InputError(f"{shorter} ends after {len(found)} frames, the other goes on")
        if previous and np.array_equal(a, previous[0]) and np.array_equal(b, previous[1]):
            _, _, quality, squared, squared_y = previous  # a still picture costs nothing
        else:
            quality, squared, squared_y = _compare_pair(a, b)
            scales = metrics.ms_ssim_scales(*a.shape[:2])
        previous = a, b, quality, squared, squared_y
        found.append(quality)
        error, error_y = error + squared, error_y + squared_y
        pixels += a.size // 3
    if not found:
        raise InputError("there are no frames to compare")
    exact = [f.exact for f in found]
    capped = [min(f.psnr, EXACT_FRAME_PSNR) for f in found]
    return Quality(
        frames=tuple(found),
        psnr=metrics.psnr_from_mse(error / (3 * pixels)),
        psnr_mean=math.inf if all(exact) else float(np.mean(capped)),
        psnr_y=metrics.psnr_from_mse(error_y / pixels),
        ssim=float(np.mean([f.ssim for f in found])),
        ms_ssim=float(np.mean([f.ms_ssim for f in found])),
        ms_ssim_scales=scales,
        exact_frames=sum(exact),
        first_difference=exact.index(False) if not all(exact) else None,
    )


def _compare_pair(a: Frame, b: Frame) -> tuple[FrameQuality, int, float]:
    squared = metrics.squared_error(a, b)
    md5 = _md5(a)
    if squared == 0:
        return FrameQuality(math.inf, math.inf, 1.0, 1.0, True, md5, md5), 0, 0.0
    squared_y = metrics.luma_squared_error(a, b)
    large = metrics.ms_ssim_scales(*a.shape[:2]) > 0
    ssim, ms_ssim = metrics.ssim_and_ms_ssim(a, b) if large else (math.nan, math.nan)
    quality = FrameQuality(
        psnr=metrics.psnr_from_mse(squared / a.size),
        psnr_y=metrics.psnr_from_mse(squared_y / (a.size // 3)),
        ssim=ssim,
        ms_ssim=ms_ssim,
        exact=False,
        md5_source=md5,
        md5=_md5(b),
    )
    return quality, squared, squared_y


def _md5(frame: Frame) -> str:
    return hashlib.md5(np.ascontiguousarray(frame).data, usedforsecurity=False).hexdigest()
