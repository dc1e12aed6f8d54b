"""Array types and constants that all stages of mining share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.uint16]
State = NDArray[np.uint8]
Longs = NDArray[np.int64]

CLEAR = np.uint16(65535)
"""No colour: a sprite, a plane or the overlay does not show here."""

EIGHT_NEIGHBOURS = np.ones((3, 3), int)
"""Structuring element of `scipy.ndimage`: pixels that share a corner are connected."""
