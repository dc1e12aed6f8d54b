"""One step of a measurement in a process of its own, so that its CPU time and memory are too.

Run as ``python -m spritecodec.analysis.steps STEP SOURCE ...``; prints one JSON object.
`spritecodec.analysis.measure` runs the steps one after another.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import spritecodec
from spritecodec.analysis import coding
from spritecodec.analysis.peers import GIVEN, US, Target, find_peer, parse_target
from spritecodec.analysis.quality import Frame, compare_frames
from spritecodec.analysis.sources import Source, open_source
from spritecodec.errors import SpritecodecError

EXIT_MISSING = 20


def encode(source: Source, codec: str, target: Target, preset: str, file: Path) -> dict[str, Any]:
    """Encode the source into `file`; the resources that took."""
    if codec == US:
        run = spritecodec.encode  # imports what it needs while the clock does not run yet
        usage = _Usage()
        quality: Any = target  # `encode` itself says which it takes
        run(source, file, quality=quality, preset=preset, overwrite=True)
        return usage.figures("encode")
    peer = find_peer(codec)
    usage = _Usage()
    coding.encode(peer, target, source, source.frame_rate, file)
    return usage.figures("encode", child=peer.through == "ffmpeg")


def decode(source: Source, codec: str, file: Path) -> dict[str, Any]:
    """Decode every frame of `file` to RGB; the resources that took."""
    usage = _Usage()
    for _ in decoded_frames(source, codec, file):
        pass
    return usage.figures("decode")


def quality(source: Source, codec: str, file: Path) -> dict[str, Any]:
    """Compare `file` with the source frame by frame; the figures of a row."""
    found = compare_frames(source, decoded_frames(source, codec, file))
    frames, size = len(found.frames), file.stat().st_size
    coded = frames
    if codec == GIVEN:
        with open_source(file) as given:
            coded = given.frame_count or frames
    sizes = frame_sizes(codec, file)
    return {
        "frames": frames,
        "width": source.width,
        "height": source.height,
        "bytes": size,
        "payload_bytes": round(sum(sizes)) if sizes else None,
        "kilobits_per_second": size * 8 / 1000 / float(coded / source.frame_rate),
        "bits_per_pixel": size * 8 / (coded * source.width * source.height),
        "psnr": found.psnr,
        "psnr_mean": found.psnr_mean,
        "psnr_y": found.psnr_y,
        "ssim": found.ssim,
        "ms_ssim": found.ms_ssim,
        "ms_ssim_scales": found.ms_ssim_scales,
        "exact_frames": found.exact_frames,
        "lossless": found.exact_frames == frames,
        "frame_psnr": [round(f.psnr, 3) for f in found.frames],
        "frame_bytes": [round(s, 1) for s in sizes],
    }


def decoded_frames(source: Source, codec: str, file: Path) -> Iterator[Frame]:
    """The frames of a coded file, in order, one in memory."""
    if codec in (US, GIVEN):
        # What is restored from the source is compared with it as large as that.
        with open_source(file, source.limit, "source") as given:
            yield from given
    else:
        yield from coding.decode(find_peer(codec), file, source.height, source.width)


def frame_sizes(codec: str, file: Path) -> list[float]:
    """Bytes a frame, where the file stores them; a .spr file's are spread over each segment."""
    if codec not in (US, GIVEN):
        return [float(size) for size in coding.packet_sizes(find_peer(codec), file)]
    if file.suffix.lower() != ".spr":
        return []
    with spritecodec.open(file) as reader:
        # A segment's bytes include the dictionary and background chunks in front of it.
        ends = [s.chunk.offset + s.chunk.size for s in reader.segments]
        starts = [0, *ends]
        ends[-1:] = [reader.size]
        return [
            (end - start) / segment.frames
            for start, end, segment in zip(starts, ends, reader.segments, strict=False)
            for _ in range(segment.frames)
        ]


class _Usage:
    """Wall and CPU seconds since it was made."""

    def __init__(self) -> None:
        self.cpu, self.wall = _cpu_seconds(), time.perf_counter()

    def figures(self, step: str, child: bool = False) -> dict[str, Any]:
        """`child`: the memory that counts is a child's, not this process's."""
        return {
            f"{step}_seconds": time.perf_counter() - self.wall,
            f"{step}_cpu_seconds": _cpu_seconds() - self.cpu,
            f"{step}_peak_bytes": _peak_bytes(child),
        }


def _cpu_seconds() -> float:
    times = os.times()
    return float(times.user + times.system + times.children_user + times.children_system)


def _peak_bytes(child: bool) -> int | None:
    """Largest resident set in bytes; None where the system does not report it."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    status = Path("/proc/self/status")
    if not child and status.exists():
        # getrusage would also count the process that started this one, up to its exec.
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    who = resource.RUSAGE_CHILDREN if child else resource.RUSAGE_SELF
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(who).ru_maxrss * unit


def main() -> int:
    """Run one step named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m spritecodec.analysis.steps")
    parser.add_argument("step", choices=("encode", "decode", "quality"))
    parser.add_argument("source")
    parser.add_argument("--codec", required=True)
    parser.add_argument("--target", default="lossless")
    parser.add_argument("--preset", default="default")
    parser.add_argument("--frames", type=int)
    parser.add_argument("--file", type=Path, required=True)
    options = parser.parse_args()
    try:
        with open_source(options.source, options.frames) as source:
            if options.step == "encode":
                target = parse_target(options.target)
                figures = encode(source, options.codec, target, options.preset, options.file)
            else:
                step = decode if options.step == "decode" else quality
                figures = step(source, options.codec, options.file)
    except SpritecodecError as error:
        print(json.dumps({"error": str(error)}))
        return EXIT_MISSING if isinstance(error, coding.PeerMissing) else error.exit_code
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
