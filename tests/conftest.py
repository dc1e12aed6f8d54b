"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from browser import Browser, Server, find_chromium

# The tests run in parallel, one process a core. Threads that torch would start besides, in
# this process and in those that tests start, would only wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One headless browser for all tests of this process."""
    executable = find_chromium()
    if executable is None:
        pytest.skip("there is no chromium to open pages with")
    with Browser(executable) as browser:
        yield browser


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Serves the player, and what a test puts into `files`."""
    one = Server()
    yield one
    one.close()
