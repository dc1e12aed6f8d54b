"""What all tests share."""

from __future__ import annotations

import os

# The tests run in parallel, one process a core. Threads that torch would start besides, in
# this process and in those that tests start, would only wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")
