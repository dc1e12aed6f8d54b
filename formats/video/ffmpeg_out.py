"""Outputs that FFmpeg writes: mp4, mov, mkv, webm, nut, GIF, APNG, WebP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av import VideoFrame
from av.video.reformatter import Colorspace, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image

from spritecodec.clip import AudioStream
from spritecodec.formats.video.audio import AudioMuxer, can_hold
from spritecodec.formats.video.gif_palette import GifPalettes
from spritecodec.formats.video.sinks import WITH_AUDIO, VideoInfo
from spritecodec.formats.video.y4m import to_yuv

_BT709 = 1  # ITU-T H.273: the number of BT.709 as primaries, transfer and matrix
_LIMITED = 1  # FFmpeg's number of the 16-235 range


@dataclass(frozen=True)
class Encoding:
    """How a container's picture is coded.

    Attributes
    ----------
    container, codec, pixel_format : str
        FFmpeg's names.
    options : dict
        Of the codec.
    container_options : dict
        Of the container.
    time_base : Fraction or None
        The only one that the format knows; None where it takes any.
    even : bool
        Width and height must be even.
    """

    container: str
    codec: str
    pixel_format: str
    options: dict[str, str] = field(default_factory=dict)
    container_options: dict[str, str] = field(default_factory=dict)
    time_base: Fraction | None = None
    even: bool = False


_FASTSTART = {"movflags": "+faststart"}
_H264 = {"crf": "12", "preset": "medium"}
_H264_RGB = {"qp": "0", "preset": "medium"}
_VP9 = {"crf": "15", "b": "0", "row-mt": "1", "cpu-used": "3"}
_VP9_RGB = {"lossless": "1", "row-mt": "1", "cpu-used": "3"}

# Format: (by default, lossless).
ENCODINGS = {
    "mp4": (
        Encoding("mp4", "libx264", "yuv420p", _H264, _FASTSTART, even=True),
        Encoding("mp4", "libx264rgb", "rgb24", _H264_RGB, _FASTSTART),
    ),
    "mov": (
        Encoding("mov", "libx264", "yuv420p", _H264, _FASTSTART, even=True),
        Encoding("mov", "libx264rgb", "rgb24", _H264_RGB, _FASTSTART),
    ),
    "mkv": (
        Encoding("matroska", "libx264", "yuv420p", _H264, even=True),
        Encoding("matroska", "libx264rgb", "rgb24", _H264_RGB),
    ),
    "webm": (
        Encoding("webm", "libvpx-vp9", "yuv420p", _VP9),
        Encoding("webm", "libvpx-vp9", "gbrp", _VP9_RGB),
    ),
    "nut": (Encoding("nut", "rawvideo", "rgb24"),) * 2,
    "gif": (Encoding("gif", "gif", "pal8", time_base=Fraction(1, 100)),) * 2,
    "apng": (
        Encoding(
            "apng",
            "apng",
            "rgb24",
        ),
    )
    * 2,
    "webp": (
        Encoding("webp", "libwebp_anim", "bgra", {"lossless": "1"}, time_base=Fraction(1, 1000)),
    )
    * 2,
}


def _loop_option(format: str, plays: int) -> dict[str, str]:
    """FFmpeg's option for how often something is played; GIF counts from the second time on."""
    if format == "gif":
        return {"loop": "-1" if plays == 1 else str(max(plays - 1, 0))}
    name = {"apng": "plays", "webp": "loop"}.get(format)
    return {name: str(plays)} if name else {}


# FFmpeg's numbers for "no time" and for the largest time are at the ends of 64 bits.
MAX_TICKS = (1 << 62) - 1

# GIF viewers show delays below two hundredths of a second as ten.
_GIF_MIN_TICKS = 2


class ContainerSink:
    """Encodes frames and puts them, with the audio, into a container.

    Parameters
    ----------
    path : Path or str
        A file, or a protocol of FFmpeg's such as ``pipe:3``.
    format : str
        A key of `ENCODINGS`.
    video : VideoInfo
    lossless : bool
    audio : sequence of AudioStream
        Ignored by formats that hold pictures alone.

    Raises
    ------
    OSError, ValueError, av.error.FFmpegError
        The file cannot be written.
    """

    def __init__(
        self,
        path: Path | str,
        format: str,
        video: VideoInfo,
        lossless: bool,
        audio: Sequence[AudioStream],
    ) -> None:
        width, height, time_base = video.width, video.height, video.time_base
        self.notes: list[str] = []
        self._how = how = ENCODINGS[format][lossless]
        self._lossless = lossless
        self._pad = (height % 2, width % 2) if how.even else (0, 0)
        if any(self._pad):
            self.notes.append(
                f"{format} needs even sizes: {width}x{height} was padded to "
                f"{width + self._pad[1]}x{height + self._pad[0]}; lossless keeps the size"
            )
        self._given, self._time_base = time_base, how.time_base or time_base
        self._last: int | None = None
        self._dropped = self._quantised = 0
        self._reformatter, self._palettes = VideoReformatter(), GifPalettes()
        options = dict(how.container_options) | _loop_option(format, video.loop)
        if how.container in ("mp4", "mov"):
            # The start of the first frame is kept in ticks of this; the default is milliseconds.
            den = time_base.denominator
            options["movie_timescale"] = str(den * -(-10_000 // den))
        self._container = av.open(str(path), "w", format=how.container, container_options=options)
        self._stream = self._add_video(
            width + self._pad[1], height + self._pad[0], video.frame_rate
        )
        self._audio: list[AudioMuxer] = []
        for stream in audio if format in WITH_AUDIO else ():
            if can_hold(how.container, stream):
                self._audio.append(AudioMuxer(self._container, stream))
            else:
                other = "it may be damaged" if format in ("mkv", "nut") else "mkv may"
                self.notes.append(
                    f"the {stream.codec or 'nameless'} audio is left out, because {format} cannot "
                    f"hold it; {other}"
                )
        self._container.start_encoding()

    def _add_video(self, width: int, height: int, frame_rate: Fraction) -> VideoStream:
        how = self._how
        stream = self._container.add_stream(
            how.codec, rate=frame_rate, options=dict(how.options), width=width, height=height
        )
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.pix_fmt = how.pixel_format
        context.time_base = self._time_base
        stream.time_base = self._time_base
        if how.pixel_format == "yuv420p":
            context.colorspace = context.color_primaries = context.color_trc = _BT709
            context.color_range = _LIMITED
        return stream

    def put(self, frame: NDArray[np.uint8], pts: int, duration: int) -> None:
        start, end = self._ticks(pts), self._ticks(pts + duration)
        if self._last is not None and start - self._last < self._min_ticks:
            self._dropped += 1
            return
        self._last = start
        for muxer in self._audio:
            self._container.mux(list(muxer.packets_until(start * self._time_base)))
        picture = self._picture(frame)
        picture.pts, picture.time_base = start, self._time_base
        picture.duration = max(end - start, self._min_ticks)
        self._container.mux(self._stream.encode(picture))

    @property
    def _min_ticks(self) -> int:
        return _GIF_MIN_TICKS if self._how.codec == "gif" else 1

    def _ticks(self, pts: int) -> int:
        ticks = round(pts * self._given / self._time_base)
        if abs(ticks) > MAX_TICKS:
            raise ValueError(f"{self._how.container} cannot say a time that large")
        return ticks

    def _picture(self, frame: NDArray[np.uint8]) -> VideoFrame:
        if any(self._pad):
            frame = np.pad(frame, ((0, self._pad[0]), (0, self._pad[1]), (0, 0)), mode="edge")
        frame = np.ascontiguousarray(frame)
        pixel_format = self._how.pixel_format
        if pixel_format == "yuv420p":
            return to_yuv(self._reformatter, frame, pixel_format, Colorspace.ITU709)
        if pixel_format == "pal8":
            return self._palette_picture(frame)
        picture = VideoFrame.from_ndarray(frame, "rgb24")
        return self._reformatter.reformat(picture, format=pixel_format, threads=1)

    def _palette_picture(self, frame: NDArray[np.uint8]) -> VideoFrame:
        indexed = self._palettes.apply(frame)
        if indexed is None:
            if self._lossless:
                raise ValueError("a frame has more than 256 colours, which gif cannot hold")
            self._quantised += 1
            reduced = Image.fromarray(frame).quantize(256, dither=Image.Dither.NONE)
            indexed = self._palettes.apply(np.asarray(reduced.convert("RGB")))
            assert indexed is not None
        return VideoFrame.from_ndarray(indexed, "pal8")  # type: ignore[arg-type]

    def finish(self) -> None:
        for muxer in self._audio:
            self._container.mux(list(muxer.packets_until(None)))
        self._container.mux(self._stream.encode(None))
        self._container.close()
        if self._dropped:
            self.notes.append(
                f"{self._dropped} frames were left out, because {self._how.container} cannot "
                "show frames that close together"
            )
        if self._quantised:
            self.notes.append(
                f"{self._quantised} frames have more than 256 colours and were reduced to 256; "
                "apng keeps them all"
            )

    def abandon(self) -> None:
        self._container.close()
