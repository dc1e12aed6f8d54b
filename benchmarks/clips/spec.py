"""What defines a benchmark clip: a recipe for its frames, and their hash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]


@dataclass(frozen=True)
class ClipSpec:
    """One clip of the benchmark.

    Attributes
    ----------
    name : str
        Also the stem of the clip's file.
    make : callable
        Given the cache folder (for what the recipe needs to install), yields the
        clip's frames in order, each (height, width, 3) uint8 RGB.
    frames, width, height : int
        A count, and pixels.
    fps : int
        Frames per second.
    sha256 : str
        Hexadecimal SHA-256 of the raw RGB bytes of all frames in order.
    description : str
        One line for people.
    """

    name: str
    make: Callable[[Path], Iterator[Frame]]
    frames: int
    width: int
    height: int
    fps: int
    sha256: str
    description: str
