"""Outputs that need no video library: raw RGB, framemd5, PNG folders."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spritecodec.formats.framemd5 import FrameHasher, framemd5_header, framemd5_line

MOST_WAITING = 8  # frames that wait to be hashed


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
    """One MD5 a frame; see `spritecodec.formats.framemd5`.

    A second thread hashes while the next frames are drawn: hashing takes about as long,
    and lets other threads run meanwhile.
    """

    def __init__(self, file: BinaryIO, width: int, height: int, time_base: Fraction) -> None:
        super().__init__(file)
        self._file.write(framemd5_header(width, height, time_base).encode())
        self._md5 = FrameHasher()
        self._hasher = ThreadPoolExecutor(max_workers=1)
        self._lines: deque[Future[str]] = deque()

    def put(self, frame: NDArray[np.uint8], pts: int, duration: int) -> None:
        self._lines.append(self._hasher.submit(self._line, frame, pts, duration))
        while len(self._lines) > MOST_WAITING:
            self._write_line()

    def _line(self, frame: NDArray[np.uint8], pts: int, duration: int) -> str:
        return framemd5_line(self._md5(frame), pts, duration, frame.size)

    def _write_line(self) -> None:
        self._file.write(self._lines.popleft().result().encode())

    def finish(self) -> None:
        while self._lines:
            self._write_line()
        self._hasher.shutdown()
        super().finish()

    def abandon(self) -> None:
        self._hasher.shutdown(cancel_futures=True)
        super().abandon()


class FolderSink:
    """000000.png, 000001.png, ... in a folder that is there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self.notes: list[str] = []

    def put(self, frame: NDArray[np.uint8], pts: int, duration: int) -> None:
        Image.fromarray(frame).save(self._folder / f"{self._count:06}.png", format="PNG")
        self._count += 1

    def finish(self) -> None:
        """Every picture is already on disk."""

    def abandon(self) -> None:
        """Every picture is already closed."""
