"""Several processes training on one clip, as torchrun starts them: one for each GPU, or CPU.

Every process draws the same random batch and takes its share of it. The gradients are summed
by one all-reduce, so a step equals the step of one process with the whole batch. Matching and
mining, which need no gradients, are done by the first process alone.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from spritecodec.errors import SettingsError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

_Value = TypeVar("_Value")

MAX_WAIT = timedelta(days=1)
"""How long the others wait for what the first process does alone."""


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together.

    Attributes
    ----------
    rank, size : int
        Which one of how many.
    local : int
        Which one on this machine, and so the number of its GPU.
    """

    rank: int = 0
    size: int = 1
    local: int = 0

    @staticmethod
    def here() -> Ranks:
        """What torchrun wrote to the environment; one process where it did not start this one."""
        if "TORCHELASTIC_RUN_ID" not in os.environ:
            return Ranks()
        rank, size, local = (int(os.environ[n]) for n in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
        return Ranks(rank, size, local)

    @property
    def first(self) -> bool:
        """Whether this is the process that mines, writes and prints."""
        return self.rank == 0

    def join(self, device: torch.device) -> None:
        """Connect to the other processes: by NCCL between GPUs, otherwise by gloo."""
        from torch import distributed

        if self.size > 1 and not distributed.is_initialized():
            backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
            distributed.init_process_group(backend, timeout=MAX_WAIT)
            atexit.register(distributed.destroy_process_group)

    def share(self, batch: NDArray[np.int64]) -> NDArray[np.int64]:
        """This process's part of a batch, which every process has drawn alike.

        Raises
        ------
        SettingsError
            There are more processes than frames.
        """
        if len(batch) < self.size:
            raise SettingsError(
                f"{self.size} processes cannot share a batch of {len(batch)} frames; start fewer"
            )
        return batch[self.rank :: self.size]

    def sum(self, tensors: Iterable[torch.Tensor]) -> None:
        """Replace tensors, the same ones in every process, by their sums over all."""
        if self.size == 1:
            return
        import torch

        parts = list(tensors)
        flat = torch.cat([p.flatten() for p in parts])
        torch.distributed.all_reduce(flat)
        sizes = [p.numel() for p in parts]
        for part, total in zip(parts, torch.split(flat, sizes), strict=True):
            part.copy_(total.view_as(part))

    def sum_gradients(self, parameters: Iterable[torch.Tensor]) -> None:
        """Sum each parameter's gradient over all processes; missing ones count as zero."""
        if self.size == 1:
            return
        import torch

        gradients = []
        for p in parameters:
            if p.grad is None:
                p.grad = torch.zeros_like(p)
            gradients.append(p.grad)
        self.sum(gradients)

    def same(self, value: _Value | None) -> _Value:
        """The first process's value, in every process; the others may give None."""
        box = [value if self.first else None]
        if self.size == 1:
            return box[0]  # type: ignore[return-value]
        from torch import distributed

        distributed.broadcast_object_list(box)
        return box[0]  # type: ignore[return-value]


def pick_device(name: str, ranks: Ranks) -> torch.device:
    """The device of a name; ``"auto"`` is the first of cuda, mps and cpu that works.

    Of several processes, each takes a GPU of its own.

    Raises
    ------
    SettingsError
        The device does not exist here.
    """
    import torch

    if name == "auto":
        if torch.cuda.is_available():
            return pick_device("cuda", ranks)
        alone = ranks.size == 1
        return torch.device("mps" if alone and torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        if name == "cuda" and ranks.size > 1:
            device = torch.device("cuda", ranks.local)
            torch.cuda.set_device(device)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise SettingsError(
            f"the device {name!r} cannot be used here; try --device auto or cpu"
        ) from error
    return device
