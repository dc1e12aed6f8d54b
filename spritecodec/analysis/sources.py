"""What is measured: a video's first frames, read again for every pass, never held whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spritecodec.clip import AudioStream, Clip, Piece
from spritecodec.formats.video.video_in import open_clip
from spritecodec.reader import Reader, Size
from spritecodec.reader import open as open_spr
from spritecodec.span import Span
from spritecodec.trimmed import trim

PIECE = 32  # frames in memory at a time


@dataclass(frozen=True)
class Source:
    """The first frames of a clip, without its sound; a Clip itself.

    Iterating it gives frames, each shape (h, w, 3), uint8, as often as wanted. Leaving a
    ``with`` block closes a .spr file.

    Attributes
    ----------
    clip : Clip
    limit : int or None
        Frames to take; all of them when None.
    opened : Reader or None
        The .spr file that is closed at the end.
    """

    clip: Clip
    limit: int | None = None
    audio: tuple[AudioStream, ...] = ()
    opened: Reader | None = None

    @property
    def width(self) -> int:
        return self.clip.width

    @property
    def height(self) -> int:
        return self.clip.height

    @property
    def time_base(self) -> Fraction:
        return self.clip.time_base

    @property
    def frame_rate(self) -> Fraction:
        return self.clip.frame_rate

    @property
    def frame_count(self) -> int | None:
        count = self.clip.frame_count
        return self.limit if count is None else min(count, self.limit or count)

    @property
    def pixel_exact(self) -> bool:
        return self.clip.pixel_exact

    @property
    def name(self) -> str:
        return self.clip.name

    def pieces(self, size: int = PIECE) -> Iterator[Piece]:
        left = self.limit
        for piece in self.clip.pieces(size):
            if left is not None:
                piece = Piece(piece.frames[:left], piece.pts[:left])
                left -= len(piece.frames)
            yield piece
            if left == 0:
                return

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *error: object) -> None:
        if self.opened is not None:
            self.opened.close()

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        for piece in self.pieces():
            yield from piece.frames


def open_source(
    path: str | Path, limit: int | None = None, size: Size = "auto", span: Span | None = None
) -> Source:
    """Any video, folder of pictures or .spr file as a `Source`.

    A .spr file's frames have the `size` that `spritecodec.open` is asked for.

    Raises
    ------
    InputError
        It cannot be read.
    FormatError
        It is a damaged .spr file.
    SettingsError
        The span holds no frame.
    """
    span = span or Span()
    if Path(path).suffix.lower() != ".spr":
        return Source(trim(open_clip(path), span), limit)
    reader = open_spr(path, size)
    try:
        return Source(trim(reader, span), limit, opened=reader)
    except BaseException:
        reader.close()
        raise


def content_hash(source: Source) -> tuple[str, int]:
    """SHA-256 of size, frame rate and all frames in hexadecimal, and how many there are."""
    digest = hashlib.sha256(f"{source.width}x{source.height}@{source.frame_rate}".encode())
    count = 0
    for piece in source.pieces():
        digest.update(np.ascontiguousarray(piece.frames).data)
        count += len(piece.frames)
    return digest.hexdigest(), count
