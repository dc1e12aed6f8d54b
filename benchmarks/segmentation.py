"""Segmentation of the drawn clips compared with their true scenes, before and after mining.

    python -m benchmarks.segmentation sprite-game platformer [--frames N] [--no-model]

*After*: the clip is encoded without loss, and `spritecodec.labels` gives the sprite that shows
at each pixel. *Before*: the sprite model alone, preset ``default``, hard pictures without
residual. Both are compared with the true labels by the paper's rule (section 3.1): each
dictionary patch is matched to the true sprite that it overlaps most. Reported are the mean over
the true sprites of intersection over union, and that of foreground and background.

Where the background of the true scene is one colour, what never moves is labelled as well
(``tiles=True``, solid background). Elsewhere the background counts as background, as it does in
the true labels. Writes benchmarks/results/segmentation.json and .md; clips that are not asked for
keep their recorded figures.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import spritecodec as sc
from benchmarks.clips.drawn import true_scene
from benchmarks.clips.registry import clip_file, spec_of
from benchmarks.clips.truth import label_frame
from spritecodec.clip import ArrayClip
from spritecodec.model.discovery import Discovery
from spritecodec.scene import Scene

RESULTS = Path(__file__).resolve().parent / "results"
Labels = NDArray[np.int32]
Counts = NDArray[np.int64]
PAPER = {"psnr": 38.54, "iou_multiclass": 0.6497, "iou_binary": 0.7352}
WORST = 6


def count(pairs: Iterable[tuple[Labels, Labels]]) -> Counts:
    """Count the pixels that have each pair of labels, ours and true; 0 is the background.

    Returns
    -------
    ndarray, shape (our labels + 1, true labels + 1), int64
    """
    total = np.zeros((1, 1), np.int64)
    for ours, truth in pairs:
        shape = max(total.shape[0], ours.max() + 1), max(total.shape[1], truth.max() + 1)
        total = np.pad(total, [(0, new - old) for new, old in zip(shape, total.shape, strict=True)])
        flat = ours.astype(np.int64) * shape[1] + truth
        total += np.bincount(flat.ravel(), minlength=total.size).reshape(shape)
    return total


def matched(counts: Counts) -> Counts:
    """Pixels by the true sprite that our label is matched to, and by the true one; square."""
    owner = np.zeros(len(counts), np.int64)
    owner[1:] = counts[1:, 1:].argmax(1) + 1
    table = np.zeros((counts.shape[1], counts.shape[1]), np.int64)
    np.add.at(table, owner, counts)
    return table


def scores(counts: Counts) -> dict[str, float]:
    """Mean IoU, multiclass over the true sprites that show, and binary."""
    table = matched(counts)
    binary = table[1:, 1:].sum() / (table.sum() - table[0, 0])
    return {
        "iou_binary": round(float(binary), 4),
        "iou_multiclass": round(float(np.mean([r["iou"] for r in by_sprite(counts)])), 4),
    }


def by_sprite(counts: Counts) -> list[dict[str, Any]]:
    """Each true sprite that shows, worst first: its IoU, and what its pixels are taken for."""
    table = matched(counts)
    shared = np.diag(table)
    rows = []
    for n in 1 + np.flatnonzero(table.sum(0)[1:]):
        missed, stolen = table[:, n].copy(), table[n].copy()
        missed[n] = stolen[n] = 0
        rows.append(
            {
                "sprite": int(n) - 1,
                "pixels": int(table[:, n].sum()),
                "iou": round(
                    float(shared[n] / (table[:, n].sum() + table[n].sum() - shared[n])), 4
                ),
                "mostly_taken_for": int(missed.argmax()) - 1 if missed.any() else None,
                "pixels_taken": int(missed.max()),
                "mostly_takes": int(stolen.argmax()) - 1 if stolen.any() else None,
                "pixels_it_takes": int(stolen.max()),
            }
        )
    return sorted(rows, key=lambda r: float(r["iou"]))


def shown_sprites(found: Discovery, frame: int, height: int, width: int) -> Labels:
    """Which sprite of a discovery shows at each pixel, shape (h, w); 0 for the background."""
    labels = np.zeros((height, width), np.int32)
    k = found.sprites.shape[1]
    for j in np.flatnonzero(found.frame_index == frame):
        s, x, y = int(found.sprite[j]), int(found.x[j]), int(found.y[j])
        x0, y0, x1, y1 = max(0, x), max(0, y), min(width, x + k), min(height, y + k)
        if x1 > x0 and y1 > y0:
            solid = found.sprites[s, y0 - y : y1 - y, x0 - x : x1 - x, 3] >= 128
            labels[y0:y1, x0:x1][solid] = s + 1
    return labels


def of_discovery(scene: Scene, found: Discovery) -> Counts:
    """Pixels by our and true label, over the frames of a discovery."""
    return count(
        (shown_sprites(found, i, scene.height, scene.width), label_frame(scene, t) + 1)
        for i, t in enumerate(found.frames.tolist())
    )


def after(name: str, scene: Scene, frames: int, args: argparse.Namespace) -> dict[str, Any]:
    """Encode without loss, label the file, compare."""
    tiles = not scene.textures
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "clip.spr")
        clip = ArrayClip(first_frames(name, frames), Fraction(spec_of(name).fps))
        report = sc.encode(clip, file, quality="lossless", preset=args.preset)
        assert report.lossless
        with sc.Labels(file, tiles=tiles) as labels:
            chosen = range(0, frames, args.every)
            counts = count((labels.frame(t), label_frame(scene, t) + 1) for t in chosen)
            kinds = [thing.kind for thing in labels.things]
    return {
        "preset": args.preset,
        "tiles": tiles,
        "bytes": report.size,
        "measured_frames": len(chosen),
        "sprites": kinds.count("sprite"),
        "different_tiles": kinds.count("tile"),
        **scores(counts),
        "by_sprite": by_sprite(counts),
    }


def before(name: str, scene: Scene, frames: int) -> dict[str, Any]:
    """Train the sprite model, decompose evenly spaced frames, compare."""
    from spritecodec.model.presets import PRESETS, Background
    from spritecodec.model.train import train

    default = PRESETS["default"]
    background: Background = "learned" if scene.textures else "solid"
    preset = replace(default, model=replace(default.model, background=background))
    clip = ArrayClip(first_frames(name, frames), Fraction(spec_of(name).fps))
    model = train(clip, preset, device="cpu")
    found = model.discover(clip, np.linspace(0, frames - 1, min(100, frames)).astype(np.int64))
    counts = of_discovery(scene, found)
    return {
        "background": background,
        "psnr": round(found.psnr, 2),
        "measured_frames": len(found.frames),
        "sprites": len(found.used()),
        **scores(counts),
        "by_sprite": by_sprite(counts),
    }


def first_frames(name: str, frames: int) -> NDArray[np.uint8]:
    """The clip's first frames, shape (frames, h, w, 3)."""
    pieces = sc.open_clip(str(clip_file(spec_of(name)))).pieces()
    return np.stack(list(islice((f for piece in pieces for f in piece.frames), frames)))


def to_markdown(found: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [
        "# Segmentation of the drawn clips",
        "",
        "    python -m benchmarks.segmentation sprite-game platformer",
        "",
        "Which sprite shows at each pixel, against the true scenes. Each patch of our dictionary",
        "goes to the true sprite that it overlaps most; mean IoU over the true sprites",
        "(*multiclass*), and of foreground against background (*binary*). *Before refinement* is",
        "the sprite model alone, preset default; *after* is the lossless file. The paper has",
        f"{PAPER['psnr']} dB, {PAPER['iou_binary']} and {PAPER['iou_multiclass']} on a game of",
        "this kind.",
        "",
        "| clip | frames | stage | PSNR, dB | binary | multiclass | true sprites | ours | tiles |",
        "|---|--:|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, row in found.items():
        for stage in ("before", "after"):
            r = row.get(stage)
            if r is not None:
                tiles = r.get("different_tiles", 0) or "-"
                lines.append(
                    f"| {name} | {row['frames']:,} | {stage} | {r.get('psnr', 'exact')} | "
                    f"{r['iou_binary']:.4f} | {r['iou_multiclass']:.4f} | "
                    f"{len(r['by_sprite'])} | {r['sprites']} | {tiles} |"
                )
    lines += ["", "The true sprites that are found worst after refinement:", ""]
    lines += [
        "| clip | sprite | size | pixels | IoU | mostly taken for | mostly takes from |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, row in found.items():
        sizes = [s.shape[1::-1] for s in true_scene(name).sprites]
        for r in row["after"]["by_sprite"][:WORST]:
            width, height = sizes[r["sprite"]]
            lines.append(
                f"| {name} | {r['sprite']} | {width}x{height} | {r['pixels']:,} | {r['iou']:.3f} | "
                f"{words(r['mostly_taken_for'], r['pixels_taken'])} | "
                f"{words(r['mostly_takes'], r['pixels_it_takes'])} |"
            )
    return "\n".join([*lines, ""])


def words(sprite: int | None, pixels: int) -> str:
    """A sprite's number and a count of pixels."""
    if sprite is None:
        return "-"
    return f"{'background' if sprite < 0 else sprite} ({pixels:,})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", nargs="+")
    parser.add_argument("--preset", default="fast", help="of encoding")
    parser.add_argument("--frames", type=int, help="only so many frames of each clip")
    parser.add_argument("--every", type=int, default=5, help="compare each so manieth frame")
    parser.add_argument("--no-model", action="store_true", help="leave out *before*")
    args = parser.parse_args()
    target = RESULTS / "segmentation.json"
    for name in args.clips:
        scene = true_scene(name)
        frames = min(args.frames or len(scene), len(scene))
        row: dict[str, Any] = {"frames": frames, "after": after(name, scene, frames, args)}
        if not args.no_model:
            row["before"] = before(name, scene, frames)
        found = json.loads(target.read_text()) if target.exists() else {}
        kept = found.get(name, {})
        if args.no_model and kept.get("frames") == frames and "before" in kept:
            row["before"] = kept["before"]
        for stage in ("before", "after"):
            print(name, stage, {k: v for k, v in row.get(stage, {}).items() if k != "by_sprite"})
        found[name] = row
        target.write_text(json.dumps(found, indent=1) + "\n")
        target.with_suffix(".md").write_text(to_markdown(found))


if __name__ == "__main__":
    main()
