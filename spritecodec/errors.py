"""Every error that spritecodec raises on purpose.

    SpritecodecError            base; its message is one sentence for a person
    ├── InputError              a source that cannot be used (missing, not a video, ...)
    ├── OutputError             a target that cannot be written (exists, full disk, ...)
    ├── SettingsError           options that contradict one another or are out of range
    ├── MissingExtraError       something asked for whose extra is not installed
    ├── TrainingError           the sprite model could not be trained
    └── FormatError             a damaged .spr file; names the chunk and the offset
        └── VersionError        a .spr file of another format version or draft

The command line prints the message and exits with ``exit_code``.
"""

from __future__ import annotations


class SpritecodecError(Exception):
    """Base of all errors that spritecodec raises on purpose."""

    exit_code = 1


class InputError(SpritecodecError):
    """The source cannot be used."""

    exit_code = 3


class OutputError(SpritecodecError):
    """The target cannot be written."""

    exit_code = 4


class SettingsError(SpritecodecError):
    """The options contradict one another or are out of range."""

    exit_code = 2


class MissingExtraError(SpritecodecError):
    """A library that is not needed for decoding is not installed.

    Parameters
    ----------
    library : str
        Its name.
    purpose : str
        What needs it, as the subject of a sentence.
    extra : str
        The extra that installs it: ``"encode"``, ``"train"``, which contains the former, or
        ``"gym"``.
    """

    exit_code = 5

    def __init__(self, library: str, purpose: str, extra: str = "encode") -> None:
        super().__init__(
            f"{purpose} needs {library}, which is not installed; "
            f"install it with: pip install {requirement(extra)}"
        )


def requirement(extra: str) -> str:
    """What to hand to ``pip install`` for an extra, from where this package was installed.

    A clone and a wheel are named by their place, which an index need not know.
    """
    import json
    from importlib.metadata import PackageNotFoundError, distribution
    from pathlib import Path
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    try:
        origin = json.loads(distribution("spritecodec").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        origin = {}
        clone = Path(__file__).resolve().parent.parent
        if (clone / "pyproject.toml").exists():
            return f"-e '{clone}[{extra}]'"
    url = str(origin.get("url", ""))
    if "vcs_info" in origin:
        return f"'spritecodec[{extra}] @ {origin['vcs_info'].get('vcs', 'git')}+{url}'"
    place = Path(url2pathname(urlsplit(url).path)) if url.startswith("file:") else None
    if place is None or not place.exists():
        return f"'spritecodec[{extra}]'"
    editable = "-e " if origin.get("dir_info", {}).get("editable") else ""
    return f"{editable}'{place}[{extra}]'"


class TrainingError(SpritecodecError):
    """The sprite model could not be trained."""

    exit_code = 6


class FormatError(SpritecodecError):
    """A .spr file is damaged.

    Parameters
    ----------
    message : str
        What is wrong, as a sentence without a final full stop.
    chunk : str, optional
        The chunk's kind, for example ``"SEGM"``.
    offset : int, optional
        The byte offset in the file where that chunk (or the damage) starts.
    """

    exit_code = 7

    def __init__(self, message: str, chunk: str | None = None, offset: int | None = None) -> None:
        where = []
        if chunk is not None:
            where.append(f"chunk {chunk}")
        if offset is not None:
            where.append(f"offset {offset}")
        super().__init__(f"{message} ({', '.join(where)})" if where else message)
        self.chunk = chunk
        self.offset = offset


class VersionError(FormatError):
    """A .spr file of a format version or draft that this reader does not know."""
