"""Seconds of one training step: the fast network and the plain reference, in one run.

    python -m benchmarks.model_step [--sizes 128x128 256x240] [--repeats 3] [--loss-steps 30]
    python -m benchmarks.model_step --profile    # only where a fast step spends its time

Both start from the same weights and get the same frames and drawing orders. The reference
(tests/reference_model.py) is a literal reading of the paper. The fast side is what training
runs: the preset's network with its gated, narrower translation network, and bfloat16 where the
processor multiplies it fast. Steps are interleaved, so that other load on the machine affects
both equally; processor seconds exclude it. Writes benchmarks/results/model_step.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from spritecodec.model.marionette.learn import fast_bf16, keep_memory
from spritecodec.model.marionette.network import SpriteNetwork
from spritecodec.model.presets import PRESETS, ModelConfig
from tests.reference_model import loss as reference_loss

HERE = Path(__file__).resolve().parent

FAST = replace(PRESETS["default"].model, background="solid")
PLAIN = PRESETS["paper"].model
LAMBDA_BETA, LAMBDA_SPARSE = 0.002, 0.005


def game(height: int, width: int, count: int = 16) -> torch.Tensor:
    """Frames of moving squares, shape (count, 3, h, w), h and w multiples of 32."""
    rng = np.random.default_rng(0)
    frames = np.full((count, height, width, 3), (104, 136, 252), np.uint8)
    tiles = rng.integers(0, 255, (8, 16, 16, 3)).astype(np.uint8)
    for frame in frames:
        for tile in tiles:
            y, x = int(rng.integers(0, height - 16)), int(rng.integers(0, width - 16))
            frame[y : y + 16, x : x + 16] = tile
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255


class Side:
    """One of the two networks that are compared."""

    def __init__(
        self, config: ModelConfig, height: int, width: int, plain: bool, lr: float = 1e-4
    ) -> None:
        torch.manual_seed(0)
        colour = torch.tensor([104, 136, 252]).reshape(3, 1, 1) / 255
        self.network = SpriteNetwork(config, colour, height, width)
        parameters = [p for p in self.network.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(parameters, lr, fused=not plain)
        self.plain = plain
        self.seconds: list[float] = []
        self.processor: list[float] = []
        self.losses: list[float] = []

    def step(self, frames: torch.Tensor, order: torch.Tensor) -> None:
        begun, processor = time.perf_counter(), time.process_time()
        if self.plain:
            loss, _ = reference_loss(self.network, frames, order, LAMBDA_BETA, LAMBDA_SPARSE)
        else:
            with torch.autocast("cpu", torch.bfloat16, enabled=fast_bf16()):
                said = self.network(frames, order)
            mask = torch.ones(frames.shape[2:])
            loss, _ = self.network.loss(said, frames, mask, LAMBDA_BETA, LAMBDA_SPARSE)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.seconds.append(time.perf_counter() - begun)
        self.processor.append(time.process_time() - processor)
        self.losses.append(float(loss.detach()))


def compare(height: int, width: int, repeats: int, say: Callable[[str], None]) -> dict[str, object]:
    """Time interleaved steps of both at one size; frames are padded to multiples of 32."""
    h, w = -(-height // 32) * 32, -(-width // 32) * 32
    frames = game(h, w)
    plain, fast = Side(PLAIN, h, w, True), Side(FAST, h, w, False)
    rng = np.random.default_rng(1)
    for number in range(repeats + 1):  # the first step warms up
        chosen = torch.from_numpy(rng.integers(0, len(frames), 4))
        order = fast.network.random_order(torch.Generator().manual_seed(number))
        plain.step(frames[chosen], order)
        for _ in range(3):
            fast.step(frames[chosen], order)
        say(f"{width}x{height}: plain {plain.seconds[-1]:.2f} s, fast {fast.seconds[-1]:.3f} s")
    slow, quick = statistics.median(plain.seconds[1:]), statistics.median(fast.seconds[3:])
    slow_processor = statistics.median(plain.processor[1:])
    quick_processor = statistics.median(fast.processor[3:])
    return {
        "size": f"{width}x{height}",
        "plain_seconds": round(slow, 3),
        "fast_seconds": round(quick, 4),
        "ratio": round(slow / quick, 1),
        "plain_processor_seconds": round(slow_processor, 3),
        "fast_processor_seconds": round(quick_processor, 4),
        "processor_ratio": round(slow_processor / quick_processor, 1),
    }


def losses(steps: int, say: Callable[[str], None]) -> dict[str, object]:
    """Loss of both after equally many steps on the same batches, 64x64, mean of the last tenth.

    The reference has the paper's learning rate. The fast side runs with that one and with the
    preset's.
    """
    frames = game(64, 64)
    sides = {
        "plain": Side(PLAIN, 64, 64, True),
        "fast_at_the_papers_rate": Side(FAST, 64, 64, False),
        "fast": Side(FAST, 64, 64, False, PRESETS["slow"].phases[0].lr),
    }
    rng = np.random.default_rng(2)
    for number in range(steps):
        chosen = torch.from_numpy(rng.integers(0, len(frames), 4))
        order = sides["fast"].network.random_order(torch.Generator().manual_seed(number))
        for side in sides.values():
            side.step(frames[chosen], order)
    last = max(1, steps // 10)
    result: dict[str, object] = {"steps": steps}
    for name, side in sides.items():
        result[f"{name}_loss"] = round(statistics.mean(side.losses[-last:]), 5)
    say(str(result))
    return result


class Stopwatch:
    """Sums the seconds between `start` and `stop`, by name."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds: dict[str, float] = {}
        self._began: dict[str, float] = {}

    def now(self) -> float:
        """The time, once the device has finished its work."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    def start(self, name: str) -> None:
        self._began[name] = self.now()

    def stop(self, name: str) -> None:
        spent = self.now() - self._began.pop(name)
        self.seconds[name] = self.seconds.get(name, 0.0) + spent

    def watch(self, module: torch.nn.Module, name: str) -> None:
        """Time a module's forward passes."""
        module.register_forward_pre_hook(lambda *_: self.start(name))
        module.register_forward_hook(lambda *_: self.stop(name))


def profile(height: int, width: int, steps: int, device: torch.device) -> None:
    """Print where a fast step spends its time: by part, then by operator."""
    h, w = -(-height // 32) * 32, -(-width // 32) * 32
    frames = game(h, w)[:4].to(device)
    side = Side(FAST, h, w, False)
    network = side.network.to(device)
    order = network.fixed_order()
    watch = Stopwatch(device)
    for name in ("generator", "encoder", "translation", "background"):
        watch.watch(getattr(network, name), name)
    fast = device.type == "cuda" or fast_bf16()

    def step() -> None:
        watch.start("forward")
        with torch.autocast(device.type, torch.bfloat16, enabled=fast):
            said = network(frames, order)
        mask = torch.ones(h, w, device=device)
        loss, _ = network.loss(said, frames, mask, LAMBDA_BETA, LAMBDA_SPARSE)
        watch.stop("forward")
        watch.start("backward")
        side.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        watch.stop("backward")
        watch.start("optimiser")
        side.optimiser.step()
        watch.stop("optimiser")

    step()  # warms up
    watch.seconds.clear()
    for _ in range(steps):
        step()
    spent = watch.seconds
    parts = {name: spent[name] for name in ("generator", "encoder", "translation", "background")}
    parts["mixtures, placing, compositing, loss"] = spent["forward"] - sum(parts.values())
    parts |= {name: spent[name] for name in ("backward", "optimiser")}
    whole = sum(parts.values())
    print(f"{width}x{height}, batch 4, {device}: {1000 * whole / steps:.1f} ms a step")
    for name, seconds in sorted(parts.items(), key=lambda p: -p[1]):
        print(f"  {name:38} {1000 * seconds / steps:9.1f} ms {seconds / whole:6.1%}")
    kinds = [torch.profiler.ProfilerActivity.CPU]
    if device.type == "cuda":
        kinds.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=kinds) as seen:
        step()
    key = "self_cuda_time_total" if device.type == "cuda" else "self_cpu_time_total"
    print(seen.key_averages().table(sort_by=key, row_limit=15, max_name_column_width=40))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", default=["128x128", "256x240"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--loss-steps", type=int, default=30)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--profile", action="store_true", help="where a fast step's time goes")
    parser.add_argument("--device", default="cpu", help="of the profile")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    keep_memory()  # helps both sides
    if args.profile:
        for size in args.sizes:
            width, height = (int(v) for v in size.split("x"))
            profile(height, width, args.repeats, torch.device(args.device))
        return
    rows = []
    for size in args.sizes:
        width, height = (int(v) for v in size.split("x"))
        rows.append(compare(height, width, args.repeats, print))
    found = {
        "threads": args.threads,
        "torch": torch.__version__,
        "batch": 4,
        "steps": rows,
        "equal_steps": losses(args.loss_steps, print),
    }
    target = HERE / "results" / "model_step.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
