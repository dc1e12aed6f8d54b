"""The paper's ablations: every variant trains, and differs in what its name says."""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.ablations import PAPER, VARIANTS, run, summary, to_markdown
from spritecodec.model.marionette.network import SpriteNetwork
from spritecodec.model.presets import ModelConfig
from spritecodec.model.sample import Sample

SETTINGS = {"clip": "mario-1-1", "steps_scale": 1e-5, "rate_scale": 10, "crop": 32, "lean": True}


def small(config: ModelConfig) -> ModelConfig:
    return replace(config, m=3, d=16, k=16)


def sample() -> Sample:
    rng = np.random.default_rng(0)
    frames = np.full((5, 40, 48, 3), 60, np.uint8)
    frames[:, 30:] = rng.integers(0, 255, (10, 48, 3))
    for t, frame in enumerate(frames):
        frame[8:20, 5 * t : 5 * t + 12] = (220, 40, 90)
    return Sample(frames, np.arange(5))


@pytest.mark.parametrize("figure", ["fig10", "fig12"])
def test_every_variant_trains_and_is_reported(figure: str) -> None:
    args = argparse.Namespace(**SETTINGS, device="cpu")
    runs = []
    for name, config in VARIANTS[figure].items():
        for seed in range(2 if figure == "fig12" else 1):
            row = run(small(config), sample(), args, seed)
            assert row["steps"] == 3
            assert 5 < row["psnr"] < 60
            runs.append({"variant": name, "seed": seed} | row)
    found = {"figure": figure, "settings": SETTINGS, "runs": runs}
    found["summary"] = summary(found)
    page = to_markdown(found)
    assert f"benchmarks.ablations {figure} --clip mario-1-1 --steps-scale 1e-05" in page
    for name in VARIANTS[figure]:
        assert f"| {name} |" in page


def test_the_variants_are_the_papers() -> None:
    assert VARIANTS["fig10"].keys() == PAPER.keys()
    full = VARIANTS["fig10"]["full"]
    assert (full.m, full.k, full.layernorm, full.straight_through) == (150, 32, True, False)
    changed = {
        name: [f for f in ("m", "k", "layernorm", "straight_through")
               if getattr(config, f) != getattr(full, f)]
        for name, config in VARIANTS["fig10"].items()
    }  # fmt: skip
    assert changed == {
        "smaller patches": ["k"],
        "full": [],
        "no LayerNorm": ["layernorm"],
        "smaller dictionary": ["m"],
        "larger patches": ["k"],
        "straight-through switches": ["straight_through"],
    }


def test_straight_through_switches_replace_the_beta_prior_on_them() -> None:
    losses = {}
    for straight in (False, True):
        torch.manual_seed(0)
        config = replace(small(VARIANTS["fig10"]["full"]), straight_through=straight)
        network = SpriteNetwork(config, torch.zeros(3, 1, 1), 32, 32)
        frames = torch.rand(1, 3, 32, 32)
        said = network(frames, network.fixed_order())
        for weight in (0.0, 1.0):
            loss, _ = network.loss(said, frames, torch.ones(32, 32), weight, 0.0)
            losses[straight, weight] = float(loss.detach())
        scale = config.k**2 / (4 * config.layers * 32 * 32)
        on_scores = 6 * (said.scores * (1 - said.scores)).mean(-1).sum()
        on_switches = 6 * (said.switches * (1 - said.switches)).sum()
        wanted = scale * float((on_scores + (0 if straight else on_switches)).detach())
        assert losses[straight, 1.0] - losses[straight, 0.0] == pytest.approx(wanted, rel=1e-4)
