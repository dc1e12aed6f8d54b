"""What the commands share that take many files."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from spritecodec.cli.common import Progress, interrupted, tell, warn, write_json
from spritecodec.errors import SettingsError, SpritecodecError

if TYPE_CHECKING:
    from spritecodec.batch import BatchReport, BatchRow

FAILED = 1
"""The exit code where any of many files failed."""

_Command = TypeVar("_Command", bound=Callable[..., Any])
_FILE = click.Path(dir_okay=False, path_type=Path)


@dataclass(frozen=True)
class Many:
    """The options of `encode` for many files.

    Attributes
    ----------
    into : Path or None
        None where one file is encoded.
    jobs : int or None
    skip_existing, keep_going : bool
    csv_file, report : Path or None
        Where the summary goes.
    """

    into: Path | None
    jobs: int | None
    skip_existing: bool
    keep_going: bool
    csv_file: Path | None
    report: Path | None

    def pair(self, paths: tuple[str, ...]) -> tuple[str, str]:
        """Source and target, where one file is encoded.

        Raises
        ------
        SettingsError
            There is another number of paths, or an option for many files.
        """
        if any((self.jobs, self.skip_existing, self.keep_going, self.csv_file, self.report)):
            raise SettingsError(
                "--jobs, --skip-existing, --keep-going, --csv and --report are for many files; "
                "name the folder that gets them with --into"
            )
        if len(paths) != 2:
            raise click.UsageError(
                "name a source and a target, or any number of sources and a folder with --into"
            )
        return paths[0], paths[1]


_OPTIONS = (
    click.option(
        "--into",
        metavar="FOLDER",
        type=click.Path(file_okay=False, path_type=Path),
        help="Encode every SOURCE to a file in this folder.",
    ),
    click.option(
        "--jobs",
        type=click.IntRange(1),
        help="Files encoded at a time; one a processor. Changes no byte of any file.",
    ),
    click.option(
        "--skip-existing", is_flag=True, help="Leave files that are there: goes on after a stop."
    ),
    click.option("--keep-going", is_flag=True, help="Encode the others where one fails."),
    click.option("--csv", "csv_file", type=_FILE, help="The summary of many files, as a table."),
    click.option("--report", type=_FILE, help="The same as one HTML page with pictures."),
)


def many_options(command: _Command) -> _Command:
    """Add the options for many files to a command, which gets them as `many`."""

    @functools.wraps(command)
    def wrapped(
        into: Path | None,
        jobs: int | None,
        skip_existing: bool,
        keep_going: bool,
        csv_file: Path | None,
        report: Path | None,
        **others: Any,
    ) -> Any:
        many = Many(into, jobs, skip_existing, keep_going, csv_file, report)
        return command(many=many, **others)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[return-value]


def encode_many(
    paths: tuple[str, ...], many: Many, options: Mapping[str, Any], as_json: bool
) -> None:
    """Encode many files; one line each, the summaries, and the exit code."""
    from spritecodec.batch import BatchReport
    from spritecodec.batch import encode_many as encode_all
    from spritecodec.formats.atomic import check_target

    assert many.into is not None
    if not paths:
        raise click.UsageError("name the files to encode")
    for written in (many.csv_file, many.report):
        if written is not None:
            check_target(written, True)
    rows: list[BatchRow] = []
    with Progress("Encoding files") as progress:

        def tell_row(done: int, total: int, row: BatchRow) -> None:
            rows.append(row)
            progress.wipe()
            _tell_row(done, total, row, as_json)
            if sys.stderr.isatty():  # elsewhere, the lines above are enough
                progress(done, total)

        try:
            report = encode_all(
                paths,
                many.into,
                jobs=many.jobs,
                skip_existing=many.skip_existing,
                keep_going=many.keep_going,
                progress=tell_row,
                **options,
            )
        except KeyboardInterrupt as error:
            progress.wipe()
            _summarise(BatchReport(tuple(rows)), many)
            tell(
                f"Interrupted; {len(rows):,} files are finished. The same command with "
                "--skip-existing goes on."
            )
            raise click.exceptions.Exit(interrupted(error)) from None
    _summarise(report, many)
    if as_json:
        write_json({"files": [asdict(row) for row in report.rows]})
    else:
        click.echo(_last_line(report))
    if not report.ok:
        raise click.exceptions.Exit(FAILED)


def _tell_row(done: int, total: int, row: BatchRow, quiet: bool) -> None:
    """One line for a file that is finished."""
    line = f"[{done}/{total}] {row}"
    if row.status == "failed":
        tell(f"{line}{f' ({row.attempts} attempts)' if row.attempts > 1 else ''}")
        return
    if row.note:
        warn(f"{row.source}: {row.note}")
    if not quiet:
        click.echo(line)


def _last_line(report: BatchReport) -> str:
    names = "done", "skipped", "failed", "not run"
    counts = [f"{n:,} {name}" for name in names if (n := report.count(name))]  # type: ignore[arg-type]
    there = [row for row in report.rows if row.status in ("done", "skipped")]
    before, after = sum(row.source_size for row in there), sum(row.size for row in there)
    return f"{', '.join(counts)}: {before:,} bytes became {after:,}"


def _summarise(report: BatchReport, many: Many) -> None:
    from spritecodec.batch import summary_page
    from spritecodec.formats.atomic import create

    texts = []
    if many.csv_file is not None:
        texts.append((many.csv_file, report.to_csv()))
    if many.report is not None:
        texts.append((many.report, summary_page(report)))
    for path, text in texts:
        with create(path, overwrite=True) as stream:
            stream.write(text.encode())


def each_file(
    words: Iterable[str], show: Callable[[str], dict[str, Any] | None], as_json: bool
) -> None:
    """Do something with each .spr file that is meant; where there are several, go on past errors.

    Parameters
    ----------
    words : iterable of str
        Files, folders and globs.
    show : callable
        Called with each path; returns facts for JSON, or prints.
    as_json : bool
        One object for one file; else ``{"files": [...]}``, where what failed has ``"error"``.
    """
    from spritecodec.batch.jobs import expand

    words = list(words)
    spr = frozenset({".spr"})
    paths = [str(p) for w in words for p, _ in ([(w, w)] if w == "-" else expand(w, spr))]
    if len(words) == 1 and paths in (words, [os.path.normpath(words[0])]):
        facts = show(words[0])
        if facts is not None:
            write_json(facts)
        return
    found: list[dict[str, Any]] = []
    failed = 0
    for path in paths:
        try:
            found.append({"name": path} | (show(path) or {}))
        except SpritecodecError as error:
            failed += 1
            found.append({"name": path, "error": str(error)})
            tell(f"Error: {path}: {error}")
    if as_json:
        write_json({"files": found})
    if failed:
        tell(f"{failed:,} of {len(paths):,} files failed")
        raise click.exceptions.Exit(FAILED)
