"""How close a restored clip, and the plain reading of its recording, are to the truth."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import scipy.sparse
from av.video.reformatter import Colorspace
from numpy.typing import NDArray

import spritecodec as sc
from spritecodec.formats.video.colour import matrix_of

Frame = NDArray[np.uint8]
Colours = Callable[[Frame], NDArray[Any]]

TOLERANCE = 4  # levels of each channel in which a pixel is right
_RED_BLUE = {
    Colorspace.ITU601: (0.299, 0.114),
    Colorspace.ITU709: (0.2126, 0.0722),
}


class Figures(NamedTuple):
    """What `compare` found.

    Attributes
    ----------
    right : float
        Share of pixels whose channels are all within `TOLERANCE` of the truth.
    right_frames : float
        Share of frames all of whose pixels are right.
    psnr, plain_psnr : float
        dB in RGB over all frames, of ours and of the recording as it is read, scaled down to
        the truth's size by the mean of areas; ``inf`` where exact.
    """

    right: float
    right_frames: float
    psnr: float
    plain_psnr: float


def compare(
    truth: Iterable[Frame], ours: Iterable[Frame], recording: Iterable[Frame], colours: Colours
) -> Figures:
    """Compare frame by frame; all must have equally many, and ours the truth's size.

    Parameters
    ----------
    truth, ours, recording : iterable of ndarray, shape (h, w, 3), uint8
    colours : callable
        Applied to frames of the truth first.
    """
    right = values = frames = right_frames = 0
    error = plain_error = 0.0
    scale = Downscaler()
    for true, our, recorded in zip(truth, ours, recording, strict=True):
        wanted = colours(true).astype(np.float32)
        difference = np.abs(our - wanted)
        within = (difference <= TOLERANCE).all(-1)
        right += int(within.sum())
        right_frames += bool(within.all())
        error += float(np.square(difference, dtype=np.float64).sum())
        plain = scale(recorded, *true.shape[:2]) - wanted
        plain_error += float(np.square(plain, dtype=np.float64).sum())
        values += true.size
        frames += 1
    return Figures(
        3 * right / values, right_frames / frames, _psnr(error, values), _psnr(plain_error, values)
    )


def psnr_between(one: Iterable[Frame], other: Iterable[Frame]) -> float:
    """PSNR in dB in RGB over all frames of two clips of one size."""
    error, values = 0.0, 0
    for a, b in zip(one, other, strict=True):
        error += float(np.square(a.astype(np.float64) - b).sum())
        values += a.size
    return _psnr(error, values)


def _psnr(error: float, values: int) -> float:
    return 10 * math.log10(255**2 * values / error) if error else math.inf


class Downscaler:
    """Scales pictures down by the mean of areas; keeps its weights between pictures."""

    def __init__(self) -> None:
        self._weights: dict[tuple[int, int], scipy.sparse.csr_matrix] = {}

    def __call__(self, picture: Frame, height: int, width: int) -> NDArray[np.float32]:
        """A picture at another size; where that is larger, pixels repeat.

        Parameters
        ----------
        picture : ndarray, shape (h, w, 3), uint8
        height, width : int

        Returns
        -------
        ndarray, shape (height, width, 3), float32
        """
        h, w = picture.shape[:2]
        if (h, w) == (height, width):
            return picture.astype(np.float32)
        rows = self._of(h, height) @ picture.reshape(h, -1).astype(np.float32)
        columns = rows.reshape(height, w, 3).transpose(1, 0, 2).reshape(w, -1)
        done = (self._of(w, width) @ columns).reshape(width, height, 3).transpose(1, 0, 2)
        return np.asarray(done, np.float32)

    def _of(self, size: int, wanted: int) -> scipy.sparse.csr_matrix:
        """How much each old pixel counts in each new one, shape (wanted, size)."""
        if (size, wanted) not in self._weights:
            ends = np.arange(1, wanted + 1)[:, None] * size / wanted
            old = np.arange(size)[None]
            shared = np.minimum(ends, old + 1) - np.maximum(ends - size / wanted, old)
            weights = np.maximum(shared, 0) * wanted / size
            self._weights[size, wanted] = scipy.sparse.csr_matrix(weights.astype(np.float32))
        return self._weights[size, wanted]


def frames_of(file: Path, step: int = 1, most: int | None = None) -> Iterator[Frame]:
    """Every `step`-th of the first `most` frames of a video, as `spritecodec.open_clip` reads."""
    number = 0
    for piece in sc.open_clip(str(file)).pieces(16):
        for frame in piece.frames:
            if number == most:
                return
            if number % step == 0:
                yield frame
            number += 1


def read_matrix(file: Path) -> Colorspace | None:
    """The colour matrix by which a video is read; None for RGB and palettes."""
    with av.open(file) as container:
        frame = next(container.decode(video=0))
        if frame.format.is_rgb or frame.format.name == "pal8":
            return None
        return matrix_of(frame)


def as_read(matrix: Colorspace | None) -> Colours | None:
    """What a player shows of exact colours that ffmpeg has recorded; None: the colours.

    ffmpeg converts RGB by BT.601 and does not tag the video. Where it has 720 lines or more,
    players, and `spritecodec.open_clip`, take it as BT.709, which changes saturated colours.
    """
    if matrix is None or matrix == Colorspace.ITU601:
        return None
    back = np.linalg.inv(_to_chroma(matrix)) @ _to_chroma(Colorspace.ITU601)
    return lambda frame: np.clip(frame @ back.T, 0, 255)


def _to_chroma(matrix: Colorspace) -> NDArray[np.float64]:
    red, blue = _RED_BLUE[matrix]
    luma = np.array([red, 1 - red - blue, blue])
    chroma = [(np.eye(3)[c] - luma) / (2 - 2 * luma[c]) for c in (2, 0)]
    return np.stack([luma, *chroma])
