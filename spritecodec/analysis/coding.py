"""Run a peer's encoder and decoder on a stream of RGB frames, a few frames in memory."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.filter
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spritecodec.analysis.peers import (
    FROM_YUV,
    TO_YUV,
    US,
    Peer,
    Target,
    ffmpeg_arguments,
    find_peer,
)
from spritecodec.analysis.sources import Source
from spritecodec.errors import SpritecodecError

Frame = NDArray[np.uint8]

# Animated WebP counts in milliseconds and merges equal frames; at a fixed 10 ms a frame
# the durations say how often a picture is shown.
WEBP_MILLISECONDS = 10


class PeerMissing(SpritecodecError):
    """The encoder is not on this machine."""


class PeerFailed(SpritecodecError):
    """The encoder or decoder ran and did not do its work."""


def encode(peer: Peer, target: Target, frames: Iterable[Frame], rate: Fraction, path: Path) -> None:
    """Encode RGB frames of one shape, read one after another, to `path`.

    Parameters
    ----------
    frames : iterable of ndarray, each shape (h, w, 3), uint8
        Iterated once, or twice where the peer needs a palette first.
    rate : Fraction
        Frames per second.

    Raises
    ------
    PeerMissing
        The encoder is not installed.
    PeerFailed
        The encoder gave up.
    """
    try:
        {"pyav": _encode_pyav, "ffmpeg": _encode_ffmpeg, "pillow": _encode_pillow}[peer.through](
            peer, target, frames, rate, path
        )
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise PeerFailed(f"{peer.name} could not encode: {error}") from error


def decode(peer: Peer, path: Path, height: int, width: int) -> Iterator[Frame]:
    """The RGB frames of a file that `encode` wrote, cut to the given size.

    Raises
    ------
    PeerFailed
        The file cannot be decoded.
    """
    try:
        pictures = _decode_pillow(path) if peer.through == "pillow" else _decode_pyav(peer, path)
        for picture in pictures:
            yield picture[:height, :width]
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise PeerFailed(f"{peer.name} could not decode its file: {error}") from error


def packet_sizes(peer: Peer, path: Path) -> list[int]:
    """Bytes of each coded frame in order of presentation, without the container's own.

    Empty where the container does not store them (animated WebP).
    """
    if peer.through == "pillow":
        return []
    with av.open(str(path)) as file:
        packets = [(p.pts, p.size) for p in file.demux(video=0) if p.size and p.pts is not None]
    return [size for _, size in sorted(packets)]


def _graph(frame_format: str, width: int, height: int, chain: str, out: str) -> av.filter.Graph:
    """A filter graph from one picture format to another, through `chain`."""
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=width, height=height, format=av.VideoFormat(frame_format), time_base=Fraction(1, 1000)
    )
    last: Any = source
    for step in (chain, f"format={out}"):
        name, _, arguments = step.partition("=")
        node = graph.add(name, arguments)
        last.link_to(node)
        last = node
    last.link_to(graph.add("buffersink"))
    graph.configure()
    return graph


def _encode_pyav(
    peer: Peer, target: Target, frames: Iterable[Frame], rate: Fraction, path: Path
) -> None:
    try:
        av.Codec(peer.encoder, "w")
    except av.codec.codec.UnknownCodecError as error:
        raise PeerMissing(f"this PyAV has no encoder {peer.encoder}") from error
    palette = _palette(peer, frames) if peer.pixel_format == "pal8" else None
    with av.open(str(path), "w") as file:
        stream: Any = None
        convert: Any = None
        for index, pixels in enumerate(frames):
            pixels = _even(peer, pixels)
            if stream is None:
                height, width = pixels.shape[:2]
                stream = file.add_stream(peer.encoder, rate=rate, options=peer.options_for(target))
                stream.width, stream.height = width, height
                stream.pix_fmt = peer.pixel_format
                stream.time_base = stream.codec_context.time_base = 1 / rate
                stream.codec_context.thread_count = 1
                if peer.is_yuv:
                    stream.codec_context.color_range = 2  # full
                    stream.codec_context.colorspace = 1  # BT.709
                    convert = _graph("rgb24", width, height, TO_YUV, peer.pixel_format)
                elif palette is None:
                    convert = _graph("rgb24", width, height, "null", peer.pixel_format)
            if palette is not None:
                frame = _paletted(pixels, *palette)
            else:
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24")
                convert.push(frame)
                frame = convert.pull()
            frame.pts, frame.time_base = index, 1 / rate
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


def _even(peer: Peer, pixels: Frame) -> Frame:
    """4:2:0 needs even sides: repeat the last row or column; `decode` cuts it off again."""
    if peer.pixel_format != "yuv420p":
        return pixels
    return np.pad(pixels, ((0, pixels.shape[0] % 2), (0, pixels.shape[1] % 2), (0, 0)), "edge")


def _packed(pixels: Frame) -> NDArray[np.uint32]:
    wide = pixels.astype(np.uint32)
    packed: NDArray[np.uint32] = wide @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    return packed


def _palette(peer: Peer, frames: Iterable[Frame]) -> tuple[NDArray[np.uint32], Frame]:
    """The clip's colours as sorted 24-bit numbers and as 256 rows of ARGB for FFmpeg."""
    seen = np.zeros(1 << 24, bool)
    for pixels in frames:
        seen[_packed(pixels)] = True
    colours = np.flatnonzero(seen).astype(np.uint32)
    if len(colours) > 256:
        raise PeerFailed(f"{peer.name} holds 256 colours and the clip has {len(colours)}")
    table = np.zeros((256, 4), np.uint8)
    # GIF needs a transparent entry to leave pixels as they were; with one, FFmpeg's APNG
    # encoder leaves pixels that it must not.
    table[: len(colours) if peer.encoder == "gif" else 256, 0] = 255
    for channel, shift in ((1, 16), (2, 8), (3, 0)):
        table[: len(colours), channel] = colours >> shift & 255
    return colours, table


def _paletted(pixels: Frame, colours: NDArray[np.uint32], table: Frame) -> av.VideoFrame:
    indices = np.searchsorted(colours, _packed(pixels)).astype(np.uint8)
    return av.VideoFrame.from_ndarray((indices, table), format="pal8")  # type: ignore[arg-type]


def _decode_pyav(peer: Peer, path: Path) -> Iterator[Frame]:
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        stream.codec_context.thread_count = 1
        graph: Any = None
        for frame in file.decode(stream):
            if graph is None:
                chain = FROM_YUV if peer.is_yuv else "null"
                graph = _graph(frame.format.name, frame.width, frame.height, chain, "rgb24")
            graph.push(frame)
            yield graph.pull().to_ndarray()


def _encode_ffmpeg(
    peer: Peer, target: Target, frames: Iterable[Frame], rate: Fraction, path: Path
) -> None:
    if shutil.which("ffmpeg") is None:
        raise PeerMissing("there is no ffmpeg executable on the path")
    encoders = subprocess.run(
        ["ffmpeg", "-v", "error", "-encoders"], capture_output=True, text=True, check=True
    ).stdout
    if peer.encoder not in encoders.split():
        raise PeerMissing(f"the ffmpeg executable has no encoder {peer.encoder}")
    process: subprocess.Popen[bytes] | None = None
    try:
        for pixels in frames:
            pixels = _even(peer, pixels)
            if process is None:
                height, width = pixels.shape[:2]
                words = ffmpeg_arguments(peer, target, width, height, str(rate), str(path))
                process = subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
            assert process.stdin is not None
            process.stdin.write(pixels.tobytes())
    except BrokenPipeError:
        pass  # ffmpeg ended early; its own words follow
    assert process is not None
    _, complaint = process.communicate()
    if process.returncode:
        text = complaint.decode(errors="replace").strip().splitlines()
        raise PeerFailed(f"ffmpeg gave up: {text[-1] if text else process.returncode}")


def _encode_pillow(
    peer: Peer, target: Target, frames: Iterable[Frame], rate: Fraction, path: Path
) -> None:
    options = peer.options_for(target)
    pictures = (Image.fromarray(pixels) for pixels in frames)
    first = next(pictures)
    first.save(
        path,
        format="WEBP",
        save_all=True,
        append_images=pictures,
        duration=WEBP_MILLISECONDS,
        kmax=9999,
        lossless="lossless" in options,
        quality=float(options["quality"]),
        method=int(options["method"]),
    )


def _decode_pillow(path: Path) -> Iterator[Frame]:
    with Image.open(path) as animation:
        for index in range(getattr(animation, "n_frames", 1)):
            animation.seek(index)
            pixels = np.asarray(animation.convert("RGB"))
            for _ in range(max(1, round(animation.info["duration"] / WEBP_MILLISECONDS))):
                yield pixels


def extension(codec: str) -> str:
    """The file name ending of a codec's files, with its dot."""
    return ".spr" if codec == US else f".{find_peer(codec).container}"


def encode_command(peer: Peer, target: Target, source: Source) -> list[str]:
    """The peer's settings as an ffmpeg command; empty where ffmpeg does not do the same."""
    if peer.through == "pillow" or peer.pixel_format == "pal8":
        return []
    width, height = source.width, source.height
    if peer.pixel_format == "yuv420p":
        width, height = width + width % 2, height + height % 2
    rate = str(source.frame_rate)
    return ffmpeg_arguments(peer, target, width, height, rate, f"out.{peer.container}")
