"""Frames at even times: what GIF and WebP need, whose clocks are coarse."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from spritecodec.errors import SettingsError

ANIMATIONS = ("gif", "apng", "webp")
"""Formats of pictures that move: they know how often they are to be played."""

MAX_RATE = 1000
"""Frames a second that can be asked for."""

# Ticks a second of formats that have no finer clock, and the fewest that a frame may show.
# GIF viewers show delays below two hundredths of a second as ten.
_CLOCKS = {"gif": (100, 2), "webp": (1000, 1)}


def even_rate(name: str, wanted: Fraction) -> Fraction:
    """The rate next to the wanted one at which every frame shows equally long.

    Parameters
    ----------
    name : str
        One of `spritecodec.formats.video.video_out.FORMATS`.
    wanted : Fraction
        Frames a second.
    """
    if name not in _CLOCKS:
        return wanted
    ticks, fewest = _CLOCKS[name]
    return Fraction(ticks, max(fewest, round(ticks / wanted)))


def output_rate(name: str, wanted: float | Fraction | None, source: Fraction) -> Fraction | None:
    """At how many frames a second a video is written; None: every frame at its own time.

    Parameters
    ----------
    name : str
        The format.
    wanted : float or Fraction, optional
        What was asked for. Without it, only a GIF of a source that is too fast for it has a rate
        of its own, the highest that a GIF can have: 50 frames a second.
    source : Fraction
        Nominal frames a second of the source.

    Raises
    ------
    SettingsError
        Not above 0, or more than `MAX_RATE`.
    """
    if wanted is not None:
        if not 0 < wanted <= MAX_RATE:
            raise SettingsError(f"{float(wanted):g} frames a second are not from 0 to {MAX_RATE}")
        return even_rate(name, Fraction(wanted).limit_denominator(100_000))
    fastest = Fraction(*_CLOCKS["gif"])
    return fastest if name == "gif" and source > fastest else None


def sample_times(
    pts: NDArray[np.int64], time_base: Fraction, duration: Fraction, rate: Fraction
) -> NDArray[np.int64]:
    """Which frame shows at each of the times 0, 1/rate, 2/rate, ... after the first frame.

    Parameters
    ----------
    pts : ndarray, shape (n,), int64
        Times of the frames in ticks of `time_base`, strictly increasing.
    time_base : Fraction
        Seconds per tick.
    duration : Fraction
        Seconds that all of them show; the result covers these.
    rate : Fraction

    Returns
    -------
    ndarray, shape (k,), int64
        Numbers of frames, never decreasing; at least one.
    """
    count = max(1, round(duration * rate))
    # In whole numbers: tick of time k is floor(k / rate / time_base).
    step = 1 / (rate * time_base)
    ticks = [int(k * step) for k in range(count)]
    shown = np.searchsorted(pts - pts[0], np.array(ticks, np.int64), side="right") - 1
    return shown.astype(np.int64)
