"""The summary of many files as one HTML page that opens offline."""

from __future__ import annotations

from html import escape

from spritecodec.batch.run import BatchReport, BatchRow
from spritecodec.errors import SpritecodecError
from spritecodec.formats.html import data_uri

MAX_PICTURED = 500
"""Files whose pictures are on the page, which holds all of them."""
WIDTH, HEIGHT = 160, 120  # of a picture, at most

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color: #1d1c1a; background: #fff }
table { border-collapse: collapse }
th, td { padding: .4rem .8rem; text-align: left; border-bottom: 1px solid #e4e0d9 }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
img { image-rendering: pixelated; display: block }
.failed td { background: #fbe9e7 } .skipped td { color: #6b6862 }
.note { max-width: 34em; overflow-wrap: anywhere }
@media (prefers-color-scheme: dark) {
  body { color: #eee; background: #1d1c1a } th, td { border-color: #444 }
  .failed td { background: #4a2320 } .skipped td { color: #aaa }
}
"""


def summary_page(report: BatchReport) -> str:
    """A table of all files, each with a frame out of its middle.

    Returns
    -------
    str
        A whole HTML document without references to anything outside it.
    """
    counts = ", ".join(
        f"{report.count(status)} {status}"
        for status in ("done", "skipped", "failed", "not run")
        if report.count(status)
    )
    good = [row for row in report.rows if row.status in ("done", "skipped")]
    before, after = sum(r.source_size for r in good), sum(r.size for r in good)
    rows = "".join(_row(row, i < MAX_PICTURED) for i, row in enumerate(report.rows))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>spritecodec: summary</title>'
        f"<style>{_STYLE}</style><h1>{len(report.rows):,} files: {counts}</h1>"
        f"<p>{before:,} bytes became {after:,}.</p><table><thead><tr><th></th><th>source</th>"
        '<th>status</th><th class="n">frames</th><th class="n">source, bytes</th>'
        '<th class="n">.spr, bytes</th><th class="n">ratio</th><th class="n">seconds</th>'
        f"<th>quality</th><th>note</th></tr></thead><tbody>{rows}</tbody></table></html>\n"
    )


def _row(row: BatchRow, pictured: bool) -> str:
    there = row.status in ("done", "skipped")
    numbers = [""] * 5
    if there:
        ratio = f"{row.source_size / row.size:,.1f}" if row.size else ""
        seconds = f"{row.seconds:.1f}" if row.seconds else ""
        numbers = [f"{row.frames:,}", f"{row.source_size:,}", f"{row.size:,}", ratio, seconds]
    quality = "" if row.quality is None else f"{row.quality:.2f} dB"
    return (
        f'<tr class="{row.status.replace(" ", "-")}"><td>{_picture(row) if pictured else ""}</td>'
        f"<td>{escape(row.source)}</td><td>{row.status}</td>"
        + "".join(f'<td class="n">{number}</td>' for number in numbers)
        + f"<td>{'lossless' if row.lossless else quality}</td>"
        f'<td class="note">{escape(row.note)}</td></tr>\n'
    )


def _picture(row: BatchRow) -> str:
    """A frame of the file; nothing where there is none."""
    from spritecodec.reader import open as open_reader

    if row.status not in ("done", "skipped"):
        return ""
    try:
        with open_reader(row.target) as reader:
            frame = reader[len(reader) // 2]
    except (SpritecodecError, IndexError):
        return ""  # it was removed meanwhile
    step = max(1, -(-frame.shape[1] // WIDTH), -(-frame.shape[0] // HEIGHT))
    height, width = frame[::step, ::step].shape[:2]
    return f'<img width="{width}" height="{height}" alt="" src="{data_uri(frame[::step, ::step])}">'
