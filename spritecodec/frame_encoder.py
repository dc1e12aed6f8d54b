"""The Encoder: frames and sound handed in one after another become a .spr file."""

from __future__ import annotations

import os
from fractions import Fraction
from types import TracebackType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from spritecodec.clip import AudioStream
from spritecodec.encode import EncodeReport, encode
from spritecodec.errors import InputError, OutputError, SettingsError
from spritecodec.formats.atomic import check_target
from spritecodec.frame_sources import Rate, parse_rate
from spritecodec.spool import FrameSpool

SAMPLE_CODECS = {
    "int16": "pcm_s16le",
    "int32": "pcm_s32le",
    "uint8": "pcm_u8",
    "float32": "pcm_f32le",
}
"""Types of samples that are taken, and what FFmpeg calls them."""


class Encoder:
    """Encodes frames as they come, from an emulator or a simulation.

        with sc.Encoder("x.spr", frame_rate=60, preset="fast") as encoder:
            for frame, samples in game:
                encoder.write(frame)
                encoder.write_audio(samples)
        print(encoder.report.size)

    Frames are kept compressed on disk; the file is made when the ``with`` block ends, because
    encoding reads all of them several times. Where the block ends in an error, nothing is written.

    Parameters
    ----------
    target : path or binary file object
        The .spr file to write.
    width, height : int, optional
        Of the frames in pixels; those of the first frame when left out.
    frame_rate : int, float, str or Fraction
        Frames a second.
    time_base : Fraction, optional
        Seconds per tick of time stamps; 1 / frame_rate when left out.
    sample_rate : int
        Of the sound, in hertz.
    overwrite : bool
        Replace an existing target.
    **options
        Other arguments of `spritecodec.encode`, for example `quality` and `preset`.

    Attributes
    ----------
    report : EncodeReport or None
        What was done, once it is done.

    Raises
    ------
    OutputError
        The target exists, or cannot be written.
    SettingsError
        The sizes or rates are impossible.
    """

    def __init__(
        self,
        target: str | os.PathLike[str] | IO[bytes],
        width: int | None = None,
        height: int | None = None,
        frame_rate: Rate = 60,
        time_base: Fraction | None = None,
        sample_rate: int = 48_000,
        overwrite: bool = False,
        **options: Any,
    ) -> None:
        if (width is None) != (height is None):
            raise SettingsError("width and height go together; give both or none")
        if isinstance(target, (str, os.PathLike)):
            check_target(target, overwrite)
        if time_base is not None and time_base <= 0:
            raise SettingsError(f"a time base is above 0, not {time_base}")
        size = (width, height) if width is not None and height is not None else None
        self.report: EncodeReport | None = None
        self._target, self._options = target, options | {"overwrite": overwrite}
        self._spool: FrameSpool | None = FrameSpool(parse_rate(frame_rate), time_base, size)
        self._sample_rate = sample_rate
        self._samples: list[NDArray[Any]] = []

    def write(self, frame: NDArray[np.uint8], pts: int | None = None) -> None:
        """Append a frame.

        Parameters
        ----------
        frame : ndarray, shape (h, w, 3), uint8
            RGB; all of one size.
        pts : int, optional
            In ticks of the time base, later than that of the previous frame; one frame's time
            later when left out.

        Raises
        ------
        InputError
            The frame is something else, or its time does not increase.
        OutputError
            The encoder is closed, or the disk is full.
        """
        self._opened().add(frame, pts)

    def write_audio(self, samples: NDArray[Any]) -> None:
        """Append sound; the first sample sounds with time 0 of the frames.

        Parameters
        ----------
        samples : ndarray, shape (n,) or (n, channels), int16, int32, uint8 or float32
            float32 from -1 to 1. All of one type, with as many channels.

        Raises
        ------
        InputError
            The samples are something else.
        OutputError
            The encoder is closed.
        """
        self._opened()
        if not isinstance(samples, np.ndarray) or str(samples.dtype) not in SAMPLE_CODECS:
            kind = samples.dtype if isinstance(samples, np.ndarray) else type(samples).__name__
            raise InputError(
                f"samples are an array of {', '.join(SAMPLE_CODECS)}, of shape (n,) or "
                f"(n, channels), not {kind}"
            )
        if samples.ndim not in (1, 2) or (samples.ndim == 2 and not 1 <= samples.shape[1] <= 8):
            raise InputError(
                "samples have the shape (n,) or (n, channels), with 1 to 8 channels, not "
                f"{samples.shape}"
            )
        columns = samples[:, None] if samples.ndim == 1 else samples
        if self._samples:
            first = self._samples[0]
            if (columns.dtype, columns.shape[1]) != (first.dtype, first.shape[1]):
                raise InputError(
                    f"samples were {first.dtype} in {first.shape[1]} channels and are now "
                    f"{columns.dtype} in {columns.shape[1]}; they must stay the same"
                )
        if len(columns):
            self._samples.append(columns.copy())

    def close(self) -> EncodeReport:
        """Encode what was written.

        Raises
        ------
        As `spritecodec.encode`; InputError also where no frames were written.
        """
        spool = self._opened()
        self._spool = None
        if not spool.frame_count:
            raise InputError("no frames were written to the encoder")
        if self._samples:
            spool.audio = (self._stream(),)
        self.report = encode(spool, self._target, **self._options)
        return self.report

    def abort(self) -> None:
        """Forget what was written."""
        self._spool = None
        self._samples = []

    def _opened(self) -> FrameSpool:
        if self._spool is None:
            raise OutputError("the encoder is closed; make a new one")
        return self._spool

    def _stream(self) -> AudioStream:
        duration = np.array([len(s) for s in self._samples], np.int64)
        pts = np.cumsum(duration) - duration
        channels = self._samples[0].shape[1]
        return AudioStream(
            codec=SAMPLE_CODECS[str(self._samples[0].dtype)],
            sample_rate=self._sample_rate,
            channels=channels,
            layout=f"{channels} channels",
            extradata=b"",
            time_base=Fraction(1, self._sample_rate),
            pts=pts,
            dts=pts,
            duration=duration,
            packets=tuple(s.tobytes() for s in self._samples),
        )

    def __enter__(self) -> Encoder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self.abort()
        elif self._spool is not None:
            self.close()
