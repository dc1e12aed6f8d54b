"""What training keeps on disk: checkpoints, a log, and pictures of how it learns.

A checkpoint is one safetensors file (plain arrays, no pickle) whose metadata holds a JSON
object. It is written beside its final name and renamed, so that an interruption leaves the
previous one.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from spritecodec.errors import OutputError, TrainingError
from spritecodec.model.matching.kernels import Image

NAME = "checkpoint.safetensors"
SAVE_PERIOD = 30.0
"""Seconds between checkpoints: an interruption loses less than a minute."""

Arrays = dict[str, NDArray[Any]]


@dataclass
class Workdir:
    """The directory of one training run, or nothing where `path` is None.

    Attributes
    ----------
    path : Path or None
    saved : float
        Monotonic time of the last checkpoint.
    """

    path: Path | None
    saved: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if self.path is not None:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise OutputError(
                    f"cannot make the training directory {self.path}: {error.strerror}"
                ) from error

    def due(self) -> bool:
        """Whether it is time for the next checkpoint."""
        return self.path is not None and time.monotonic() - self.saved >= SAVE_PERIOD

    def save(self, arrays: Arrays, about: dict[str, Any]) -> None:
        """Write the checkpoint; it replaces the previous one."""
        from safetensors import SafetensorError  # only where there is something to train
        from safetensors.numpy import save_file

        if self.path is None:
            return
        target = self.path / NAME
        fresh = target.with_suffix(".new")
        plain = {name: np.ascontiguousarray(value) for name, value in arrays.items()}
        try:
            save_file(plain, fresh, metadata={"about": json.dumps(about)})
            fresh.replace(target)
        except (OSError, SafetensorError) as error:
            raise OutputError(f"cannot write the checkpoint {target}: {error}") from error
        self.saved = time.monotonic()

    def load(self) -> tuple[Arrays, dict[str, Any]] | None:
        """The last checkpoint, or None where there is none.

        Raises
        ------
        TrainingError
            The file is damaged.
        """
        from safetensors import SafetensorError, safe_open

        if self.path is None or not (self.path / NAME).exists():
            return None
        try:
            with safe_open(self.path / NAME, framework="numpy") as file:
                about = json.loads(file.metadata()["about"])
                return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise TrainingError(
                f"the checkpoint {self.path / NAME} is damaged; delete it to start anew"
            ) from error

    def log(self, **values: Any) -> None:
        """Append one line to ``log.jsonl``."""
        if self.path is not None:
            with (self.path / "log.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(values) + "\n")

    def picture(self, name: str, image: Image) -> None:
        """Write ``NAME.png``."""
        if self.path is not None:
            Pillow.fromarray(image).save(self.path / f"{name}.png")


def sheet(sprites: Image, columns: int = 15) -> Image:
    """Sprites side by side on a checkerboard, which shows where they are clear.

    Parameters
    ----------
    sprites : ndarray, shape (m, k, k, 4), uint8

    Returns
    -------
    ndarray, shape (rows (k + 2), columns (k + 2), 3), uint8
    """
    m, k = sprites.shape[:2]
    rows = max(1, -(-m // columns))
    board = (np.indices((k, k)).sum(0) // 4 % 2 * 40 + 180)[..., None]
    out = np.zeros((rows * (k + 2), columns * (k + 2), 3), np.uint8)
    for i, sprite in enumerate(sprites):
        alpha = sprite[..., 3:].astype(np.int32)
        y, x = i // columns * (k + 2), i % columns * (k + 2)
        out[y : y + k, x : x + k] = (sprite[..., :3] * alpha + board * (255 - alpha)) // 255
    return out
