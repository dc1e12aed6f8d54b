"""The report: one HTML page that opens offline, all data, pictures and script inside."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import spritecodec
from spritecodec.analysis.bd import Delta
from spritecodec.analysis.colours import codec_colours
from spritecodec.analysis.commands import AS_GIVEN
from spritecodec.analysis.peers import GIVEN
from spritecodec.analysis.quality import Frame
from spritecodec.analysis.sources import Source
from spritecodec.analysis.steps import decoded_frames
from spritecodec.analysis.summary import summarise
from spritecodec.analysis.table import Row, Table
from spritecodec.formats import sheet
from spritecodec.formats.html import data_uri

PAGE = Path(__file__).parent / "page"
SAMPLE_TIMES = 6
MAX_PICTURED = 8  # rows whose frames the page holds
POINTS = 600  # of a line over time; a longer clip is drawn by runs of frames

Floats = NDArray[np.float64]


RELOAD_SECONDS = 5
"""A page whose rows are not all measured reloads itself after so many."""


def report_html(table: Table, source: Source) -> str:
    """The page for a measured clip; without pictures of rows while any is still to be measured.

    Parameters
    ----------
    table : Table
        From `rate_distortion`; its coded files must still be there.
    source : Source
        The clip that was measured, with the same limit of frames.

    Returns
    -------
    str
        A whole HTML document without references to anything outside it.
    """
    text = json.dumps(report_data(table, source), allow_nan=False, separators=(",", ":"))
    page = (PAGE / "page.html").read_text(encoding="utf-8")
    if _unfinished(table):
        reload = f'<meta http-equiv="refresh" content="{RELOAD_SECONDS}">\n<title>'
        page = page.replace("<title>", reload, 1)
    for mark, content in (
        ("/* style */", (PAGE / "page.css").read_text(encoding="utf-8")),
        ("/* script */", (PAGE / "page.js").read_text(encoding="utf-8")),
        # Must not end its own script element, nor begin a comment in it.
        ("/* data */", text.replace("<", "\\u003c")),
    ):
        page = page.replace(mark, content)
    return page


def report_data(table: Table, source: Source) -> dict[str, Any]:
    """What the page shows, as JSON knows it."""
    frames = max((row.frames or 0 for row in table), default=0)
    whole = Table(table.source, table.content, ()) if _unfinished(table) else table
    return {
        "clip": {
            "name": table.source,
            "width": source.width,
            "height": source.height,
            "frames": frames,
            "rate": float(source.frame_rate),
            "content": table.content,
            "rawBytes": frames * source.width * source.height * 3,
        },
        "version": spritecodec.__version__,
        "colours": codec_colours((r.codec for r in table), (r.codec for r in table if r.ours)),
        "rows": [_row_data(row) for row in table],
        "summary": _summary_data(table),
        "files": [_spr_data(row) for row in _distinct(r for r in _sound(whole) if r.ours)],
        "pictures": _pictures(whole, source, frames),
    }


def _unfinished(table: Table) -> bool:
    """Whether rows are still to be measured."""
    return any(row.status in ("running", "waiting") for row in table)


def _row_data(row: Row) -> dict[str, Any]:
    values = row.to_dict() | {"label": row.label, "ours": row.ours}
    return values | {
        "frame_psnr": [None if v == np.inf else v for v in _runs(row.frame_psnr, np.min)],
        "bytes_so_far": np.cumsum(_runs(row.frame_bytes, np.sum)).round().tolist(),
    }


def _runs(values: Sequence[float], reduce: Callable[[Floats], Any]) -> list[float]:
    """At most POINTS figures, each of an equally long run of values."""
    if not values:
        return []
    parts = np.array_split(np.asarray(values, np.float64), min(POINTS, len(values)))
    return [round(float(reduce(part)), 2) for part in parts]


def _summary_data(table: Table) -> dict[str, Any]:
    found = summarise(table)

    def plain(delta: Delta) -> dict[str, Any]:
        return {"value": delta.value, "note": delta.note}

    return {
        "lossless": found.lossless,
        "bdRate": [[peer, plain(a), plain(b)] for peer, a, b in found.bd_rate],
        "equalQuality": [asdict(e) for e in found.equal_quality],
    }


def _spr_data(row: Row) -> dict[str, Any]:
    """Where a .spr file's bytes go, and its dictionary as a picture."""
    with spritecodec.open(row.file) as reader:
        sprites = reader.sprites
        order = sheet.order_by_similarity(sheet.look(sprites)).tolist() if sprites else []
        return {
            "label": row.label,
            "bytes": reader.size,
            "breakdown": {name: size for name, size in reader.breakdown().items() if size},
            "sprites": len(sprites),
            "sheet": data_uri(_enlarged(sheet.draw_sheet([sprites[i] for i in order]))),
            "textures": [data_uri(texture) for texture in reader.textures[:4]],
        }


def _pictures(table: Table, source: Source, frames: int) -> dict[str, Any]:
    """Sample frames of the source and of a choice of rows, as data URIs."""
    count = min(SAMPLE_TIMES, frames)
    # The source's first frame alone where no row was measured, so that frames are not counted.
    times = sorted({round(i * (frames - 1) / max(count - 1, 1)) for i in range(count)}) or [0]
    rows = []
    for row in pictured(table):
        shown = list(_pick(_decoded(row, source), times))
        rows.append({"label": row.label, "frames": [data_uri(f) for f in shown]})
        matrix = _restored_matrix(row)
        if matrix is not None:
            uris = [data_uri(_with_small_chroma(f, matrix)) for f in shown]
            rows.append({"label": f"{row.label}, as recorded", "frames": uris})
    return {
        "times": times,
        "source": [data_uri(frame) for frame in _pick(source, times)],
        "rows": rows,
    }


def _restored_matrix(row: Row) -> str | None:
    """The colour matrix of the recording that a file was restored from; None of other files."""
    if Path(row.file).suffix.lower() != ".spr":
        return None
    with spritecodec.open(row.file) as reader:
        scale = reader.degradation
        return str(scale.facts.get("matrix", "bt601")) if scale and scale.restored else None


def _with_small_chroma(frame: Frame, matrix: str) -> Frame:
    """A frame as a recording in 4:2:0 shows it, but for the loss: one chroma for 2x2 pixels."""
    from spritecodec.restore.chroma import block_means
    from spritecodec.restore.palette import rgb_of, ycc_of

    height, width = frame.shape[:2]
    ycc = ycc_of(frame.reshape(-1, 3), matrix, False).reshape(height, width, 3)
    halves = -(-height // 2), -(-width // 2)
    small = block_means(ycc[..., 1:], halves).repeat(2, axis=0).repeat(2, axis=1)
    ycc[..., 1:] = small[:height, :width]
    return rgb_of(ycc.reshape(-1, 3), matrix, False).reshape(frame.shape)


def pictured(table: Table) -> list[Row]:
    """The rows whose frames are worth looking at: ours, then each lossy peer's middle one."""
    fit = _sound(table)
    ours = _distinct(r for r in fit if r.ours or r.target == AS_GIVEN)
    peers: list[Row] = []
    others = [r for r in fit if not (r.ours or r.target == AS_GIVEN or r.lossless)]
    for codec in dict.fromkeys(r.codec for r in others):
        own = sorted((r for r in others if r.codec == codec), key=lambda r: r.psnr or 0)
        peers.append(own[len(own) // 2])
    return (ours + peers)[:MAX_PICTURED]


def _sound(table: Table) -> list[Row]:
    """The rows whose coded file is at hand."""
    return [r for r in table if r.status == "ok" and r.file and Path(r.file).exists()]


def _distinct(rows: Iterable[Row]) -> list[Row]:
    """Without targets that came to the same file."""
    return list({(row.bytes, row.psnr): row for row in rows}.values())


def _decoded(row: Row, source: Source) -> Iterator[Frame]:
    codec = GIVEN if row.target == AS_GIVEN else row.codec
    return decoded_frames(source, codec, Path(row.file))


def _pick(frames: Iterable[Frame], times: Sequence[int]) -> Iterator[Frame]:
    wanted = set(times)
    for t, frame in enumerate(frames):
        if t in wanted:
            yield frame
        if t >= times[-1]:
            return


def _enlarged(picture: Frame) -> Frame:
    """A small picture by a whole factor, so that single pixels are seen."""
    factor = max(1, min(6, 480 // picture.shape[1]))
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)
