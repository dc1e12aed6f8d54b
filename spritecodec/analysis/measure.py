"""Measure one codec at one target: encode, decode, compare, each in its own process.

    python -m spritecodec.analysis.measure clip.mkv --codec x264-444 --target 18

prints the row as JSON. `rate_distortion` runs exactly this command for every row, so a row
can be repeated by hand.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spritecodec.analysis.coding import encode_command, extension
from spritecodec.analysis.commands import (
    AS_GIVEN,
    command_line,
    given_arguments,
    measure_arguments,
    settings,
)
from spritecodec.analysis.peers import GIVEN, PEERS, US, find_peer, parse_target
from spritecodec.analysis.sources import open_source
from spritecodec.analysis.steps import EXIT_MISSING
from spritecodec.analysis.table import Row
from spritecodec.formats.atomic import temporary

LOSSLESS = {peer.name for peer in PEERS if peer.lossless}

# One thread for all: sizes do not depend on the machine, and CPU seconds are comparable.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "SVT_LOG": "1",
}


def measure(
    source: str, codec: str, target: str, frames: int | None, preset: str, keep: Path | None
) -> Row:
    """One row; a codec that is missing or fails is a row that says so.

    Parameters
    ----------
    source : str
        Any video that `spritecodec.open_clip` reads, or a .spr file.
    codec, target : str
        A name of `codec_names`, and a target on that codec's scale.
    frames : int or None
        Measure the first so many frames only.
    preset : str
        Our own encoder's preset; other codecs have theirs in the table of peers.
    keep : Path or None
        Where to leave the coded file.

    Raises
    ------
    InputError
        The source cannot be read (where the codec is not ours; then the row says so).
    SettingsError
        There is no such codec.
    """
    values: dict[str, Any] = {"codec": codec, "target": target}
    values["settings"] = settings(codec, target, preset)
    values["command"] = command_line(measure_arguments(source, codec, target, frames, preset))
    if codec != US:
        with open_source(source) as clip:
            words = encode_command(find_peer(codec), parse_target(target), clip)
        values["ffmpeg"] = shlex.join(words)
    with temporary("nothing can be measured", folder=True) as folder:
        file = keep or folder.path / f"coded{extension(codec)}"
        steps = ("encode", "decode", "quality")
        values.update(_steps(steps, source, codec, target, frames, preset, file))
    if values.get("lossless") is False and (target == "lossless" or codec in LOSSLESS):
        differing = values["frames"] - values["exact_frames"]
        note = f"should be lossless, but {differing} of {values['frames']} frames differ"
        values.update(status="failed", note=note)
    return Row.from_dict({**values, "file": str(keep or "")})


def measure_given(source: str, file: Path, frames: int | None) -> Row:
    """One row of a file that was coded elsewhere: any video, or a .spr file.

    Parameters
    ----------
    source : str
        What the file was made from.
    file : Path
        Its name is the row's codec.
    frames : int or None
        Compare the first so many frames only; the bytes are still the whole file's.
    """
    values: dict[str, Any] = {"codec": file.name, "target": AS_GIVEN}
    values["command"] = command_line(given_arguments(source, str(file), frames))
    values.update(_steps(("decode", "quality"), source, GIVEN, "lossless", frames, "", file))
    return Row.from_dict({**values, "file": str(file)})


def _steps(
    steps: Sequence[str],
    source: str,
    codec: str,
    target: str,
    frames: int | None,
    preset: str,
    file: Path,
) -> dict[str, Any]:
    """Run steps one after another; what they found, or at which one it ended and why."""
    words = ["--codec", codec, "--target", target, "--preset", preset, "--file", str(file)]
    if frames is not None:
        words += ["--frames", str(frames)]
    values: dict[str, Any] = {}
    for step in steps:
        status, found = _run_step(step, source, words)
        if status == EXIT_MISSING:
            return {**values, "status": "missing", "note": found["error"]}
        if status:
            return {**values, "status": "failed", "note": f"{step}: {found['error']}"}
        values.update(found)
    return values


def _run_step(step: str, source: str, words: list[str]) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "spritecodec.analysis.steps", step, source, *words],
        capture_output=True,
        text=True,
        errors="replace",
        env={**os.environ, **ONE_THREAD},
    )
    try:
        found = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        last = done.stderr.strip().splitlines()[-1:] or [f"ended with status {done.returncode}"]
        return done.returncode or 1, {"error": last[0]}
    return done.returncode, found


def main() -> None:
    """Measure what the command line names and print the row."""
    parser = argparse.ArgumentParser(
        prog="python -m spritecodec.analysis.measure",
        description="Encode, decode and compare a clip with one codec; print the row as JSON.",
    )
    parser.add_argument("source", help="a video, a folder of pictures or a .spr file")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--codec")
    what.add_argument("--given", type=Path, help="compare this coded file instead of encoding")
    parser.add_argument("--target", default="lossless", help="on the codec's own scale")
    parser.add_argument("--frames", type=int, help="only the first so many frames")
    parser.add_argument("--preset", default="default", help="of spritecodec itself")
    parser.add_argument("--keep", type=Path, help="where to leave the coded file")
    o = parser.parse_args()
    # Leaving by an exception stops the step that runs, and removes its file.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if o.given:
        row = measure_given(o.source, o.given, o.frames)
    else:
        row = measure(o.source, o.codec, o.target, o.frames, o.preset, o.keep)
    print(json.dumps(row.to_dict(), allow_nan=False))


if __name__ == "__main__":
    main()
