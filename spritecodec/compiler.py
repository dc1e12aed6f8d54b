"""Where compiled code is kept between runs: a cache of numba's that can be written."""

from __future__ import annotations

import atexit

from spritecodec.errors import OutputError
from spritecodec.formats.atomic import temporary


def _probe(value: int) -> int:
    """Something to compile."""
    return value


def prepare_compiler() -> str | None:
    """Make sure that numba has a folder for compiled code; call it before kernels are imported.

    Numba keeps it beside the source or in the home folder, and gives up where neither can be
    written, as in containers and under the users of services. A temporary folder then does, for
    this process alone.

    Returns
    -------
    str or None
        What the user should know, one sentence, where there is no lasting folder.

    Raises
    ------
    OutputError
        Temporary files cannot be written either.
    """
    import numba
    from numba import njit

    try:
        njit(cache=True)(_probe)
    except RuntimeError:
        folder = temporary("code cannot be compiled", folder=True)
        atexit.register(folder.discard)
        numba.config.CACHE_DIR = str(folder.path)  # type: ignore[attr-defined] # made at import
        try:
            njit(cache=True)(_probe)
        except RuntimeError as error:
            raise OutputError(f"code cannot be compiled: {error}") from error
        return (
            "compiled code cannot be kept, because neither the installation nor the home folder is "
            "writable, so each run begins with a minute of compiling; name a folder that is in "
            "the environment variable NUMBA_CACHE_DIR"
        )
    return None
