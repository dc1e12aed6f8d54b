"""Rate against distortion: many codecs and targets on one clip, cached and resumable."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import av
import PIL

import spritecodec
from spritecodec.analysis.coding import encode, extension
from spritecodec.analysis.commands import (
    AS_GIVEN,
    MODULE,
    command_line,
    given_arguments,
    measure_arguments,
    settings,
)
from spritecodec.analysis.peers import PEERS, US, Target, codec_names, default_targets, find_peer
from spritecodec.analysis.sources import Source, content_hash, open_source
from spritecodec.analysis.table import Row, Table, target_text
from spritecodec.clip import Clip
from spritecodec.errors import InputError, OutputError, SettingsError

# Part of every cache key: raise it when the measuring itself changes what a row says.
MEASURE_VERSION = 1

Targets = Mapping[str, Sequence[Target]] | Sequence[Target]
Progress = Callable[[int, int, Row], None]
Partial = Callable[[Table], None]

PARTIAL_PERIOD = 2.0
"""Seconds between tables that are not finished."""


@dataclass(frozen=True)
class _Job:
    """One row to get: from the cache under `key`, or by running `arguments`.

    A file that was coded elsewhere has no key: it may change, and comparing is quick.
    """

    codec: str
    target: str
    key: str
    arguments: tuple[str, ...]


# More than eight arguments: they are options, and callers name the few that they set.
def rate_distortion(
    clip: str | Path | Clip,
    codecs: Sequence[str] | None = None,
    targets: Targets | None = None,
    *,
    files: Sequence[str | Path] = (),
    frames: int | None = None,
    preset: str = "default",
    jobs: int | None = None,
    timeout: float | None = None,
    cache: str | Path | None = None,
    progress: Progress | None = None,
    partial: Partial | None = None,
) -> Table:
    """Measure codecs on one clip: bytes, quality, time and memory at each target.

    Finished rows are kept in `cache` under a hash of the frames, the settings and the
    encoder's version: an interrupted run goes on where it stopped, and a repeated one
    is quick. A codec that is missing or fails gives a row that says so (not cached).
    Memory does not grow with the clip's length.

    Parameters
    ----------
    clip : path or Clip
        Any video, folder of pictures or .spr file. A Clip in memory is first written to
        the cache as lossless FFV1.
    codecs : sequence of str, optional
        Among `codec_names()`; all of them when left out.
    targets : mapping of str to sequence, or sequence, optional
        Per codec, on that codec's own scale. A plain sequence is for our own codec only
        (dB of RGB PSNR, ``"base"``, ``"lossless"``). Codecs without targets take those of
        the table of peers.
    files : sequence of path
        Files made from the clip already, .spr or any video: decoded and compared. Their
        rows come first, with the file's name as the codec.
    frames : int, optional
        Measure the first so many frames only.
    preset : str
        Of our own encoder.
    jobs : int, optional
        Processes at a time; as many as there are processors when left out. Wall-clock
        seconds are only comparable with 1.
    timeout : float, optional
        Seconds after which a row is given up and says so.
    cache : path, optional
        A folder; ``$XDG_CACHE_HOME/spritecodec`` or ``~/.cache/spritecodec`` when left out.
    progress : callable, optional
        Called after each row with the rows done, the rows in all, and the row.
    partial : callable, optional
        Called while rows are still to be measured, now and then, with a table in which these are
        ``"running"`` or ``"waiting"``.

    Raises
    ------
    InputError
        The clip cannot be read, or has no frames.
    SettingsError
        An unknown codec, or targets for a codec that is not measured.
    """
    folder = cache_folder(cache)
    path = _as_file(clip, folder)
    with open_source(path, frames) as source:
        content, count = content_hash(source)
    if count == 0:
        raise InputError(f"{path} has no frames to measure")
    names = tuple(codecs) if codecs is not None else codec_names()
    wanted = _targets(names, targets)
    todo = [
        _Job(Path(file).name, AS_GIVEN, "", tuple(given_arguments(str(path), str(file), frames)))
        for file in files
    ]
    todo += [
        _Job(
            codec,
            text,
            _key(content, codec, text, preset),
            tuple(measure_arguments(str(path), codec, text, frames, preset)),
        )
        for codec in names
        for text in wanted[codec]
    ]
    watch = _Watch(todo, Path(path).name, content, progress, partial)
    rows = _run_all(todo, folder, jobs or os.cpu_count() or 1, timeout, watch)
    return Table(Path(path).name, content, rows)


def cache_folder(given: str | Path | None = None) -> Path:
    """The folder that keeps rows and coded files, made if need be."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(given) if given is not None else Path(base) / "spritecodec"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass  # it can be written
    except OSError as error:
        raise OutputError(
            f"finished rows cannot be kept in {folder}: {error.strerror}; name a writable folder "
            "as the cache"
        ) from error
    return folder


def _as_file(clip: str | Path | Clip, folder: Path) -> Path:
    if isinstance(clip, (str, Path)):
        return Path(clip)
    source = Source(clip)
    content, count = content_hash(source)
    if count == 0:
        raise InputError(f"{clip.name} has no frames to measure")
    path = folder / f"clip-{content[:24]}.mkv"
    if not path.exists():
        partial = path.with_name(f"{path.stem}-{os.getpid()}.mkv")
        encode(find_peer("ffv1"), "lossless", source, source.frame_rate, partial)
        partial.replace(path)
    return path


def _targets(names: Sequence[str], targets: Targets | None) -> dict[str, list[str]]:
    if targets is None:
        targets = {}
    elif not isinstance(targets, Mapping):
        targets = {US: targets}
    for name in names:
        if name != US:
            find_peer(name)
    strange = sorted(set(targets) - set(names))
    if strange:
        raise SettingsError(
            f"targets are given for {', '.join(strange)}, which is not among the codecs measured"
        )
    chosen = {}
    for name in names:
        peer = next((p for p in PEERS if p.name == name), None)
        if peer and peer.lossless:
            chosen[name] = ["lossless"]
        else:
            chosen[name] = [target_text(t) for t in targets.get(name, default_targets(name))]
    return chosen


def _key(content: str, codec: str, target: str, preset: str) -> str:
    parts = [MEASURE_VERSION, content, codec, settings(codec, target, preset), _version(codec)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


@lru_cache(maxsize=len(PEERS) + 1)
def _version(codec: str) -> str:
    """What besides the settings decides an encoder's output: its version."""
    if codec == US:
        return own_code()
    through = find_peer(codec).through
    if through == "pillow":
        return f"Pillow {PIL.__version__}"
    if through == "pyav":
        return f"PyAV {av.__version__} {av.library_versions}"
    if shutil.which("ffmpeg") is None:
        return "no ffmpeg"
    words = ["ffmpeg", "-version"]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout


def own_code() -> str:
    """A hash of our own encoder's and decoder's source text."""
    digest = hashlib.sha256()
    home = Path(spritecodec.__file__).parent
    formats = Path(sys.modules["spritecodec.formats"].__path__[0])
    folders = [home, *(f for f in sorted(home.rglob("*/")) if f.name != "analysis")]
    for folder in (*folders, formats, *sorted(formats.glob("*/"))):
        for file in sorted(folder.glob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()


class _Watch:
    """Tells what is done, and what is still to be done.

    Parameters
    ----------
    todo : sequence of _Job
    name, content : str
        Of the clip.
    progress, partial : callable or None
        As for `rate_distortion`.
    """

    def __init__(
        self,
        todo: Sequence[_Job],
        name: str,
        content: str,
        progress: Progress | None,
        partial: Partial | None,
    ) -> None:
        self._todo, self._clip = todo, (name, content)
        self._progress, self._partial = progress, partial
        self._told = -PARTIAL_PERIOD
        self.started: set[int] = set()

    def done(self, rows: Mapping[int, Row], index: int) -> None:
        """A row is finished."""
        if self._progress is not None:
            self._progress(len(rows), len(self._todo), rows[index])

    def look(self, rows: Mapping[int, Row]) -> None:
        """Hand on an unfinished table where it is time for one."""
        now = time.monotonic()
        if self._partial is None or now - self._told < PARTIAL_PERIOD:
            return
        shown = [rows.get(i) or self._open(i, job) for i, job in enumerate(self._todo)]
        self._partial(Table(*self._clip, tuple(shown)))
        self._told = time.monotonic()

    def _open(self, index: int, job: _Job) -> Row:
        return Row(job.codec, job.target, "running" if index in self.started else "waiting", "")


def _run_all(
    todo: Sequence[_Job], folder: Path, jobs: int, timeout: float | None, watch: _Watch
) -> tuple[Row, ...]:
    """Rows in the order of `todo`, as many at a time as there are `jobs`."""
    rows: dict[int, Row] = {}
    running: set[subprocess.Popen[str]] = set()

    def work(index: int) -> Row:
        watch.started.add(index)
        return _row(todo[index], folder, timeout, running)

    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        waiting: dict[Future[Row], int] = {pool.submit(work, i): i for i in range(len(todo))}
        try:
            while waiting:
                done, _ = wait(waiting, PARTIAL_PERIOD, return_when=FIRST_COMPLETED)
                for future in done:
                    index = waiting.pop(future)
                    rows[index] = future.result()
                    watch.done(rows, index)
                if waiting:
                    watch.look(rows)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in tuple(running):
                process.terminate()  # it stops its own step
            raise
    return tuple(rows[i] for i in range(len(todo)))


def _row(
    job: _Job, folder: Path, timeout: float | None, running: set[subprocess.Popen[str]]
) -> Row:
    if not job.key:
        return replace(_run_command(job, (), timeout, running), command=command_line(job.arguments))
    stored, file = folder / f"{job.key}.json", folder / f"{job.key}{extension(job.codec)}"
    shown = command_line(job.arguments)
    if stored.exists() and file.exists():
        row = Row.from_dict(json.loads(stored.read_text()))
        return replace(row, command=shown, file=str(file))
    partial = folder / f"{job.key}-{os.getpid()}{extension(job.codec)}"
    row = _run_command(job, ("--keep", str(partial)), timeout, running)
    if row.status == "ok":
        partial.replace(file)
        row = replace(row, file=str(file))
        fresh = stored.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(row.to_dict(), allow_nan=False))
        fresh.replace(stored)  # whole or not at all, should the run be cut off here
    else:
        partial.unlink(missing_ok=True)
        row = replace(row, file="")
    return replace(row, command=shown)


def _run_command(
    job: _Job, more: tuple[str, ...], timeout: float | None, running: set[subprocess.Popen[str]]
) -> Row:
    words = [sys.executable, "-m", MODULE, *job.arguments]
    process = subprocess.Popen(
        [*words, *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    running.add(process)
    started = time.monotonic()
    try:
        out, complaint = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.terminate()
        process.communicate()
        note = f"stopped after {time.monotonic() - started:.0f} s"
        return Row(job.codec, job.target, "failed", note)
    finally:
        running.discard(process)
    if process.returncode or not out.strip():
        last = complaint.strip().splitlines()[-1:] or [f"status {process.returncode}"]
        return Row(job.codec, job.target, "failed", last[0])
    return Row.from_dict(json.loads(out.splitlines()[-1]))
