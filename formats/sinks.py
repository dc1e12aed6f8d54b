"""Outputs that are plain bytes in order: y4m, raw RGB, framemd5, PNG folders."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import numpy as np
from av import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray
from PIL import Image

from spritecodec.formats.colour import EXACT
from spritecodec.formats.framemd5 import framemd5_header, framemd5_line

MOST_WAITING = 8  # frames that wait to be hashed


class _ByteSink:
    """Base of those that write to one binary file, which may be a pipe."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.notes: list[str] = []

    def finish(self) -> None:
        self._file.close()

    def abandon(self) -> None:
        self._file.close()


class RawRgbSink(_ByteSink):
    """RGB bytes row by row, frame after frame, nothing else."""

    def put(self, frame: NDArray[np.uint8], pts: int, duration: int) -> None:
        self._file.write(frame.tobytes())


class Framemd5Sink(_ByteSink):
    """One MD5 a frame; see `spritecodec.formats.framemd5`.

    A second thread hashes while the next frames are drawn: hashing takes about as long,
    and lets other threads run meanwhile.
    """

    def __init__(self, file: BinaryIO, width: int, height: int, time_base: Fraction) -> None:
        super().__init__(file)
        self._file.write(framemd5_header(width, height, time_base).encode())
        self._hasher = ThreadPoolExecutor(max_workers=1)
        self._lines: deque[Future[str]] = deque()

    def put(self, frame: NDArray[np.uint8], pts: int, duration: int) -> None:
        self._lines.append(self._hasher.submit(framemd5_line, frame, pts, duration))
        while len(self._lines) > MOST_WAITING:
            self._write_line()

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


class Y4mSink(_ByteSink):
    """YUV4MPEG2, 4:4:4, 8 bits, BT.601 matrix, limited range.

    The format has no field for the matrix; programs that read it take BT.601.
    It has one frame rate and no timestamps; a note says where that loses something.
    """

    def __init__(self, file: BinaryIO, width: int, height: int, frame_rate: Fraction) -> None:
        super().__init__(file)
        rate = f"{frame_rate.numerator}:{frame_rate.denominator}"
        self._file.write(f"YUV4MPEG2 W{width} H{height} F{rate} Ip A0:0 C444\n".encode())
        self._reformatter = VideoReformatter()
        self._durations: list[int] = []  # the shortest and the longest so far

    def put(self, frame: NDArray[np.uint8], pts: int, duration: int) -> None:
        shown = to_yuv(self._reformatter, frame, "yuv444p", Colorspace.ITU601)
        known = (*self._durations, duration)
        self._durations = [min(known), max(known)]
        self._file.write(b"FRAME\n")
        self._file.write(shown.to_ndarray().tobytes())

    def finish(self) -> None:
        super().finish()
        shortest, longest = self._durations
        if longest > shortest + 1:  # one tick is rounding
            self.notes.append(
                "the frames show for unequal times, which y4m cannot say; mkv and mp4 can"
            )


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


def to_yuv(
    reformatter: VideoReformatter,
    frame: NDArray[np.uint8],
    pixel_format: str,
    matrix: Colorspace,
) -> VideoFrame:
    """RGB (h, w, 3) as limited-range Y'CbCr in `pixel_format`, rounded to nearest."""
    return reformatter.reformat(
        VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24"),
        format=pixel_format,
        interpolation=EXACT,
        src_color_range=ColorRange.JPEG,
        dst_colorspace=matrix,
        dst_color_range=ColorRange.MPEG,
        threads=1,
    )
