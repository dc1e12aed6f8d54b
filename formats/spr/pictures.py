"""Pictures as streams (SPEC.md section 6).

All pictures of a file share one palette, which grows from chunk to chunk: a payload first
adds the colours that it is the first to use, then gives pixels as indices. Index 0 is
always the clear pixel (0, 0, 0, 0). Where there are too many colours for a palette (natural
video), a payload stores its RGBA channels directly and leaves the palette as it is.

======= ========== ==========================================================
layout  name       how the pixels of all pictures follow one another
======= ========== ==========================================================
0       rows       picture after picture, row after row
1       columns    picture after picture, column after column
2       tiles      each picture cut into square tiles: first a map of tile
                   numbers, then the pixels of the distinct tiles, row by row
3       direct     rows, in four channels R, G, B, A, each predicted from the
                   pixel to the left and the pixel above
======= ========== ==========================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from spritecodec.formats.spr.budget import PICTURE_PIXEL_BYTES
from spritecodec.formats.spr.container import write_varint
from spritecodec.formats.spr.streams import SAMPLE_SIZE, Cursor, read_stream, smallest, write_stream

_Number = TypeVar("_Number", bound=np.generic)
Picture = NDArray[np.uint8]
Indices = NDArray[np.int64]

ROWS, COLUMNS, TILES, DIRECT = range(4)
TILE_SIZES = (8, 16, 32)
MAX_COLOURS = 65536
MAX_SIDE = 1 << 20


class Palette:
    """The colours of a file, in the order in which payloads add them.

    A writer and a reader each keep one and see the same payloads in the same order.
    """

    def __init__(self) -> None:
        self.packed: NDArray[np.uint32] = np.zeros(1, np.uint32)

    @property
    def rgba(self) -> NDArray[np.uint8]:
        """All colours, shape (colours, 4), uint8."""
        return self.packed.view(np.uint8).reshape(-1, 4)

    def add(self, rgba: NDArray[np.uint8]) -> None:
        """Append colours, shape (n, 4), uint8."""
        packed = np.ascontiguousarray(rgba).view(np.uint32).ravel()
        self.packed = np.concatenate([self.packed, packed])

    def copy(self, count: int | None = None) -> Palette:
        """An independent palette with the same colours, or with the first `count` of them."""
        other = Palette()
        other.packed = self.packed[:count]
        return other


def _pack(pictures: Sequence[Picture]) -> NDArray[np.uint32]:
    """All pixels one after another as packed RGBA; clear pixels become 0."""
    if not pictures:
        return np.zeros(0, np.uint32)
    flat = np.concatenate([np.ascontiguousarray(p).view(np.uint32).ravel() for p in pictures])
    alpha = flat.view(np.uint8).reshape(-1, 4)[:, 3]
    return np.where(alpha == 0, np.uint32(0), flat)


def index_colours(
    packed: NDArray[np.uint32], palette: Palette
) -> tuple[Indices, NDArray[np.uint8]] | None:
    """Palette indices of packed RGBA colours and the new colours; None where too many.

    The new colours, shape (n, 4), are not added to the palette yet.
    """
    starts = np.flatnonzero(np.diff(packed, prepend=~packed[:1]))  # of runs of one colour
    length = np.diff(starts, append=len(packed))
    colours, first, inverse = np.unique(packed[starts], return_index=True, return_inverse=True)
    order = np.argsort(palette.packed, kind="stable")
    place = np.searchsorted(palette.packed, colours, sorter=order)
    known = order[np.minimum(place, len(order) - 1)]
    is_new = palette.packed[known] != colours
    new = np.flatnonzero(is_new)
    if len(palette.packed) + len(new) > MAX_COLOURS:
        return None
    new = new[np.argsort(first[new])]  # in the order of their first use
    number = known.astype(np.int64)
    number[new] = len(palette.packed) + np.arange(len(new))
    return np.repeat(number[inverse], length), colours[new].view(np.uint8).reshape(-1, 4)


def _shapes_stream(pictures: Sequence[Picture]) -> bytes:
    widths = write_stream([p.shape[1] for p in pictures])
    return widths + write_stream([p.shape[0] for p in pictures])


def _split(flat: NDArray[_Number], sizes: Sequence[tuple[int, int]]) -> list[NDArray[_Number]]:
    parts, at = [], 0
    for h, w in sizes:
        parts.append(flat[at : at + h * w].reshape(h, w))
        at += h * w
    return parts


def _tiles(indices: list[Indices], side: int) -> tuple[Indices, Indices]:
    """The tile map of all pictures, and the distinct tiles in order of first use."""
    cut = []
    for picture in indices:
        h, w = picture.shape
        padded = np.pad(picture, ((0, -h % side), (0, -w % side)))
        rows, columns = padded.shape[0] // side, padded.shape[1] // side
        grid = padded.reshape(rows, side, columns, side).swapaxes(1, 2)
        cut.append(grid.reshape(-1, side * side))
    every = np.concatenate(cut)
    narrow = every.astype(np.min_scalar_type(int(every.max(initial=0))))
    as_bytes = narrow.view(np.dtype((np.void, narrow.itemsize * side * side))).ravel()
    _, first, inverse = np.unique(as_bytes, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse.ravel()], every[np.sort(first)]


def _predict(plane: Indices) -> Indices:
    """Left + above - above left, outside counted as 0; differences modulo 256."""
    left = np.pad(plane, ((0, 0), (1, 0)))[:, :-1]
    above = np.pad(plane, ((1, 0), (0, 0)))[:-1]
    corner = np.pad(plane, ((1, 0), (1, 0)))[:-1, :-1]
    return (plane - left - above + corner) & 255


def write_pictures(pictures: Sequence[Picture], palette: Palette) -> bytes:
    """Write RGBA pictures in the layout that compresses best.

    Parameters
    ----------
    pictures : sequence of ndarray, each shape (h, w, 4), uint8
    palette : Palette
        The file's palette so far; new colours are added to it.
    """
    count = write_varint(len(pictures))
    if not pictures:
        return count
    head = count + _shapes_stream(pictures)
    indexed = index_colours(_pack(pictures), palette)
    sizes = [(p.shape[0], p.shape[1]) for p in pictures]
    if indexed is None:
        direct = [bytes([DIRECT])]
        for channel in range(4):
            planes = [
                _predict(np.where(p[..., 3] == 0, 0, p[..., channel]).astype(np.int64))
                for p in pictures
            ]
            direct.append(np.concatenate([p.ravel() for p in planes]).astype(np.uint8).tobytes())
        return head + b"".join(direct)
    flat, new = indexed
    palette.add(new)
    colours = write_stream(new.T.ravel())
    split = _split(flat, sizes)
    tried = split[:: -(-len(flat) // SAMPLE_SIZE)]
    layouts = [(ROWS, 0), (COLUMNS, 0)]
    layouts += [
        (TILES, side) for side in TILE_SIZES if any(max(p.shape) >= 2 * side for p in tried)
    ]
    candidates = [_laid_out(tried, colours, *way) for way in layouts]
    best = smallest(candidates)
    if len(tried) == len(split):
        return head + candidates[best]
    return head + _laid_out(split, colours, *layouts[best])


def _laid_out(indices: list[Indices], colours: bytes, layout: int, side: int) -> bytes:
    """Layout, new colours, and the pixels of all pictures."""
    if layout == TILES:
        tile_map, tiles = _tiles(indices, side)
        return bytes([TILES, side]) + colours + write_stream(tile_map) + write_stream(tiles)
    turned = (p.T if layout == COLUMNS else p for p in indices)
    return bytes([layout]) + colours + write_stream(np.concatenate([p.ravel() for p in turned]))


def read_colours(cursor: Cursor, palette: Palette) -> None:
    """Add the colours that a stream holds to the palette.

    Raises
    ------
    FormatError
        They are damaged, or more than a palette may have.
    """
    colours = read_stream(cursor, 4 * (MAX_COLOURS - len(palette.packed)))
    if len(colours) % 4 or ((colours < 0) | (colours > 255)).any():
        raise cursor.fail("the palette is damaged")
    palette.add(np.ascontiguousarray(colours.reshape(4, -1).T.astype(np.uint8)))


def read_pictures(cursor: Cursor, palette: Palette, pixel_limit: int) -> tuple[Picture, ...]:
    """Read what `write_pictures` wrote.

    Parameters
    ----------
    cursor : Cursor
    palette : Palette
        The file's palette so far; new colours are added to it.
    pixel_limit : int
        The most pixels allowed in all pictures together; checked before allocation.

    Raises
    ------
    FormatError
        The data is damaged or declares more than is allowed.
    """
    count = cursor.count(pixel_limit, "pictures")
    if count == 0:
        return ()
    cursor.budget.take(objects=count)
    widths, heights = read_stream(cursor, count), read_stream(cursor, count)
    if len(widths) != count or len(heights) != count:
        raise cursor.fail("a picture has no size")
    if min(widths.min(), heights.min()) < 1 or max(widths.max(), heights.max()) > MAX_SIDE:
        raise cursor.fail("a picture has an impossible size")
    areas = widths * heights
    total = int(areas.sum())
    if areas.max() > pixel_limit or total > pixel_limit:  # a sum of many may wrap around
        raise cursor.fail(f"more pixels than the {pixel_limit} that are allowed")
    cursor.budget.take(PICTURE_PIXEL_BYTES * total)
    sizes = list(zip(heights.tolist(), widths.tolist(), strict=True))
    layout = cursor.byte()
    if layout == DIRECT:
        return _read_direct(cursor, sizes, total)
    side = cursor.byte() if layout == TILES else 0
    read_colours(cursor, palette)
    if layout == TILES:
        indices = _read_tiles(cursor, sizes, side)
        return tuple(_coloured(cursor, palette, i) for i in indices)
    if layout not in (ROWS, COLUMNS):
        raise cursor.fail(f"unknown picture layout {layout}")
    flat = read_stream(cursor, total)
    if len(flat) != total:
        raise cursor.fail("pixels are missing")
    # All pixels at once, which takes much less time than picture by picture.
    packed = _packed(cursor, palette, flat)
    if layout == ROWS:
        shown = _split(packed, sizes)
    else:
        turned = _split(packed, [(w, h) for h, w in sizes])
        shown = [np.ascontiguousarray(p.T) for p in turned]
    return tuple(p.view(np.uint8).reshape(*p.shape, 4) for p in shown)


def _coloured(cursor: Cursor, palette: Palette, indices: Indices) -> Picture:
    """The picture of palette numbers, shape (h, w)."""
    packed = _packed(cursor, palette, np.ascontiguousarray(indices))
    return packed.view(np.uint8).reshape(*indices.shape, 4)


def _packed(cursor: Cursor, palette: Palette, indices: Indices) -> NDArray[np.uint32]:
    """The packed RGBA colours with these numbers."""
    if indices.min() < 0 or indices.max() >= len(palette.packed):
        raise cursor.fail("a pixel has a colour that is not in the palette")
    # numpy gathers numbers several times faster than rows of four.
    packed: NDArray[np.uint32] = palette.packed[indices]
    return packed


def _read_direct(cursor: Cursor, sizes: list[tuple[int, int]], total: int) -> tuple[Picture, ...]:
    planes = np.frombuffer(cursor.take(4 * total), np.uint8).reshape(4, total)
    pictures = [np.empty((h, w, 4), np.uint8) for h, w in sizes]
    for channel in range(4):
        for picture, plane in zip(pictures, _split(planes[channel], sizes), strict=True):
            down = np.cumsum(plane, axis=0, dtype=np.uint8)
            np.cumsum(down, axis=1, dtype=np.uint8, out=picture[..., channel])
    return tuple(pictures)


def _read_tiles(cursor: Cursor, sizes: list[tuple[int, int]], side: int) -> list[Indices]:
    if side not in TILE_SIZES:
        raise cursor.fail(f"unknown tile size {side}")
    grids = [(-(-h // side), -(-w // side)) for h, w in sizes]
    cells = sum(rows * columns for rows, columns in grids)
    tile_map = read_stream(cursor, cells)
    tiles = read_stream(cursor, cells * side * side)
    if len(tiles) % (side * side):
        raise cursor.fail("a tile is cut short")
    tiles = tiles.reshape(-1, side, side)
    if len(tile_map) != cells or tile_map.min() < 0 or tile_map.max() >= len(tiles):
        raise cursor.fail("the tile map is damaged")
    indices, at = [], 0
    for (h, w), (rows, columns) in zip(sizes, grids, strict=True):
        # Cut first what no tile of a thin picture shows, so that at most four pixels are made
        # of each that is shown.
        high, wide = min(h, side), min(w, side)
        part = tiles[:, :high, :wide][tile_map[at : at + rows * columns]]
        at += rows * columns
        grid = part.reshape(rows, columns, high, wide).swapaxes(1, 2)
        indices.append(grid.reshape(rows * high, columns * wide)[:h, :w])
    return indices
