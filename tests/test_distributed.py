"""Several processes train one model: the same steps as one process takes alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import spritecodec as sc
from spritecodec.model.distributed import Ranks

TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")

# Both engines' gradient stages on a few frames: the fit, and the network from noise, whose
# loss is looked at every few steps, and in float32: Adam divides gradients by their size, so
# that differences in rounding grow from step to step.
PROGRAM = """
import sys
from dataclasses import replace
from pathlib import Path
import numpy as np
from spritecodec.clip import ArrayClip
from spritecodec.model.marionette import learn
from spritecodec.model.presets import PRESETS, Fit, Matching, Phase
from spritecodec.model.train import train

frames, folder = np.load(sys.argv[1]), Path(sys.argv[2])
learn.MEASURE_PERIOD, learn.fast_bf16 = 4, lambda: False
default, paper = PRESETS["default"], PRESETS["paper"]
wanted = {
    "fit": replace(default, model=replace(default.model, m=3, k=16),
                   matching=Matching(frames=8, pixels=0, rounds=2), fit=Fit(steps=40)),
    "network": replace(paper, model=replace(paper.model, m=5, d=16, k=8),
                       phases=(Phase(20, batch=4, crop=24),)),
}
for name, preset in wanted.items():
    model = train(ArrayClip(frames), preset, device="cpu", workdir=folder / name)
    if model.sprites.max() == 0:
        raise SystemExit("nothing was learnt")
"""


def run(*command: str | Path) -> str:
    done = subprocess.run(
        [str(c) for c in command], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def blocks() -> NDArray[np.uint8]:
    """Two squares of noise moving over a textured ground."""
    rng = np.random.default_rng(0)
    things = rng.integers(0, 255, (2, 10, 10, 3)).astype(np.uint8)
    frames = np.full((8, 40, 48, 3), 60, np.uint8)
    for t, frame in enumerate(frames):
        for i, thing in enumerate(things):
            x, y = 3 + (4 + i) * t % 35, 4 + 15 * i + t
            frame[y : y + 10, x : x + 10] = thing + rng.integers(0, 3, (10, 10, 3))
    return frames


def log(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_two_processes_have_the_loss_curve_of_one(tmp_path: Path) -> None:
    clip, program = tmp_path / "frames.npy", tmp_path / "program.py"
    np.save(clip, blocks())
    program.write_text(PROGRAM)
    run(sys.executable, program, clip, tmp_path / "one")
    run(*TORCHRUN, program, clip, tmp_path / "two")
    for stage, count in (("fit", 2), ("network", 5)):
        one, two = (
            [row for row in log(tmp_path / n / stage) if row["stage"] == stage]
            for n in ("one", "two")
        )
        assert [row["step"] for row in one] == [row["step"] for row in two]
        assert len(one) == count
        # Only the order in which gradients are added differs.
        for key in ("loss", "psnr"):
            np.testing.assert_allclose(
                [row[key] for row in one], [row[key] for row in two], rtol=1e-3
            )


ENCODE = """
import sys
from dataclasses import replace
import numpy as np
import spritecodec as sc
from spritecodec.model.presets import PRESETS, Fit, Matching

default = PRESETS["default"]
PRESETS["small"] = replace(
    default, selective=False, model=replace(default.model, m=3, k=16),
    matching=Matching(frames=8, pixels=0, rounds=2), fit=Fit(steps=4),
)
report = sc.encode(np.load(sys.argv[1]), sys.argv[2], preset="small", device="cpu")
# In one piece: two processes write to the same pipe.
print(f"{report.training} {list(report.candidates)}\\n", end="", flush=True)
"""


def test_encode_trains_in_all_processes_and_writes_one_file(tmp_path: Path) -> None:
    clip, program = tmp_path / "frames.npy", tmp_path / "program.py"
    np.save(clip, blocks())
    program.write_text(ENCODE)
    one, two = tmp_path / "one.spr", tmp_path / "two.spr"
    run(sys.executable, program, clip, one)
    said = run(*TORCHRUN, program, clip, two).splitlines()
    assert said == ["trained: the preset trains always ['mining', 'model']"] * 2
    with sc.open(two) as reader:
        np.testing.assert_array_equal(reader[:], blocks())
        np.testing.assert_allclose(reader.size, one.stat().st_size, rtol=0.01)


def test_encode_started_by_torchrun_writes_one_file(tmp_path: Path) -> None:
    folder, target = tmp_path / "frames", tmp_path / "two.spr"
    folder.mkdir()
    from PIL import Image

    for t, frame in enumerate(blocks()):
        Image.fromarray(frame).save(folder / f"{t}.png")
    said = run(*TORCHRUN, "-m", "spritecodec.cli", "encode", folder, target, "--device", "cpu")
    assert len(said.splitlines()) == 1
    assert "8 frames" in said
    with sc.open(target) as reader:
        np.testing.assert_array_equal(reader[:], blocks())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["frames", "two.spr"]


def test_a_batch_is_shared_out_whole() -> None:
    batch = np.array([5, 3, 3, 9, 1])
    for size in (1, 2, 3, 5):
        parts = [Ranks(rank, size).share(batch) for rank in range(size)]
        assert sorted(np.concatenate(parts).tolist()) == [1, 3, 3, 5, 9]
    with pytest.raises(sc.SettingsError, match="start fewer"):
        Ranks(0, 6).share(batch)


def test_training_nothing_needs_no_second_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"TORCHELASTIC_RUN_ID": "x", "RANK": "1", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LOCAL_RANK", "1")
    with pytest.raises(sc.SettingsError, match="one process"):
        sc.encode(blocks(), tmp_path / "out.spr", preset="fast")
