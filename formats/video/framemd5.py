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

PARTS = 8  # of a frame, compared one by one


class FrameHasher:
    """The MD5 of one frame after another, without hashing again what did not change.

    A frame is hashed in parts, top to bottom. The hash's state is kept at each part, so only
    the parts from the first changed one on are hashed again. The top of a frame (sky, score)
    seldom changes.
    """

    def __init__(self) -> None:
        self._parts: list[NDArray[np.uint8]] = []  # of the previous frame
        self._states = [
            hashlib.md5(usedforsecurity=False)
        ]  # at the start of each part, and at the end

    def __call__(self, frame: NDArray[np.uint8]) -> str:
        """The MD5 of a frame's RGB bytes, row by row, 32 hexadecimal digits.

        Parameters
        ----------
        frame : ndarray, shape (h, w, 3), uint8
            As large as the previous one. Kept until the next one comes; it must not change.
        """
        pixels = np.ascontiguousarray(frame).ravel()
        size = -(-pixels.size // PARTS)
        parts = [pixels[i : i + size] for i in range(0, pixels.size, size)]
        same = 0
        for part, previous in zip(parts, self._parts, strict=False):
            # As bytes: between hashes, numpy's wide instructions are slow to get going.
            if part.tobytes() != previous.tobytes():
                break
            same += 1
        del self._states[same + 1 :]
        for part in parts[same:]:
            state = self._states[-1].copy()
            state.update(part.data)
            self._states.append(state)
        self._parts = parts
        return self._states[-1].hexdigest()


def framemd5_header(width: int, height: int, time_base: Fraction) -> str:
    """The comment lines above the first frame's line."""
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
