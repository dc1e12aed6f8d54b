"""Several processes training on one clip, as torchrun starts them: one a GPU, or CPU.

Every process draws the same random batch and takes its share of it; the gradients are summed
by one all-reduce, so that a step is the step of one process with the whole batch. What is
found without gradients (matching, refinement) is found by the first process.
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

PATIENCE = timedelta(days=1)
"""The others may wait so long for what the first one does alone."""


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
        """As torchrun says in the environment; alone where it did not start this."""
        if "TORCHELASTIC_RUN_ID" not in os.environ:
            return Ranks()
        rank, size, local = (int(os.environ[n]) for n in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
        return Ranks(rank, size, local)

    @property
    def first(self) -> bool:
        """Whether this is the process that writes, prints and refines."""
        return self.rank == 0

    def join(self, device: torch.device) -> None:
        """Meet the others; gradients then travel by NCCL between GPUs, otherwise by gloo."""
        from torch import distributed

        if self.size > 1 and not distributed.is_initialized():
            backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
            distributed.init_process_group(backend, timeout=PATIENCE)
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
        """The first process's value; what the others give does not matter."""
        box = [value if self.first else None]
        if self.size == 1:
            return box[0]  # type: ignore[return-value]
        from torch import distributed

        distributed.broadcast_object_list(box)
        return box[0]  # type: ignore[return-value]
