"""Training the network on a clip's frames, phase by phase (2.6)."""

from __future__ import annotations

import copy
import ctypes
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from spritecodec.errors import TrainingError
from spritecodec.metrics import psnr_from_mse
from spritecodec.model.checkpoint import Arrays
from spritecodec.model.distributed import Ranks
from spritecodec.model.marionette.network import SpriteNetwork
from spritecodec.model.matching.kernels import Image, Rows
from spritecodec.model.presets import ModelConfig, Phase, Preset

MEASURE_PERIOD = 100
"""Steps between measurements, which are where the loop looks at its loss."""
MIN_LIVE_SHARE = 0.1
"""A dictionary with a smaller share of sprites in use counts as collapsed."""

ALONE = Ranks()

Report = Callable[[int, int, float, float, str], None]
"""Called with step, steps, loss, PSNR and a message."""


def keep_memory() -> None:
    """Ask glibc to keep freed memory instead of returning it to the system.

    A step frees and allocates the same large tensors again and again; faulting their pages
    in anew takes longer than the arithmetic. Does nothing with other C libraries.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "gnu_get_libc_version"):
        trim_threshold, top_pad, mmap_threshold = -1, -2, -3
        library.mallopt(trim_threshold, 2**31 - 1)
        library.mallopt(top_pad, 64 << 20)
        library.mallopt(mmap_threshold, 1 << 30)


def padded(size: int, k: int) -> int:
    """`size` rounded up to a multiple of k."""
    return -(-size // k) * k


class Learner:
    """The network, its optimiser, and the frames that it learns from.

    Parameters
    ----------
    preset : Preset
    frames : ndarray, shape (f, h, w, 3), uint8
    texture : ndarray, shape (H, W, 3), uint8
        The background's first state; (1, 1, 3) for one colour.
    teacher : tuple of (list of ndarray (p, 3) int32, ndarray (f, 2) int32), optional
        What matching found: placements (sprite, x, y) and pan of each frame. The network
        learns it beside Eq. 3, its weight fading over the first phase.
    ranks : Ranks
        Every process takes its share of each batch.
    """

    def __init__(
        self,
        preset: Preset,
        frames: Image,
        texture: Image,
        device: torch.device,
        seed: int,
        teacher: tuple[list[Rows], NDArray[np.int32]] | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        torch.manual_seed(seed)
        if sys.platform == "linux":
            keep_memory()
        self.preset = preset
        self.device = device
        self.ranks = ranks
        self.random = np.random.default_rng(seed)
        self.frames = torch.from_numpy(frames).to(device)
        self.height, self.width = frames.shape[1:3]
        colours = torch.from_numpy(texture.astype(np.float32) / 255).permute(2, 0, 1)
        self.network = SpriteNetwork(preset.model, colours, self.height, self.width).to(device)
        self.teacher = None if teacher is None else targets(preset.model, *teacher, frames.shape)
        self.phase = 0
        self.step = 0
        self.slower = 1.0
        self.batch: int | None = None
        self.best = math.inf
        self.stale = 0
        self.good: dict[str, Any] | None = None
        self.optimiser = self._optimiser(preset.phases[0])

    def _optimiser(self, phase: Phase) -> torch.optim.AdamW:
        background = [p for p in self.network.background.parameters() if p.requires_grad]
        known = {id(p) for p in self.network.background.parameters()}
        others = [p for p in self.network.parameters() if id(p) not in known]
        groups: list[dict[str, Any]] = [{"params": others, "lr": phase.lr}]
        if background:
            groups.append({"params": background, "lr": phase.lr_background})
        return torch.optim.AdamW(groups, fused=self.device.type != "mps")

    def run(self, report: Report, keep: Callable[[], None]) -> int:
        """Train all phases from where this stands; returns the steps taken.

        `keep` is called after every measurement, to write checkpoints when they are due.

        Raises
        ------
        TrainingError
            The loss stays NaN, or memory does not suffice for one frame.
        """
        taken = 0
        while self.phase < len(self.preset.phases):
            phase = self.preset.phases[self.phase]
            if self.step == 0:
                self.optimiser = self._optimiser(phase)
                self.best, self.stale = math.inf, 0
            taken += self._run_phase(phase, report, keep)
            self.phase += 1
            self.step = 0
        return taken

    def _run_phase(self, phase: Phase, report: Report, keep: Callable[[], None]) -> int:
        total = torch.zeros(2, device=self.device)
        count = taken = 0
        self.good = copy.deepcopy(self.state())
        while self.step < phase.steps:
            try:
                total += self._train_step(phase)
            except torch.OutOfMemoryError as error:
                if self.ranks.size > 1:
                    raise TrainingError(
                        "a device has too little memory for its share of a batch; "
                        "start more processes or use smaller crops"
                    ) from error
                self._halve(phase, report, error)
                continue
            self.step += 1
            taken += 1
            count += 1
            if self.step % MEASURE_PERIOD and self.step != phase.steps:
                continue
            # The only place where the loop waits for the device.
            self.ranks.sum([total])
            loss, mse = (float(v) / count for v in total.tolist())
            total.zero_()
            count = 0
            message = ""
            if not math.isfinite(loss):
                message = self._step_back(phase)
            else:
                self.good = copy.deepcopy(self.state())
                message = self._revive()
                self.stale = 0 if loss < 0.999 * self.best else self.stale + 1
                self.best = min(self.best, loss)
            # Eq. 3 sums over channels, PSNR averages.
            report(self.step, phase.steps, loss, psnr_from_mse(mse / 3 * 255.0**2), message)
            keep()
            if self.stale >= self.preset.patience:
                break
        return taken

    def _train_step(self, phase: Phase) -> Tensor:
        """One step of AdamW on a random batch.

        Returns (loss, squared error), detached, of this process's share of the batch.
        """
        progress = self.step / phase.steps
        decay = 0.5 + 0.5 * math.cos(math.pi * progress) if phase.decay else 1.0
        rates = (phase.lr, phase.lr_background)
        for group, rate in zip(self.optimiser.param_groups, rates, strict=False):
            group["lr"] = rate * decay * self.slower
        frames, mask, corner, chosen = self._batch(phase)
        share = len(chosen) / (self.batch or phase.batch)
        cuda = self.device.type == "cuda"
        fast = cuda or (self.device.type == "cpu" and fast_bf16())
        with torch.autocast(self.device.type, torch.bfloat16, enabled=fast):
            order = self.network.random_order()
            said = self.network(frames, order, corner=corner)
        loss, error = self.network.loss(said, frames, mask, phase.lambda_beta, phase.lambda_sparse)
        whole = loss
        taught = self.teacher is not None and self.phase == 0 and progress < 0.5
        if taught:
            half = self.network.config.k // 2
            area = (
                slice(int(corner[0]) // half, (int(corner[0]) + frames.shape[2]) // half),
                slice(int(corner[1]) // half, (int(corner[1]) + frames.shape[3]) // half),
            )
            whole = loss + (1 - 2 * progress) * 0.1 * self._lesson(said, chosen, area)
        self.optimiser.zero_grad(set_to_none=True)
        (whole * share).backward()  # type: ignore[no-untyped-call]
        self.ranks.sum_gradients(
            p for group in self.optimiser.param_groups for p in group["params"]
        )
        if taught:
            # Sprites and codes stay until the encoder knows them: drawn in the wrong places,
            # they would only blur.
            for parameter in self.network.generator.parameters():
                parameter.grad = None
        self.optimiser.step()
        taken: Tensor = torch.stack([loss.detach(), error.detach()]) * share
        return taken

    def _lesson(self, said: Any, chosen: NDArray[np.int64], area: tuple[slice, slice]) -> Tensor:
        """How far the network is from what matching placed, as cross-entropies."""
        assert self.teacher is not None
        sprite, offset = self.teacher
        index = (torch.from_numpy(chosen), slice(None), *area)
        wanted = sprite[index].to(self.device)
        active = wanted >= 0
        eps = 1e-4
        switch = functional.binary_cross_entropy(said.switches.clamp(eps, 1 - eps), active.float())
        if not bool(active.any()):
            return switch
        picked = said.scores[active].gather(1, wanted[active][:, None]).clamp_min(eps)
        moves = (said.offsets[active] - offset[index].to(self.device)[active]) / self.preset.model.k
        lesson: Tensor = switch - picked.log().mean() + (moves**2).mean()
        return lesson

    def _batch(self, phase: Phase) -> tuple[Tensor, Tensor, Tensor, NDArray[np.int64]]:
        """This process's share of random frames (or crops), which of them, and where.

        Also the mask of their real pixels and the crop's corner.
        """
        k = self.preset.model.k
        size = self.batch or phase.batch
        chosen = self.ranks.share(self.random.integers(0, len(self.frames), size))
        frames = self.frames[torch.from_numpy(chosen).to(self.device)]
        top = left = 0
        if phase.crop is not None:
            side = padded(phase.crop, k)
            half = k // 2
            # Crops start on the anchor grid, so that anchors are the whole frame's.
            top = int(self.random.integers(0, max(0, self.height - side) // half + 1)) * half
            left = int(self.random.integers(0, max(0, self.width - side) // half + 1)) * half
            frames = frames[:, top : top + side, left : left + side]
        h, w = frames.shape[1:3]
        planes = frames.permute(0, 3, 1, 2).float() / 255
        extra = (0, padded(w, k) - w, 0, padded(h, k) - h)
        mask = functional.pad(torch.ones(h, w, device=self.device), extra)
        return functional.pad(planes, extra), mask, torch.tensor([top, left]), chosen

    def _halve(self, phase: Phase, report: Report, error: BaseException) -> None:
        now = self.batch or phase.batch
        if now == 1:
            raise TrainingError(
                "the device has too little memory for one frame; use smaller crops or the CPU"
            ) from error
        self.batch = now // 2
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        message = f"out of memory: going on with {self.batch} frames a step"
        report(self.step, phase.steps, math.nan, math.nan, message)

    def _step_back(self, phase: Phase) -> str:
        """Return to the last good state with half the learning rate."""
        if self.slower < 1 / 64:
            raise TrainingError("the loss stays NaN however small the learning rate is")
        assert self.good is not None
        self.restore(copy.deepcopy(self.good))
        self.slower /= 2
        return f"the loss is not a number: back to step {self.step} with half the learning rate"

    @torch.no_grad()
    def _revive(self) -> str:
        """Give unused codes a fresh start where too few sprites are in use."""
        network = self.network
        m = network.config.m
        used = self.ranks.same(self.usage()) > 0
        if (
            self.teacher is not None
        ):  # what matching placed is alive even if the encoder has not found it yet
            taught = self.teacher[0]
            used |= torch.bincount(taught[taught >= 0], minlength=m) > 0
        live = int(used.sum())
        if live >= MIN_LIVE_SHARE * m or live == 0 or m < 10:
            return ""
        dead = torch.nonzero(~used)[:, 0].to(self.device)
        said = self._look(np.arange(min(4, len(self.frames))))
        worst = self.ranks.same(self._worst_anchors(said, len(dead)).cpu()).to(self.device)
        network.generator.codes[dead[: len(worst)]] = worst.to(network.generator.codes.dtype)
        return (
            f"the dictionary collapsed to {live} of {m} sprites: "
            f"{len(worst)} codes restart from badly explained places"
        )

    @torch.no_grad()
    def _look(self, chosen: NDArray[np.int64]) -> tuple[Tensor, Any]:
        frames = self.whole(chosen)
        return frames, self.network(frames, self.network.fixed_order(), hard=True)

    def _worst_anchors(self, seen: tuple[Tensor, Any], count: int) -> Tensor:
        """Features of the anchors around which the picture is worst, shape (<= count, d)."""
        frames, said = seen
        half = self.network.config.k // 2
        error = functional.avg_pool2d(((said.picture - frames) ** 2).sum(1, keepdim=True), half)
        anchors = self.network.encoder(frames)[0][:, 0]
        top = error.flatten().topk(min(count, error.numel())).indices
        worst: Tensor = anchors.reshape(-1, anchors.shape[-1])[top]
        return worst

    @torch.no_grad()
    def usage(self) -> Tensor:
        """How often each sprite is placed in up to 16 frames, shape (m,), on the CPU."""
        m = self.network.config.m
        counts = torch.zeros(m, dtype=torch.int64)
        for start in np.linspace(0, len(self.frames) - 1, min(16, len(self.frames))).astype(int):
            _, said = self._look(np.array([start]))
            active = said.switches > 0.5
            counts += torch.bincount(said.scores.argmax(-1)[active].cpu(), minlength=m)
        return counts

    def whole(self, chosen: NDArray[np.int64]) -> Tensor:
        """Whole frames, padded to multiples of k, shape (n, 3, h', w')."""
        return as_input(self.frames[torch.from_numpy(chosen).to(self.device)], self.preset.model.k)

    def state(self) -> dict[str, Any]:
        """All that `restore` needs to go on."""
        return {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "about": {
                "phase": self.phase,
                "step": self.step,
                "slower": self.slower,
                "batch": self.batch,
                "best": self.best,
                "stale": self.stale,
                "random": self.random.bit_generator.state,
            },
        }

    def packed(self) -> tuple[Arrays, dict[str, Any]]:
        """The `state` as named arrays and JSON values, for a checkpoint."""
        return pack_state(self.state())

    def restore(self, state: dict[str, Any]) -> None:
        """Return to a `state`."""
        about = state["about"]
        self.phase, self.step = about["phase"], about["step"]
        self.slower, self.batch = about["slower"], about["batch"]
        self.best, self.stale = about["best"], about["stale"]
        self.random.bit_generator.state = about["random"]
        self.network.load_state_dict(state["network"])
        if self.phase < len(self.preset.phases):
            self.optimiser = self._optimiser(self.preset.phases[self.phase])
        self.optimiser.load_state_dict(state["optimiser"])

    def sprites(self) -> Image:
        """The dictionary as 8-bit RGBA, shape (m, k, k, 4)."""
        return hard_sprites(self.network)


def fast_bf16() -> bool:
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("amx_bf16", False))


def as_input(frames: Tensor, k: int) -> Tensor:
    """Frames (n, h, w, 3) uint8 as the network wants them: (n, 3, h', w') in [0, 1], padded."""
    h, w = frames.shape[1:3]
    planes = frames.permute(0, 3, 1, 2).float() / 255
    return functional.pad(planes, (0, padded(w, k) - w, 0, padded(h, k) - h))


@torch.no_grad()
def hard_sprites(network: SpriteNetwork) -> Image:
    """The network's dictionary as 8-bit RGBA, shape (m, k, k, 4)."""
    sprites = network.generator().permute(0, 1, 3, 2)
    values: Image = (sprites * 255).round().to(torch.uint8).cpu().numpy()
    return np.ascontiguousarray(values)


@torch.no_grad()
def propose(network: SpriteNetwork, frame: Image) -> tuple[Rows, tuple[int, int]]:
    """The network's hard decomposition of one frame (2.3).

    Returns
    -------
    placed : ndarray, shape (p, 3), int32
        Rows (sprite, x, y) in drawing order, layer by layer.
    pan : tuple of int
        x, y of the frame in the background.
    """
    config = network.config
    k = config.k
    device = network.generator.codes.device
    inputs = as_input(torch.from_numpy(frame.copy()).to(device)[None], k)
    said = network(inputs, network.fixed_order(), hard=True)
    sprite = said.scores[0].argmax(-1).cpu().numpy()
    active = said.switches[0].cpu().numpy() > 0.5
    offset = said.offsets[0].round().cpu().numpy().astype(np.int64)
    rows = []
    for layer in range(config.layers):
        for index in range(16):
            j, i = np.nonzero(active[layer][index // 4 :: 4, index % 4 :: 4])
            j, i = j * 4 + index // 4, i * 4 + index % 4
            x = i * (k // 2) - k // 4 + offset[layer, j, i, 0]
            y = j * (k // 2) - k // 4 + offset[layer, j, i, 1]
            rows.append(np.column_stack([sprite[layer, j, i], x, y]))
    pan = (0, 0)
    if config.background == "learned":
        features = network.encoder(inputs)[2]
        x, y = network.background.shifts(features)
        pan = (int(x.argmax()), int(y.argmax()))
    return np.concatenate(rows).astype(np.int32), pan


def targets(
    config: ModelConfig,
    placed: list[Rows],
    pan: NDArray[np.int32],
    shape: tuple[int, ...],
) -> tuple[Tensor, Tensor]:
    """Matching's placements on the anchor grid.

    Returns
    -------
    sprite : tensor, shape (f, l, gh, gw), int64
        -1 where the anchor is inactive.
    offset : tensor, shape (f, l, gh, gw, 2)
        x, y from the anchor.
    """
    k, half = config.k, config.k // 2
    gh, gw = padded(shape[1], k) // half, padded(shape[2], k) // half
    sprite = np.full((len(placed), config.layers, gh, gw), -1, np.int64)
    offset = np.zeros((*sprite.shape, 2), np.float32)
    for f, rows in enumerate(placed):
        for s, x, y in rows.tolist():
            i = min(max(round((x + k // 4) / half), 0), gw - 1)
            j = min(max(round((y + k // 4) / half), 0), gh - 1)
            dx, dy = x - (i * half - k // 4), y - (j * half - k // 4)
            layer = int(np.argmax(sprite[f, :, j, i] < 0))
            if sprite[f, layer, j, i] < 0 and max(abs(dx), abs(dy)) <= half:
                sprite[f, layer, j, i] = s
                offset[f, layer, j, i] = dx, dy
    return torch.from_numpy(sprite), torch.from_numpy(offset)


def pack_state(state: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
    """A `Learner.state` as named arrays and JSON values, for a checkpoint."""
    arrays = {f"network/{n}": v.cpu().numpy() for n, v in state["network"].items()}
    optimiser = state["optimiser"]
    for i, values in optimiser["state"].items():
        arrays |= {f"optimiser/{i}/{n}": v.cpu().numpy() for n, v in values.items()}
    return arrays, {"about": state["about"], "groups": optimiser["param_groups"]}


def unpack_state(arrays: Arrays, about: dict[str, Any]) -> dict[str, Any]:
    """The inverse of `pack_state`."""
    network = {}
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in arrays.items():
        kind, _, rest = name.partition("/")
        if kind == "network":
            network[rest] = torch.from_numpy(value)
        elif kind == "optimiser":
            index, _, key = rest.partition("/")
            moments.setdefault(int(index), {})[key] = torch.from_numpy(value)
    optimiser = {"state": moments, "param_groups": about["groups"]}
    return {"network": network, "optimiser": optimiser, "about": about["about"]}
