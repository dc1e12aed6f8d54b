"""How time and bytes grow with a clip's length.

    python -m benchmarks.growth

writes ``benchmarks/results/growth.json`` and ``.md``: the first 500, 1,000, ... frames of
two clips, lossless, by `spritecodec.analysis.rate_distortion`. Rows are cached.
"""

from __future__ import annotations

import json
import math
from typing import Any

import click

from benchmarks.codecs import RESULTS
from benchmarks.lossless import US, losslessly

LENGTHS = {
    "mario-1-1": (500, 1000, 2220),
    "space-invaders-10000": (500, 1000, 2220, 5000, 10000),
}
KEPT = ("status", "note", "bytes", "lossless", "encode_seconds", "encode_cpu_seconds",
        "encode_peak_bytes", "command")  # fmt: skip


def measure(name: str, frames: int, preset: str) -> dict[str, Any]:
    """Our figures and ZMBV's for the first `frames` frames of a clip."""
    click.echo(f"{name}, {frames:,} frames")
    table = losslessly(name, ("zmbv",), preset, frames)
    return {row.codec: {k: row.to_dict()[k] for k in KEPT} for row in table}


def exponent(points: list[tuple[float, float]]) -> float:
    """Exponent p of the power law y = c x^p through the first and the last point."""
    (x0, y0), (x1, y1) = points[0], points[-1]
    return math.log(y1 / y0) / math.log(x1 / x0)


def markdown(results: dict[str, dict[str, Any]], preset: str) -> str:
    """The tables as Markdown."""
    lines = [
        "# Growth with length",
        "",
        f"Made by `python -m benchmarks.growth --preset {preset}`: the first frames of a clip,",
        "lossless, every frame compared. One thread; CPU seconds, because they are less",
        "disturbed by other work on the machine. *Exponent*: p where the figure grows like",
        "frames^p from the first row to the last; 1 is linear, below 1 sublinear.",
    ]
    for name, rows in results.items():
        lines += [
            "",
            f"## {name}",
            "",
            "| frames | bytes | bytes/frame | ZMBV | ZMBV / ours | CPU s | frames/s | peak MB |",
            "|--:|--:|--:|--:|--:|--:|--:|--:|",
        ]
        for count, row in ((int(count), row) for count, row in rows.items()):
            ours, zmbv = row[US], row["zmbv"]
            if ours["status"] != "ok" or not ours["lossless"]:
                lines.append(f"| {count:,} | {ours['status']}: {ours['note']} |" + " |" * 6)
                continue
            cells = [
                f"{count:,}", f"{ours['bytes']:,}", f"{ours['bytes'] / count:.2f}",
                f"{zmbv['bytes']:,}", f"{zmbv['bytes'] / ours['bytes']:.1f}",
                f"{ours['encode_cpu_seconds']:.1f}",
                f"{count / ours['encode_cpu_seconds']:.1f}",
                f"{(ours['encode_peak_bytes'] or 0) / 1e6:,.0f}",
            ]  # fmt: skip
            lines.append("| " + " | ".join(cells) + " |")
        good = [(int(n), r[US]) for n, r in rows.items() if r[US]["lossless"]]
        if len(good) > 1:
            size = exponent([(n, r["bytes"]) for n, r in good])
            seconds = exponent([(n, r["encode_cpu_seconds"]) for n, r in good])
            lines += ["", f"Exponent of bytes {size:.2f}, of CPU time {seconds:.2f}."]
    return "\n".join(lines) + "\n"


@click.command()
@click.option("--preset", default="fast", show_default=True, help="Of our encoder.")
def main(preset: str) -> None:
    """Measure the first frames of two clips, more and more of them."""
    results: dict[str, dict[str, Any]] = {name: {} for name in LENGTHS}
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / "growth.json"
    for name, lengths in LENGTHS.items():
        for frames in lengths:
            results[name][str(frames)] = measure(name, frames, preset)
            file.write_text(json.dumps({"preset": preset, "clips": results}, indent=1) + "\n")
            file.with_suffix(".md").write_text(markdown(results, preset))
    click.echo(markdown(results, preset))


if __name__ == "__main__":
    main()
