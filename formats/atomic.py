"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from spritecodec.errors import OutputError


@contextlib.contextmanager
def create(target: str | os.PathLike[str], overwrite: bool = False) -> Iterator[IO[bytes]]:
    """A stream that becomes the file `target` only if the block ends without an error.

    The stream is a temporary file beside the target, open for writing and reading, so
    that its content can be verified while the target is still the old one.

    Raises
    ------
    OutputError
        The target exists and `overwrite` is False, or it cannot be written, or the
        disk is full.
    """
    path = Path(target)
    check_target(path, overwrite)
    part = path.with_name(f".{os.urandom(8).hex()}.part")
    try:
        with open(part, "x+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, path)
    except OSError as e:
        raise OutputError(f"cannot write {path}: {e.strerror or e}") from e
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def check_target(path: Path, overwrite: bool) -> None:
    """Raise OutputError where `path` cannot become a new file; cheap, so call it early."""
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder")
    if path.exists() and not path.is_file():
        raise OutputError(f"cannot write {path}: it is not a regular file")
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists already; allow overwriting it or name another target")
    if not path.parent.is_dir():
        raise OutputError(f"cannot write {path}: there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"cannot write {path}: the folder {path.parent} is not writable")
