"""Which files are meant: names, globs, folders and manifests; and what each is to be called."""

from __future__ import annotations

import csv
import glob
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spritecodec.errors import InputError, SettingsError

VIDEO_SUFFIXES = frozenset({
    ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".nut",
    ".ogv", ".ts", ".webm", ".wmv", ".y4m",
})  # fmt: skip
"""Files that are taken from a folder; any other file is taken where it is named."""
_MAGIC = re.compile(r"[*?[]")


@dataclass(frozen=True)
class Job:
    """One file to encode.

    Attributes
    ----------
    source : str
        A video file or a folder of pictures.
    target : Path
        Of the .spr file, relative to the folder that gets all of them.
    options : mapping of str to value
        Of `spritecodec.encode`, for this file alone; from a manifest.
    """

    source: str
    target: Path
    options: Mapping[str, Any] = field(default_factory=dict)


def find_jobs(words: Iterable[str | os.PathLike[str]]) -> list[Job]:
    """The files that are meant by a list of words, in its order.

    Parameters
    ----------
    words : iterable of path
        Videos; folders, of which all videos are taken, also those of their folders, or all
        pictures as one clip where there are no videos; globs such as ``"games/**/*.mkv"``; and
        manifests, whose names end in ``.csv`` (see `read_manifest`).

    Returns
    -------
    list of Job
        A target has its source's name with the ending ``.spr``, in the same subfolder as in a
        folder that was named. Where two would get one name, each keeps its own ending, too:
        ``a.mkv.spr`` and ``a.mp4.spr``.

    Raises
    ------
    InputError
        A word means no file, or a manifest cannot be read.
    SettingsError
        Two files would still get the same target.
    """
    found: list[tuple[Job, bool]] = []
    for given in words:
        word = os.fspath(given)
        if word == "-":
            raise InputError("standard input is one source; name files where there are many")
        if word.lower().endswith(".csv"):
            found += read_manifest(Path(word))
        else:
            found += [(Job(str(path), name), False) for path, name in expand(word)]
    jobs = _with_targets(found)
    _check_distinct(jobs)
    return jobs


def expand(word: str, suffixes: frozenset[str] = VIDEO_SUFFIXES) -> Iterator[tuple[Path, Path]]:
    """The files that one word means, each with its name below a folder.

    Raises
    ------
    InputError
        There are none.
    """
    path = Path(word)
    if not path.exists() and _MAGIC.search(word):
        matches = sorted(map(Path, glob.glob(word, recursive=True)))
        if not matches:
            raise InputError(f"nothing is called {word}; check the pattern")
        for match in matches:
            if match.is_file() or suffixes == VIDEO_SUFFIXES:
                yield from expand(str(match), suffixes)
        return
    if not path.is_dir():
        yield path, Path(path.name)  # opening it will say what is wrong with it
        return
    inside = [p for p in sorted(path.rglob("*")) if p.suffix.lower() in suffixes and p.is_file()]
    if inside:
        yield from ((p, p.relative_to(path)) for p in inside)
    elif suffixes == VIDEO_SUFFIXES:
        yield path, Path(path.resolve().name)
    else:
        raise InputError(f"there is no {' or '.join(sorted(suffixes))} file in the folder {path}")


def _yes_or_no(text: str) -> bool:
    if text.lower() not in ("yes", "no"):
        raise ValueError("yes or no")
    return text.lower() == "yes"


def _quality(text: str) -> str | float:
    if text in ("auto", "lossless", "base"):
        return text
    try:
        return float(text)
    except ValueError:
        raise ValueError("auto, lossless, base or a number of decibels") from None


def read_size(text: str) -> tuple[int, int]:
    """``"256x240"`` as width and height in pixels.

    Raises
    ------
    ValueError
        It is none; the message says what is expected.
    """
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if found is None:
        raise ValueError("a width and a height such as 256x240")
    return int(found[1]), int(found[2])


# Columns of a manifest that are options of `spritecodec.encode`.
COLUMNS: dict[str, Callable[[str], Any]] = {
    "quality": _quality,
    "preset": str,
    "native": read_size,
    "kernel": str,
    "palette": str,
    "matrix": str,
    "restore": _yes_or_no,
}


def read_manifest(path: Path) -> list[tuple[Job, bool]]:
    """The files that a table lists.

    The table is a CSV file whose first line names the columns: ``source``, relative to the
    table's own folder; and where they are wanted ``target``, relative to the folder that gets
    the files, and options for each file: ``quality`` (auto, lossless, base, or decibels),
    ``preset``, ``native`` (WxH), ``kernel``, ``palette``, ``matrix``, ``restore`` (yes or no).
    An empty field leaves an option as it is for all files.

    Returns
    -------
    list of (Job, bool)
        And whether the target was named.

    Raises
    ------
    InputError
        It cannot be read; the message says which line is wrong.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"the manifest {path} cannot be read: {reason}") from error
    known = ("source", "target", *COLUMNS)
    names = list(rows[0]) if rows else []
    strange = [str(name) for name in names if name not in known]
    if "source" not in names or strange:
        wrong = f"has the unknown column {strange[0]}" if strange else "names no column source"
        raise InputError(
            f"the first line of the manifest {path} {wrong}; columns are {', '.join(known)}"
        )
    return [_read_row(path, line, row) for line, row in enumerate(rows, start=2)]


def _read_row(path: Path, line: int, row: dict[str, str | None]) -> tuple[Job, bool]:
    """The file that one row of a manifest lists."""
    values = {name: (value or "").strip() for name, value in row.items()}
    if not values["source"]:
        raise InputError(f"line {line} of the manifest {path} names no source")
    source = path.parent / values["source"]
    target = Path(values.get("target") or source.name)
    if target.is_absolute() or ".." in target.parts:
        raise InputError(
            f"line {line} of the manifest {path} has the target {target}, which must be a name "
            "below the folder that gets all files"
        )
    options = {}
    for name, read in COLUMNS.items():
        if values.get(name):
            try:
                options[name] = read(values[name])
            except ValueError as error:
                raise InputError(
                    f"line {line} of the manifest {path}: {name} is {error}, not {values[name]!r}"
                ) from error
    if "palette" in options and (path.parent / options["palette"]).exists():
        options["palette"] = str(path.parent / options["palette"])
    return Job(str(source), target, options), bool(values.get("target"))


def _with_targets(found: list[tuple[Job, bool]]) -> list[Job]:
    """The jobs with names of .spr files; a name that was given is kept."""
    short = [job.target if named else job.target.with_suffix(".spr") for job, named in found]
    used = Counter(short)
    jobs = []
    for (job, named), target in zip(found, short, strict=True):
        if not named and used[target] > 1:
            target = job.target.with_name(f"{job.target.name}.spr")
        jobs.append(Job(job.source, target, job.options))
    return jobs


def _check_distinct(jobs: list[Job]) -> None:
    """Raise SettingsError where two files would be written under one name."""
    seen: dict[str, Job] = {}
    for job in jobs:
        other = seen.setdefault(os.path.normcase(job.target), job)
        if other is not job:
            raise SettingsError(
                f"{other.source} and {job.source} would both be written to {job.target}; "
                "give them different targets in a manifest"
            )
