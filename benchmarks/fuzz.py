"""Fuzz the reader and the encoder for hours; the tests do it for a minute.

    python -m benchmarks.fuzz --minutes 60              # a part for each kind of case
    python -m benchmarks.fuzz --minutes 60 --kind stream
    python -m benchmarks.fuzz --minutes 600 --kind stream --until 60000   # stops at that count
    python -m benchmarks.fuzz --mended                  # forget the faults that no longer occur

continues with the seeds that follow those in ``benchmarks/results/fuzz.json``, and writes that and
``fuzz.md`` every minute, so it may be stopped at any time. Several may run at once, each for other
kinds. Cases that go wrong are shrunk and listed; `tests.fuzz.mutate.make_case` makes each again
from its kind, seed and number of changes.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from benchmarks.codecs import RESULTS
from tests.fuzz.judge import judge
from tests.fuzz.mutate import KINDS, make_case, shrink

RECORD = RESULTS / "fuzz.json"
ENCODE = "encode"
SHARES = {"plain": 3.0, "bit flip": 0.3, "truncation": 0.3, ENCODE: 6.0}
BATCH = 200  # encodes of one process
ROUND_SECONDS = 60.0


def nothing() -> dict[str, Any]:
    """What no case has found."""
    return {
        "cases": 0,
        "accepted": 0,
        "faults": [],
        "mended": 0,
        "slowest": 0.0,
        "peak_mb": 0.0,
    }


def fuzz_reading(kind: str, first: int, most: int, seconds: float) -> dict[str, Any]:
    """Read the cases of a kind from a seed on, at most so many."""
    began, found = time.monotonic(), nothing()
    while time.monotonic() - began < seconds and found["cases"] < most:
        case = make_case(kind, first + found["cases"])
        start = time.process_time()
        verdict, fault = judge(case)
        found["slowest"] = max(found["slowest"], time.process_time() - start)
        found["cases"] += 1
        found["accepted"] += verdict == "accepted"
        if fault is not None:
            least = shrink(case, lambda c: judge(c)[1] is not None)
            found["faults"].append([case.seed, least.changes, fault])
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found


def fuzz_encoding(first: int, most: int) -> dict[str, Any]:
    """Encode a batch of clips from a seed on, with compiled code that checks its indices."""
    found, count = nothing(), min(most, BATCH)
    cache = Path(tempfile.gettempdir(), f"spritecodec-boundscheck-{os.getuid()}")
    environment = os.environ | {
        "NUMBA_BOUNDSCHECK": "1",
        "NUMBA_CACHE_DIR": str(cache),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "tests.fuzz.encoding", str(first), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    for line in done.stdout.splitlines():
        if line.startswith("seed "):
            seed, _, words = line.removeprefix("seed ").partition(": ")
            found["faults"].append([int(seed), 1, words])
    if done.returncode:
        words = f"the process ended with {done.returncode}: {done.stderr[-300:]}"
        found["faults"].append([first, count, words])
    found["cases"] = count
    found["accepted"] = count - len(found["faults"])
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
        "mended": before.get("mended", 0) + new["mended"],
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
        "Seconds are of the processor, for one case in all ways of reading; memory is of a whole",
        "process.",
        "",
        "| kind | cases | accepted | faults | mended | slowest, s | peak, MB |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for kind, found in record.items():
        figures = [f"{found['cases']:,}", f"{found['accepted']:,}", str(len(found["faults"]))]
        figures += [
            str(found.get("mended", 0)),
            f"{found['slowest']:.2f}" if found["slowest"] else "",
            f"{found['peak_mb']:.0f}",
        ]
        lines.append(f"| {kind} | " + " | ".join(figures) + " |")
    faults = [(kind, *fault) for kind, found in record.items() for fault in found["faults"]]
    if faults:
        lines += ["", "Faults, with seed and number of changes (of encodes: of clips):", ""]
        lines += [f"- {kind} {seed}, {changes}: {words}" for kind, seed, changes, words in faults]
    return "\n".join(lines) + "\n"


@contextmanager
def alone(record_file: Path) -> Iterator[None]:
    """Nobody else reads or writes the record meanwhile."""
    folder = os.open(record_file.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def read(record_file: Path) -> dict[str, Any]:
    """What has been found so far, by kind."""
    record: dict[str, Any] = json.loads(record_file.read_text()) if record_file.exists() else {}
    return record


def add(record_file: Path, kind: str, new: dict[str, Any]) -> None:
    """Add what was found; others may do so at the same time."""
    with alone(record_file):
        record = read(record_file)
        record[kind] = merge(record.get(kind), new)
        write(record_file, record)


def write(record_file: Path, record: dict[str, Any]) -> None:
    """Write the record for programs and for people."""
    ordered = {k: record[k] for k in (*KINDS, ENCODE) if k in record}
    record_file.write_text(json.dumps(ordered, indent=1) + "\n")
    record_file.with_suffix(".md").write_text(markdown(ordered))


def fuzz(record_file: Path, kind: str, seconds: float, until: int | None) -> None:
    """Make cases of a kind for so long, or until the record holds so many."""
    end, cases, faults = time.monotonic() + seconds, 0, 0
    while (left := end - time.monotonic()) > 0:
        with alone(record_file):
            first = read(record_file).get(kind, nothing())["cases"]
        most = sys.maxsize if until is None else until - first
        if most <= 0:
            break
        if kind == ENCODE:
            new = fuzz_encoding(first, most)
        else:
            new = fuzz_reading(kind, first, most, min(left, ROUND_SECONDS))
        add(record_file, kind, new)
        cases, faults = cases + new["cases"], faults + len(new["faults"])
    click.echo(f"{kind}: {cases:,} cases, {faults} faults", err=True)


def again(kind: str, fault: list[Any]) -> list[list[Any]]:
    """What still goes wrong with a case that went wrong before."""
    seed, changes, _ = fault
    if kind == ENCODE:
        return list(fuzz_encoding(seed, changes)["faults"])
    words = judge(make_case(kind, seed, changes))[1]
    return [] if words is None else [[seed, changes, words]]


def forget_mended(record_file: Path) -> None:
    """Try the faults of the record again, and keep those that still occur."""
    for kind, found in read(record_file).items():
        still = {kind: [new for old in found["faults"] for new in again(kind, old)]}
        mended = len(found["faults"]) - len(still[kind])
        with alone(record_file):
            record = read(record_file)
            record[kind]["faults"] = still[kind] + record[kind]["faults"][len(found["faults"]) :]
            record[kind]["mended"] = record[kind].get("mended", 0) + mended
            write(record_file, record)


@click.command()
@click.option("--minutes", type=click.FloatRange(0, min_open=True), default=10.0, show_default=True)
@click.option("--kind", type=click.Choice([*KINDS, ENCODE]), multiple=True, help="All by default.")
@click.option("--until", type=click.IntRange(1), help="Cases of a kind that are enough.")
@click.option("--mended", is_flag=True, help="Try the recorded faults again instead.")
@click.option("--record", "record_file", type=click.Path(path_type=Path), default=RECORD)
def main(
    minutes: float, kind: tuple[str, ...], until: int | None, mended: bool, record_file: Path
) -> None:
    """Fuzz for so many minutes, and add what was found to the results."""
    if mended:
        forget_mended(record_file)
        return
    kinds = kind or (*KINDS, ENCODE)
    share = 60 * minutes / sum(SHARES.get(k, 1.0) for k in kinds)
    for name in kinds:
        fuzz(record_file, name, share * SHARES.get(name, 1.0), until)


if __name__ == "__main__":
    main()
