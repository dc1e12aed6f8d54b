"""Outputs that need no video library: raw RGB, framemd5, PNG folders."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spritecodec.formats.video.framemd5 import FrameHasher, framemd5_header, framemd5_line

WITH_AUDIO = ("mp4", "mov", "mkv", "webm", "nut")
"""Formats that hold sound."""

BATCH_BYTES = 1 << 22  # of frames that are hashed together


class VideoInfo(NamedTuple):
    """What a video's frames have in common.

    Attributes
    ----------
    width, height : int
        In pixels.
    time_base : Fraction
        Seconds per tick of the timestamps.
    frame_rate : Fraction
        Nominal frames a second.
    loop : int
        How often a GIF, an APNG or a WebP is to be played; 0: for ever.
    """

    width: int
    height: int
    time_base: Fraction
    frame_rate: Fraction
    loop: int = 0


class ByteSink:
    """What writes to one binary file, which may be a pipe."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.notes: list[str] = []

    def finish(self) -> None:
        self._file.close()

    def abandon(self) -> None:
        self._file.close()


class RawRgbSink(ByteSink):
    """RGB bytes row by row, frame after frame, nothing else."""

    def put(self, frame: NDArray[np.uint8], pts: int, duration: int) -> None:
        self._file.write(frame.tobytes())


class Framemd5Sink(ByteSink):
    """One MD5 a frame; see `spritecodec.formats.video.framemd5`.

    A second thread hashes while the next frames are drawn; both take about as long. It gets
    many frames at a time, because threads that take turns often wait for one another.
    """

    def __init__(self, file: BinaryIO, video: VideoInfo) -> None:
        super().__init__(file)
        header = framemd5_header(video.width, video.height, video.time_base)
        self._file.write(header.encode())
        self._md5 = FrameHasher()
        self._hasher = ThreadPoolExecutor(max_workers=1)
        self._frames: list[tuple[NDArray[np.uint8], int, int]] = []
        self._batch = max(1, BATCH_BYTES // (3 * video.width * video.height))
        self._lines: Future[str] | None = None

    def put(self, frame: NDArray[np.uint8], pts: int, duration: int) -> None:
        self._frames.append((frame, pts, duration))
        if len(self._frames) >= self._batch:
            self._hand_on()

    def _hand_on(self) -> None:
        """Write the lines of the previous batch and start hashing this one."""
        if self._lines is not None:
            self._file.write(self._lines.result().encode())
        self._lines = self._hasher.submit(self._hash, self._frames)
        self._frames = []

    def _hash(self, frames: list[tuple[NDArray[np.uint8], int, int]]) -> str:
        lines = (framemd5_line(self._md5(f), pts, ticks, f.size) for f, pts, ticks in frames)
        return "".join(lines)

    def finish(self) -> None:
        self._hand_on()
        self._hand_on()
        self._hasher.shutdown()
        super().finish()

    def abandon(self) -> None:
        self._hasher.shutdown(cancel_futures=True)
        super().abandon()


class FolderSink:
    """000000.png, 000001.png, ... in a folder that is there, counted from `first`."""

    def __init__(self, folder: Path, first: int = 0) -> None:
        self._folder = folder
        self._next = first
        self.notes: list[str] = []

    def put(self, frame: NDArray[np.uint8], pts: int, duration: int) -> None:
        from PIL import Image  # takes as long to import as a hundred frames to draw

        Image.fromarray(frame).save(self._folder / f"{self._next:06}.png", format="PNG")
        self._next += 1

    def finish(self) -> None:
        """Every picture is already on disk."""

    def abandon(self) -> None:
        """Every picture is already closed."""
