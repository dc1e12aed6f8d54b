"""Frames that come one by one, compressed on disk, because encoding reads them several times."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from spritecodec.clip import AudioStream, Piece
from spritecodec.errors import InputError, OutputError
from spritecodec.formats.atomic import temporary

BATCH_BYTES = 1 << 24  # of frames that are compressed together
MAX_BATCH = 64


class FrameSpool:
    """Frames in a temporary file; a `Clip` once they are all there.

    The file goes when the spool does.

    Parameters
    ----------
    frame_rate : Fraction
    time_base : Fraction, optional
        Seconds per tick of time stamps; 1 / frame_rate when left out.
    size : tuple of int, optional
        Width and height; those of the first frame when left out.
    name : str
        For messages.

    Attributes
    ----------
    audio : tuple of AudioStream
    """

    def __init__(
        self,
        frame_rate: Fraction,
        time_base: Fraction | None = None,
        size: tuple[int, int] | None = None,
        name: str = "frames",
    ) -> None:
        self.frame_rate = frame_rate
        self.time_base = time_base or 1 / frame_rate
        self.name = name
        self.pixel_exact = True
        self.audio: tuple[AudioStream, ...] = ()
        self._size = size
        self._step = max(1, round(1 / (frame_rate * self.time_base)))
        self._pts: list[int] = []
        self._batch: list[NDArray[np.uint8]] = []
        self._places: list[tuple[int, int, int]] = []  # offset, bytes, frames
        part = temporary("frames cannot be kept on disk")
        weakref.finalize(self, part.discard)
        self._path = part.path

    @property
    def width(self) -> int:
        """Of the picture in pixels; 0 while it is not known."""
        return self._size[0] if self._size else 0

    @property
    def height(self) -> int:
        """Of the picture in pixels; 0 while it is not known."""
        return self._size[1] if self._size else 0

    @property
    def frame_count(self) -> int:
        """Frames so far."""
        return len(self._pts)

    def add(self, frame: NDArray[Any], pts: int | None = None) -> None:
        """Append a frame.

        Parameters
        ----------
        frame : ndarray, shape (h, w, 3), uint8
            RGB; all of one size.
        pts : int, optional
            In ticks of `time_base`, later than that of the previous frame; one frame's time
            later when left out.

        Raises
        ------
        InputError
            The frame is something else, or has another size, or its time does not increase.
        OutputError
            The disk is full.
        """
        pixels = self._checked(frame)
        due = self._pts[-1] + self._step if self._pts else 0
        time = due if pts is None else int(pts)
        if self._pts and time <= self._pts[-1]:
            raise InputError(
                f"frame {len(self._pts)} has the time {time}, which is not later than that of the "
                f"previous frame, {self._pts[-1]}"
            )
        self._pts.append(time)
        self._batch.append(pixels.copy())
        if len(self._batch) == MAX_BATCH or len(self._batch) * pixels.nbytes >= BATCH_BYTES:
            self._flush()

    def _checked(self, frame: NDArray[Any]) -> NDArray[np.uint8]:
        if not isinstance(frame, np.ndarray):
            raise InputError(
                f"frame {len(self._pts)} is a {type(frame).__name__}; frames are uint8 arrays of "
                "shape (height, width, 3)"
            )
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
            raise InputError(
                f"frame {len(self._pts)} is {frame.dtype} of shape {frame.shape}; frames are uint8 "
                "arrays of shape (height, width, 3)"
            )
        size = int(frame.shape[1]), int(frame.shape[0])
        self._size = self._size or size
        if size != self._size:
            raise InputError(
                f"frame {len(self._pts)} is {size[0]}x{size[1]}, but the video is "
                f"{self._size[0]}x{self._size[1]}; all frames must have one size"
            )
        return frame

    def _flush(self) -> None:
        if not self._batch:
            return
        data = zstandard.ZstdCompressor(level=1).compress(np.stack(self._batch).tobytes())
        try:
            with self._path.open("ab") as file:
                offset = file.tell()
                file.write(data)
        except OSError as error:
            raise OutputError(f"frames cannot be kept on disk: {error.strerror}") from error
        self._places.append((offset, len(data), len(self._batch)))
        self._batch = []

    def pieces(self, size: int = 64) -> Iterator[Piece]:
        """See `spritecodec.clip.Clip.pieces`."""
        self._flush()
        first, shape = 0, (-1, self.height, self.width, 3)
        with self._path.open("rb") as file:
            for offset, length, count in self._places:
                file.seek(offset)
                data = zstandard.ZstdDecompressor().decompress(file.read(length))
                frames = np.frombuffer(data, np.uint8).reshape(shape)
                pts = np.array(self._pts[first : first + count], np.int64)
                for a in range(0, count, size):
                    yield Piece(frames[a : a + size], pts[a : a + size])
                first += count


def spooled(frames: Iterable[NDArray[Any]], frame_rate: Fraction) -> FrameSpool:
    """All frames of an iterable.

    Raises
    ------
    InputError
        There are none, or one of them is no frame; see `FrameSpool.add`.
    """
    spool = FrameSpool(frame_rate)
    for frame in frames:
        spool.add(frame)
    if not spool.frame_count:
        raise InputError("there are no frames to encode")
    return spool
