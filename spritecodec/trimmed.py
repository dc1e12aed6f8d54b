"""A part of a clip as a clip of its own, with the sound of that time."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property
from typing import Protocol, runtime_checkable

from spritecodec.clip import AudioStream, Clip, Piece
from spritecodec.errors import InputError
from spritecodec.reader import Reader
from spritecodec.span import Span


@runtime_checkable
class Sliceable(Protocol):
    """A clip that takes a part of itself without reading the rest."""

    def times(self) -> Iterator[int]:
        """The time stamps of all frames."""
        ...

    def between(self, a: int, b: int, begin: int, end: int | None) -> Clip:
        """Frames a to b - 1; see `TrimmedClip`."""
        ...


class TrimmedClip:
    """Frames a to b - 1 of a clip; time stamps count from the first one.

    Parameters
    ----------
    clip : Clip
    a, b : int
        0 <= a < b.
    begin : int
        Time stamp of frame a.
    end : int or None
        Time stamp of frame b; None where there is none, and the sound goes on to its end.
    """

    def __init__(self, clip: Clip, a: int, b: int, begin: int, end: int | None) -> None:
        self._clip, self._a, self._b = clip, a, b
        self._begin, self._end = begin, end
        self.width, self.height = clip.width, clip.height
        self.time_base, self.frame_rate = clip.time_base, clip.frame_rate
        self.frame_count = b - a
        self.pixel_exact, self.name = clip.pixel_exact, clip.name

    @cached_property
    def audio(self) -> tuple[AudioStream, ...]:
        """What sounds with these frames."""
        return trim_audio(self._clip.audio, self.time_base, self._begin, self._end)

    def pieces(self, size: int = 64) -> Iterator[Piece]:
        """See `spritecodec.clip.Clip.pieces`."""
        if isinstance(self._clip, Reader):
            for piece in self._clip.pieces(size, self._a, self._b):
                yield Piece(piece.frames, piece.pts - self._begin)
            return
        first = 0
        for piece in self._clip.pieces(size):
            a, b = max(0, self._a - first), min(len(piece.pts), self._b - first)
            if a < b:
                yield Piece(piece.frames[a:b], piece.pts[a:b] - self._begin)
            first += len(piece.pts)
            if first >= self._b:
                return


def trim(clip: Clip, span: Span) -> Clip:
    """The part of a clip that a span names.

    Raises
    ------
    InputError
        The clip has no frames, or cannot be read.
    SettingsError
        No frame is left.
    """
    if not span:
        return clip
    base = Fraction(clip.time_base)
    pts = span.times(_times(clip), base)
    if not pts:
        raise InputError(f"{clip.name} has no frames")
    a, b = span.frames(pts, base)
    begin, end = pts[a], pts[b] if b < len(pts) else None
    if isinstance(clip, Sliceable):
        return clip.between(a, b, begin, end)
    return TrimmedClip(clip, a, b, begin, end)


def _times(clip: Clip) -> Iterator[int]:
    if isinstance(clip, Reader):
        yield from clip.pts.tolist()
    elif isinstance(clip, Sliceable):
        yield from clip.times()
    else:
        for piece in clip.pieces():
            yield from piece.pts.tolist()


def trim_audio(
    streams: tuple[AudioStream, ...], time_base: Fraction, begin: int, end: int | None
) -> tuple[AudioStream, ...]:
    """What sounds from `begin` until `end`, in ticks of the frames; `begin` becomes time 0."""
    if not streams:
        return ()
    from spritecodec.formats.video.sound import trim as trim_sound

    stop = None if end is None else end * time_base
    parts = (trim_sound(s, begin * time_base, stop) for s in streams)
    return tuple(p for p in parts if p is not None)
