"""A minute of fuzzing with fixed seeds; ``python -m benchmarks.fuzz`` goes on for hours."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys

import pytest

import spritecodec as sc
from tests.fuzz.judge import judge
from tests.fuzz.mutate import PLAIN, bases, make_case, shrink
from tests.fuzz.structure import put_together, take_apart

COUNTS = {"plain": 1500, "bit flip": 400, "truncation": 400}
COUNT = 500  # of each repaired kind


@pytest.mark.parametrize("kind", [*PLAIN, "stream", "token", "chunks", "field", "grow"])
def test_no_case_goes_wrong(kind: str) -> None:
    verdicts = set()
    for seed in range(COUNTS.get(kind, COUNT)):
        case = make_case(kind, seed)
        verdict, fault = judge(case)
        verdicts.add(verdict)
        if fault is not None:
            least = shrink(case, lambda c: judge(c)[1] is not None)
            pytest.fail(f"make_case({kind!r}, {seed}, {least.changes}): {fault}")
    assert verdicts >= {"refused"} if kind in PLAIN else verdicts == {"refused", "accepted"}


@pytest.mark.parametrize("number", range(len(bases())))
def test_the_files_that_are_changed_are_sound(number: int) -> None:
    base = bases()[number]
    again = put_together(take_apart(base), random.Random(0))
    assert sc.open(io.BytesIO(again)).verify() == sc.open(io.BytesIO(base)).verify()


@pytest.mark.slow
def test_odd_clips_come_back_and_no_index_is_out_of_bounds(
    pytestconfig: pytest.Config,
) -> None:
    cache = pytestconfig.rootpath / ".pytest_cache" / "boundscheck"
    cache.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.encoding", "0", "90"],
        capture_output=True,
        text=True,
        check=False,
        cwd=pytestconfig.rootpath,
        env=os.environ | {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(cache)},
    )
    assert done.stdout == "90 clips encoded\n", done.stdout + done.stderr
