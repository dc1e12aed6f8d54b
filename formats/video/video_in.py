"""Any video as a Clip: frames as RGB, exact timestamps, audio packets kept.

`open_clip` opens all of them. RGB values are decided in `spritecodec.formats.video.colour`,
folders and WebP in `spritecodec.formats.video.images`.
"""

from __future__ import annotations

import copy
import itertools
import re
import shutil
import sys
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import IO, NamedTuple

import av
import numpy as np
from av import VideoFrame
from av.container import InputContainer
from av.video.reformatter import Colorspace
from av.video.stream import VideoStream
from numpy.typing import NDArray

from spritecodec.clip import AudioStream, Clip, Piece
from spritecodec.errors import InputError, SettingsError
from spritecodec.formats.atomic import temporary
from spritecodec.formats.spr.container import SIGNATURE
from spritecodec.formats.video.audio import read_audio
from spritecodec.formats.video.colour import RgbConverter
from spritecodec.formats.video.images import open_folder, open_webp
from spritecodec.formats.video.planes import StoredPlanes, stored_planes
from spritecodec.formats.video.truncation import declared_end
from spritecodec.reader import Size
from spritecodec.reader import open as open_reader
from spritecodec.trimmed import trim_audio

# Codecs that give back the very pixels that went in, whatever their settings.
_LOSSLESS = {
    "ffv1", "ffvhuff", "huffyuv", "utvideo", "magicyuv", "lagarith", "zmbv", "qtrle", "png",
    "apng", "gif", "bmp", "rawvideo", "flashsv", "flashsv2", "cscd", "tscc", "msrle", "camstudio",
}  # fmt: skip
# Codecs that hold RGB pixels only where somebody wants every pixel exact.
_LOSSLESS_IN_RGB = {"h264", "hevc", "vp9", "av1"}
# RGB, grey and palette formats of 8 bits or fewer a channel, which fit RGB bytes exactly.
_EXACT_FORMATS = {
    "rgb24", "bgr24", "gbrp", "rgb0", "0rgb", "bgr0", "0bgr", "pal8", "gray", "monow", "monob",
    "rgb565le", "rgb555le", "rgb8", "bgr8", "rgba", "bgra", "argb", "abgr", "gbrap",
}  # fmt: skip


def open_clip(
    source: str | Path,
    frame_rate: Fraction | None = None,
    *,
    size: Size = "auto",
    raw: str | None = None,
) -> Clip:
    """Open a video, a folder of pictures, a .spr file, or standard input.

    Parameters
    ----------
    source : str or Path
        A file that FFmpeg or (for WebP) Pillow reads; a folder of pictures,
        taken in natural order of their names; ``-`` for standard input, for
        example as y4m.
    frame_rate : Fraction, optional
        Frames a second of a folder of pictures, which stores none; 60 when left out.
    size : "auto", "native" or "source"
        Of the frames of a .spr file; see `spritecodec.open`.
    raw : str, optional
        What bare frames in a file without a head are: ``"256x240@60:rgb24"``, size, frames a
        second, and FFmpeg's name of the pixel format.

    Returns
    -------
    Clip
        Its `pieces` may be called again, for standard input too. Decoding
        starts anew each time, so memory does not grow with the length.

    Raises
    ------
    InputError
        Nothing there, not a video, no frames, or cut short; from `pieces`
        also where a frame is damaged or changes size.
    SettingsError
        `raw` says no format, or there is a frame rate for a source that has its own.
    """
    if raw is not None and frame_rate is not None:
        raise SettingsError("raw frames name their frame rate after the @; leave the other out")
    if str(source) == "-":
        return open_stream(sys.stdin.buffer, "standard input", frame_rate, size, raw)
    path = Path(source)
    if not path.exists():
        raise InputError(f"{path} does not exist; check the name")
    if path.is_dir():
        return open_folder(path, frame_rate)
    return _open_file(path, str(path), frame_rate, size, raw)


def _open_file(
    path: Path, name: str, frame_rate: Fraction | None, size: Size, raw: str | None
) -> Clip:
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror}") from error
    if not head:
        raise InputError(f"{name} is empty; it is not a video")
    if frame_rate is not None:
        raise SettingsError(f"{name} has times of its own; leave the frame rate out")
    if raw is not None:
        return VideoClip(path, name, RawFormat.parse(raw))
    if head.startswith(SIGNATURE):
        return open_reader(path, size)
    if head[:4] == b"RIFF" and head[8:] == b"WEBP":
        return open_webp(path)
    return VideoClip(path, name)


def open_stream(
    stream: IO[bytes],
    name: str,
    frame_rate: Fraction | None = None,
    size: Size = "auto",
    raw: str | None = None,
) -> Clip:
    """Open a video that a binary file object holds, which is read from where it stands.

    Encoding reads frames several times, so what comes in is kept in a temporary file; it goes
    when the clip goes. Parameters and errors are those of `open_clip`.
    """
    spool = temporary(f"{name} cannot be kept on disk")
    try:
        with spool.path.open("wb") as file:
            shutil.copyfileobj(stream, file, 1 << 20)
        if not spool.path.stat().st_size:
            raise InputError(f"{name} is empty; pipe a video into it, for example as y4m")
        clip = _open_file(spool.path, name, frame_rate, size, raw)
    except OSError as error:
        spool.discard()
        raise InputError(f"{name} cannot be kept on disk: {error.strerror}") from error
    except TypeError as error:
        spool.discard()
        raise InputError(f"{name} gives text; open it in binary mode") from error
    except BaseException:
        spool.discard()
        raise
    weakref.finalize(clip, spool.discard)
    return clip


def _is_pixel_format(name: str) -> bool:
    try:
        av.VideoFormat(name)
    except ValueError:
        return False
    return True


class RawFormat(NamedTuple):
    """What bare frames are; see `open_clip`."""

    width: int
    height: int
    rate: str
    pixel_format: str

    @staticmethod
    def parse(words: str) -> RawFormat:
        """``256x240@60:rgb24``.

        Raises
        ------
        SettingsError
            It says no such format.
        """
        found = re.fullmatch(
            r"([1-9]\d{0,4})x([1-9]\d{0,4})@(\d+(?:[./]\d+)?):(\w+)", words.strip()
        )
        if found is None or not _is_pixel_format(found[4]):
            raise SettingsError(
                "raw frames are said as WIDTHxHEIGHT@RATE:FORMAT, for example 256x240@60:rgb24 "
                f"or 160x144@59.73:rgb565le, not {words!r}"
            )
        return RawFormat(int(found[1]), int(found[2]), found[3], found[4])

    def options(self) -> dict[str, str]:
        """As FFmpeg's demuxer wants to hear it."""
        return {
            "video_size": f"{self.width}x{self.height}",
            "framerate": self.rate,
            "pixel_format": self.pixel_format,
        }

    def frame_size(self) -> int | None:
        """Bytes of a frame; None where chroma of half the size makes that hard to say."""
        kind = av.VideoFormat(self.pixel_format, self.width, self.height)
        halved = kind.chroma_width() < self.width or kind.chroma_height() < self.height
        if halved and (self.width % 2 or self.height % 2):
            return None
        return self.width * self.height * kind.padded_bits_per_pixel // 8


@dataclass(frozen=True)
class ShownFrame:
    """A decoded frame of a Y'CbCr video; see `spritecodec.restore.restored.ShownFrame`."""

    frame: VideoFrame
    convert: RgbConverter

    def rgb(self) -> NDArray[np.uint8]:
        """As players show it, shape (h, w, 3), uint8."""
        return self.convert(self.frame)

    def planes(self) -> StoredPlanes:
        """As the file stores it."""
        stored = stored_planes(self.frame)
        if stored is None:
            raise InputError("a frame of the video is not Y'CbCr, though its first frame is")
        return stored


class _Part(NamedTuple):
    """A run of frames of a video; see `spritecodec.trimmed.TrimmedClip`."""

    whole: VideoClip  # its temporary file goes when it goes
    a: int
    b: int
    begin: int
    end: int | None


class VideoClip:
    """A video file that FFmpeg reads; see `spritecodec.clip.Clip` for the attributes.

    Parameters
    ----------
    path : Path
    name : str
        For messages.
    raw : RawFormat, optional
        What the frames are, where the file has no head that says so.

    Raises
    ------
    InputError
        Not a video, no frames, or cut short.
    """

    def __init__(self, path: Path, name: str, raw: RawFormat | None = None) -> None:
        self._path, self._name, self._raw_format = path, name, raw
        self._part: _Part | None = None
        self._unspecified: Colorspace | None = None
        with self._open() as container:
            stream = self._video_stream(container)
            self._check_whole(stream)
            if container.format.name == "yuv4mpegpipe":
                # The format cannot name its matrix; what writes it means BT.601.
                self._unspecified = Colorspace.ITU601
            self.time_base = Fraction(stream.time_base or Fraction(1, 1000))
            rate = stream.average_rate or stream.guessed_rate or stream.base_rate
            self.frame_rate = Fraction(rate) if rate else Fraction(25)
            self._stated_count = stream.frames
        first = next(self._decoded(), None)
        if first is None:
            raise InputError(f"{name} has no frames; it is not a video that can be encoded")
        codec, pixel_format, frame, _ = first
        self.height, self.width = frame.shape[:2]
        self.pixel_exact = pixel_format in _EXACT_FORMATS and (
            codec in _LOSSLESS or (codec in _LOSSLESS_IN_RGB and pixel_format == "gbrp")
        )

    @property
    def name(self) -> str:
        return self._name

    @property
    def file_size(self) -> int | None:
        """Of the file in bytes; None for a part of it."""
        return None if self._part else self._path.stat().st_size

    def times(self) -> Iterator[int]:
        """The time stamps of all frames; see `spritecodec.trimmed.Sliceable`."""
        return (time for _, _, time in self._raw())

    def between(self, a: int, b: int, begin: int, end: int | None) -> VideoClip:
        """Frames a to b - 1 as a clip; see `spritecodec.trimmed.TrimmedClip`."""
        if self._part:
            outer = self._part
            end = outer.end if end is None else end + outer.begin
            return outer.whole.between(a + outer.a, b + outer.a, begin + outer.begin, end)
        part = copy.copy(self)
        for known in ("frame_count", "audio"):
            part.__dict__.pop(known, None)
        part._part = _Part(self, a, b, begin, end)
        return part

    @cached_property
    def frame_count(self) -> int | None:
        """As the file's head states or else, when first asked for, counted without decoding.

        A file can hide frames or hold broken ones, so trust what `pieces` yields.
        """
        if self._part:
            return self._part.b - self._part.a
        if self._stated_count:
            return self._stated_count
        with self._open() as container:
            return sum(
                1 for packet in container.demux(self._video_stream(container)) if packet.size
            )

    @cached_property
    def audio(self) -> tuple[AudioStream, ...]:
        """Read when first asked for."""
        if self._part:
            part = self._part
            return trim_audio(part.whole.audio, self.time_base, part.begin, part.end)
        if self._raw_format is not None:
            return ()
        try:
            return read_audio(self._path)
        except av.error.FFmpegError as error:
            raise InputError(f"the audio of {self._name} cannot be read: {error}") from error

    def pieces(self, size: int = 64) -> Iterator[Piece]:
        """See `spritecodec.clip.Clip.pieces`.

        Raises
        ------
        InputError
            A frame is damaged or has another size than the first.
        """
        shape = (size, self.height, self.width, 3)
        frames, pts, count = np.empty(shape, np.uint8), np.empty(size, np.int64), 0
        for _, _, pixels, time in self._decoded():
            if pixels.shape != shape[1:]:
                raise InputError(
                    f"{self._name} changes its frame size midway, from {self.width}x{self.height} "
                    f"to {pixels.shape[1]}x{pixels.shape[0]}; cut it there into two videos"
                )
            frames[count], pts[count] = pixels, time
            count += 1
            if count == size:
                yield Piece(frames, pts)
                # A new array each time: whoever took the last piece may have kept it.
                frames, pts, count = np.empty(shape, np.uint8), np.empty(size, np.int64), 0
        if count:
            yield Piece(frames[:count].copy(), pts[:count].copy())

    def planes(self) -> Iterator[tuple[StoredPlanes, int]]:
        """The planes of every frame as stored, and its timestamp, from the first frame.

        Ends at once where the video is not Y'CbCr, or is shown turned.
        """
        for _, frame, time in self._raw():
            stored = None if "DISPLAYMATRIX" in frame.side_data else stored_planes(frame)
            if stored is None:
                return
            yield stored, time

    def shown(self) -> Iterator[ShownFrame]:
        """Every frame, to be looked at before the next is asked for."""
        convert = RgbConverter(self._unspecified)
        for _, frame, _ in self._raw():
            yield ShownFrame(frame, convert)

    def _decoded(self) -> Iterator[tuple[str, str, NDArray[np.uint8], int]]:
        """Codec, pixel format, RGB pixels and repaired timestamp of every frame."""
        convert = RgbConverter(self._unspecified)
        for codec, frame, time in self._raw():
            yield codec, frame.format.name, convert(frame), time

    def _raw(self) -> Iterator[tuple[str, VideoFrame, int]]:
        """Codec, decoded frame and repaired timestamp of every frame."""
        if self._part is None:
            yield from self._raw_file()
            return
        part = self._part
        for codec, frame, time in itertools.islice(self._raw_file(), part.a, part.b):
            yield codec, frame, time - part.begin

    def _raw_file(self) -> Iterator[tuple[str, VideoFrame, int]]:
        """The same of the whole file."""
        step = max(1, round(1 / (self.frame_rate * self.time_base)))
        count, last = 0, -step
        with self._open() as container:
            stream = self._video_stream(container)
            stream.thread_type = "AUTO"
            codec = stream.codec.canonical_name
            try:
                for packet in container.demux(stream):
                    if packet.is_corrupt:
                        raise InputError(f"{self._name} is cut short after frame {count}")
                    for frame in packet.decode():
                        if frame.is_corrupt:
                            raise InputError(f"{self._name} is damaged at frame {count}")
                        # Time stamps are kept exactly, but must exist and increase.
                        time = last + step if frame.pts is None else frame.pts
                        last = time if not count else max(time, last + 1)
                        count += 1
                        yield codec, frame, last
            except av.error.FFmpegError as error:
                raise InputError(
                    f"{self._name} is damaged at or after frame {count}: {_reason(error)}"
                ) from error

    def _open(self) -> InputContainer:
        try:
            # GIF: keep the delays as stored, however short.
            options = {"min_delay": "0"} if self._path.suffix.lower() == ".gif" else {}
            if self._raw_format is not None:
                return av.open(
                    str(self._path), "r", format="rawvideo", options=self._raw_format.options()
                )
            return av.open(str(self._path), "r", container_options=options)
        except (av.error.FFmpegError, ValueError) as error:
            raise InputError(
                f"{self._name} is not a video that can be read, or it is cut short: "
                f"{_reason(error)}"
            ) from error

    def _video_stream(self, container: InputContainer) -> VideoStream:
        for stream in container.streams.video:
            if not stream.disposition & av.stream.Disposition.attached_pic:
                if stream.codec_context is None:
                    raise InputError(f"{self._name} uses a video codec that is not known")
                return stream
        raise InputError(f"{self._name} has no video in it")

    def _check_whole(self, stream: VideoStream) -> None:
        """Refuse a file whose own index or header says that it was longer."""
        size = self._path.stat().st_size
        if self._raw_format is not None:
            frame_size = self._raw_format.frame_size()
            if frame_size and size % frame_size:
                raise InputError(
                    f"{self._name} has {size:,} bytes, which is no whole number of frames of "
                    f"{frame_size:,} bytes; check size and pixel format"
                )
            return
        end = max((e.pos + e.size for e in stream.index_entries), default=0)
        end = max(end, declared_end(self._path))
        if end > size:
            raise InputError(
                f"{self._name} is cut short: it has {size} bytes, but should have at least {end}"
            )


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
