"""Decoded frames to RGB: colour matrix, range, alpha and rotation.

A decoded frame is Y'CbCr, RGB, grey or palette. Its numbers mean nothing
without the matrix and the range they were coded with. Both are decided here
and never left to a library's default.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from av import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from spritecodec.errors import InputError

# Rounded, not truncated; chroma interpolated at full resolution; the same on every machine.
EXACT = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.BITEXACT
)

# ITU-T H.273 matrix coefficients (table 4), as FFmpeg's AVCOL_SPC_* numbers.
_RGB, _UNSPECIFIED = 0, (2, 3)
_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,  # BT.470 BG: the numbers of BT.601
    6: Colorspace.ITU601,  # SMPTE 170M: the numbers of BT.601
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,  # constant luminance, shown as players do: as non-constant
}


def matrix_of(frame: VideoFrame, unspecified: Colorspace | None = None) -> Colorspace:
    """Which Y'CbCr matrix a frame was coded with.

    Where the file does not say: `unspecified` or else the guess that players
    make, BT.709 from 720 lines up and BT.601 below.

    Raises
    ------
    InputError
        A matrix that cannot be undone here (YCgCo, ICtCp and the like).
    """
    code = int(frame.colorspace)
    if code == _RGB or code in _UNSPECIFIED:
        if unspecified is not None:
            return unspecified
        return Colorspace.ITU709 if frame.height >= 720 else Colorspace.ITU601
    if code not in _MATRICES:
        raise InputError(
            f"the video's colour matrix (H.273 number {code}) is not supported; "
            "convert it to BT.709 or RGB first"
        )
    return _MATRICES[code]


def range_of(frame: VideoFrame) -> ColorRange:
    """Whether black and white are 16 and 235 (MPEG) or 0 and 255 (JPEG).

    Where the file does not say: JPEG for grey pictures and the yuvj formats, MPEG for others.
    """
    if int(frame.color_range) in (ColorRange.MPEG, ColorRange.JPEG):
        return ColorRange(int(frame.color_range))
    full = frame.format.name.startswith(("yuvj", "gray", "ya"))
    return ColorRange.JPEG if full else ColorRange.MPEG


def _has_alpha(name: str) -> bool:
    return name in ("pal8", "rgba", "bgra", "argb", "abgr", "ya8", "ya16le", "ya16be") or (
        name.startswith(("gbrap", "yuva", "rgba64", "bgra64"))
    )


class RgbConverter:
    """Turns decoded frames into RGB arrays; keeps the scaler's tables between frames.

    Parameters
    ----------
    unspecified : Colorspace, optional
        The matrix of frames that do not say theirs, where the container has a
        convention of its own; see `matrix_of`.
    """

    def __init__(self, unspecified: Colorspace | None = None) -> None:
        self._reformatter = VideoReformatter()
        self._unspecified = unspecified

    def __call__(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """One frame as RGB, turned and mirrored as its display matrix says.

        RGB and palette pixels come out exactly as stored. Transparent pixels
        are laid over black.

        Returns
        -------
        ndarray, shape (h, w, 3), uint8
        """
        alpha = _has_alpha(frame.format.name)
        target = "rgba" if alpha else "rgb24"
        if frame.format.is_rgb or frame.format.name == "pal8":
            options: dict[str, Any] = {}
        else:
            options = {
                "src_colorspace": matrix_of(frame, self._unspecified),
                "src_color_range": range_of(frame),
                "dst_color_range": ColorRange.JPEG,
            }
        shown = self._reformatter.reformat(
            frame, format=target, interpolation=EXACT, threads=1, **options
        )
        pixels = np.asarray(shown.to_ndarray(), np.uint8)
        return oriented(over_black(pixels) if alpha else pixels, frame)


def over_black(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGBA laid over black: colour times alpha, rounded to nearest.

    Parameters
    ----------
    rgba : ndarray, shape (h, w, 4), uint8

    Returns
    -------
    ndarray, shape (h, w, 3), uint8
    """
    alpha = rgba[..., 3:].astype(np.uint16)
    if (alpha == 255).all():
        return np.ascontiguousarray(rgba[..., :3])
    return ((rgba[..., :3] * alpha + 127) // 255).astype(np.uint8)


def oriented(pixels: NDArray[np.uint8], frame: VideoFrame) -> NDArray[np.uint8]:
    """Turn and mirror pixels as the frame's display matrix says, to the nearest quarter turn.

    The matrix maps a stored point (x, y) to (a x + c y, b x + d y); numbers
    are 16.16 fixed point (ISO/IEC 14496-12, 6.2.2).
    """
    side_data: Any = frame.side_data  # PyAV's stub says a dictionary type that it is not
    matrix = side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return pixels
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].astype(np.int64)
    if abs(b) + abs(c) > abs(a) + abs(d):
        pixels, flip_x, flip_y = pixels.transpose(1, 0, 2), c < 0, b < 0
    else:
        flip_x, flip_y = a < 0, d < 0
    return np.ascontiguousarray(pixels[:: -1 if flip_y else 1, :: -1 if flip_x else 1])
