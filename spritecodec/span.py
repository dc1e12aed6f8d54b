"""Runs of frames: from one moment until another, as frame numbers or as times."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from spritecodec.errors import SettingsError

Moment = int | str
"""A frame number, or words: ``"1.5"`` seconds, ``"0:01.5"``, ``"1:02:03"``, ``"90f"``."""

TOLERANCE = Fraction(1, 1000)
"""Seconds by which a frame may come earlier than a time and count as at it: containers round."""

_WORDS = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)")


def parse_moment(moment: Moment) -> int | Fraction:
    """A frame number as it is; words as a frame number (int) or as seconds (Fraction).

    Raises
    ------
    SettingsError
        They say neither.
    """
    if isinstance(moment, int) and not isinstance(moment, bool):
        return moment
    words = moment.strip() if isinstance(moment, str) else ""
    if re.fullmatch(r"\d+f", words):
        return int(words[:-1])
    found = _WORDS.fullmatch(words)
    if found is None:
        raise SettingsError(
            f"{moment!r} is no moment; write seconds (1.5), minutes and seconds (0:01.5), hours "
            "too (1:02:03), or a frame (90f)"
        )
    hours, minutes, seconds = found.groups()
    return 3600 * int(hours or 0) + 60 * int(minutes or 0) + Fraction(seconds)


@dataclass(frozen=True)
class Span:
    """What is taken of a clip; times count from its first frame.

    Parameters
    ----------
    start : int or str, optional
        The first frame; see `Moment`. Numbers below 0 count from the end.
    stop : int or str, optional
        The first frame that is left out.

    Raises
    ------
    SettingsError
        One of them is no moment.
    """

    start: Moment | None = None
    stop: Moment | None = None

    def __post_init__(self) -> None:
        for moment in (self.start, self.stop):
            if moment is not None:
                parse_moment(moment)

    def __bool__(self) -> bool:
        return self.start is not None or self.stop is not None

    def times(self, pts: Iterable[int], time_base: Fraction) -> list[int]:
        """The time stamps of a clip as far as they are needed to find the frames."""
        stop = None if self.stop is None else parse_moment(self.stop)
        start = None if self.start is None else parse_moment(self.start)
        from_end = any(isinstance(m, int) and m < 0 for m in (start, stop))
        out: list[int] = []
        for time in pts:
            out.append(time)
            if stop is None or from_end:
                continue
            late = (time - out[0]) * time_base > stop if isinstance(stop, Fraction) else False
            if late or (isinstance(stop, int) and len(out) > stop):
                break
        return out

    def frames(self, pts: Sequence[int], time_base: Fraction) -> tuple[int, int]:
        """The first frame and the first that is left out.

        Parameters
        ----------
        pts : sequence of int
            Time stamps of all frames, in ticks of `time_base`, increasing.

        Raises
        ------
        SettingsError
            No frame is left.
        """
        a, b = 0, len(pts)
        if self.start is not None:
            a = self._number(self.start, pts, time_base)
        if self.stop is not None:
            b = self._number(self.stop, pts, time_base)
        if a >= b:
            seconds = float((pts[-1] - pts[0]) * time_base) if len(pts) else 0.0
            first, last = self._shown(self.start, "the start"), self._shown(self.stop, "the end")
            raise SettingsError(
                f"the range from {first} to {last} is empty: the clip has {len(pts):,} frames, "
                f"the last one at {seconds:.3f} s"
            )
        return a, b

    @staticmethod
    def _number(moment: Moment, pts: Sequence[int], time_base: Fraction) -> int:
        found = parse_moment(moment)
        if isinstance(found, int):
            return slice(found, None).indices(len(pts))[0]
        if not len(pts):
            return 0
        return bisect_left(pts, int(pts[0]) + (found - TOLERANCE) / time_base)

    @staticmethod
    def _shown(moment: Moment | None, words: str) -> str:
        if moment is None:
            return words
        return f"frame {moment}" if isinstance(moment, int) else moment
