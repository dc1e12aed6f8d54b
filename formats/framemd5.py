"""One MD5 a frame, in FFmpeg's framemd5 text format, version 2.

The text equals that of ``ffmpeg -i in -fps_mode passthrough -enc_time_base -1
-pix_fmt rgb24 -bitexact -f framemd5 -`` for the same frames, so the two can be
compared with diff. Only the durations can differ, where the time base does not
divide the frame time: here they are always the time until the next frame.
"""

from __future__ import annotations

import hashlib
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray


class FrameHasher:
    """The MD5 of one frame after another; what starts as the frame before is not hashed again.

    Below a sky or a score, or wherever a game stands still, most frames start as the one
    before them does; the state of the hash is kept as it was where the two began to differ.
    """

    def __init__(self) -> None:
        self._last: NDArray[np.uint8] | None = None
        self._md5 = ""
        self._start = hashlib.md5(usedforsecurity=False)  # of the first `_size` bytes
        self._size = 0

    def __call__(self, frame: NDArray[np.uint8]) -> str:
        """The MD5 of a frame's RGB bytes, row by row, 32 hexadecimal digits.

        Parameters
        ----------
        frame : ndarray, shape (h, w, 3), uint8
            Kept until the next one comes; it must not change.
        """
        pixels = np.ascontiguousarray(frame).ravel()
        same = 0
        if self._last is not None:
            differs = pixels != self._last
            same = int(differs.argmax())
            if not differs[same]:
                return self._md5
        if same < self._size:
            self._start, self._size = hashlib.md5(usedforsecurity=False), 0
        self._start.update(pixels[self._size : same].data)
        whole = self._start.copy()
        whole.update(pixels[same:].data)
        self._last, self._size, self._md5 = pixels, same, whole.hexdigest()
        return self._md5


def frame_md5(frame: NDArray[np.uint8]) -> str:
    """The MD5 of one frame's RGB bytes; see `FrameHasher`."""
    return FrameHasher()(frame)


def framemd5_header(width: int, height: int, time_base: Fraction) -> str:
    """The comment lines before the first frame's line."""
    return (
        "#format: frame checksums\n"
        "#version: 2\n"
        "#hash: MD5\n"
        f"#tb 0: {time_base.numerator}/{time_base.denominator}\n"
        "#media_type 0: video\n"
        "#codec_id 0: rawvideo\n"
        f"#dimensions 0: {width}x{height}\n"
        "#sar 0: 0/1\n"
        "#stream#, dts,        pts, duration,     size, hash\n"
    )


def framemd5_line(md5: str, pts: int, duration: int, size: int) -> str:
    """One frame's line; `pts` and `duration` in ticks of the header's time base, size in bytes."""
    return f"0, {pts:>10}, {pts:>10}, {duration:>8}, {size:>8}, {md5}\n"
