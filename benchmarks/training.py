"""Where the preset default trains, and what that costs and saves beside fast.

    python -m benchmarks.training sprite-game-small mario-1-1:200 lossy photo@40

A clip is one of the size gate, one that ``python -m benchmarks.clips`` has made, or ``photo``, a
view that pans over a photograph, with noise; then ``:N`` for its first N frames, and ``@DB`` for a
PSNR in place of lossless. Prints the rows of a Markdown table. Each encode is a process of its own;
seconds are processor time of one thread. Run it twice: the first run compiles.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.clips.excerpt import frames_of, quality_of

PRESETS = ("fast", "default")


def photo() -> NDArray[np.uint8]:
    """48 frames of 96x128 that pan over a photograph, with noise."""
    from skimage import data, transform

    astronaut: Any = data.astronaut
    resize: Any = transform.resize
    picture = astronaut()
    rng = np.random.default_rng(0)
    frames = []
    for t in range(48):
        x, y = 60 + 2.3 * t, 40 + 1.1 * t
        view = picture[int(y) : int(y + 96 * 2.2), int(x) : int(x + 128 * 2.2)] / 255
        frame = resize(view, (96, 128), anti_aliasing=True)
        frame = frame + rng.normal(0, 0.008, frame.shape)
        frames.append((np.clip(frame, 0, 1) * 255).round().astype(np.uint8))
    return np.stack(frames)


def measure(spec: str, preset: str) -> tuple[int, float, str]:
    """Bytes, processor seconds, and what was decided."""
    import torch

    import spritecodec as sc

    torch.set_num_threads(1)
    name, _, count = spec.partition("@")[0].partition(":")
    photographed = name == "photo"
    frames = photo()[: int(count) if count else None] if photographed else frames_of(spec)
    if frames is None:
        raise SystemExit(f"{spec} is not at hand; python -m benchmarks.clips makes clips")
    begun = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        report = sc.encode(
            sc.ArrayClip(frames, pixel_exact=not photographed),
            Path(folder, "clip.spr"),
            quality=quality_of(spec) or "lossless",
            preset=preset,
            device="cpu",
        )
    return report.size, time.process_time() - begun, report.training


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", nargs="+")
    print("| clip | fast, bytes | s | default, bytes | s | default: the decision |")
    print("|---|--:|--:|--:|--:|---|")
    for spec in parser.parse_args().clips:
        cells = [Path(spec).name]
        for preset in PRESETS:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                size, seconds, decision = pool.apply(measure, (spec, preset))
            cells += [f"{size:,}", f"{seconds:.1f}"]
        print(f"| {' | '.join([*cells, decision])} |", flush=True)


if __name__ == "__main__":
    main()
