"""Decode: a .spr file back into a video, a folder of pictures, a pipe or hashes."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from spritecodec.errors import FormatError, SettingsError
from spritecodec.progress import shows_progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from spritecodec.clip import AudioStream
    from spritecodec.delivery import Purpose
    from spritecodec.formats.video.sinks import VideoInfo
    from spritecodec.formats.video.sound_choice import WrittenSound
    from spritecodec.reader import Reader, Size
    from spritecodec.span import Moment

LOG = logging.getLogger(__name__)

# Frames are handed on in pieces of about this many bytes; small ones stay in the cache.
PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class DecodeReport:
    """What `decode` did.

    Attributes
    ----------
    frames : int
        Written to the target.
    seconds : float
        Wall-clock seconds.
    size : int
        Of the whole .spr file, in bytes.
    bitrate : float
        Of the whole .spr file, in bits per second of video.
    bits_per_pixel : float
        Of the whole .spr file.
    quality : float or None
        PSNR in dB that the file claims, ``inf`` for lossless; None where it claims none.
    truncated : bool
        The file was cut short; only the frames up to the cut were decoded.
    notes : tuple of str
        What the target's format could not keep, one sentence each.
    """

    frames: int
    seconds: float
    size: int
    bitrate: float
    bits_per_pixel: float
    quality: float | None
    truncated: bool
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """Which frames are written, and when each shows.

    Attributes
    ----------
    frames : ndarray, shape (n,), int64
        Numbers of frames in the file, never decreasing.
    pts : ndarray, shape (n,), int64
        In ticks of `time_base`, strictly increasing.
    time_base, frame_rate : Fraction
    start, stop : int
        The range of frames of the file, start to stop - 1, from which they are taken.
    """

    frames: NDArray[np.int64]
    pts: NDArray[np.int64]
    time_base: Fraction
    frame_rate: Fraction
    start: int
    stop: int

    @staticmethod
    def of(
        reader: Reader,
        format: str,
        start: Moment | None,
        stop: Moment | None,
        fps: float | Fraction | None,
    ) -> Plan:
        """The frames of a range, or those that show at even times in it.

        Raises
        ------
        FormatError
            The file has no whole frame.
        SettingsError
            The range is empty, or the rate is impossible.
        """
        import numpy as np

        from spritecodec.formats.video.timing import output_rate, sample_times
        from spritecodec.span import Span

        if len(reader) == 0:
            raise FormatError("the file is cut short and has no whole frame")
        a, b = Span(start, stop).frames(reader.pts.tolist(), reader.time_base)
        rate = output_rate(format, fps, reader.frame_rate)
        whole = (a, b) == (0, len(reader))
        pts = reader.pts[a:b] - (0 if whole else reader.pts[a])
        if rate is None:
            return Plan(np.arange(a, b), pts, reader.time_base, reader.frame_rate, a, b)
        lasts = int(pts[-1] - pts[0]) * reader.time_base + 1 / reader.frame_rate
        frames = a + sample_times(pts, reader.time_base, lasts, rate)
        first = round(int(pts[0]) * reader.time_base * rate)
        return Plan(frames, first + np.arange(len(frames)), 1 / rate, rate, a, b)

    def __len__(self) -> int:
        return len(self.frames)

    def part(self, first: int, stop: int) -> Plan:
        """The frames first to stop - 1 of these."""
        frames, pts = self.frames[first:stop], self.pts[first:stop] - self.pts[first]
        return replace(self, frames=frames, pts=pts, start=int(frames[0]), stop=int(frames[-1]) + 1)

    def video(self, reader: Reader, loop: int = 0) -> VideoInfo:
        """What a writer must know."""
        from spritecodec.formats.video.sinks import VideoInfo

        return VideoInfo(reader.width, reader.height, self.time_base, self.frame_rate, loop)

    def pieces(self, reader: Reader) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
        """The frames and their times, some at a time."""
        import numpy as np

        size = max(1, min(64, PIECE_BYTES // (3 * reader.width * reader.height)))
        for first in range(0, len(self), size):
            numbers = self.frames[first : first + size]
            frames = np.empty((len(numbers), reader.height, reader.width, 3), np.uint8)
            for i, t in enumerate(numbers.tolist()):
                reader.frame(t, frames[i])
            yield frames, self.pts[first : first + size]


# More than eight arguments: they are options, and callers name the few that they set.
@shows_progress("Decoding")
def decode(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    lossless: bool = False,
    size: Size = "auto",
    scale: int = 1,
    format: str | None = None,
    start: Moment | None = None,
    stop: Moment | None = None,
    audio: WrittenSound = "auto",
    purpose: Purpose | None = None,
    fps: float | Fraction | None = None,
    loop: int = 0,
    progress: Callable[[int, int], None] | bool | None = None,
) -> DecodeReport:
    """Decode a .spr file.

    Parameters
    ----------
    source : path
        The .spr file; ``"-"`` for standard input.
    target : path
        A video file, a wav file for the sound alone, a folder for PNG pictures, or ``"-"`` for
        standard output.
    overwrite : bool
        Replace an existing target.
    lossless : bool
        Store exact RGB in the video; fewer players show that.
    size : "auto", "native" or "source"
        Of the frames, where the source was an enlargement; see `spritecodec.open`.
    scale : int
        Enlarge frames of that size by this factor with nearest neighbour.
    format : str, optional
        One of `spritecodec.formats.video.video_out.FORMATS`; by the target's name when left out.
    start, stop : int or str, optional
        Decode frames start to stop - 1 only, and the sound of that time; time stamps start at 0,
        pictures in a folder are named by the frames' numbers. Each is a frame number or words:
        ``"1.5"`` seconds from the first frame, ``"0:01.5"``, ``"1:02:03"``, ``"90f"``.
    audio : "auto", "copy", "aac", "opus", "flac" or "none"
        ``"auto"``: sound that players of the format do not play is converted: in mp4, PCM
        becomes FLAC and the rest AAC; in webm all becomes Opus. ``"copy"``: as the file has it,
        or left out. The report's notes say what was done.
    purpose : "upload", optional
        What the video is for, in place of `lossless`, `scale` and `format`. ``"upload"``: what
        video sites keep best, an mp4 of native frames enlarged by an even factor to at least
        1440 lines, 4:2:0, with AAC sound.
    fps : float or Fraction, optional
        Show frames at even times, so many a second, at the same speed; above 0, at most 1,000.
        Where the format's clock is coarse (GIF: 1/100 s, WebP: 1/1000 s), the nearest rate at
        which all frames show equally long is taken. Without it, every frame keeps its time, but
        for a GIF of more than 50 frames a second, which gets 50.
    loop : int
        How often a GIF, an APNG or a WebP is to be played; 0: for ever.
    progress : callable or bool, optional
        Called with the frames done and the frames to do. True: a bar on terminals and in
        notebooks, elsewhere a line every ten seconds, on standard error.

    Returns
    -------
    DecodeReport

    Raises
    ------
    InputError
        There is no such source, or no sound for a wav file.
    FormatError
        It is damaged; nothing is left at the target.
    OutputError
        The target exists, or cannot be written.
    SettingsError
        No frame is left, the source is the target, or `size`, `scale`, `format`, `audio`, `fps`
        or `loop` is impossible.
    """
    # Imported here, so that importing the package stays quick.
    from spritecodec.delivery import delivery_for
    from spritecodec.formats.atomic import check_distinct
    from spritecodec.formats.video.timing import ANIMATIONS
    from spritecodec.formats.video.video_out import format_of, open_writer, write_sound
    from spritecodec.reader import open as open_reader

    began = time.perf_counter()
    check_distinct(source, target)
    name = format_of(os.fspath(target), format)
    if purpose is not None:
        if lossless or scale != 1 or name != "mp4":
            raise SettingsError(f"what is for {purpose} is an mp4 of a scale of its own, and lossy")
        size = "native" if size == "auto" else size
    if loop < 0 or (loop and name not in ANIMATIONS):
        raise SettingsError(
            f"{name} cannot be played {loop} times; {', '.join(ANIMATIONS)} say how often"
        )
    with open_reader(source, size) as reader:
        plan = Plan.of(reader, name, start, stop, fps)
        if purpose is not None:
            wanted = delivery_for(purpose, reader.width, reader.height)
            scale, audio = wanted.scale, wanted.audio if audio == "auto" else audio
        sound, notes = _sound(reader, plan.start, plan.stop, audio, name)
        if name == "wav":
            notes += write_sound(os.fspath(target), sound, overwrite)
            return _report(reader, target, 0, began, notes)
        with open_writer(
            os.fspath(target),
            plan.video(reader, loop),
            format=name,
            lossless=lossless,
            scale=scale,
            audio=sound,
            first=plan.start if fps is None else 0,  # at a rate of its own, not the file's numbers
            overwrite=overwrite,
        ) as writer:
            done = 0
            for frames, pts in plan.pieces(reader):
                writer.write(frames, pts)
                done += len(pts)
                if callable(progress):
                    progress(done, len(plan))
        notes += [*_rate_note(plan, reader, fps), *writer.notes]
        return _report(reader, target, len(plan), began, notes)


def _report(
    reader: Reader,
    target: str | os.PathLike[str],
    frames: int,
    began: float,
    notes: list[str],
) -> DecodeReport:
    """What was done since `began`, logged too."""
    LOG.info("%s: %s of %s", target, f"{frames} frames" if frames else "the sound", reader.name)
    for note in notes:
        LOG.warning("%s: %s", target, note)
    return DecodeReport(
        frames=frames,
        seconds=time.perf_counter() - began,
        size=reader.size,
        bitrate=8 * reader.size / reader.duration,
        bits_per_pixel=8 * reader.size / (len(reader) * reader.width * reader.height),
        quality=reader.head.quality,
        truncated=reader.truncated,
        notes=tuple(notes),
    )


def _sound(
    reader: Reader, a: int, b: int, choice: WrittenSound, format: str
) -> tuple[tuple[AudioStream, ...], list[str]]:
    """The sound of frames a to b - 1 for a format, and what was done to it."""
    if not reader.audio and choice in ("auto", "copy", "none"):
        return (), []  # without loading what handles sound
    from spritecodec.formats.video.sound_choice import written_sound
    from spritecodec.trimmed import trim_audio

    streams = reader.audio
    if choice != "none" and (a, b) != (0, len(reader)):
        end = int(reader.pts[b]) if b < len(reader) else None
        streams = trim_audio(streams, reader.time_base, int(reader.pts[a]), end)
    return written_sound(streams, choice, format)


def _rate_note(plan: Plan, reader: Reader, fps: float | Fraction | None) -> list[str]:
    """What to say where another rate is written than the one asked for, or the source's."""
    wanted = float(reader.frame_rate if fps is None else fps)
    if abs(plan.frame_rate - wanted) < 0.01:
        return []
    return [
        f"{wanted:.4g} frames a second became {float(plan.frame_rate):.4g}, at which all "
        "show equally long"
    ]
