"""Fuzz the reader and the encoder for hours; the tests do it for a minute.

    python -m benchmarks.fuzz --minutes 60              # a part for each kind of case
    python -m benchmarks.fuzz --minutes 60 --kind stream

continues with the seeds that follow those in ``benchmarks/results/fuzz.json``, and writes that and
``fuzz.md``. Cases that go wrong are shrunk and listed; `tests.fuzz.mutate.make_case` makes each
again from its kind, seed and number of changes.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from benchmarks.codecs import RESULTS
from tests.fuzz.judge import judge
from tests.fuzz.mutate import KINDS, make_case, shrink

RECORD = RESULTS / "fuzz.json"
ENCODE = "encode"
SHARES = {"plain": 3.0, "bit flip": 0.3, "truncation": 0.3, ENCODE: 6.0}
BATCH = 20  # encodes of one process


def nothing() -> dict[str, Any]:
    """What no case has found."""
    return {"cases": 0, "accepted": 0, "faults": [], "slowest": 0.0, "peak_mb": 0.0}


def fuzz_reading(kind: str, first: int, seconds: float) -> dict[str, Any]:
    """Read the cases of a kind from a seed on."""
    began, found = time.monotonic(), nothing()
    while time.monotonic() - began < seconds:
        case = make_case(kind, first + found["cases"])
        start = time.perf_counter()
        verdict, fault = judge(case)
        found["slowest"] = max(found["slowest"], time.perf_counter() - start)
        found["cases"] += 1
        found["accepted"] += verdict == "accepted"
        if fault is not None:
            least = shrink(case, lambda c: judge(c)[1] is not None)
            found["faults"].append([case.seed, least.changes, fault])
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found


def fuzz_encoding(first: int, seconds: float) -> dict[str, Any]:
    """Encode clips from a seed on, with compiled code that checks its indices."""
    began, found = time.monotonic(), nothing()
    cache = Path(tempfile.gettempdir(), f"spritecodec-boundscheck-{os.getuid()}")
    environment = os.environ | {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(cache)}
    while time.monotonic() - began < seconds:
        words = [
            sys.executable,
            "-m",
            "tests.fuzz.encoding",
            str(first + found["cases"]),
            str(BATCH),
        ]
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
        *wrong, last = done.stdout.splitlines() or [""]
        if done.returncode or not last.endswith("encoded"):
            wrong.append(f"the process ended with {done.returncode}: {done.stderr[-300:]}")
        found["faults"] += [[first + found["cases"], BATCH, line] for line in wrong]
        found["cases"] += BATCH
        found["accepted"] += BATCH - len(wrong)
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return found


def merge(before: dict[str, Any] | None, new: dict[str, Any]) -> dict[str, Any]:
    """What two runs found together."""
    if before is None:
        return new
    return {
        "cases": before["cases"] + new["cases"],
        "accepted": before["accepted"] + new["accepted"],
        "faults": before["faults"] + new["faults"],
        "slowest": max(before["slowest"], new["slowest"]),
        "peak_mb": max(before["peak_mb"], new["peak_mb"]),
    }


def markdown(record: dict[str, Any]) -> str:
    """The record for people."""
    lines = [
        "# Fuzzing",
        "",
        "Cases by kind. The first three change bytes of a sound file. In the others every checksum",
        "is repaired; `verify`, Pillow and the decoder written from the specification must agree.",
        "*Encode* encodes small clips with checks of every index, and compares what comes back.",
        "Seconds and memory are of one case in all ways of reading, and of a whole process.",
        "",
        "| kind | cases | accepted | faults | slowest, s | peak, MB |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for kind, found in record.items():
        figures = [f"{found['cases']:,}", f"{found['accepted']:,}", str(len(found["faults"]))]
        figures += [
            f"{found['slowest']:.2f}" if found["slowest"] else "",
            f"{found['peak_mb']:.0f}",
        ]
        lines.append(f"| {kind} | " + " | ".join(figures) + " |")
    faults = [(kind, *fault) for kind, found in record.items() for fault in found["faults"]]
    if faults:
        lines += ["", "Faults, with seed and number of changes:", ""]
        lines += [f"- {kind} {seed}, {changes}: {words}" for kind, seed, changes, words in faults]
    return "\n".join(lines) + "\n"


@click.command()
@click.option("--minutes", type=click.FloatRange(0, min_open=True), default=10.0, show_default=True)
@click.option("--kind", type=click.Choice([*KINDS, ENCODE]), multiple=True, help="All by default.")
@click.option("--record", "record_file", type=click.Path(path_type=Path), default=RECORD)
def main(minutes: float, kind: tuple[str, ...], record_file: Path) -> None:
    """Fuzz for so many minutes, and add what was found to the results."""
    kinds = kind or (*KINDS, ENCODE)
    share = 60 * minutes / sum(SHARES.get(k, 1.0) for k in kinds)
    record: dict[str, Any] = json.loads(record_file.read_text()) if record_file.exists() else {}
    for name in kinds:
        first = record.get(name, {}).get("cases", 0)
        seconds = share * SHARES.get(name, 1.0)
        new = (
            fuzz_encoding(first, seconds) if name == ENCODE else fuzz_reading(name, first, seconds)
        )
        record[name] = merge(record.get(name), new)
        ordered = {k: record[k] for k in (*KINDS, ENCODE) if k in record}
        record_file.write_text(json.dumps(ordered, indent=1) + "\n")
        record_file.with_suffix(".md").write_text(markdown(ordered))
        click.echo(f"{name}: {new['cases']:,} cases, {len(new['faults'])} faults", err=True)


if __name__ == "__main__":
    main()
