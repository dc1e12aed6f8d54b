"""Every threshold of restoring and mining: one record a stage, in the order of the data.

Each field says its unit, what it means, and what happens at half and at double of it; where
that was measured, and on which clips, stands in ``benchmarks/results/thresholds.md``
(``python -m benchmarks.thresholds``). The records are NamedTuples, so that compiled kernels
can take them as arguments; as globals they would be frozen into numba's cache.
"""

from __future__ import annotations

from typing import NamedTuple

# --- restore: simplify, survey --------------------------------------------------------

# --- recolouring ----------------------------------------------------------------------

# --- camera: pan, rooms, parallax -----------------------------------------------------

# --- background: world, planes, materials ---------------------------------------------

# --- animation ------------------------------------------------------------------------

# --- sprites --------------------------------------------------------------------------

# --- tracks, residual -----------------------------------------------------------------

# --- search ---------------------------------------------------------------------------
