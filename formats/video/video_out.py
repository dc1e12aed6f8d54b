"""Write frames to any video: one `open_writer` for every format.

| format   | codec by default | with lossless=True | timestamps |
|---|---|---|---|
| mp4, mov | H.264 4:2:0, crf 12, BT.709 | H.264 RGB, qp 0 | exact |
| mkv      | H.264 4:2:0, crf 12, BT.709 | H.264 RGB, qp 0 | milliseconds |
| webm     | VP9 4:2:0, crf 15, BT.709   | VP9 RGB, lossless | milliseconds |
| nut      | raw RGB | the same | exact |
| gif      | exact up to 256 colours a frame, else the nearest 256 | refused above 256 | centiseconds, at least 2 a frame |
| apng     | exact | the same | exact |
| webp     | exact; equal frames in a row become one | the same | milliseconds |
| png      | a folder of 000000.png, 000001.png, ... | the same | none |
| y4m      | raw 4:4:4, BT.601, 16-235 | refused | none, constant rate |
| rawrgb   | raw RGB bytes, frame after frame | the same | none |
| framemd5 | one MD5 a frame | the same | exact |

wav holds the sound alone; `write_sound` writes it.

GIF, APNG and WebP count time from their first frame; `timing` finds rates that
they keep even. All are written frame by
frame; only the WebP encoder's memory grows with the length, by about a quarter
of a raw frame each. Where audio starts at a
negative time (AAC does, to warm up), mkv and webm shift everything so that it starts at 0.

H.264 4:2:0 plays everywhere but needs even sizes: an odd width or height gets
one more column or row, a copy of the last; lossless keeps the size.

A file is written under a hidden name beside its target and renamed when it is
whole, so a failure leaves nothing behind and harms nothing that was there.
"""  # noqa: E501

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from spritecodec.clip import AudioStream
from spritecodec.errors import InputError, OutputError, SettingsError
from spritecodec.formats.atomic import Part, resolve
from spritecodec.formats.video.sinks import (
    WITH_AUDIO,
    FolderSink,
    Framemd5Sink,
    RawRgbSink,
    VideoInfo,
)

_BY_SUFFIX = {
    ".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "mkv", ".webm": "webm", ".nut": "nut",
    ".gif": "gif", ".apng": "apng", ".png": "apng", ".webp": "webp", ".y4m": "y4m",
    ".rgb": "rawrgb", ".raw": "rawrgb", ".rawrgb": "rawrgb", ".framemd5": "framemd5",
    ".md5": "framemd5", ".wav": "wav", "": "png",
}  # fmt: skip
_STREAMED = ("y4m", "rawrgb", "framemd5")
FORMATS = ("mp4", "mov", "mkv", "webm", "nut", "gif", "apng", "webp", "png", *_STREAMED)
SOUND_FORMATS = ("wav",)
# What can go into a pipe.
_PIPED = (*_STREAMED, "mkv", "nut")


class Sink(Protocol):
    """Writes one format; what `VideoWriter` hands its frames to."""

    notes: list[str]

    def put(self, frame: NDArray[np.uint8], pts: int, duration: int) -> None:
        """Write one frame (h, w, 3); `pts` and `duration` in ticks."""

    def finish(self) -> None:
        """Write what is still held back and close the file."""

    def abandon(self) -> None:
        """Close the file, whatever it holds."""


def format_of(target: str | Path, format: str | None = None) -> str:
    """The output format: the one asked for, or the one that the target's name says.

    Raises
    ------
    SettingsError
        Neither says one that is known.
    """
    if format is not None:
        if format not in (*FORMATS, *SOUND_FORMATS):
            known = ", ".join((*FORMATS, *SOUND_FORMATS))
            raise SettingsError(f"format {format} is not one of {known}")
        return format
    if str(target) == "-":
        return "y4m"
    if str(target).endswith(("/", os.sep)) or os.path.isdir(target):
        return "png"
    suffix = Path(target).suffix.lower()
    if suffix not in _BY_SUFFIX:
        raise SettingsError(
            f"the ending {suffix} of {target} says no known format; "
            f"name one of {', '.join(FORMATS)} as the format"
        )
    return _BY_SUFFIX[suffix]


def open_writer(
    target: str | Path,
    video: VideoInfo,
    *,
    format: str | None = None,
    lossless: bool = False,
    scale: int = 1,
    audio: Sequence[AudioStream] = (),
    first: int = 0,
    overwrite: bool = False,
) -> VideoWriter:
    """Open a video for writing.

    Parameters
    ----------
    target : str or Path
        A file; a folder for the png format (a name that ends in a slash, that
        has no ending, or that is a folder); ``-`` for standard output (y4m,
        rawrgb, framemd5, mkv and nut only). Devices and named pipes are written to directly.
    video : VideoInfo
        The frames that will be handed in, not scaled yet. The frame rate gives the last one
        its duration.
    format : str, optional
        One of `FORMATS`; by the target's ending when left out.
    lossless : bool
        Every pixel comes back exactly; see the table above.
    scale : int
        Each pixel becomes a square of `scale` x `scale`, 1 to 64.
    audio : sequence of AudioStream
        Written unchanged where the format can hold them; the writer's `notes`
        say where it cannot.
    first : int
        The number of the first frame, which pictures in a folder are named by.
    overwrite : bool
        Replace the target if it is there.

    Raises
    ------
    OutputError
        The target exists, or cannot be written.
    SettingsError
        Unknown format, or settings that contradict one another.
    """
    name = format_of(target, format)
    if name in SOUND_FORMATS:
        raise SettingsError("wav holds no pictures")
    if not 1 <= scale <= 64:
        raise SettingsError(f"scale must be from 1 to 64, not {scale}")
    if lossless and name == "y4m":
        raise SettingsError("y4m stores no RGB and so cannot be lossless; use rawrgb or mkv")
    place = Place(target, name, overwrite)
    try:
        scaled = video._replace(width=video.width * scale, height=video.height * scale)
        sink = _open_sink(place, name, scaled, lossless, audio, first)
    except BaseException as error:
        place.discard()
        if isinstance(error, _foreseen()):
            raise OutputError(place.failed(error)) from error
        raise
    if audio and name not in WITH_AUDIO:
        sink.notes.append(f"the audio is left out, because {name} cannot hold it; mkv and mp4 can")
    return VideoWriter(place, sink, video, scale)


def write_sound(
    target: str | Path, audio: Sequence[AudioStream], overwrite: bool = False
) -> list[str]:
    """Write the first of some streams to a wav file, as samples from time 0.

    Returns
    -------
    list of str
        What the file could not keep, one sentence each.

    Raises
    ------
    InputError
        There is no sound, or it cannot be decoded.
    OutputError
        The target exists, or cannot be written.
    SettingsError
        It is standard output.
    """
    from spritecodec.formats.video.sound import write_wav

    if not audio:
        raise InputError("there is no sound to write")
    place = Place(target, "wav", overwrite)
    try:
        write_wav(audio[0], place.path)
        place.settle()
    except BaseException as error:
        place.discard()
        if isinstance(error, _foreseen()):
            raise OutputError(place.failed(error)) from error
        raise
    more = len(audio) - 1
    return [f"{more} more streams of sound are left out; mkv holds them all"] if more else []


def _open_sink(
    place: Place,
    name: str,
    video: VideoInfo,
    lossless: bool,
    audio: Sequence[AudioStream],
    first: int,
) -> Sink:
    # PyAV takes 100 ms to import, so only where it is needed.
    if name == "png":
        return FolderSink(place.path, first)
    if name not in _STREAMED:
        from spritecodec.formats.video.ffmpeg_out import ContainerSink

        path: Path | str = place.path
        if place.piped:
            # FFmpeg closes the number that it gets, so not that of standard output itself.
            path = f"pipe:{os.dup(sys.stdout.fileno())}"
        return ContainerSink(path, name, video, lossless, audio)
    # A duplicate, so that closing the sink does not close standard output itself.
    file = os.fdopen(os.dup(sys.stdout.fileno()), "wb") if place.piped else place.path.open("wb")
    if name == "y4m":
        from spritecodec.formats.video.y4m import Y4mSink

        return Y4mSink(file, video)
    if name == "framemd5":
        return Framemd5Sink(file, video)
    return RawRgbSink(file)


def _foreseen() -> tuple[type[BaseException], ...]:
    """What may go wrong while writing; FFmpeg's own errors where FFmpeg is used."""
    av = sys.modules.get("av")
    own = (OSError, ValueError, OverflowError)
    return own if av is None else (*own, av.error.FFmpegError)


class VideoWriter:
    """A video being written. A context manager: an exception removes what was written.

    Attributes
    ----------
    notes : list of str
        What the format could not keep, one sentence each, for the user to
        see; complete once `close` has returned.
    frame_count : int
        Frames handed in so far.
    """

    def __init__(self, place: Place, sink: Sink, video: VideoInfo, scale: int) -> None:
        self._place, self._sink, self._scale = place, sink, scale
        self._shape = (video.height, video.width, 3)
        self._step = max(1, round(1 / (video.frame_rate * video.time_base)))
        self._held: tuple[NDArray[np.uint8], int] | None = None
        self._open = True
        self.frame_count = 0

    @property
    def notes(self) -> list[str]:
        return self._sink.notes

    def write(self, frames: NDArray[np.uint8], pts: NDArray[np.int64]) -> None:
        """Write some consecutive frames.

        Parameters
        ----------
        frames : ndarray, shape (n, h, w, 3), uint8
        pts : ndarray, shape (n,), int64
            In ticks, strictly increasing.

        Raises
        ------
        OutputError
            Not written: full disk, closed pipe, or frames of another shape. What
            was written is removed.
        """
        if not self._open:
            raise OutputError(f"{self._place.target} is closed; open a new writer")
        if frames.dtype != np.uint8 or frames.shape[1:] != self._shape or len(pts) != len(frames):
            self.abort()
            raise OutputError(
                f"{self._place.target} takes uint8 frames of shape (n, {self._shape[0]}, "
                f"{self._shape[1]}, 3) with n timestamps, not {frames.dtype} {frames.shape} "
                f"with {len(pts)}"
            )
        with self._failing_cleanly():
            for frame, time in zip(frames, pts.tolist(), strict=True):
                if self._held is not None:
                    if time <= self._held[1]:
                        raise ValueError(f"timestamp {time} follows {self._held[1]}")
                    self._sink.put(*self._held, duration=time - self._held[1])
                if self._scale > 1:
                    frame = frame.repeat(self._scale, axis=0).repeat(self._scale, axis=1)
                # One frame is held back: the next one's time decides how long it shows.
                self._held = (frame, time)
                self.frame_count += 1

    def close(self) -> None:
        """Finish the file and give it its name.

        Raises
        ------
        OutputError
            No frames were written, or the disk is full; nothing is left behind.
        """
        if not self._open:
            return
        with self._failing_cleanly():
            if self._held is None:
                raise ValueError("no frames were written")
            self._sink.put(*self._held, duration=self._step)
            self._sink.finish()
            self._place.settle()
        self._open = False

    def abort(self) -> None:
        """Give up and remove what was written."""
        if self._open:
            self._open = False
            # The file is removed anyway, so its encoder's errors no longer matter.
            with contextlib.suppress(*_foreseen()):
                self._sink.abandon()
            self._place.discard()

    @contextlib.contextmanager
    def _failing_cleanly(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            self.abort()
            if isinstance(error, _foreseen()):
                raise OutputError(self._place.failed(error)) from error
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            self.abort()


def _is_device(path: Path) -> bool:
    """Whether there is something at a path that is neither a file nor a folder."""
    try:
        return path.exists() and not path.is_file() and not path.is_dir()
    except OSError:  # a name that is too long, for example: writing will say so
        return False


class Place:
    """Where the output goes: a hidden name first, the target's own when it is whole."""

    def __init__(self, target: str | Path, format: str, overwrite: bool) -> None:
        self.target = "standard output" if str(target) == "-" else str(target)
        self.piped = str(target) == "-"
        self._goal = Path(target)
        self._folder = format == "png"
        self._overwrite = overwrite
        # Devices and named pipes cannot be replaced by a file, only written to.
        self._direct = self.piped or _is_device(self._goal)
        self._part: Part | None = None
        self.path = self._goal
        if self.piped:
            if format not in _PIPED:
                raise SettingsError(
                    f"{format} cannot go to standard output; only {', '.join(_PIPED)} can"
                )
        elif not self._direct:
            self._goal = resolve(target)
            self._part = self._reserve()
            self.path = self._part.path

    def _check(self) -> None:
        goal = self._goal
        if self._folder:
            if goal.is_file():
                raise OutputError(
                    f"{self.target} is a file, but png writes a folder; name a folder"
                )
            if goal.is_dir() and not self._overwrite and any(goal.iterdir()):
                raise OutputError(
                    f"{self.target} exists and is not empty; allow overwriting or "
                    "name another folder"
                )
        elif goal.is_dir():
            raise OutputError(f"{self.target} is a folder; name a file in it")
        elif goal.exists() and not self._overwrite:
            raise OutputError(f"{self.target} exists; allow overwriting or choose another name")

    def _reserve(self) -> Part:
        try:
            self._check()
            return Part(self._goal, self._folder)
        except OSError as error:
            raise OutputError(self.failed(error)) from error

    def settle(self) -> None:
        """Give the finished output its name.

        Raises
        ------
        OSError, OutputError
            It cannot have it, because someone has put something there meanwhile, for example.
        """
        if self._part is None:
            return
        if not (self._folder and self._goal.is_dir()):
            self._part.settle(self._overwrite)
            self._part.discard()
            return
        self._check()
        # Into a folder that is there: only numbered frames of an earlier run are replaced.
        for old in self._goal.glob("*.png"):
            if old.stem.isdecimal() and len(old.stem) == 6:
                old.unlink()
        for new in self.path.iterdir():
            os.replace(new, self._goal / new.name)
        self._part.discard()

    def discard(self) -> None:
        """Remove what was written."""
        if self._part is not None:
            self._part.discard()

    def failed(self, error: BaseException) -> str:
        """One sentence about why the target could not be written."""
        reason = getattr(error, "strerror", None) or str(error)
        return f"{self.target} could not be written: {reason}"
