"""A segment's recolouring as streams and back (SPEC.md section 7, "Recolouring").

Colours are palette numbers. They are stored colour by colour, through all tables: what
becomes of a colour changes little from table to table.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spritecodec.formats.spr.pictures import MAX_COLOURS, Palette, index_colours, read_colours
from spritecodec.formats.spr.streams import Cursor, Ints, read_stream, write_stream
from spritecodec.scene import Recolouring

MAX_SOURCES = 1 << 15  # colours that a segment replaces
MAX_TARGETS = 1 << 24  # colours in all tables of a segment


def _opaque(rgb: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """RGB, shape (..., 3), as packed RGBA."""
    rgba = np.full((*rgb.shape[:-1], 4), 255, np.uint8)
    rgba[..., :3] = rgb
    return rgba.view(np.uint32)[..., 0]


def write_recolouring(recolouring: Recolouring, palette: Palette) -> list[bytes]:
    """The section's streams.

    Parameters
    ----------
    recolouring : Recolouring
        Not empty.
    palette : Palette
        The segment's palette so far; new colours are added to it.

    Raises
    ------
    ValueError
        The palette has no room for its colours.
    """
    start, length = recolouring.start.astype(np.int64), recolouring.length.astype(np.int64)
    targets = _opaque(recolouring.target).T
    indexed = index_colours(np.append(_opaque(recolouring.source), targets.ravel()), palette)
    if indexed is None:
        raise ValueError(f"a recolouring whose colours do not fit {MAX_COLOURS} in all")
    numbers, new = indexed
    palette.add(new)
    sources = len(recolouring.source)
    return [
        write_stream(start - np.append(0, (start + length)[:-1])),
        write_stream(length - 1),
        write_stream(recolouring.table),
        write_stream(new.T.ravel()),
        write_stream(numbers[:sources]),
        write_stream(numbers[sources:]),
    ]


def read_recolouring(cursor: Cursor, palette: Palette, frames: int) -> Recolouring:
    """Read what `write_recolouring` wrote, for a segment of so many frames.

    Raises
    ------
    FormatError
        The data is damaged or declares more than is allowed.
    """
    gap = read_stream(cursor, frames)
    more, table = read_stream(cursor, len(gap)), read_stream(cursor, len(gap))
    if not len(gap) == len(more) == len(table) > 0:
        raise cursor.fail("the runs of the recolouring are damaged")
    cursor.budget.take(objects=len(gap))
    if min(gap.min(), more.min()) < 0 or max(gap.max(), more.max()) >= frames:
        raise cursor.fail("a run of the recolouring lies outside the segment")
    end = np.cumsum(gap + more + 1)
    if end[-1] > frames:
        raise cursor.fail("a run of the recolouring lies outside the segment")
    read_colours(cursor, palette)
    source = _rgb(cursor, palette, read_stream(cursor, MAX_SOURCES))
    numbers = read_stream(cursor, MAX_TARGETS)
    if not len(source) or len(numbers) % len(source):
        raise cursor.fail("a table of the recolouring is cut short")
    if len(np.unique(source, axis=0)) != len(source):
        raise cursor.fail("the recolouring replaces a colour twice")
    target = _rgb(cursor, palette, numbers).reshape(len(source), -1, 3).swapaxes(0, 1)
    if table.min() < 0 or table.max() >= len(target):
        raise cursor.fail("the recolouring has no such table")
    return Recolouring(
        (end - more - 1).astype(np.int32),
        (more + 1).astype(np.int32),
        table.astype(np.int32),
        source,
        np.ascontiguousarray(target),
    )


def _rgb(cursor: Cursor, palette: Palette, numbers: Ints) -> NDArray[np.uint8]:
    """The colours with these numbers, shape (n, 3)."""
    if len(numbers) and (numbers.min() < 0 or numbers.max() >= len(palette.packed)):
        raise cursor.fail("the recolouring has a colour that is not in the palette")
    return palette.rgba[numbers, :3]
