"""Plot the learning curves of benchmarks/results/model_quality.json.

    python -m benchmarks.learning_curves

Writes benchmarks/results/learning-curves.svg: PSNR on the training frames over seconds of
processor time, one line for each run, with the paper's PSNR where it gives one. The last
points, which are the fit's, are PSNR of random batches without 8-bit rounding.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"
WIDTH, HEIGHT = 880, 460
LEFT, RIGHT, TOP, BOTTOM = 60, 270, 30, 50
COLOURS = ("#c8553d", "#3d6cc8", "#2f8f5b", "#8a4fb0", "#b0872a", "#3a9bab")
PAPER = {("mario-1-1", "solid"): 28.04, ("sprite-game", "solid"): 38.54}
"""PSNR in dB, of the paper's figures 10 and 6."""

Place = Callable[[float, float], tuple[float, float]]


def text(x: float, y: float, words: str, anchor: str = "start", colour: str = "#555") -> str:
    """One line of text."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">'
        f"{escape(words)}</text>"
    )


def axes(curves: list[list[tuple[float, float]]]) -> tuple[list[str], Place]:
    """Grid and numbers, and a function from seconds and decibels to a point of the picture."""
    longest = max(s for curve in curves for s, _ in curve)
    levels = [p for curve in curves for _, p in curve]
    low, high = min(levels) // 5 * 5, max(levels) // 5 * 5 + 5
    step = next(s for s in (5, 10, 20, 50, 100, 200, 500, 1000) if longest / s <= 10)

    def place(seconds: float, psnr: float) -> tuple[float, float]:
        x = LEFT + seconds / longest * (WIDTH - LEFT - RIGHT)
        return x, HEIGHT - BOTTOM - (psnr - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    out = []
    for level in range(int(low), int(high) + 1, 5):
        y = place(0, level)[1]
        out.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#e4e0da"/>')
        out.append(text(LEFT - 8, y + 4, str(level), "end"))
    for seconds in range(0, int(longest) + 1, step):
        out.append(text(place(seconds, low)[0], HEIGHT - BOTTOM + 18, str(seconds), "middle"))
    out.append(text(WIDTH - RIGHT, HEIGHT - 10, "seconds of processor time, one thread", "end"))
    out.append(text(LEFT, 18, "PSNR on the training frames, dB"))
    return out, place


def draw(rows: list[dict[str, Any]]) -> str:
    """The plot as SVG."""
    curves = [[(s, p) for _, s, p in row["curve_wall_processor_psnr"]] for row in rows]
    out, place = axes(curves)
    for number, (row, curve) in enumerate(zip(rows, curves, strict=True)):
        colour = COLOURS[number % len(COLOURS)]
        points = [place(*point) for point in curve]
        line = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        out.append(f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
        at, name = TOP + 10 + 44 * number, f"{row['clip']}, {row['background']} background"
        out.append(text(WIDTH - RIGHT + 16, at, name, colour=colour))
        told = f"preset {row['preset']}"
        paper = PAPER.get((row["clip"], row["background"]))
        if paper is not None:
            told += f"; the paper: {paper} dB (dashed)"
            y = place(0, paper)[1]
            out.append(
                f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{colour}" '
                'stroke-dasharray="5 4"/>'
            )
        out.append(text(WIDTH - RIGHT + 16, at + 16, told))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="12">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
            *out,
            "</svg>",
            "",
        ]
    )


def main() -> None:
    rows = json.loads((RESULTS / "model_quality.json").read_text())
    target = RESULTS / "learning-curves.svg"
    target.write_text(draw(rows))
    print(target)


if __name__ == "__main__":
    main()
