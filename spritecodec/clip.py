"""The Clip: the source of an encode, read in pieces so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from spritecodec.errors import InputError
from spritecodec.scene import Scene


@dataclass(frozen=True, repr=False)
class AudioStream:
    """One audio stream, its packets kept exactly as the source stores them.

    Attributes
    ----------
    codec : str
        FFmpeg's codec name, for example ``"aac"``.
    sample_rate, channels : int
        In hertz, and a count.
    layout : str
        FFmpeg's channel layout, for example ``"stereo"``.
    extradata : bytes
        The codec's set-up bytes; may be empty.
    time_base : Fraction
        Seconds per tick of ``pts``, ``dts`` and ``duration``.
    pts, dts, duration : ndarray, shape (packets,), int64
    packets : tuple of bytes
    """

    codec: str
    sample_rate: int
    channels: int
    layout: str
    extradata: bytes
    time_base: Fraction
    pts: NDArray[np.int64]
    dts: NDArray[np.int64]
    duration: NDArray[np.int64]
    packets: tuple[bytes, ...]

    def __repr__(self) -> str:
        size = sum(map(len, self.packets))
        return (
            f"<AudioStream: {self.codec}, {self.sample_rate} Hz, {self.channels} channels, "
            f"{len(self.packets)} packets of {size} bytes>"
        )


MAX_OTHERS = 3
"""Colours that a doubted pixel may be besides the likeliest."""

NO_COLOUR = 1 << 24
"""Stands where a colour, 0xRRGGBB, could stand and none does."""


class Doubt(NamedTuple):
    """Which pixels of a restored frame may be of other colours than it shows.

    Attributes
    ----------
    where : ndarray, shape (m,), int64
        Pixels, as ``y * width + x``.
    others : ndarray, shape (m, MAX_OTHERS), uint32
        0xRRGGBB of what each may be, the likeliest first; NO_COLOUR where there are no more.
    """

    where: NDArray[np.int64]
    others: NDArray[np.uint32]


@dataclass(frozen=True, repr=False)
class Piece:
    """Some consecutive frames of a clip.

    Attributes
    ----------
    frames : ndarray, shape (n, h, w, 3), uint8
        RGB.
    pts : ndarray, shape (n,), int64
        Presentation times in ticks of the clip's ``time_base``.
    doubts : tuple of Doubt
        One a frame where the clip is restored from a lossy source; else none.
    """

    frames: NDArray[np.uint8]
    pts: NDArray[np.int64]
    doubts: tuple[Doubt, ...] = ()

    def __repr__(self) -> str:
        height, width = self.frames.shape[1:3]
        return f"<Piece: {len(self.frames)} frames of {width}x{height}>"


@runtime_checkable
class Clip(Protocol):
    """What the encoder reads: frames in pieces, timestamps, audio packets.

    Attributes
    ----------
    width, height : int
        Of the picture as shown (after rotation), in pixels.
    time_base : Fraction
        Seconds per tick of the frames' ``pts``.
    frame_rate : Fraction
        Nominal frames per second; only a hint, ``pts`` decide.
    frame_count : int or None
        None where the source must be read to know (a pipe).
    pixel_exact : bool
        True where the source stores RGB (or palette) pixels losslessly, so that
        asking for lossless makes sense.
    audio : tuple of AudioStream
    name : str
        For messages.
    """

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def time_base(self) -> Fraction: ...
    @property
    def frame_rate(self) -> Fraction: ...
    @property
    def frame_count(self) -> int | None: ...
    @property
    def pixel_exact(self) -> bool: ...
    @property
    def audio(self) -> tuple[AudioStream, ...]: ...
    @property
    def name(self) -> str: ...

    def pieces(self, size: int = 64) -> Iterator[Piece]:
        """Read the clip from its first frame, at most `size` frames at a time.

        May be called again for another pass, except on a pipe.
        """
        ...


class Misfit(NamedTuple):
    """How a frame differs from the source, where it is shown in the same way; sums.

    Attributes
    ----------
    error, values : int
        Squared errors of R, G and B at the source's size, and how many.
    planes_error, samples : float
        Squared errors of the stored samples of luma and chroma, and how many.
    explained, luma : int
        Samples of luma that are missed by no more than noise, and how many there are.
    """

    error: int
    values: int
    planes_error: float
    samples: int
    explained: int
    luma: int


@runtime_checkable
class Restored(Clip, Protocol):
    """A clip of native frames that were restored from a lossy source.

    Attributes
    ----------
    source : Clip
        The recording.
    """

    @property
    def source(self) -> Clip: ...

    def agree(self, scene: Scene, start: int) -> Scene:
        """A scene with its sprites as all their placements in the recording show them together.

        Parameters
        ----------
        scene : Scene
            In colours of the clip.
        start : int
            The scene's first frame; later than that of the call before.
        """
        ...

    def agree_again(self, scene: Scene, start: int) -> Scene:
        """The same for another scene of frames that were looked at by the last `agree`.

        In colours of the clip as they are after that; `start` as before.
        """
        ...

    def again(
        self, expected: Iterable[NDArray[np.uint8]]
    ) -> Iterator[tuple[NDArray[np.uint8], Doubt]]:
        """Restore the next frames once more, knowing what mining expects them to be.

        Parameters
        ----------
        expected : iterable of ndarray, each shape (h, w, 3), uint8
            In colours of the clip.
        """
        ...

    def compare(self) -> Iterator[Callable[[NDArray[np.uint8]], Misfit]]:
        """For every frame of the source, a function that compares a native frame with it.

        It must be called before the next one is asked for, if at all: comparing takes long.
        """
        ...


@dataclass(frozen=True)
class ArrayClip:
    """A clip that already lies in memory.

    Parameters
    ----------
    frames : ndarray, shape (n, h, w, 3), uint8
        RGB; n, h, w at least 1.
    frame_rate : Fraction
    pts : ndarray, shape (n,), int64, optional
        Strictly increasing; 0, 1, 2, ... when left out, in ticks of 1/frame_rate.

    Raises
    ------
    InputError
        The array has another shape or type, or no frames.
    """

    frames: NDArray[np.uint8]
    frame_rate: Fraction = Fraction(60)
    pts: NDArray[np.int64] | None = None
    time_base: Fraction = field(default=Fraction(0))
    audio: tuple[AudioStream, ...] = ()
    pixel_exact: bool = True
    name: str = "array"

    def __post_init__(self) -> None:
        shape = self.frames.shape
        if self.frames.dtype != np.uint8 or len(shape) != 4 or shape[3] != 3 or 0 in shape:
            raise InputError(
                "frames must be a non-empty uint8 array of shape (n, height, width, 3), "
                f"not {self.frames.dtype} of shape {shape}"
            )
        if not self.time_base:
            object.__setattr__(self, "time_base", 1 / Fraction(self.frame_rate))

    @property
    def width(self) -> int:
        return int(self.frames.shape[2])

    @property
    def height(self) -> int:
        return int(self.frames.shape[1])

    @property
    def frame_count(self) -> int:
        return int(self.frames.shape[0])

    def pieces(self, size: int = 64) -> Iterator[Piece]:
        pts = np.arange(len(self.frames), dtype=np.int64) if self.pts is None else self.pts
        for start in range(0, len(self.frames), size):
            stop = start + size
            yield Piece(self.frames[start:stop], pts[start:stop])
