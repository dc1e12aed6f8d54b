"""What the sprite model saves in bytes, engine by engine.

    python -m benchmarks.model_worth CLIP... --models FOLDER [--frames 300] [--steps 150]
                                     [--stage train] [--stage encode] [--engines matching both]

Three engines learn the first frames of each clip, once each:

- *matching*: preset ``default``;
- *network*: the paper's network from noise, proposing the placements itself;
- *both*: the network from where *matching* ended, equally many steps.

Then the frames are encoded with each model, without loss and at 40 dB. Every encode also mines
without the model and reports the bytes of both, so that *mining alone* is the reference; the
smaller one is kept, segment by segment. Where the network's sprites explain the frames worse
than matching's, the trainer drops them, and *both* equals *matching*. For each engine *alone*,
what its model places on the frames is written unchanged, and the residual makes it exact, without
mining.

The models stay in FOLDER, so the two stages can run separately: training does not depend on
mining. Results are added to benchmarks/results/model_worth.json and .md as they come.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

import spritecodec
from benchmarks.clips.registry import spec_of
from benchmarks.segmentation import first_frames
from spritecodec.clip import ArrayClip
from spritecodec.formats.spr.library import Library
from spritecodec.harden import harden
from spritecodec.mining.tracks.residual import exact_residual
from spritecodec.model.checkpoint import NAME, Workdir
from spritecodec.model.presets import PRESETS, Phase, Preset
from spritecodec.model.train import train
from spritecodec.segment_encoder import Quality

RESULTS = Path(__file__).resolve().parent / "results" / "model_worth.json"
ENGINES = ("matching", "network", "both")
QUALITIES: dict[str, Quality] = {"lossless": "lossless", "40 dB": 40.0}
Row = dict[str, Any]


def preset(engine: str, steps: int) -> Preset:
    """The preset that trains with one engine, or with both."""
    default = replace(PRESETS["default"], selective=False)
    if engine == "matching":
        return default
    if engine == "network":
        # Learning a background from grey would take thousands of steps.
        model = replace(default.model, background="solid")
        phases = (Phase(steps, lr=1e-3, crop=128, decay=True),)
        return replace(default, model=model, matching=None, fit=None, phases=phases)
    return replace(default, phases=(Phase(steps, lr=3e-4, crop=128, decay=True),))


def learn(clip: ArrayClip, engine: str, folder: Path, steps: int) -> Row:
    """Train one engine; its checkpoint stays in `folder`."""
    chosen = preset(engine, steps)
    if engine == "both" and not (folder / NAME).exists():
        go_on_from_matching(folder, chosen)
    processor = time.process_time()
    model = train(clip, chosen, device="cpu", workdir=folder, resume=True)
    return {
        "steps": model.steps,
        "psnr": round(model.psnr, 2),
        "wall_seconds": round(model.seconds, 1),
        "processor_seconds": round(time.process_time() - processor, 1),
    }


def go_on_from_matching(folder: Path, chosen: Preset) -> None:
    """Start *both* at the last checkpoint of *matching*, which the same seed would reach again."""
    state = Workdir(folder.with_name("matching")).load()
    if state is None:
        raise SystemExit("train the engine matching first: both goes on from it")
    arrays, about = state
    about["settings"]["preset"] = json.loads(json.dumps(dataclasses.asdict(chosen)))
    Workdir(folder).save(arrays, about)


def network_kept(models: Path) -> bool:
    """Whether *both* ended with sprites that differ from those of *matching*."""
    matching, both = (Workdir(models / engine).load() for engine in ("matching", "both"))
    if matching is None or both is None:
        raise SystemExit(f"there are no models in {models}; run --stage train first")
    return not np.array_equal(matching[0]["sprites"], both[0]["sprites"])


def encode(clip: ArrayClip, engine: str, folder: Path, steps: int, quality: Quality) -> Row:
    """Encode with a trained model."""
    name = f"worth-{engine}"
    PRESETS[name] = preset(engine, steps)
    processor = time.process_time()
    with tempfile.TemporaryDirectory() as place:
        report = spritecodec.encode(
            clip,
            Path(place, "clip.spr"),
            quality=quality,
            preset=name,
            device="cpu",
            keep=folder,
            resume=True,
        )
    return {
        "file": report.size,
        "mining": report.candidates["mining"],
        "model": report.candidates["model"],
        "psnr": None if report.lossless else round(report.quality, 2),
        "processor_seconds": round(time.process_time() - processor, 1),
    }


def alone(clip: ArrayClip, engine: str, folder: Path, steps: int) -> int:
    """Bytes of what the model places on every frame, as a Scene with its residual."""
    model = train(clip, preset(engine, steps), device="cpu", workdir=folder, resume=True)
    scene = harden(
        model.discover(clip),
        width=clip.width,
        height=clip.height,
        pts=np.arange(len(clip.frames)),
        time_base=clip.time_base,
    )
    residual = exact_residual(scene, lambda t, _: clip.frames[t])
    return Library().pack(replace(scene, residual=residual)).size


def table(rows: list[Row]) -> str:
    """The rows as Markdown."""
    lines = [
        "# What the sprite model is worth in bytes",
        "",
        "    python -m benchmarks.model_worth CLIP... --models FOLDER",
        "",
        "Bytes of all segments by mining alone, and by mining that starts from the sprites of",
        "each engine's model; a bold one is the row's smallest. The file has its frame on top,",
        "and what is the same in every way to say a clip. *=*: the network's sprites explained",
        "the frames worse than matching's, so the trainer left them and both is matching.",
        "*Network* starts from noise, over one colour. `default` trains matching only.",
        "",
        "| clip | frames | quality | mining | matching | network | both | file by `default` |",
        "|---|--:|---|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        for quality in QUALITIES:
            found = {e: r[quality] for e, r in row["engines"].items() if quality in r}
            encoded = {e: r for e, r in found.items() if r is not None}
            if not encoded:
                continue
            sizes = {e: r["model"] for e, r in encoded.items()}
            sizes["mining"] = next(iter(encoded.values()))["mining"]
            cells = [row["clip"], f"{row['frames']:,}", quality]
            for name in ("mining", *ENGINES):
                if name in sizes:
                    bold = "**" if sizes[name] == min(sizes.values()) else ""
                    cells.append(f"{bold}{sizes[name]:,}{bold}")
                else:
                    cells.append("=" if name in found else "")
            cells.append(f"{encoded['matching']['file']:,}" if "matching" in encoded else "")
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", *models_alone(rows), "", *training(rows), ""])


def models_alone(rows: list[Row]) -> list[str]:
    """The bytes of each model without mining, as Markdown lines."""
    lines = [
        "## The model alone",
        "",
        "Lossless bytes of what the model itself places on the frames, with the residual, beside",
        "the smallest of the ways above: what mining is worth.",
        "",
        "| clip | matching alone | network alone | smallest |",
        "|---|--:|--:|--:|",
    ]
    for row in rows:
        found = {e: r["alone"] for e, r in row["engines"].items() if "alone" in r}
        if found:
            encoded = [r["lossless"] for r in row["engines"].values() if r.get("lossless")]
            smallest = min(min(r["mining"], r["model"]) for r in encoded)
            cells = [f"{found[e]:,}" if e in found else "" for e in ("matching", "network")]
            lines.append(f"| {' | '.join([row['clip'], *cells, f'{smallest:,}'])} |")
    return lines


def training(rows: list[Row]) -> list[str]:
    """Time and PSNR of training, as Markdown lines."""
    lines = [
        "## Training",
        "",
        "One thread of a processor that was busy with other work; seconds of the processor, and",
        "PSNR of the hard pictures of training frames. The network's steps are of 4 crops of",
        "128x128. What both takes is on top of matching.",
        "",
        "| clip | matching, s | dB | network, steps | s | dB | both, s | dB |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        cells = [row["clip"]]
        for name in ENGINES:
            found = row["engines"].get(name, {}).get("training")
            if name == "network":
                cells.append("" if found is None else f"{found['steps']:,}")
            cells.append("" if found is None else f"{found['processor_seconds']:.0f}")
            cells.append("" if found is None else f"{found['psnr']:.1f}")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def row_of(rows: list[Row], clip: str, frames: int) -> Row:
    """The clip's row; a new one where there is none."""
    for row in rows:
        if (row["clip"], row["frames"]) == (clip, frames):
            return row
    rows.append({"clip": clip, "frames": frames, "engines": {}})
    rows.sort(key=lambda r: (r["clip"], r["frames"]))
    return row_of(rows, clip, frames)


def put(clip: str, frames: int, engine: str, values: Row) -> None:
    """Add values to the results of one engine on one clip."""
    rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    row_of(rows, clip, frames)["engines"].setdefault(engine, {}).update(values)
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    RESULTS.with_suffix(".md").write_text(table(rows))
    print(clip, engine, json.dumps(values), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", nargs="+")
    parser.add_argument("--models", type=Path, required=True, help="folder of the trained models")
    parser.add_argument("--stage", action="append", choices=("train", "encode"), help="only this")
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--engines", nargs="+", default=list(ENGINES), choices=ENGINES)
    args = parser.parse_args()
    stages = args.stage or ["train", "encode"]
    torch.set_num_threads(1)
    for name in args.clips:
        clip = ArrayClip(first_frames(name, args.frames), Fraction(spec_of(name).fps))
        frames = clip.frame_count or 0
        models = args.models / f"{name}-{frames}"
        engines = [e for e in ENGINES if e in args.engines]  # matching first: both starts from it
        if "train" in stages:
            for engine in engines:
                found = {"training": learn(clip, engine, models / engine, args.steps)}
                put(name, frames, engine, found)
        if "encode" in stages:
            for quality, aim in QUALITIES.items():
                for engine in engines:
                    size = None  # the same as with matching
                    if engine != "both" or network_kept(models):
                        size = encode(clip, engine, models / engine, args.steps, aim)
                    put(name, frames, engine, {quality: size})
            for engine in engines:
                if engine != "both":
                    by_itself = alone(clip, engine, models / engine, args.steps)
                    put(name, frames, engine, {"alone": by_itself})


if __name__ == "__main__":
    main()
