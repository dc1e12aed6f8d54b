"""The rate-distortion plot as a PNG, drawn with Pillow so that it needs nothing more."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from spritecodec.analysis.colours import codec_colours
from spritecodec.analysis.table import Row, Table
from spritecodec.errors import InputError, OutputError

WIDTH, HEIGHT = 1200, 760
LEFT, RIGHT, TOP, BOTTOM = 90, 270, 70, 80
FINE = 2  # drawn this many times larger, then averaged down

INK, QUIET, GRID = (29, 28, 26), (107, 104, 98), (232, 228, 221)
Place = Callable[[Row], tuple[float, float]]
Point = tuple[float, float, str]
"""Where something is drawn, and what it is called."""


def save_plot(table: Table, path: Path) -> None:
    """Draw bytes (logarithmic) against RGB PSNR of the whole clip; exact rows on top.

    Each point has its target beside it, where there is room; exact ones have their codec.

    Raises
    ------
    InputError
        The table has no row to draw.
    OutputError
        The file cannot be written.
    """
    rows = [row for row in table if row.status == "ok" and row.bytes and row.psnr is not None]
    if not rows:
        raise InputError("there is no measured row to plot")
    image = Image.new("RGB", (WIDTH * FINE, HEIGHT * FINE), "white")
    draw = ImageDraw.Draw(image)
    _text(draw, LEFT, 24, f"{table.source}: file size against quality", INK, 20)
    place = _draw_axes(draw, rows)
    colours = codec_colours((r.codec for r in rows), (r.codec for r in rows if r.ours))
    points: list[Point] = []
    for number, (codec, colour) in enumerate(colours.items()):
        own = sorted((r for r in rows if r.codec == codec), key=lambda r: r.bytes or 0)
        curve = [place(row) for row in own if not row.lossless]
        draw.line([(x * FINE, y * FINE) for x, y in curve], fill=colour, width=2 * FINE)
        first = next((row for row in own if not row.lossless), None)
        for row in own:
            x, y = place(row)
            _dot(draw, x, y, colour)
            text = row.codec if row.lossless else row.label if row is first else row.target
            points.append((x, y, text))
        entry = TOP + 10 + number * 22
        _dot(draw, WIDTH - RIGHT + 36, entry, colour)
        _text(draw, WIDTH - RIGHT + 50, entry - 8, codec, INK, 14)
    _label(draw, points)
    try:
        image.resize((WIDTH, HEIGHT), Image.Resampling.BOX).save(path, "PNG")
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error


def _draw_axes(draw: ImageDraw.ImageDraw, rows: list[Row]) -> Place:
    """Draw the grid; the function that places a row in it."""
    logs = [math.log10(row.bytes or 1) for row in rows]
    low_x, high_x = min(logs) - 0.1, max(logs) + 0.1
    lossy = [row.psnr or 0.0 for row in rows if not row.lossless] or [20.0, 60.0]
    low_y, high_y = math.floor(min(lossy)) - 1.0, math.ceil(max(lossy)) + 1.0
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def across(log: float) -> float:
        return LEFT + (log - low_x) / (high_x - low_x) * (right - LEFT)

    def up(db: float) -> float:
        return bottom - (db - low_y) / (high_y - low_y) * (bottom - TOP - 50)

    step = next(s for s in (1, 2, 5, 10, 20) if (high_y - low_y) / s <= 9)
    for db in range(math.ceil(low_y / step) * step, math.floor(high_y) + 1, step):
        _rule(draw, LEFT, up(db), right, up(db))
        _text(draw, LEFT - 12, up(db) - 8, str(db), QUIET, 14, "ra")
    _rule(draw, LEFT, TOP + 15, right, TOP + 15)
    _text(draw, LEFT - 12, TOP + 7, "exact", QUIET, 14, "ra")
    for power in range(math.floor(low_x), math.ceil(high_x) + 1):
        for factor in (1, 2, 5) if high_x - low_x < 2.2 else (1,):
            log = power + math.log10(factor)
            if low_x <= log <= high_x:
                _rule(draw, across(log), TOP, across(log), bottom)
                _text(draw, across(log), bottom + 10, _size(factor * 10.0**power), QUIET, 14, "ma")
    _text(draw, right, bottom + 40, "bytes of the file", QUIET, 14, "ra")
    _text(draw, LEFT + 8, TOP + 26, "PSNR in RGB over the clip, dB", QUIET, 14)

    def place(row: Row) -> tuple[float, float]:
        y = TOP + 15.0 if row.lossless else up(row.psnr or 0.0)
        return across(math.log10(row.bytes or 1)), y

    return place


def _label(draw: ImageDraw.ImageDraw, points: list[Point]) -> None:
    """Write each point's label beside it, where it covers no point and no other label.

    Where there is no such place, the point has none.
    """
    taken = [(x - 6.0, y - 6.0, x + 6.0, y + 6.0) for x, y, _ in points]
    font = ImageFont.load_default(12 * FINE)
    for x, y, text in points:
        width, height = draw.textlength(text, font) / FINE, 14.0
        middle, level = x - width / 2, y - height / 2
        places = (x + 9, level), (x - 9 - width, level), (middle, y - 22), (middle, y + 8)
        for left, top in places:
            right, bottom = left + width, top + height
            inside = left >= LEFT and right <= WIDTH - RIGHT and top >= TOP and bottom <= HEIGHT
            free = all(left >= c or a >= right or top >= d or b >= bottom for a, b, c, d in taken)
            if inside and free:
                taken.append((left, top, right, bottom))
                _text(draw, left, top, text, QUIET, 12)
                break


def _rule(draw: ImageDraw.ImageDraw, x0: float, y0: float, x1: float, y1: float) -> None:
    draw.line([(x0 * FINE, y0 * FINE), (x1 * FINE, y1 * FINE)], fill=GRID, width=FINE)


def _dot(draw: ImageDraw.ImageDraw, x: float, y: float, colour: str) -> None:
    draw.circle((x * FINE, y * FINE), 5 * FINE, fill=colour, outline="white", width=FINE)


def _text(
    draw: ImageDraw.ImageDraw,
    x: float,
    y: float,
    text: str,
    colour: tuple[int, int, int],
    size: int,
    anchor: str = "la",
) -> None:
    font = ImageFont.load_default(size * FINE)
    draw.text((x * FINE, y * FINE), text, fill=colour, font=font, anchor=anchor)


def _size(value: float) -> str:
    for unit, scale in (("MB", 1e6), ("kB", 1e3)):
        if value >= scale:
            return f"{value / scale:g} {unit}"
    return f"{value:g} B"
