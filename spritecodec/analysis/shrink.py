"""Enlarged videos at their native size again, to compare them with what they were made from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from spritecodec.errors import InputError, SettingsError

Size = tuple[int, int]
"""Width and height in pixels."""


def factor_between(small: Size, large: Size) -> int:
    """The whole number by which a video is larger than another in both directions.

    Raises
    ------
    InputError
        There is none.
    """
    factor = large[0] // small[0]
    if factor < 1 or (small[0] * factor, small[1] * factor) != large:
        raise InputError(
            f"{large[0]}x{large[1]} is no whole multiple of {small[0]}x{small[1]}, so the scale "
            "cannot be found"
        )
    return factor


def check_factor(words: str) -> int | None:
    """``"auto"`` as None, else a number from 1 to 64.

    Raises
    ------
    SettingsError
        It is neither.
    """
    if words == "auto":
        return None
    if not (words.isdecimal() and 1 <= int(words) <= 64):
        raise SettingsError(f"the scale is auto or a whole number from 1 to 64, not {words!r}")
    return int(words)


def shrunk(frames: Iterable[NDArray[np.uint8]], factor: int) -> Iterator[NDArray[np.uint8]]:
    """Frames made smaller by a whole factor, each pixel the mean of its square.

    From a factor of 4 on, the rim of a square is left out: players blend colours across it.

    Parameters
    ----------
    frames : iterable of ndarray, each shape (h * factor, w * factor, 3), uint8

    Yields
    ------
    ndarray, shape (h, w, 3), uint8
    """
    rim = 1 if factor >= 4 else 0
    inner = slice(rim, factor - rim)
    count = (factor - 2 * rim) ** 2
    for frame in frames:
        if factor == 1:
            yield frame
            continue
        height, width = frame.shape[0] // factor, frame.shape[1] // factor
        squares = frame[: height * factor, : width * factor].reshape(
            height, factor, width, factor, 3
        )
        sums = squares[:, inner, :, inner].sum(axis=(1, 3), dtype=np.uint32)
        yield ((2 * sums + count) // (2 * count)).astype(np.uint8)
