"""Targets: files and folders that appear whole or not at all.

What is being written lies under a hidden name beside the target and gets the target's name at the
end. Where nothing was to be replaced, nothing is, even if something appeared there meanwhile.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from spritecodec.errors import OutputError, SettingsError

PART = re.compile(r"\.spritecodec-[0-9a-f]{16}\.part")
STALE_SECONDS = 60.0
"""A part that nobody has locked is a leftover once it has been left alone for so long."""


@contextlib.contextmanager
def create(target: str | os.PathLike[str], overwrite: bool = False) -> Iterator[IO[bytes]]:
    """A stream that becomes the file `target` only if the block ends without an error.

    The stream is a hidden file beside the target, open for writing and reading, so that its
    content can be verified while the target is still the old one. Where the target is a link,
    what it leads to is written, and the link stays.

    Raises
    ------
    OutputError
        The target exists and `overwrite` is False, also where it appeared while the block
        ran; or it cannot be written, or the disk is full.
    """
    check_target(target, overwrite)
    try:
        with Part(resolve(target)) as part:
            with open(part.path, "r+b") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            try:
                part.settle(overwrite)
            except FileExistsError as e:
                raise OutputError(_exists(target)) from e
    except OSError as e:
        raise OutputError(f"cannot write {os.fspath(target)}: {e.strerror or e}") from e


class Part:
    """A hidden file or folder that becomes `goal` when it is whole.

    As a context manager it removes what was not settled.

    Parameters
    ----------
    goal : Path
        No link; see `resolve`.
    folder : bool
        Make a folder instead of a file.

    Attributes
    ----------
    path : Path
        Where to write.

    Raises
    ------
    OSError
        It cannot be made.
    """

    def __init__(self, goal: Path, folder: bool = False) -> None:
        self._goal, self._folder = goal, folder
        parent = goal.absolute().parent
        _sweep(parent)
        self.path = parent / f".spritecodec-{os.urandom(8).hex()}.part"
        if folder:
            self.path.mkdir()
        else:
            self.path.open("xb").close()
        # Locked as long as this process lives, so that others know a leftover from work.
        self._lock: int | None = None
        if os.name == "posix":
            self._lock = os.open(self.path, os.O_RDONLY)
            _try_to_lock(self._lock)

    def settle(self, overwrite: bool) -> None:
        """Give a finished file or a folder the target's name.

        Raises
        ------
        FileExistsError
            There is something of that name, and `overwrite` is False. A folder never replaces
            one that holds anything.
        """
        if self._folder:
            os.rename(self.path, self._goal)
        elif overwrite:
            os.replace(self.path, self._goal)
        else:
            _rename_to_new(self.path, self._goal)

    def discard(self) -> None:
        """Remove what is left of it."""
        with contextlib.suppress(OSError):
            if self._folder:
                shutil.rmtree(self.path, ignore_errors=True)
            else:
                self.path.unlink(missing_ok=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Part:
        return self

    def __exit__(self, *error: object) -> None:
        self.discard()


def temporary(purpose: str, folder: bool = False) -> Part:
    """A file or folder in the system's folder for temporary files, which is not to be settled.

    Parameters
    ----------
    purpose : str
        What cannot be done without it, for the error.
    folder : bool

    Raises
    ------
    OutputError
        There is no such folder, or it cannot be written.
    """
    try:
        return Part(Path(tempfile.gettempdir(), "temporary"), folder)
    except OSError as e:
        raise OutputError(
            f"{purpose}, because no folder for temporary files is writable; name one that is in "
            "the environment variable TMPDIR"
        ) from e


def _rename_to_new(path: Path, goal: Path) -> None:
    """Rename a file; FileExistsError where there is something of that name."""
    try:
        os.link(path, goal)
    except FileExistsError:
        raise
    except OSError as e:
        if e.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EACCES):
            raise
        # No hard links here: claim the name first.
        os.close(os.open(goal, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        os.replace(path, goal)
    else:
        path.unlink()


def _sweep(folder: Path) -> None:
    """Remove parts that processes of the same user left in a folder when they were killed."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if PART.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    _remove_stale(entry.path)


def _remove_stale(path: str) -> None:
    """Remove a file or folder that is this user's, old enough, and locked by nobody.

    Raises
    ------
    OSError
        It cannot be removed.
    """
    found = os.lstat(path)
    old = time.time() - found.st_mtime >= STALE_SECONDS
    if os.name != "posix" or found.st_uid != os.geteuid() or not old:
        return
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        if not _try_to_lock(handle):
            return
        if os.path.isdir(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    finally:
        os.close(handle)


def _try_to_lock(handle: int) -> bool:
    """Lock an open file or folder; False where another process has, or there are no locks."""
    import fcntl  # there is none on Windows, where leftovers stay

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def resolve(target: str | os.PathLike[str]) -> Path:
    """The target itself, where a link leads to it."""
    return Path(os.path.realpath(target))


def check_target(
    target: str | os.PathLike[str],
    overwrite: bool,
    source: str | os.PathLike[str] | None = None,
) -> None:
    """Check that a target can become a new file; cheap, so call it early.

    Raises
    ------
    OutputError
        It cannot.
    SettingsError
        It is the source, which writing would destroy.
    """
    name, path = os.fspath(target), resolve(target)
    try:
        if path.is_dir():
            raise OutputError(f"cannot write {name}: it is a folder")
        if path.exists():
            if not path.is_file():
                raise OutputError(f"cannot write {name}: it is not a regular file")
            if source is not None:
                check_distinct(source, target)
            if not overwrite:
                raise OutputError(_exists(target))
        elif not path.parent.is_dir():
            raise OutputError(f"cannot write {name}: there is no folder {path.parent}")
    except OSError as e:
        raise OutputError(f"cannot write {name}: {e.strerror or e}") from e
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"cannot write {name}: the folder {path.parent} is not writable")


def check_distinct(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Raise SettingsError where source and target are one file, which writing would destroy."""
    try:
        same = os.path.samefile(source, target)
    except OSError:  # one of them is not there, or no file at all
        return
    if same:
        raise SettingsError(f"{os.fspath(target)} is source and target; name another target")


def _exists(target: str | os.PathLike[str]) -> str:
    return f"{os.fspath(target)} exists already; allow overwriting it or name another target"
