"""How much the sprite model depends on its seed.

    python -m benchmarks.seeds sprite-game-small --seeds 5

Trains the preset ``default`` on a clip once for each seed, decomposes its frames (at most 100,
evenly spaced) with hard selections and without residual, and reports mean and sample standard
deviation of PSNR, of the number of sprites in use, and of how many of those equal another one.
Writes benchmarks/results/seeds.json and .md; other clips keep their figures there.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.clips.registry import clip_file, spec_of
from spritecodec.clip import Clip
from spritecodec.formats.video.video_in import open_clip
from spritecodec.model.presets import PRESETS, Preset
from spritecodec.model.train import train

RESULTS = Path(__file__).resolve().parent / "results"
FRAMES = 100
FIGURES = ("psnr", "sprites_used", "duplicates", "placements_per_frame", "processor_seconds")


def duplicates(sprites: NDArray[np.uint8]) -> int:
    """How many sprites equal an earlier one, wherever it lies in its square."""
    known = set()
    for sprite in sprites:
        rows, columns = (np.flatnonzero(sprite[..., 3].any(axis)) for axis in (1, 0))
        if len(rows):
            trimmed = sprite[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            known.add((trimmed.shape, trimmed.tobytes()))
    return len(sprites) - len(known)


def run(clip: Clip, preset: Preset, seed: int, frames: int) -> dict[str, Any]:
    """Train and measure with one seed."""
    busy = time.process_time()
    model = train(clip, preset, device="cpu", seed=seed)
    seconds = time.process_time() - busy
    chosen = np.linspace(0, frames - 1, min(FRAMES, frames)).astype(np.int64)
    found = model.discover(clip, chosen)
    return {
        "seed": seed,
        "psnr": round(found.psnr, 3),
        "sprites_used": len(found.used()),
        "duplicates": duplicates(found.sprites[found.used()]),
        "placements_per_frame": round(len(found.sprite) / len(found.frames), 1),
        "processor_seconds": round(seconds, 1),
    }


def to_markdown(found: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [
        "# The sprite model over seeds",
        "",
        "    python -m benchmarks.seeds " + " ".join(found) + " --seeds 5",
        "",
        "Preset default, hard pictures without residual; mean ± sample standard deviation.",
        "*In use*: sprites that show; *duplicates* of them equal another one, wherever it lies in",
        "its square; *a frame*: placements.",
        "Seconds are of the processor, for training.",
        "",
        "| clip | background | seeds | PSNR, dB | in use | duplicates | a frame | s |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, row in found.items():
        cells = []
        for key, digits in zip(FIGURES, (2, 1, 1, 1, 0), strict=True):
            values = [r[key] for r in row["runs"]]
            spread = statistics.stdev(values) if len(values) > 1 else float("nan")
            cells.append(f"{statistics.mean(values):.{digits}f} ± {spread:.{digits}f}")
        lines.append(
            f"| {name} | {row['background']} | {len(row['runs'])} | " + " | ".join(cells) + " |"
        )
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", nargs="+")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--background", choices=("solid", "learned"), default="solid")
    args = parser.parse_args()
    target = RESULTS / "seeds.json"
    found = json.loads(target.read_text()) if target.exists() else {}
    for name in args.clips:
        spec = spec_of(name)
        default = PRESETS["default"]
        preset = replace(default, model=replace(default.model, background=args.background))
        runs: list[dict[str, Any]] = []
        for seed in range(args.seeds):
            runs.append(run(open_clip(str(clip_file(spec))), preset, seed, spec.frames))
            print(name, runs[-1], flush=True)
        found[name] = {"background": args.background, "runs": runs}
        target.write_text(json.dumps(found, indent=1) + "\n")
        target.with_suffix(".md").write_text(to_markdown(found))


if __name__ == "__main__":
    main()
