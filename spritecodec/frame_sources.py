"""Whatever holds frames, as a Clip: paths, files, bytes, arrays, and what yields arrays."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from fractions import Fraction
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from spritecodec.clip import ArrayClip, Clip
from spritecodec.errors import InputError, SettingsError
from spritecodec.reader import Size
from spritecodec.scene import Scene

DEFAULT_RATE = Fraction(60)
"""Frames a second where neither the source nor the caller says."""

Rate = int | float | str | Fraction
FrameSource = (
    str
    | os.PathLike[str]
    | Clip
    | NDArray[np.uint8]
    | Iterable[NDArray[np.uint8]]
    | IO[bytes]
    | bytes
)


def parse_rate(rate: Rate) -> Fraction:
    """Frames a second as a fraction: 60, 59.94, ``"60000/1001"``.

    Raises
    ------
    SettingsError
        It is no number above 0, or above a million.
    """
    try:
        found = Fraction(rate) if not isinstance(rate, float) else Fraction(str(rate))
    except (TypeError, ValueError, ZeroDivisionError):
        found = Fraction(0)
    if not 0 < found <= 1_000_000:
        raise SettingsError(
            f"a frame rate is a number such as 60, 59.94 or 60000/1001, not {rate!r}"
        )
    return found


def as_clip(source: FrameSource, frame_rate: Rate | None = None, size: Size = "auto") -> Clip:
    """A source as a Clip.

    Parameters
    ----------
    source : path, Clip, ndarray, iterable of ndarray, binary file object or bytes
        A path as for `open_clip`; arrays of frames as for `spritecodec.encode`.
    frame_rate : int, float, str or Fraction, optional
        Of what states none: arrays and folders of pictures; 60 when left out.
    size : "auto", "native" or "source"
        Of the frames of a .spr file that is opened.

    Raises
    ------
    InputError
        It is something else, or cannot be read.
    SettingsError
        The frame rate is impossible, or the source has its own.
    """
    rate = None if frame_rate is None else parse_rate(frame_rate)
    if isinstance(source, (str, os.PathLike)):
        from spritecodec.formats.video.video_in import open_clip

        return open_clip(os.fspath(source), rate, size=size)
    if isinstance(source, np.ndarray):
        return ArrayClip(source, rate or DEFAULT_RATE)
    if isinstance(source, (bytes, bytearray, memoryview)):
        source = io.BytesIO(source)
    # A clip may have any other attributes, too.
    if hasattr(source, "read") and not isinstance(source, Clip):
        from spritecodec.formats.video.video_in import open_stream

        name = str(getattr(source, "name", "the file object"))
        stream: Any = source
        return open_stream(stream, name, rate, size)
    if isinstance(source, Clip):
        if rate is not None:
            raise SettingsError(f"{source.name} has a frame rate of its own; leave the other out")
        return source
    if isinstance(source, Scene):
        raise InputError(
            "a Scene is no source of frames; draw it first: "
            "encode(map(Renderer(scene).frame, range(len(scene))), ...)"
        )
    if not isinstance(source, Iterable):
        raise InputError(
            f"a {_kind(source)} holds no frames; encode takes a path, a file object, frames as "
            "uint8 arrays of shape (height, width, 3), or a Clip"
        )
    from spritecodec.spool import spooled

    return spooled(source, rate or DEFAULT_RATE)


def _kind(value: Any) -> str:
    return type(value).__name__
