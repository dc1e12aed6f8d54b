"""Decode: a .spr file back into a video, a folder of pictures, a pipe or hashes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spritecodec.errors import FormatError, SettingsError

if TYPE_CHECKING:
    from spritecodec.reader import Size

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
    start: int | None = None,
    stop: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> DecodeReport:
    """Decode a .spr file.

    Parameters
    ----------
    source : path
        The .spr file; ``"-"`` for standard input.
    target : path
        A video file, a folder for PNG pictures, or ``"-"`` for standard output.
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
    start, stop : int, optional
        Decode frames start to stop - 1 only. The sound is then left out, and time stamps
        start at 0.
    progress : callable, optional
        Called with the frames done and the frames to do.

    Returns
    -------
    DecodeReport

    Raises
    ------
    InputError
        There is no such source.
    FormatError
        It is damaged; nothing is left at the target.
    OutputError
        The target exists, or cannot be written.
    SettingsError
        The frame range is empty, the source is the target, or `size`, `scale` or `format` is
        impossible.
    """
    # Imported here, so that importing the package stays quick.
    from spritecodec.formats.atomic import check_distinct
    from spritecodec.formats.video.sinks import VideoInfo
    from spritecodec.formats.video.video_out import open_writer
    from spritecodec.reader import open as open_reader

    began = time.perf_counter()
    check_distinct(source, target)
    with open_reader(source, size) as reader:
        if len(reader) == 0:
            raise FormatError("the file is cut short and has no whole frame")
        a, b, _ = slice(start, stop).indices(len(reader))
        if a >= b:
            raise SettingsError(
                f"the frame range {start} to {stop} is empty: the file has {len(reader)} frames"
            )
        whole = (a, b) == (0, len(reader))
        origin = 0 if whole else int(reader.pts[a])
        with open_writer(
            os.fspath(target),
            VideoInfo(reader.width, reader.height, reader.time_base, reader.frame_rate),
            format=format,
            lossless=lossless,
            scale=scale,
            audio=reader.audio if whole else (),
            overwrite=overwrite,
        ) as writer:
            count = max(1, min(64, PIECE_BYTES // (3 * reader.width * reader.height)))
            done = 0
            for piece in reader.pieces(count, a, b):
                writer.write(piece.frames, piece.pts - origin)
                done += len(piece.pts)
                if progress is not None:
                    progress(done, b - a)
        return DecodeReport(
            frames=b - a,
            seconds=time.perf_counter() - began,
            size=reader.size,
            bitrate=8 * reader.size / reader.duration,
            bits_per_pixel=8 * reader.size / (len(reader) * reader.width * reader.height),
            quality=reader.head.quality,
            truncated=reader.truncated,
            notes=tuple(writer.notes),
        )
