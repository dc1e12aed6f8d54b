"""The inner loops of mining, compiled by numba: they visit every pixel of every frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EIGHT_NEIGHBOURS = np.ones((3, 3), int)
# Where the background leaves more of a frame unexplained, it is not sprites that are
# missing but the background; the residual takes what is left.
MOST_UNEXPLAINED_SHARE = 0.2

Ids = NDArray[np.uint16]
State = NDArray[np.uint8]
Longs = NDArray[np.int64]

CLEAR = np.uint16(65535)  # no colour: the overlay does not show here
