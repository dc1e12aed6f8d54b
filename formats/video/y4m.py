"""YUV4MPEG2, and RGB as limited-range Y'CbCr in general."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
from av import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

from spritecodec.formats.video.colour import EXACT
from spritecodec.formats.video.sinks import ByteSink, VideoInfo


class Y4mSink(ByteSink):
    """YUV4MPEG2, 4:4:4, 8 bits, BT.601 matrix, limited range.

    The format has no field for the matrix; programs that read it take BT.601.
    It has one frame rate and no timestamps; a note says where that loses something.
    """

    def __init__(self, file: BinaryIO, video: VideoInfo) -> None:
        super().__init__(file)
        rate = f"{video.frame_rate.numerator}:{video.frame_rate.denominator}"
        head = f"YUV4MPEG2 W{video.width} H{video.height} F{rate} Ip A0:0 C444\n"
        self._file.write(head.encode())
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
