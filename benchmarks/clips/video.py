"""Clips on disk: lossless RGB H.264 in MP4, whose time base holds any frame rate exactly."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import numpy as np

from benchmarks.clips.spec import Frame


def write_video(path: Path, frames: Iterable[Frame], width: int, height: int, fps: int) -> None:
    """Write frames, each (height, width, 3) uint8 RGB, so that they come back exactly."""
    with av.open(path, "w", format="mp4") as container:
        stream = container.add_stream("libx264rgb", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "rgb24"
        # No B-frames, so that frames are decoded in the order of their time stamps. The
        # pixels do not depend on the number of threads.
        stream.options = {"qp": "0", "preset": "medium", "bf": "0"}
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))


def read_frames(path: Path) -> Iterator[Frame]:
    """The frames of a clip's file, each (height, width, 3) uint8 RGB."""
    with av.open(path) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)


def frames_hash(frames: Iterable[Frame]) -> str:
    """SHA-256 of the raw RGB bytes of all frames in order, in hexadecimal."""
    digest = hashlib.sha256()
    for pixels in frames:
        digest.update(pixels.tobytes())
    return digest.hexdigest()
