"""What merging sprites saves: the bytes of one segment after each mining.

    python -m benchmarks.merging mario-1-1 sprite-game seaquest pitfall

writes ``benchmarks/results/merging.json`` and ``.md``. Bytes are those of the segment with its
residual. Every scene is drawn and compared with the frames.
"""

from __future__ import annotations

import dataclasses
import json
from fractions import Fraction
from typing import Any

import click
import numpy as np

from benchmarks.clips.registry import CLIPS
from benchmarks.codecs import RESULTS
from benchmarks.segmentation import first_frames
from spritecodec.formats.spr.library import Library
from spritecodec.mining.arrays import Ids
from spritecodec.mining.indexed import Indexed
from spritecodec.mining.limits import LIMITS
from spritecodec.mining.mine import mine
from spritecodec.mining.setting import Setting, find_settings
from spritecodec.mining.sprites.merge import merge_sprites
from spritecodec.mining.thresholds import MINE
from spritecodec.mining.tracks.residual import exact_residual
from spritecodec.render import Renderer

CHAINS = {"plain": MINE.min_region, "slivers": 1}  # pixels of a sprite, at first


def measure(name: str, count: int) -> dict[str, Any]:
    """Bytes, sprites and tracks after each mining of a clip's first frames, by chain."""
    frames = first_frames(name, count)
    run = Indexed.of(frames, *frames.shape[1:3])
    setting = find_settings(run)[0]
    chains = {chain: minings(name, run, setting, fewest) for chain, fewest in CHAINS.items()}
    return {"frames": len(run), "chains": chains}


def minings(name: str, run: Indexed, setting: Setting, fewest: int) -> list[dict[str, int]]:
    """Bytes, sprites and tracks of each mining of a chain; `fewest` holds for the first."""
    pts = np.arange(len(run), dtype=np.int64)
    seeds: list[Ids] = []
    turns = []
    for turn in range(LIMITS.minings):
        at_least = MINE.min_region if turn else fewest
        scene = mine(setting, pts, Fraction(1, 60), seeds, at_least)
        scene = dataclasses.replace(scene, residual=exact_residual(scene, run.wanted))
        for t, drawn in enumerate(Renderer(scene).frames()):
            if (drawn != run.rgb(t)).any():
                raise AssertionError(f"frame {t} of {name} differs")
        packed = Library().pack(scene)
        turns.append(
            {
                "bytes": packed.size,
                "sprites": len(packed.scene.sprites),
                "tracks": len(scene.tracks),
            }
        )
        seeds = merge_sprites(scene, setting.frames)
    return turns


def markdown(results: dict[str, Any]) -> str:
    """The table as Markdown."""
    lines = [
        "# Bytes after each mining",
        "",
        "Made by `python -m benchmarks.merging`. Each mining after the first starts with the",
        "sprites that the one before joined. In the chain *slivers*, the first makes sprites of",
        "even the smallest regions. The encoder keeps the smallest of all.",
        "",
        "| clip | frames | chain |" + "".join(f" mining {i + 1} |" for i in range(LIMITS.minings)),
        "|---|--:|---|" + "--:|" * LIMITS.minings,
    ]
    for name in (n for n in CLIPS if n in results):
        for chain, turns in results[name]["chains"].items():
            cells = [f"{turn['bytes']:,}" for turn in turns]
            count = f"{results[name]['frames']:,}"
            lines.append(f"| {name} | {count} | {chain} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


@click.command()
@click.argument("clips", nargs=-1, required=True, metavar="CLIP...", type=click.Choice(CLIPS))
@click.option("--frames", type=click.IntRange(1), default=600, help="Only the first so many.")
def main(clips: tuple[str, ...], frames: int) -> None:
    """Measure CLIPs one after another."""
    path = RESULTS / "merging.json"
    results = json.loads(path.read_text()) if path.exists() else {}
    for name in clips:
        results[name] = measure(name, frames)
        for chain, turns in results[name]["chains"].items():
            click.echo(f"{name}, {chain}: {[turn['bytes'] for turn in turns]}")
        path.write_text(json.dumps(results, indent=2) + "\n")
        path.with_suffix(".md").write_text(markdown(results))


if __name__ == "__main__":
    main()
