"""A segment's residual as streams and back (SPEC.md section 7, "Residual")."""

from __future__ import annotations

import numpy as np

from spritecodec.formats.spr.pictures import Palette, Picture, read_pictures, write_pictures
from spritecodec.formats.spr.streams import (
    Cursor,
    Ints,
    read_exactly,
    read_stream,
    running_sums,
    write_stream,
)
from spritecodec.scene import Residual

MAX_PATCHES = 1 << 24
RESIDUAL_LIMIT = 1 << 27  # pixels in one segment's patches


def write_residual(residual: Residual, palette: Palette) -> list[bytes]:
    """The section's streams.

    Parameters
    ----------
    residual : Residual
        Not empty.
    palette : Palette
        The segment's palette so far; new colours are added to it.
    """
    pictures = [
        residual.pixels[a:b].reshape(h, w, 4)
        for a, b, h, w in zip(
            residual.first[:-1].tolist(),
            residual.first[1:].tolist(),
            residual.height.tolist(),
            residual.width.tolist(),
            strict=True,
        )
    ]
    parts = [
        write_stream(np.diff(residual.start, prepend=0)),
        write_stream(residual.length - 1),
        write_stream(residual.x),
        write_stream(residual.y),
        write_pictures(pictures, palette),
    ]
    moves_with = residual.layer[residual.length > 1]  # nothing moves in a single frame
    if (moves_with >= 0).any():
        parts.append(write_stream(moves_with + 1))
    return parts


def read_residual(
    cursor: Cursor, palette: Palette, frames: int, screen: tuple[int, int], layers: int
) -> Residual:
    """Read what `write_residual` wrote.

    Parameters
    ----------
    cursor : Cursor
    palette : Palette
        The segment's palette so far; new colours are added to it.
    frames, layers : int
        Of the segment.
    screen : tuple of int
        Width and height in pixels.

    Raises
    ------
    FormatError
        The data is damaged, or a patch lies outside the segment or the screen.
    """
    start = running_sums(cursor, read_stream(cursor, MAX_PATCHES))
    more, x, y = (read_exactly(cursor, len(start), "residual patches") for _ in range(3))
    pictures = read_pictures(cursor, palette, RESIDUAL_LIMIT)
    if len(pictures) != len(start):
        raise cursor.fail("the residual's patches and pictures differ in number")
    h = np.array([p.shape[0] for p in pictures], np.int64)
    w = np.array([p.shape[1] for p in pictures], np.int64)
    width, height = screen
    # One after another, so that no sum is larger than 64 bits hold.
    inside = (start >= 0) & (more >= 0) & (more < frames) & (start < frames)
    inside &= (x >= 0) & (y >= 0) & (x <= width) & (y <= height)
    if not inside.all() or (start[1:] < start[:-1]).any():
        raise cursor.fail("a residual patch lies outside the segment")
    length = more + 1
    if not ((start + length <= frames) & (x + w <= width) & (y + h <= height)).all():
        raise cursor.fail("a residual patch lies outside the segment")
    pixels = _join_pixels(cursor, pictures)
    columns = {
        "start": start,
        "length": length,
        "layer": _read_layers(cursor, length, layers),
        "x": x,
        "y": y,
        "width": w,
        "height": h,
    }
    first = np.append(0, np.cumsum(w * h)).astype(np.int64)
    narrow = {name: column.astype(np.int32) for name, column in columns.items()}
    return Residual(first=first, pixels=pixels, **narrow)


def _read_layers(cursor: Cursor, length: Ints, layers: int) -> Ints:
    """The layer that each patch moves with; -1 where it stands still on the screen."""
    layer = np.full(len(length), -1)
    if cursor.at == len(cursor.data):
        return layer
    lasting = np.flatnonzero(length > 1)
    moves_with = read_exactly(cursor, len(lasting), "residual layers")
    if not ((moves_with >= 0) & (moves_with <= layers)).all():
        raise cursor.fail("a residual patch moves with a layer that does not exist")
    if (moves_with == 0).all():
        raise cursor.fail("the residual's layers are stored though no patch moves")
    layer[lasting] = moves_with - 1
    return layer


def _join_pixels(cursor: Cursor, pictures: tuple[Picture, ...]) -> Picture:
    """The pixels of all patches, shape (pixels, 4)."""
    pixels = np.concatenate([p.reshape(-1, 4) for p in pictures] or [np.zeros((0, 4), np.uint8)])
    if not np.isin(pixels[:, 3], (0, 255)).all():
        raise cursor.fail("a residual pixel is translucent")
    return pixels
