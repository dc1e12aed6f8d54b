"""How sensitive the encoder is to its thresholds: each is halved and doubled, on small clips.

    python -m benchmarks.thresholds --field PAN.min_agreement --clip pan-rooms
    python -m benchmarks.thresholds --field PAN --jobs 2     # all fields of a record
    python -m benchmarks.thresholds --jobs 2                 # all fields of all records
    python -m benchmarks.thresholds --write-evidence         # into thresholds.py, measuring nothing

Each run encodes one clip in a process of its own with one value of one field changed (preset
``fast``), and compares bytes and CPU seconds with those of the unchanged values. Clips are those
of the size gate, by name, and the first frames of clips in ``benchmarks/cache`` (``NAME:FRAMES``);
those that are not at hand are left out. ``NAME*3`` enlarges the pixels, ``NAME@DB`` asks for a
PSNR instead of every pixel.

Writes ``benchmarks/results/thresholds.json`` and ``.md`` after each run. A run counts as measured
*earlier* once a value of its record changes, or the bytes of the unchanged encode of its clip; it
is kept until it is measured anew. ``--again`` measures what is known, too.
"""

from __future__ import annotations

import ast
import hashlib
import json
import math
import re
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, Literal, NamedTuple

import click
import numpy as np

import spritecodec as sc
from benchmarks.clips.excerpt import frames_of, quality_of
from spritecodec.mining import thresholds
from spritecodec.mining.limits import LIMITS

RESULTS = Path(__file__).resolve().parent / "results"
MODULE = "spritecodec.mining.thresholds"
LIMITS_MODULE = "spritecodec.mining.limits"
DEEP = ("animation", "translucency", "platformer-small")  # planes at several depths, materials
FLAT = ("sprite-game-small", "pan-rooms", "pitfall:300", "river-raid:300", "mario-1-1:200")
LOSSY = ("lossy", "sprite-game-small@38", "pan-rooms@34")
OBJECTS = ("sprite-game-small", "pan-rooms", "river-raid:300", "mario-1-1:200", *DEEP)
UPSCALED = ("sprite-game-small*3", "pan-rooms*2", "mario-1-1:60*4")
EVERY = (*FLAT, *DEEP, "recolouring", "lossy")

# The clips that a record can touch; EVERY for a record that is not named here.
CLIPS: dict[str, tuple[str, ...]] = {
    "UPSCALE": UPSCALED,
    "SURVEY": LOSSY,
    "SIMPLIFY": LOSSY,
    "CAMERA": (*FLAT, "animation", "translucency", "recolouring"),
    "PAN": (*FLAT, "animation", "translucency", "recolouring"),
    "PARALLAX": DEEP,
    "WORLD": (*FLAT, "recolouring", "animation"),
    "PLANES": DEEP,
    "UNMIX": DEEP,
    "MATERIALS": DEEP,
    "CYCLES": DEEP,
    "ANIMATIONS": DEEP,
    **dict.fromkeys(("MINE", "SHAPES", "COVER", "MERGE", "FOLLOW", "LAYERS"), OBJECTS),
}
UNCHANGED = "unchanged"
NOTICEABLE = 0.1  # per cent of the bytes
SHORT_SENTENCE = 40  # characters
MAX_NAMED = 3  # clips in a line of evidence
LEAST_WAIT, PATIENCE = 120.0, 20.0  # seconds, and times the unchanged run's: then a run is ended
EARLIER = "Measured earlier: "
EVIDENCE = re.compile(f"^({EARLIER})?(Half: |Double: |No effect at )")

Run = dict[str, Any]  # values, unchanged, bytes, cpu, psnr, problem


# --- the records ----------------------------------------------------------------------------


class Field(NamedTuple):
    """A threshold.

    Attributes
    ----------
    record, name : str
        As in ``PAN.min_agreement``.
    value : int, float or other
    text : str
        The docstring that follows it in the source, without evidence; on one line.
    """

    record: str
    name: str
    value: Any
    text: str

    @property
    def key(self) -> str:
        return f"{self.record}.{self.name}"

    def changed(self) -> dict[str, float]:
        """The values to try by name, "half" and "double"; those that differ from the field's.

        An integer stays at least 1. A share that would pass 1 goes half of the way to it.
        """
        value = self.value
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return {}
        tried: dict[str, float]
        if isinstance(value, int):
            tried = {"half": max(1, value // 2), "double": max(2 * value, value + 1)}
        else:
            tried = {"half": value / 2, "double": 2 * value}
            if 2 * value > 1 > value and "share" in self.text.lower():
                tried["double"] = (value + 1) / 2
        return {k: v for k, v in tried.items() if v != value and (k == "half") == (v < value)}


def docstrings(source: str) -> dict[tuple[str, str], ast.Expr]:
    """The string that follows each field, by the names of class and field.

    Parameters
    ----------
    source : str
        Of a module of NamedTuples.
    """
    found = {}
    for node in ast.parse(source).body:
        if not isinstance(node, ast.ClassDef):
            continue
        for field, after in zip(node.body, node.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(after, ast.Expr)
                and isinstance(after.value, ast.Constant)
                and isinstance(after.value.value, str)
            ):
                found[node.name, field.target.id] = after
    return found


def records() -> dict[str, Any]:
    """All records of thresholds by name, in the order of the module."""
    return {
        name: value
        for name, value in vars(thresholds).items()
        if isinstance(value, tuple) and hasattr(value, "_fields") and name.isupper()
    }


def fields() -> list[Field]:
    """All thresholds, in the order of the module."""
    texts = docstrings(Path(thresholds.__file__).read_text())
    out = []
    for record, values in records().items():
        for name in values._fields:
            node = texts.get((type(values).__name__, name))
            text = _without_evidence(ast.literal_eval(node.value)) if node else []
            out.append(Field(record, name, getattr(values, name), " ".join(text)))
    return out


def values_hash(record: str = "") -> str:
    """Of the values of a record, or of all thresholds and limits."""
    chosen = [(name, values) for name, values in records().items() if record in ("", name)]
    chosen += [] if record else [("LIMITS", LIMITS)]
    text = repr([(name, values._asdict()) for name, values in chosen])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# --- one run --------------------------------------------------------------------------------


CHILD = "from benchmarks.thresholds import encode_changed; encode_changed()"


def encode_changed() -> None:
    """The child's part: encode with one value changed; print the figures as JSON.

    The record is replaced where it stands, and so must be before any code has imported it.
    """
    task = json.loads(sys.argv[1])
    known = (MODULE, LIMITS_MODULE)
    early = [m for m in sys.modules if m.startswith("spritecodec.mining.") and m not in known]
    assert not early, f"imported too early: {early}"
    if task["field"]:
        record, name = task["field"].split(".")
        changed = getattr(thresholds, record)._replace(**{name: task["value"]})
        setattr(thresholds, record, changed)
    frames = np.load(task["frames"])
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        quality: float | Literal["lossless"] = task["quality"] or "lossless"
        report = sc.encode(frames, Path(folder) / "out.spr", quality=quality, preset="fast")
        seconds = time.process_time() - began
    print(json.dumps({"bytes": report.size, "cpu": round(seconds, 2), "psnr": report.quality}))


def run(
    frames: Path, quality: float | None, field: str = "", value: float = 0, limit: float = math.inf
) -> Run:
    """Encode a clip in a child process.

    Parameters
    ----------
    frames : Path
        An .npy file.
    quality : float or None
        dB; None for every pixel.
    field : str
        Such as ``PAN.min_agreement``; empty for none.
    value : int or float
        That the field has in this run.
    limit : float
        Seconds after which the run is ended.

    Returns
    -------
    dict
        ``bytes``, ``cpu`` (seconds), ``psnr`` (dB, None for infinity), or else ``problem``: why
        the run does not count.
    """
    task = {"frames": str(frames), "quality": quality, "field": field, "value": value}
    command = [sys.executable, "-c", CHILD, json.dumps(task)]
    wait = limit if math.isfinite(limit) else None
    root = Path(__file__).resolve().parent.parent
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=wait, cwd=root, check=False
        )
    except subprocess.TimeoutExpired:
        return {"problem": f"took more than {limit:.0f} s"}
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        return {"problem": lines[-1][:200]}
    found: Run = json.loads(done.stdout.splitlines()[-1])
    psnr, aim = found["psnr"], math.inf if quality is None else quality
    if psnr < aim:
        found["problem"] = "not lossless" if quality is None else f"only {psnr:.2f} dB"
    found["psnr"] = None if math.isinf(psnr) else round(psnr, 3)
    return found


# --- all runs -------------------------------------------------------------------------------


class Results:
    """The runs so far, kept in a file.

    Attributes
    ----------
    runs : dict
        Of clips, of ``unchanged`` or ``PAN.min_agreement=0.5``. A run says which values it was
        made with (a hash), and how many bytes and CPU seconds the unchanged encode took.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.runs: dict[str, dict[str, Run]] = {}
        if file.exists():
            self.runs = json.loads(file.read_text())["runs"]

    def get(self, clip: str, what: str) -> Run | None:
        """A run with the thresholds as they are now; None where there is none."""
        found = self.runs.get(clip, {}).get(what)
        if found is None or found["values"] != _hash_for(what):
            return None
        base = self.runs[clip].get(UNCHANGED, {})
        return found if what == UNCHANGED or found["unchanged"] == base.get("bytes") else None

    def add(self, clip: str, what: str, found: Run) -> None:
        """Add a run, and write everything down."""
        base = self.runs.setdefault(clip, {}).get(UNCHANGED, {})
        known: Run = {"values": _hash_for(what)}
        if what != UNCHANGED:
            known |= {"unchanged": base.get("bytes"), "unchanged_cpu": base.get("cpu")}
        self.runs[clip][what] = {**known, **found}
        self.write()

    def write(self) -> None:
        """The runs as JSON, and as tables."""
        self.file.parent.mkdir(exist_ok=True)
        ordered = {clip: dict(sorted(runs.items())) for clip, runs in sorted(self.runs.items())}
        self.file.write_text(json.dumps({"runs": ordered}, indent=1) + "\n")
        self.file.with_suffix(".md").write_text(markdown(self, fields()))

    def measured(self, field: Field, value: float, *, earlier: bool) -> dict[str, Run]:
        """The runs of a field with a value, by clip: those that hold now, or earlier ones."""
        what = f"{field.key}={value!r}"
        runs = {clip: runs[what] for clip, runs in self.runs.items() if what in runs}
        return {c: run for c, run in runs.items() if (self.get(c, what) is None) == earlier}

    def changes(self, field: Field, *, earlier: bool = False) -> dict[str, dict[str, float | str]]:
        """What was measured of a field: of "half" and "double", the change by clip.

        It is in per cent of the bytes, or says what was wrong.
        """
        out = {}
        for side, value in field.changed().items():
            runs = self.measured(field, value, earlier=earlier)
            out[side] = {clip: _change(run) for clip, run in runs.items() if run["unchanged"]}
        return {side: by_clip for side, by_clip in out.items() if by_clip}

    def best(self, field: Field) -> tuple[dict[str, dict[str, float | str]], bool]:
        """What holds now of a field; else what was measured earlier, and True."""
        now = self.changes(field)
        return (now, False) if now else (self.changes(field, earlier=True), True)


def _hash_for(what: str) -> str:
    """Of the values on which a run depends: its record's, or all for the unchanged encode."""
    return values_hash() if what == UNCHANGED else values_hash(what.split(".")[0])


def _change(run: Run) -> float | str:
    """Change of the bytes in per cent, or what was wrong."""
    if "problem" in run:
        return str(run["problem"])
    return 100 * (float(run["bytes"]) / float(run["unchanged"]) - 1)


def measure_unchanged(results: Results, clip: str, frames: Path, again: bool) -> None:
    """Encode a clip with the thresholds as they are: twice, for the first time may compile."""
    if again or results.get(clip, UNCHANGED) is None:
        run(frames, quality_of(clip))
        results.add(clip, UNCHANGED, run(frames, quality_of(clip)))


class Job(NamedTuple):
    """A run to be made."""

    field: Field
    value: float
    clip: str


def jobs_for(chosen: Iterable[Field], clips: Sequence[str]) -> Iterator[Job]:
    """All runs of some fields, on the clips of their records or on the given ones."""
    for field in chosen:
        for value in field.changed().values():
            for clip in clips or CLIPS.get(field.record, EVERY):
                yield Job(field, value, clip)


def measure(results: Results, wanted: Sequence[Job], processes: int, again: bool) -> None:
    """Make runs that are not known yet, several at a time."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(processes) as pool:
        files: dict[str, Path] = {}
        for i, clip in enumerate(dict.fromkeys(job.clip for job in wanted)):
            frames = frames_of(clip)
            if frames is None:
                click.echo(f"{clip} is not at hand")
                continue
            files[clip] = Path(folder) / f"{i}.npy"
            np.save(files[clip], frames)
            measure_unchanged(results, clip, files[clip], again)
            problem = (results.get(clip, UNCHANGED) or {}).get("problem")
            if problem:
                click.echo(f"{clip} without any change: {problem}")
                del files[clip]
        pending = {}
        for job in wanted:
            what = f"{job.field.key}={job.value!r}"
            if job.clip in files and (again or results.get(job.clip, what) is None):
                before = results.get(job.clip, UNCHANGED) or {}
                limit = max(LEAST_WAIT, PATIENCE * before.get("cpu", 0))
                task = (files[job.clip], quality_of(job.clip), job.field.key, job.value, limit)
                pending[pool.submit(run, *task)] = job, what
        for number, done in enumerate(as_completed(pending), 1):
            job, what = pending[done]
            results.add(job.clip, what, done.result())
            change = _change(results.runs[job.clip][what])
            said = f"{change:+.2f} %" if isinstance(change, float) else change
            click.echo(f"{number}/{len(pending)} {what} on {job.clip}: {said}")


# --- what was found -------------------------------------------------------------------------


def noticed(changes: Mapping[str, float | str]) -> list[str]:
    """Clips whose size changes noticeably, or which fail; the largest change first."""
    size = {c: math.inf if isinstance(v, str) else abs(v) for c, v in changes.items()}
    return sorted((c for c in size if size[c] >= NOTICEABLE), key=lambda c: -size[c])


def verdict(changes: Mapping[str, Mapping[str, float | str]]) -> str:
    """How many clips a field touches."""
    touched = {clip for by_clip in changes.values() for clip in noticed(by_clip)}
    return ("no effect", "one clip", "several clips")[min(len(touched), 2)]


def _percent(change: float) -> str:
    digits = 1 if abs(change) < 9.95 else 0
    return f"{change:+.{digits}f} %"


def evidence(changes: Mapping[str, Mapping[str, float | str]]) -> str:
    """What was measured of a field, in a line for its docstring; empty where nothing was."""
    if not changes:
        return ""
    if verdict(changes) == "no effect":
        count = max(map(len, changes.values()))
        return f"No effect at {' or '.join(changes)} on {count} clip{'s' * (count > 1)}."
    parts = []
    for side, by_clip in changes.items():
        named = noticed(by_clip)[:MAX_NAMED]
        found = {clip: by_clip[clip] for clip in named}
        words = [
            f"fails on {clip}" if isinstance(change, str) else f"{clip} {_percent(change)}"
            for clip, change in found.items()
        ]
        parts.append(f"{side}: {', '.join(words) or 'no effect'}")
    line = "; ".join(parts)
    return f"{line[0].upper()}{line[1:]}."


def _without_evidence(docstring: str) -> list[str]:
    """The lines of a docstring up to its evidence."""
    lines = [line.strip() for line in docstring.strip().splitlines()]
    ends = [i for i, line in enumerate(lines) if EVIDENCE.match(line)]
    lines = lines[: ends[0]] if ends else lines
    while lines and not lines[-1]:
        lines.pop()
    return lines


def with_evidence(source: str, found: Mapping[tuple[str, str], str]) -> str:
    """The source of the thresholds with evidence at the end of docstrings.

    Parameters
    ----------
    source : str
    found : dict
        Lines of evidence by the names of class and field; other fields stay as they are.
    """
    lines = source.splitlines()
    for key, node in sorted(docstrings(source).items(), key=lambda d: -d[1].lineno):
        if found.get(key):
            text = (ast.get_source_segment(source, node) or "").strip('"')
            body = [*_without_evidence(text), *textwrap.wrap(found[key], 96)]
            body = [f'"""{body[0]}', *body[1:], '"""']
            indented = [" " * node.col_offset + line if line else "" for line in body]
            lines[node.lineno - 1 : node.end_lineno] = indented
    return "\n".join(lines) + "\n"


def write_evidence(results: Results) -> int:
    """Put what was measured into the docstrings of the thresholds; return of how many fields."""
    file = Path(thresholds.__file__)
    found = {}
    for field in fields():
        changes, earlier = results.best(field)
        line = evidence(changes)
        if line:
            line = EARLIER + line[0].lower() + line[1:] if earlier else line
            found[type(records()[field.record]).__name__, field.name] = line
    file.write_text(with_evidence(file.read_text(), found))
    return len(found)


def _cell(changes: Mapping[str, Mapping[str, float | str]], clip: str) -> str:
    """The changes at half and double on one clip."""
    cells = []
    for side in ("half", "double"):
        change = changes.get(side, {}).get(clip)
        if change is None:
            cells.append("?")
        elif isinstance(change, str):
            cells.append(change.replace("|", "/"))
        else:
            cells.append("0" if change == 0 else f"{change:+.2f}")
    return " / ".join(cells)


def _seconds(results: Results, field: Field) -> str:
    """CPU seconds at half and double over all clips measured, to those of unchanged values."""
    cells = []
    for side in ("half", "double"):
        value = field.changed().get(side, 0)
        runs = list(results.measured(field, value, earlier=results.best(field)[1]).values())
        runs = [run for run in runs if "cpu" in run and run["unchanged_cpu"]]
        before, after = (sum(run[key] for run in runs) for key in ("unchanged_cpu", "cpu"))
        cells.append(f"{100 * (after / before - 1):+.0f}" if before else "?")
    return " / ".join(cells)


def _meaning(text: str) -> str:
    """The first sentence of a docstring, and the next one where that is very short."""
    sentences = re.split(r"(?<=[.;:])\s", text)
    while len(sentences) > 1 and len(sentences[0]) < SHORT_SENTENCE:
        sentences[:2] = [" ".join(sentences[:2])]
    return sentences[0].rstrip(";:").replace("|", "/")


def _record_table(results: Results, of_record: Sequence[Field]) -> list[str]:
    """The table of one record."""
    every = {field: results.best(field)[0] for field in of_record}
    found = {field: changes for field, changes in every.items() if changes}
    clips = [c for c in results.runs if any(c in s for f in found.values() for s in f.values())]
    columns = ["field", "value", "meaning", *clips, "CPU", "verdict"]
    lines = [f"| {' | '.join(columns)} |", "|---|--:|---|" + "--:|" * (len(clips) + 1) + "---|"]
    for field, changes in found.items():
        number = field.value
        value = f"{number:,}" if isinstance(number, int) else f"{number:.4g}" if number else "0"
        cells = [f"`{field.name}`", value, _meaning(field.text)]
        cells += [_cell(changes, c) for c in clips]
        said = verdict(changes) + ", earlier" * results.best(field)[1]
        lines.append(f"| {' | '.join([*cells, _seconds(results, field), said])} |")
    left = [f"`{field.name}`" for field in every if field not in found]
    return [*lines, "", f"Not measured: {', '.join(left)}."] if left else lines


def markdown(results: Results, every: Sequence[Field]) -> str:
    """The results as a page."""
    lines = [
        "# Thresholds: what half and double do",
        "",
        "    python -m benchmarks.thresholds",
        "",
        "Change of the bytes of whole files in per cent at half / at double of one threshold,",
        "all others as they are; preset fast. *CPU*: change of CPU seconds in per cent, over all",
        "clips measured; other work on the machine moves it by several per cent. Integers stay",
        "at least 1, and shares that would pass 1 go half of the way to it. ?: not measured.",
        f"*Verdict*: on how many clips the bytes change by at least {NOTICEABLE:g} %. No effect:",
        "any value within a factor of two of the one that stands gives the same on these",
        "clips; the condition itself may still be needed.",
        "*Earlier*: measured with other values of the record, or when the clip took other bytes.",
        "",
        "| clip | bytes | CPU s | quality |",
        "|---|--:|--:|---|",
    ]
    for clip in results.runs:
        base = results.get(clip, UNCHANGED)
        if base and "bytes" in base:
            quality = "lossless" if base["psnr"] is None else f"{base['psnr']:.2f} dB"
            lines.append(f"| {clip} | {base['bytes']:,} | {base['cpu']:.1f} | {quality} |")
        elif base:
            lines.append(f"| {clip} | | | {base['problem']} |")
    for record, values in records().items():
        of_record = [f for f in every if f.record == record]
        if any(results.best(f)[0] for f in of_record):
            said = " ".join((type(values).__doc__ or "").split())
            lines += ["", f"## {record}", "", said, "", *_record_table(results, of_record)]
    return "\n".join([*lines, ""])


@click.command()
@click.option("--field", "names", multiple=True, help="RECORD.FIELD or RECORD; all by default.")
@click.option("--clip", "clips", multiple=True, help="NAME[:FRAMES][@DB]; else the record's.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="At a time.")
@click.option("--again", is_flag=True, help="Measure what is known, too.")
@click.option("--write-evidence", "only_write", is_flag=True, help="Only update thresholds.py.")
def main(
    names: tuple[str, ...], clips: tuple[str, ...], jobs: int, again: bool, only_write: bool
) -> None:
    """Measure what halving and doubling each threshold does."""
    results = Results(RESULTS / "thresholds.json")
    if only_write:
        click.echo(f"wrote evidence for {write_evidence(results)} fields")
        return
    every = fields()
    for name in names:
        if not any(name in (f.key, f.record) for f in every):
            raise click.BadParameter(f"there is no threshold {name}", param_hint="--field")
    chosen = [f for f in every if not names or f.key in names or f.record in names]
    measure(results, list(jobs_for(chosen, clips)), jobs, again)
    results.write()


if __name__ == "__main__":
    main()
