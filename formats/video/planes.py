"""Decoded frames as the luma and chroma planes that the file stores.

Restoration needs the numbers of the recording themselves: converting to RGB would interpolate
chroma and mix what the codec kept apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from av import VideoFrame
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

_UNSPECIFIED = (2, 3)
_BT709 = 1
# Formats of 8 bits whose chroma lies in planes of its own; others are converted to one of these.
_PLANAR = {
    "yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "yuv411p", "yuv440p",
}  # fmt: skip
_DEEPER = {"yuv420p10le": "yuv420p", "yuv422p10le": "yuv422p", "yuv444p10le": "yuv444p"}


@dataclass(frozen=True)
class StoredPlanes:
    """One frame as stored.

    Attributes
    ----------
    y : ndarray, shape (h, w), uint8
    u, v : ndarray, shape (hc, wc), uint8
    matrix : str or None
        "bt601" or "bt709" where the file says so, None where it does not.
    full_range : bool
        Whether black is 0 and white 255; 16 and 235 otherwise.
    """

    y: Bytes
    u: Bytes
    v: Bytes
    matrix: str | None
    full_range: bool


def stored_planes(frame: VideoFrame) -> StoredPlanes | None:
    """The planes of a decoded frame; None where it is not Y'CbCr of 8 or 10 bits."""
    name = frame.format.name
    if name in _DEEPER or name == "nv12":
        frame = frame.reformat(format=_DEEPER.get(name, "yuv420p"))
    elif name not in _PLANAR:
        return None
    planes = [
        np.frombuffer(memoryview(p), np.uint8).reshape(p.height, p.line_size)[:, : p.width].copy()
        for p in frame.planes
    ]
    code = int(frame.colorspace)
    matrix = None if code in _UNSPECIFIED else "bt709" if code == _BT709 else "bt601"
    full = int(frame.color_range) == 2 or name.startswith("yuvj")
    return StoredPlanes(planes[0], planes[1], planes[2], matrix, full)
