"""What a notebook shows of a file: frames that play, where the bytes go, the dictionary."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from spritecodec.errors import FormatError
from spritecodec.formats import sheet
from spritecodec.formats.html import data_uri

if TYPE_CHECKING:
    from spritecodec.reader import Reader

STRIP_FRAMES = 48
"""Frames that play, evenly spaced over the file."""
WIDTH = 320
"""Of the frames that play, in pixels: small ones are enlarged by a whole factor up to this."""
MAX_SPRITES = 300
"""Sprites that are drawn."""


def reader_html(reader: Reader) -> str:
    """A file as HTML: no script, and no reference to anything outside it.

    A file that is damaged is described as far as it can be.
    """
    lossless = "lossless" if reader.head.lossless else ""
    quality = reader.head.quality
    if not lossless and quality is not None:
        lossless = f"PSNR {quality:.2f} dB"
    facts = (
        f"{len(reader):,} frames of {reader.width}x{reader.height} at "
        f"{float(reader.frame_rate):g} a second, {reader.duration:.1f} s"
        if len(reader)
        else "no whole frame"
    )
    parts = [
        f"<b>{escape(reader.name)}</b>: {reader.size:,} bytes, {facts}"
        f"{', ' if lossless else ''}{lossless}{', cut short' if reader.truncated else ''}"
    ]
    try:
        if len(reader):
            parts.append(_strip(reader))
        parts += [_byte_table(reader), _dictionary(reader)]
    except FormatError as error:
        parts.append(f"<p>{escape(str(error))}</p>")
    return f"<div>{''.join(parts)}</div>"


def _strip(reader: Reader) -> str:
    """Frames from all over the file, which play by themselves, for ever."""
    from PIL import Image, features

    count = min(STRIP_FRAMES, len(reader))
    times = np.linspace(0, len(reader) - 1, count).round().astype(int).tolist()
    step = max(1, -(-reader.width // WIDTH))
    pictures = [Image.fromarray(np.ascontiguousarray(reader[t][::step, ::step])) for t in times]
    kind = "WEBP" if features.check("webp") else "PNG"
    out = io.BytesIO()
    pictures[0].save(
        out,
        kind,
        save_all=True,
        append_images=pictures[1:],
        # As fast as the file, or a little movie of five seconds where frames were left out.
        duration=max(20, round(1000 * min(reader.duration, 5.0) / count)),
        loop=0,
        lossless=True,
    )
    factor = max(1, WIDTH // pictures[0].width)
    uri = f"data:image/{kind.lower()};base64,{base64.b64encode(out.getvalue()).decode()}"
    return (
        f'<p><img style="image-rendering: pixelated" width="{pictures[0].width * factor}" '
        f'height="{pictures[0].height * factor}" alt="{count} frames" src="{uri}"></p>'
    )


def _byte_table(reader: Reader) -> str:
    sizes = {name: size for name, size in reader.breakdown().items() if size}
    rows = "".join(
        f'<tr><td>{escape(name)}</td><td style="text-align: right">{size:,}</td>'
        f'<td style="text-align: right">{size / reader.size:.1%}</td></tr>'
        for name, size in sorted(sizes.items(), key=lambda item: -item[1])
    )
    return f"<details><summary>where the bytes go</summary><table>{rows}</table></details>"


def _dictionary(reader: Reader) -> str:
    sprites = reader.sprites
    if not sprites:
        return "<p>no sprites</p>"
    chosen = sprites[:MAX_SPRITES]
    order = sheet.order_by_similarity(sheet.look(chosen)).tolist()
    drawn = sheet.draw_sheet([chosen[i] for i in order])
    shown = "" if len(chosen) == len(sprites) else f", of which {len(chosen):,} are shown"
    return (
        f"<details open><summary>{len(sprites):,} sprites{shown}</summary>"
        f'<img style="image-rendering: pixelated" alt="sprites" src="{data_uri(drawn)}"></details>'
    )
