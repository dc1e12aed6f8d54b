"""How fast a .spr file decodes, compared with ffmpeg and ZMBV on the same frames.

    python -m benchmarks.decode_speed mario-1-1 space-invaders-1500

writes ``benchmarks/results/decode-speed.json`` and ``.md``. Two things are timed:

- frames a second into RGB arrays in one process, one thread, file opening included;
- whole processes that print one MD5 a frame: ``spritecodec decode``, and ``ffmpeg`` reading
  the ZMBV file. They run in turn, one pair after another, so that other load on the machine
  affects both equally. ffmpeg hashes the same RGB bytes, and the hashes are compared.

The files are those that `rate_distortion` keeps in its cache.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click

import spritecodec
from benchmarks.clips.registry import clip_file, spec_of
from benchmarks.codecs import CACHE, RESULTS
from spritecodec.analysis import rate_distortion
from spritecodec.analysis.measure import ONE_THREAD

NAMES = {"ours": "spritecodec decode X.spr - --format framemd5",
         "ffmpeg": "ffmpeg -i X.zmbv.nut -pix_fmt rgb24 -f framemd5 -"}  # fmt: skip


def coded_files(name: str, preset: str) -> tuple[Path, Path]:
    """Our file and ZMBV's of a clip, from the cache where it has them."""
    table = rate_distortion(
        clip_file(spec_of(name)),
        ("spritecodec", "zmbv"),
        {"spritecodec": ["lossless"]},
        preset=preset,
        jobs=1,
        cache=CACHE,
    )
    for row in table:
        if not row.lossless:
            raise click.ClickException(f"{row.label} is not exact: {row.status} {row.note}")
    return Path(table.find("spritecodec").file), Path(table.find("zmbv").file)


def into_arrays(file: Path) -> float:
    """Frames a second, from opening the file to the last frame's array."""
    began = time.perf_counter()
    with spritecodec.open(file) as reader:
        count = sum(1 for _ in reader)
    return count / (time.perf_counter() - began)


def run(words: list[str]) -> tuple[float, float, list[str]]:
    """Wall and CPU seconds of a process, and the hashes that it prints."""
    # Installed packages are compiled in advance, so let a source tree keep its bytecode too.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    before, began = os.times(), time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
    wall, after = time.perf_counter() - began, os.times()
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    lines = (line for line in done.stdout.splitlines() if not line.startswith("#"))
    return wall, cpu, [line.split(",")[5].strip() for line in lines]


def measure(name: str, preset: str, pairs: int) -> dict[str, Any]:
    """Figures of one clip."""
    ours, zmbv = coded_files(name, preset)
    program = shutil.which("spritecodec", path=str(Path(sys.executable).parent)) or "spritecodec"
    commands = {
        "ours": [program, "decode", str(ours), "-", "--format", "framemd5"],
        "ffmpeg": [
            "ffmpeg", "-v", "error", "-i", str(zmbv), "-pix_fmt", "rgb24", "-f", "framemd5", "-",
        ],
    }  # fmt: skip
    wall: dict[str, list[float]] = {who: [] for who in commands}
    cpu: dict[str, list[float]] = {who: [] for who in commands}
    run(commands["ours"])  # compiles the bytecode
    for _ in range(pairs):
        hashes = []
        for who, words in commands.items():
            seconds, busy, found = run(words)
            wall[who].append(seconds)
            cpu[who].append(busy)
            hashes.append(found)
        if hashes[0] != hashes[1]:
            raise AssertionError(f"the frames of {ours} and {zmbv} differ")
    return {
        "frames": spec_of(name).frames,
        "preset": preset,
        "frames_per_second": [into_arrays(ours) for _ in range(pairs)],
        "wall_seconds": wall,
        "cpu_seconds": cpu,
        "load_average": os.getloadavg()[0],
        "processors": os.cpu_count(),
        "python": platform.python_version(),
    }


def markdown(results: dict[str, Any]) -> str:
    """The table as Markdown; medians of the pairs."""
    lines = [
        "# Decoding speed",
        "",
        "Made by `python -m benchmarks.decode_speed " + " ".join(results) + "`. Medians.",
        "*Into arrays*: RGB frames a second in one process with one thread. The other columns",
        "are whole processes that print an MD5 of every frame, start of the interpreter",
        "included, run in turn with ffmpeg on the ZMBV file of the same frames:",
        "",
        *(f"- {who}: `{command}`" for who, command in NAMES.items()),
        "",
        "Wall seconds on a machine that does other work (see the load) say little; seconds of",
        "processor time are less disturbed.",
        "",
        "| clip | frames | into arrays, frames/s | ours, wall s | ffmpeg, wall s "
        "| ours, CPU s | ffmpeg, CPU s | pairs | load, processors |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, r in results.items():
        seconds = [
            statistics.median(r[kind][who])
            for kind in ("wall_seconds", "cpu_seconds")
            for who in NAMES
        ]
        cells = [name, f"{r['frames']:,}", f"{statistics.median(r['frames_per_second']):,.0f}"]
        cells += [f"{s:.2f}" for s in seconds]
        cells += [str(len(r["frames_per_second"])), f"{r['load_average']:.1f}, {r['processors']}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="CLIP...")
@click.option("--preset", default="fast", show_default=True, help="Of our encoder.")
@click.option("--pairs", type=click.IntRange(1), default=5, show_default=True)
def main(names: tuple[str, ...], preset: str, pairs: int) -> None:
    """Time the decoding of CLIPs."""
    os.environ.update(ONE_THREAD)
    results = {name: measure(name, preset, pairs) for name in names}
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / "decode-speed.json"
    file.write_text(json.dumps(results, indent=1) + "\n")
    file.with_suffix(".md").write_text(markdown(results))
    click.echo(markdown(results))


if __name__ == "__main__":
    main()
