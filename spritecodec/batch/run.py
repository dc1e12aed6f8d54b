"""Encode many files, in several processes, and say what became of each."""

from __future__ import annotations

import contextlib
import csv
import io
import logging
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from spritecodec.batch.jobs import Job, find_jobs
from spritecodec.batch.worker import heed
from spritecodec.batch.workers import WorkerPool
from spritecodec.encode import encode
from spritecodec.errors import OutputError, SettingsError, SpritecodecError
from spritecodec.formats.video.video_in import open_clip
from spritecodec.progress import shows_progress

LOG = logging.getLogger(__name__)

MAX_RETRIES = 2
"""A file whose process died is tried again at most so many times."""

Status = Literal["done", "skipped", "failed", "not run"]


@dataclass(frozen=True)
class BatchRow:
    """What became of one file.

    Attributes
    ----------
    source, target : str
        Paths.
    status : str
        ``"done"``; ``"skipped"``: the target was there already; ``"failed"``; ``"not run"``:
        an earlier file failed, and none was to be encoded after that.
    attempts : int
        More than 1 where the process that encoded it died.
    frames : int
    source_size, size : int
        Bytes of both files.
    seconds : float
        That it took, by the clock on the wall.
    quality : float or None
        PSNR in dB over the whole clip; None where it is lossless, or none is stated.
    lossless : bool
    note : str
        Why it failed, or what the user should know; sentences.
    """

    source: str
    target: str
    status: Status
    attempts: int = 0
    frames: int = 0
    source_size: int = 0
    size: int = 0
    seconds: float = 0.0
    quality: float | None = None
    lossless: bool = False
    note: str = ""

    def __str__(self) -> str:
        if self.status in ("failed", "not run"):
            return f"{self.source}: {self.status}: {self.note}"
        share = f", 1/{self.source_size / self.size:,.1f} of the source" if self.source_size else ""
        quality = "" if self.quality is None else f", PSNR {self.quality:.2f} dB"
        took = f", {self.seconds:.1f} s" if self.status == "done" else ", was there already"
        return (
            f"{self.source} -> {self.target}: {self.frames:,} frames, {self.size:,} bytes{share}"
            f"{', lossless' if self.lossless else quality}{took}"
        )


@dataclass(frozen=True)
class BatchReport:
    """What `encode_many` did.

    Attributes
    ----------
    rows : tuple of BatchRow
        One a file, in the order in which they were named.
    """

    rows: tuple[BatchRow, ...]

    def count(self, status: Status) -> int:
        """How many files ended like that."""
        return sum(row.status == status for row in self.rows)

    @property
    def ok(self) -> bool:
        """Whether every file is there."""
        return all(row.status in ("done", "skipped") for row in self.rows)

    def to_csv(self) -> str:
        """One line a file after a header line; an unknown quality is left empty."""
        out = io.StringIO()
        writer = csv.DictWriter(out, [f.name for f in fields(BatchRow)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in self.rows)
        return out.getvalue()


@shows_progress("Encoding files")
def encode_many(
    sources: Iterable[str | os.PathLike[str]],
    into: str | os.PathLike[str],
    *,
    jobs: int | None = None,
    executor: Executor | None = None,
    skip_existing: bool = False,
    keep_going: bool = False,
    raw: str | None = None,
    progress: Callable[[int, int, BatchRow], None] | bool | None = None,
    **options: Any,
) -> BatchReport:
    """Encode many files into one folder; each becomes the same bytes as if it were alone.

    Each target appears whole or not at all. So after an interruption, the same call with
    ``skip_existing=True`` goes on where it was, also in a training that had begun.

    Parameters
    ----------
    sources : iterable of path
        Videos, folders of videos or of pictures, globs, and manifests (CSV); see
        `spritecodec.batch.find_jobs`.
    into : path
        The folder that gets the .spr files; made if need be.
    jobs : int, optional
        Processes at a time; as many as there are processors, but no more than files, when left
        out. Each takes as much memory as one encode.
    executor : Executor, optional
        Where to encode in place of `jobs` processes here: anything that calls a picklable
        function elsewhere, on machines that see the same paths. It is not shut down.
    skip_existing : bool
        Leave files alone whose target is there.
    keep_going : bool
        Encode the others where one fails. Without it, files that are being encoded are
        finished, and no others are begun.
    raw : str, optional
        What bare frames in the files are; see `spritecodec.open_clip`.
    progress : callable or bool, optional
        Called after each file with the files done, the files in all, and its row. True: a bar.
    **options
        Of `spritecodec.encode`, for all files. ``keep`` is a folder that gets one folder a file.

    Returns
    -------
    BatchReport

    Raises
    ------
    InputError
        A source means no file, or a manifest cannot be read. A file that cannot be encoded is a
        row that says so.
    SettingsError
        Two files would get one target.
    OutputError
        A target exists, and neither ``skip_existing`` nor ``overwrite`` is set; or the folder
        cannot be made.
    """
    todo = find_jobs(sources)
    if not todo:
        raise SettingsError("there is no file to encode; name one")
    if jobs is not None and jobs < 1:
        raise SettingsError(f"{jobs} jobs are too few; at least 1 makes sense")
    if "TORCHELASTIC_RUN_ID" in os.environ:
        raise SettingsError("torchrun trains on one file at a time; name one, or leave torchrun")
    folder = Path(into)
    tasks = [_Task(i, job, str(folder / job.target), options, raw) for i, job in enumerate(todo)]
    if not skip_existing and not options.get("overwrite"):
        _check_absent([task.target for task in tasks])
    _make_folders({Path(task.target).parent for task in tasks})
    rows = _Rows(tasks, progress if callable(progress) else None)
    rest = []
    for task in tasks:
        if skip_existing and os.path.lexists(task.target):
            rows.add(task, look_at(task.job.source, task.target))
        else:
            rest.append(task)
    if rows.failed and not keep_going:
        rest = []
    with contextlib.ExitStack() as stack:
        if executor is None and rest:
            executor = stack.enter_context(_pool(min(jobs or os.cpu_count() or 1, len(rest))))
        if executor is not None:
            _run(rest, executor, rows, keep_going, skip_existing)
    return rows.report()


@dataclass(frozen=True)
class _Task:
    """One file to encode, and how."""

    number: int
    job: Job
    target: str
    options: Mapping[str, Any]
    raw: str | None

    def all_options(self, resume: bool) -> dict[str, Any]:
        """The options of `encode`; a folder to keep things in is one of its own."""
        options = {**self.options, **self.job.options}
        if options.get("keep") is not None:
            options["keep"] = str(Path(options["keep"], self.job.target.with_suffix("")))
        return options | ({"resume": True} if resume else {})


class _Rows:
    """What became of the files so far."""

    def __init__(
        self, tasks: list[_Task], progress: Callable[[int, int, BatchRow], None] | None
    ) -> None:
        self._tasks, self._progress = tasks, progress
        self._found: dict[int, BatchRow] = {}
        self.failed = False

    def add(self, task: _Task, row: BatchRow) -> None:
        self._found[task.number] = row
        LOG.log(logging.ERROR if row.status == "failed" else logging.INFO, "%s", row)
        self.failed |= row.status == "failed"
        if self._progress is not None:
            self._progress(len(self._found), len(self._tasks), row)

    def report(self) -> BatchReport:
        """All rows; what was not reached says so."""
        why = "an earlier file failed"
        rows = (
            self._found.get(t.number) or BatchRow(t.job.source, t.target, "not run", note=why)
            for t in self._tasks
        )
        return BatchReport(tuple(rows))


@contextlib.contextmanager
def _pool(count: int) -> Iterator[WorkerPool]:
    """Processes that end when the block does, at once where it ends by an exception."""
    with WorkerPool(count) as pool:
        try:
            yield pool
        except BaseException:
            pool.stop()
            raise


def _run(
    tasks: list[_Task], executor: Executor, rows: _Rows, keep_going: bool, resume: bool
) -> None:
    """Encode the files, as many at a time as the executor likes."""
    attempts = {task.number: 1 for task in tasks}
    waiting: dict[Future[BatchRow], _Task] = {}

    def submit(task: _Task) -> None:
        # After the first attempt, a training goes on from its last checkpoint.
        options = task.all_options(resume or attempts[task.number] > 1)
        future = executor.submit(encode_one, task.job.source, task.target, options, task.raw)
        waiting[future] = task

    for task in tasks:
        submit(task)
    while waiting:
        for future in wait(waiting, return_when=FIRST_COMPLETED).done:
            task = waiting.pop(future)
            if future.cancelled():
                continue
            tried = attempts[task.number]
            error = future.exception()
            if isinstance(error, BrokenExecutor) and tried <= MAX_RETRIES and not rows.failed:
                LOG.warning("%s: %s; it is tried again", task.job.source, error)
                attempts[task.number] += 1
                try:
                    submit(task)
                    continue
                except BrokenExecutor as again:
                    error = again
            row = future.result() if error is None else _failed(task, error)
            rows.add(task, replace(row, attempts=tried))
        if rows.failed and not keep_going:
            for future in waiting:
                future.cancel()


def _failed(task: _Task, error: BaseException) -> BatchRow:
    LOG.debug("%s", task.job.source, exc_info=error)
    kind = "" if isinstance(error, BrokenExecutor) else f"{type(error).__name__}: "
    size = source_size(task.job.source)
    return BatchRow(task.job.source, task.target, "failed", source_size=size, note=f"{kind}{error}")


def encode_one(
    source: str, target: str, options: Mapping[str, Any], raw: str | None = None
) -> BatchRow:
    """Encode one file; what is wrong with it is said in the row that comes back.

    Parameters
    ----------
    source, target : str
    options : mapping of str to value
        Of `spritecodec.encode`.
    raw : str, optional
        What bare frames are; see `spritecodec.open_clip`.
    """
    size = source_size(source)
    try:
        report = encode(
            source if raw is None else open_clip(source, raw=raw),
            target,
            **options,
            progress=lambda *_: heed(),
        )
    except SpritecodecError as error:
        return BatchRow(source, target, "failed", source_size=size, note=str(error))
    return BatchRow(
        source,
        target,
        "done",
        frames=report.frames,
        source_size=size,
        size=report.size,
        seconds=round(report.seconds, 3),
        quality=report.quality if math.isfinite(report.quality) else None,
        lossless=report.lossless,
        note="; ".join(report.notes),
    )


def look_at(source: str, target: str) -> BatchRow:
    """The row of a target that is there already; failed where it is no whole .spr file."""
    from spritecodec.reader import open as open_reader

    size = source_size(source)
    try:
        with open_reader(target) as reader:
            if reader.truncated:
                raise SpritecodecError(f"{target} is there, but it is cut short; remove it")
            quality = reader.head.quality
            return BatchRow(
                source,
                target,
                "skipped",
                frames=len(reader),
                source_size=size,
                size=reader.size,
                quality=quality if quality is not None and math.isfinite(quality) else None,
                lossless=reader.head.lossless,
            )
    except SpritecodecError as error:
        return BatchRow(source, target, "failed", source_size=size, note=str(error))


def source_size(source: str) -> int:
    """Bytes of a file, or of the files in a folder; 0 where there is nothing."""
    try:
        if os.path.isdir(source):
            return sum(entry.stat().st_size for entry in os.scandir(source) if entry.is_file())
        return os.path.getsize(source)
    except OSError:
        return 0


def _check_absent(targets: list[str]) -> None:
    """Raise OutputError where a target is there, before anything is encoded."""
    existing = [target for target in targets if os.path.lexists(target)]
    if existing:
        others = f", and so do {len(existing) - 1} others" if len(existing) > 1 else ""
        raise OutputError(
            f"{existing[0]} exists already{others}; skip those that exist, or allow overwriting"
        )


def _make_folders(folders: set[Path]) -> None:
    for folder in sorted(folders):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {folder}: {error.strerror}") from error
