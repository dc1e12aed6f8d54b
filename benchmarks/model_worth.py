"""What the sprite model is worth in bytes, engine by engine.

    python -m benchmarks.model_worth CLIP FRAMES.npy [--frames 500] [--steps 400]
                                     [--engines matching network both]

FRAMES.npy holds the clip's frames, (n, h, w, 3) uint8 (`decode` to raw RGB makes it). The first
frames are encoded without loss, once with each engine's model:

- *matching*: preset ``default``;
- *network*: the paper's network from noise, `--steps` steps, proposing the placements itself;
- *both*: as ``default``, then the network from what matching found, as many steps.

Every encode also mines without the model, and reports the bytes of both, so the column
*mining alone* is the yardstick. The smaller result is kept segment by segment, so a model never
costs bytes, only time. Adds the clip's row to benchmarks/results/model_worth.json and writes
benchmarks/results/model_worth.md.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import spritecodec
from spritecodec.model.presets import PRESETS, Phase, Preset

RESULTS = Path(__file__).resolve().parent / "results" / "model_worth.json"
ENGINES = ("matching", "network", "both")


def preset(engine: str, steps: int) -> Preset:
    """The preset that trains with one engine, or with both."""
    phases = (Phase(steps, lr=3e-4, crop=128, decay=True),)
    default = PRESETS["default"]
    if engine == "matching":
        return default
    if engine == "network":
        return replace(default, matching=None, fit=None, phases=phases)
    return replace(default, phases=phases)


def measure(args: argparse.Namespace, engine: str) -> dict[str, Any]:
    """One encode with one engine."""
    name = f"worth-{engine}"
    PRESETS[name] = preset(engine, args.steps)
    frames = np.load(args.array, mmap_mode="r")[: args.frames]
    processor = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        report = spritecodec.encode(
            np.ascontiguousarray(frames),
            Path(folder) / "clip.spr",
            quality="lossless",
            preset=name,
            device=args.device,
        )
    return {
        "bytes": report.size,
        "mining": report.candidates["mining"],
        "model": report.candidates["model"],
        "training_seconds": round(report.training_seconds, 1),
        "processor_seconds": round(time.process_time() - processor, 1),
        "model_psnr": None if report.model_psnr is None else round(report.model_psnr, 2),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = [
        "# What the sprite model is worth in bytes",
        "",
        "Lossless, one thread. Bytes of all segments by mining alone, and by mining that starts",
        "from the model's sprites; the encoder keeps the smaller of the two. Made by",
        "`python -m benchmarks.model_worth CLIP FRAMES.npy`.",
        "",
        "| clip | frames | mining alone | matching | network alone | both | file by `default` |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        engines = row["engines"]
        cells = [f"{engines[e]['model']:,}" if e in engines else "" for e in ENGINES]
        mining = next(iter(engines.values()))["mining"]
        kept = f"{engines['matching']['bytes']:,}" if "matching" in engines else ""
        lines.append(
            f"| {row['clip']} | {row['frames']:,} | {mining:,} | {' | '.join(cells)} | {kept} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip")
    parser.add_argument("array", type=Path)
    parser.add_argument("--frames", type=int, default=500)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--engines", nargs="+", default=list(ENGINES), choices=ENGINES)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for engine in args.engines:
        found = measure(args, engine)
        print(args.clip, engine, json.dumps(found), flush=True)
        rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
        key = {"clip": args.clip, "frames": args.frames}
        row = next((r for r in rows if {n: r[n] for n in key} == key), None)
        if row is None:
            row = {**key, "engines": {}}
            rows.append(row)
        row["engines"][engine] = {**found, "steps": 0 if engine == "matching" else args.steps}
        rows.sort(key=lambda r: (r["clip"], r["frames"]))
        RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
        RESULTS.with_suffix(".md").write_text(table(rows))


if __name__ == "__main__":
    main()
