"""Decode: a .spr file back into a video, a folder of pictures, a pipe or hashes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spritecodec.errors import FormatError, SettingsError

if TYPE_CHECKING:
    from spritecodec.clip import AudioStream
    from spritecodec.delivery import Purpose
    from spritecodec.formats.video.sound_choice import WrittenSound
    from spritecodec.reader import Reader, Size
    from spritecodec.span import Moment

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


# More than eight arguments: they are options, and callers name the few that they set.
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
    progress: Callable[[int, int], None] | None = None,
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
    progress : callable, optional
        Called with the frames done and the frames to do.

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
        No frame is left, the source is the target, or `size`, `scale`, `format` or `audio` is
        impossible.
    """
    # Imported here, so that importing the package stays quick.
    from spritecodec.delivery import delivery_for
    from spritecodec.formats.atomic import check_distinct
    from spritecodec.formats.video.sinks import VideoInfo
    from spritecodec.formats.video.video_out import format_of, open_writer, write_sound
    from spritecodec.reader import open as open_reader
    from spritecodec.span import Span

    began = time.perf_counter()
    check_distinct(source, target)
    if purpose is not None:
        if lossless or scale != 1 or format_of(os.fspath(target), format) != "mp4":
            raise SettingsError(f"what is for {purpose} is an mp4 of a scale of its own, and lossy")
        size = "native" if size == "auto" else size
    with open_reader(source, size) as reader:
        if len(reader) == 0:
            raise FormatError("the file is cut short and has no whole frame")
        a, b = Span(start, stop).frames(reader.pts.tolist(), reader.time_base)
        whole = (a, b) == (0, len(reader))
        origin = 0 if whole else int(reader.pts[a])
        name = format_of(os.fspath(target), format)
        if purpose is not None:
            wanted = delivery_for(purpose, reader.width, reader.height)
            scale, audio = wanted.scale, wanted.audio if audio == "auto" else audio
        sound, notes = _sound(reader, a, b, audio, name)
        if name == "wav":
            notes += write_sound(os.fspath(target), sound, overwrite)
            return _report(reader, 0, began, notes)
        with open_writer(
            os.fspath(target),
            VideoInfo(reader.width, reader.height, reader.time_base, reader.frame_rate),
            format=name,
            lossless=lossless,
            scale=scale,
            audio=sound,
            first=a,
            overwrite=overwrite,
        ) as writer:
            count = max(1, min(64, PIECE_BYTES // (3 * reader.width * reader.height)))
            done = 0
            for piece in reader.pieces(count, a, b):
                writer.write(piece.frames, piece.pts - origin)
                done += len(piece.pts)
                if progress is not None:
                    progress(done, b - a)
        return _report(reader, b - a, began, [*notes, *writer.notes])


def _report(reader: Reader, frames: int, began: float, notes: list[str]) -> DecodeReport:
    """What was done since `began`."""
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
