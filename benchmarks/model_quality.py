"""How good the sprite model's hard pictures are, and after how many seconds.

    python -m benchmarks.model_quality CLIP FRAMES.npy [--background solid] [--k 32]
                                       [--preset default] [--frames 100]

FRAMES.npy holds the clip's frames, (n, h, w, 3) uint8 (`decode` to raw RGB makes it). Trains
on the clip, decomposes evenly spaced frames of the whole clip with argmax selections, binary
switches and whole-pixel offsets, without residual and without mining, and reports PSNR. For
the drawn clips it also measures segmentation with the paper's matching rule (section 3.1):
each dictionary patch is matched to the true sprite that it overlaps most; reported are mean IoU
over the true sprites, and IoU of foreground and background. Adds its row to
benchmarks/results/model_quality.json, with the learning curve. Seconds are given both as wall
time and as processor time, which depends less on other load on the machine.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.clips.drawn import DRAWN, true_scene
from benchmarks.segmentation import of_discovery, scores
from spritecodec.clip import ArrayClip
from spritecodec.model.presets import PRESETS
from spritecodec.model.progress import Progress
from spritecodec.model.train import train

RESULTS = Path(__file__).resolve().parent / "results" / "model_quality.json"


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Train, decompose, measure: one row of the results."""
    frames = np.load(args.array, mmap_mode="r")
    preset = PRESETS[args.preset]
    preset = replace(preset, model=replace(preset.model, background=args.background, k=args.k))
    curve: list[list[float]] = []
    wall, processor = time.monotonic(), time.process_time()

    def watch(p: Progress) -> None:
        curve.append(
            [
                round(time.monotonic() - wall, 1),
                round(time.process_time() - processor, 1),
                round(p.psnr, 2),
            ]
        )
        print(p.stage, p.step, *curve[-1], p.message, flush=True)

    model = train(ArrayClip(frames), preset, device=args.device, seed=args.seed, progress=watch)
    trained = time.monotonic() - wall, time.process_time() - processor
    chosen = np.linspace(0, len(frames) - 1, min(args.frames, len(frames))).astype(np.int64)
    wall, processor = time.monotonic(), time.process_time()
    found = model.discover(ArrayClip(frames), chosen)
    row: dict[str, Any] = {
        "clip": args.clip,
        "preset": args.preset,
        "background": args.background,
        "k": args.k,
        "seed": args.seed,
        "threads": torch.get_num_threads(),
        "train_wall_seconds": round(trained[0], 1),
        "train_processor_seconds": round(trained[1], 1),
        "psnr_training_frames": round(model.psnr, 2),
        "frames": len(chosen),
        "psnr": round(found.psnr, 2),
        "decompose_wall_seconds": round(time.monotonic() - wall, 1),
        "decompose_processor_seconds": round(time.process_time() - processor, 1),
        "sprites_used": len(found.used()),
        "placements_per_frame": round(len(found.sprite) / len(found.frames), 1),
    }
    if args.clip in DRAWN:
        row |= scores(of_discovery(true_scene(args.clip), found))
    print(json.dumps(row, indent=1))
    return row | {"curve_wall_processor_psnr": curve}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip")
    parser.add_argument("array", type=Path)
    parser.add_argument("--preset", default="default")
    parser.add_argument("--background", default="solid")
    parser.add_argument("--k", type=int, default=32)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    row = measure(parser.parse_args())
    rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    key = ("clip", "preset", "background", "k", "seed")
    rows = [r for r in rows if any(r[n] != row[n] for n in key)]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([*rows, row], indent=1) + "\n")


if __name__ == "__main__":
    main()
