"""Tiny videos for the tests of video input and output, made with PyAV itself."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from spritecodec.clip import AudioStream, Clip
from spritecodec.formats.video.video_in import open_clip

Frames = NDArray[np.uint8]


def few_colours(count: int, height: int, width: int, seed: int = 0) -> Frames:
    """Random pixels of 16 random colours: exact in a palette, hard for everything lossy."""
    rng = np.random.default_rng(seed)
    palette = rng.integers(0, 256, (16, 3), dtype=np.uint8)
    return palette[rng.integers(0, 16, (count, height, width))]


def read_all(source: str | Path, piece: int = 4) -> tuple[Clip, Frames, NDArray[np.int64]]:
    clip = open_clip(source)
    pieces = list(clip.pieces(piece))
    assert all(1 <= len(p.frames) == len(p.pts) <= piece for p in pieces)
    return clip, np.concatenate([p.frames for p in pieces]), np.concatenate([p.pts for p in pieces])


def make_video(
    path: Path,
    frames: Frames,
    codec: str = "ffv1",
    pixel_format: str = "bgr0",
    options: dict[str, str] | None = None,
    pts: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 1000),
    rotation: tuple[int, bool, bool] | None = None,
) -> Path:
    """Write RGB frames with a codec of one's choice; 40 ms a frame unless `pts` say else."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25, options=options or {})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixel_format
        stream.codec_context.time_base = time_base
        if rotation:
            stream.set_display_rotation(rotation[0], hflip=rotation[1], vflip=rotation[2])
        for i, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, "rgb24").reformat(format=pixel_format)
            picture.pts = pts[i] if pts else round(i / 25 / time_base)
            picture.time_base = time_base
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def make_planes(
    path: Path, planes: Sequence[Frames], matrix: int, limited: bool, pixel_format: str
) -> Path:
    """Write one frame of given Y', Cb, Cr planes, losslessly, with its colour tags."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=25)
        stream.height, stream.width = planes[0].shape
        stream.pix_fmt = pixel_format
        stream.codec_context.colorspace = matrix
        stream.codec_context.color_range = 1 if limited else 2
        picture = av.VideoFrame(stream.width, stream.height, pixel_format)
        for plane, values in zip(picture.planes, planes, strict=True):
            rows = np.zeros((plane.height, plane.line_size), np.uint8)
            rows[:, : plane.width] = values[: plane.height, : plane.width]
            plane.update(rows.tobytes())
        picture.colorspace, picture.color_range = matrix, 1 if limited else 2
        container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def make_audio(path: Path, codec: str, seconds: float = 0.3) -> Path:
    """Write a stereo tone and nothing else."""
    rate = 48000
    wave = (np.sin(np.arange(int(rate * seconds)) / 20) * 0.3).astype(np.float32)
    tone = av.AudioFrame.from_ndarray(np.stack([wave, -wave]), "fltp", "stereo")
    tone.sample_rate, tone.pts, tone.time_base = rate, 0, Fraction(1, rate)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=rate)
        stream.codec_context.layout = "stereo"
        container.mux(stream.encode(tone))
        container.mux(stream.encode(None))
    return path


def kept_audio(folder: Path, codec: str) -> AudioStream:
    """An AudioStream of a freshly encoded tone, as the reader keeps it."""
    from spritecodec.formats.video.audio import read_audio

    return read_audio(make_audio(folder / f"{codec}.mkv", codec))[0]
