"""The paper's ablations (section 3.3), each by one command.

    python -m benchmarks.ablations fig10 --steps-scale 0.01 --seeds 3
    python -m benchmarks.ablations fig12 --steps-scale 0.01 --seeds 3

*fig10* trains the network from noise on mario-1-1 over a solid background: unchanged, with
smaller and larger patches, a smaller dictionary, without LayerNorm, and with straight-through
switches in place of the Beta prior on them. *fig12* learns the background, once with the
softmax over discrete shifts and once with a spatial transformer.

``--steps-scale 1`` is the paper's schedule: 210,000 steps of four whole frames, which takes
days on a processor. Shorter ones may also raise the learning rate (``--rate-scale``), train
on square crops (``--crop``), and use the narrow, gated translation network (``--lean``).

PSNR is that of hard pictures (argmax selections, binary switches, whole-pixel offsets) over
evenly spaced frames. Writes benchmarks/results/ablations-FIGURE.json and .md; runs that are
recorded there with the same settings are not repeated. The clip is benchmarks/cache/CLIP.mp4
(``python -m benchmarks.clips CLIP``).
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.clips.registry import clip_file, spec_of
from spritecodec.formats.video.video_in import open_clip
from spritecodec.metrics import psnr_from_mse
from spritecodec.model.background import discover_background, solid_colour
from spritecodec.model.marionette.learn import Learner
from spritecodec.model.matching.kernels import Image
from spritecodec.model.presets import PRESETS, ModelConfig, Preset
from spritecodec.model.sample import Sample, sample_frames

RESULTS = Path(__file__).resolve().parent / "results"
FRAMES = 16
"""Evenly spaced frames that the hard pictures are measured on."""

FULL = PRESETS["paper"].model
LEARNED = replace(FULL, background="learned")
VARIANTS: dict[str, dict[str, ModelConfig]] = {
    "fig10": {
        "smaller patches": replace(FULL, k=16),
        "full": FULL,
        "no LayerNorm": replace(FULL, layernorm=False),
        "smaller dictionary": replace(FULL, m=25),
        "larger patches": replace(FULL, k=64),
        "straight-through switches": replace(FULL, straight_through=True),
    },
    "fig12": {
        "softmax over shifts": LEARNED,
        "spatial transformer": replace(LEARNED, background="spatial-transformer"),
    },
}
PAPER = {
    "smaller patches": (28.85, 0.95),
    "full": (28.04, 0.72),
    "no LayerNorm": (26.05, 0.45),
    "smaller dictionary": (23.80, 1.38),
    "larger patches": (23.63, 1.05),
    "straight-through switches": (22.15, 0.25),
}
"""Fig. 10: PSNR in dB, mean and standard deviation over five seeds."""


def preset(config: ModelConfig, args: argparse.Namespace) -> Preset:
    """The paper's recipe with this model, shortened as the options say."""
    if args.lean:
        config = replace(config, translation_channels=32, gated_translation=True)
    scaled = replace(PRESETS["paper"], model=config).scaled(args.steps_scale)
    phases = tuple(
        replace(
            p,
            lr=p.lr * args.rate_scale,
            lr_background=p.lr_background * args.rate_scale,
            crop=args.crop,
        )
        for p in scaled.phases
    )
    return replace(scaled, phases=phases)


def first_texture(config: ModelConfig, sample: Sample, seed: int) -> Image:
    """The background at the start: the clip's colour, or grey of the size that is needed."""
    if config.background == "solid":
        return solid_colour(sample, np.random.default_rng(seed)).reshape(1, 1, 3)
    canvas, _ = discover_background(sample, seed)
    return np.full_like(canvas.pixels, 128)


@torch.no_grad()
def measure(learner: Learner, grey: Image) -> dict[str, Any]:
    """PSNR of the hard pictures, sprites in use, and how much of the background changed."""
    network = learner.network
    h, w = learner.height, learner.width
    whole = behind = 0.0
    used: set[int] = set()
    chosen = np.linspace(0, len(learner.frames) - 1, min(FRAMES, len(learner.frames))).astype(int)
    for t in chosen.tolist():
        frame = learner.whole(np.array([t]))
        said = network(frame, network.fixed_order(), hard=True)
        whole += mean_error(said.picture[..., :h, :w], frame[..., :h, :w])
        back = network.background(network.encoder(frame)[2])
        behind += mean_error(back[..., :h, :w], frame[..., :h, :w])
        used |= set(said.scores.argmax(-1)[said.switches > 0.5].tolist())
    texture = network.background.texture.detach().clamp(0, 1).permute(1, 2, 0).cpu().numpy()
    changed = np.abs(texture * 255 - grey).max(-1) > 16
    return {
        "psnr": round(psnr_from_mse(whole / len(chosen)), 3),
        "psnr_background": round(psnr_from_mse(behind / len(chosen)), 3),
        "texture_used": round(float(changed.mean()), 3),
        "sprites_used": len(used),
    }


def mean_error(ours: Tensor, frame: Tensor) -> float:
    """Mean squared error on the 0 to 255 scale."""
    return float(functional.mse_loss((ours.float() * 255).round().clamp(0, 255), frame * 255))


def run(config: ModelConfig, sample: Sample, args: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Train one variant with one seed."""
    texture = first_texture(config, sample, seed)
    device = torch.device(args.device)
    begun, busy = time.monotonic(), time.process_time()
    learner = Learner(preset(config, args), sample.frames, texture, device, seed)
    curve: list[list[float]] = []

    def report(step: int, steps: int, loss: float, psnr: float, message: str) -> None:
        curve.append([step, round(loss, 5), round(psnr, 2)])
        if message:
            print(f"  step {step}: {message}", flush=True)

    steps = learner.run(report, lambda: None)
    seconds = time.monotonic() - begun, time.process_time() - busy
    return measure(learner, texture) | {
        "steps": steps,
        "wall_seconds": round(seconds[0], 1),
        "processor_seconds": round(seconds[1], 1),
        "curve_step_loss_psnr": curve,
    }


def summary(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Mean and sample standard deviation over the seeds of each variant, best first."""
    rows = []
    for name in VARIANTS[found["figure"]]:
        runs = [r for r in found["runs"] if r["variant"] == name]
        if not runs:
            continue
        row: dict[str, Any] = {"variant": name, "seeds": len(runs)}
        for key in ("psnr", "psnr_background", "texture_used", "sprites_used"):
            values = [r[key] for r in runs]
            row[key] = statistics.mean(values)
            row[f"{key}_spread"] = statistics.stdev(values) if len(values) > 1 else None
        rows.append(row)
    return sorted(rows, key=lambda r: -r["psnr"])


def spread(row: dict[str, Any], key: str) -> str:
    """A mean with its standard deviation, where there are two seeds or more."""
    if row["seeds"] == 1:
        return f"{row[key]:.2f}"
    return f"{row[key]:.2f} ± {row[f'{key}_spread']:.2f}"


def to_markdown(found: dict[str, Any]) -> str:
    """The summary as Markdown."""
    settings = found["settings"]
    crop = settings["crop"]
    first, second = (p.steps for p in PRESETS["paper"].scaled(settings["steps_scale"]).phases)
    lines = [
        f"# {found['figure'].replace('fig', 'Fig. ')} of the paper on {settings['clip']}",
        "",
        f"    {command(found)}",
        "",
        f"{first + second:,} steps ({first:,} + {second:,}) of 4 "
        f"{f'crops of {crop}x{crop}' if crop else 'whole frames'}, learning rate "
        f"{1e-4 * settings['rate_scale']:g}, "
        f"{'narrow, gated' if settings['lean'] else 'full'} translation network; the paper: "
        "210,000 steps of 4 frames, 1e-4. PSNR of hard pictures over "
        f"{FRAMES} frames spread over the clip; mean and sample standard deviation over seeds.",
        "",
    ]
    if found["figure"] == "fig10":
        lines += [
            "| model | PSNR, dB | seeds | sprites in use | the paper, 5 seeds |",
            "|---|--:|--:|--:|--:|",
        ]
        for r in found["summary"]:
            theirs = PAPER[r["variant"]]
            lines.append(
                f"| {r['variant']} | {spread(r, 'psnr')} | {r['seeds']} | "
                f"{r['sprites_used']:.0f} | {theirs[0]:.2f} ± {theirs[1]:.2f} |"
            )
    else:
        lines += [
            "| background | PSNR, dB | of the background alone | texture changed | seeds |",
            "|---|--:|--:|--:|--:|",
        ]
        for r in found["summary"]:
            lines.append(
                f"| {r['variant']} | {spread(r, 'psnr')} | "
                f"{spread(r, 'psnr_background')} | "
                f"{r['texture_used']:.0%} | {r['seeds']} |"
            )
        lines += ["", "*Texture changed*: pixels more than 16 levels from the grey they began as."]
    solid = found["summary"][0]["psnr_background"] if found["summary"] else math.nan
    if found["figure"] == "fig10":
        lines += ["", f"The solid background alone: {solid:.2f} dB."]
    return "\n".join([*lines, ""])


def stored(target: Path, args: argparse.Namespace) -> dict[str, Any]:
    """The recorded runs with the same settings."""
    settings = {
        name: getattr(args, name) for name in ("clip", "steps_scale", "rate_scale", "crop", "lean")
    }
    found: dict[str, Any] = json.loads(target.read_text()) if target.exists() else {}
    if found.get("settings") == settings:
        return found
    return {"figure": args.figure, "settings": settings, "runs": []}


def command(found: dict[str, Any]) -> str:
    """The command that makes these results."""
    words = ["python -m benchmarks.ablations", found["figure"]]
    for name, value in found["settings"].items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(option)
        elif value:
            words.append(f"{option} {value}")
    return " ".join([*words, f"--seeds {1 + max(r['seed'] for r in found['runs'])}"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("figure", choices=sorted(VARIANTS))
    parser.add_argument("--clip", default="mario-1-1")
    parser.add_argument("--steps-scale", type=float, default=1.0)
    parser.add_argument("--rate-scale", type=float, default=1.0)
    parser.add_argument("--crop", type=int, help="train on square crops of this side")
    parser.add_argument("--lean", action="store_true", help="narrow, gated translation network")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--variants", nargs="+", help="only these")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    target = RESULTS / f"ablations-{args.figure}.json"
    names = args.variants or list(VARIANTS[args.figure])
    sample = sample_frames(open_clip(str(clip_file(spec_of(args.clip)))))
    for seed in range(args.seeds):  # all variants with one seed, then with the next
        for name in names:
            if (name, seed) in {(r["variant"], r["seed"]) for r in stored(target, args)["runs"]}:
                continue
            row = {"variant": name, "seed": seed}
            row |= run(VARIANTS[args.figure][name], sample, args, seed)
            print({k: v for k, v in row.items() if not k.startswith("curve")}, flush=True)
            found = stored(target, args)
            found["runs"].append(row)
            found["summary"] = summary(found)
            target.write_text(json.dumps(found, indent=1) + "\n")
            target.with_suffix(".md").write_text(to_markdown(found))


if __name__ == "__main__":
    main()
