"""What a benchmark clip is: a recipe for its frames, and the hash they must have."""

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
        Hexadecimal SHA-256 of the raw RGB bytes of all frames, one after the other.
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
