"""Bjontegaard deltas against the reference package and against curves known exactly."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spritecodec.analysis import bd_psnr, bd_rate, rate_at_quality
from spritecodec.analysis.bd import Method
from spritecodec.errors import SettingsError

Curve = tuple[list[float], list[float]]

# The example of the reference package's documentation.
EXAMPLE = (
    [9487.76, 4593.60, 2486.44, 1358.24],
    [40.037, 38.615, 36.845, 34.851],
    [9787.80, 4469.00, 2451.52, 1356.24],
    [40.121, 38.651, 36.970, 34.987],
)


def random_curve(rng: np.random.Generator, points: int) -> Curve:
    rate = np.cumsum(rng.uniform(50, 900, points)) + 20
    quality = rng.uniform(24, 32) + np.cumsum(rng.uniform(0.4, 4.0, points))
    return list(rate), list(quality)


@pytest.mark.parametrize("method", ["pchip", "akima"])
def test_equals_the_reference_package(method: Method) -> None:
    reference = pytest.importorskip(
        "bjontegaard", reason="the bjontegaard package (a test dependency) is not installed"
    )
    rng = np.random.default_rng(7)
    cases = [EXAMPLE]
    while len(cases) < 200:
        points = int(rng.integers(3, 9))
        case = (*random_curve(rng, points), *random_curve(rng, points))
        starts = max(case[0][0], case[2][0]), max(case[1][0], case[3][0])
        ends = min(case[0][-1], case[2][-1]), min(case[1][-1], case[3][-1])
        if starts[0] < ends[0] and starts[1] < ends[1]:
            cases.append(case)
    for case in cases:
        for ours, theirs in ((bd_rate, reference.bd_rate), (bd_psnr, reference.bd_psnr)):
            expected = theirs(*case, method=method, min_overlap=0)
            value = ours(*case, method=method).value
            assert value == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_half_the_rate_is_minus_fifty_percent() -> None:
    rate, quality = [100.0, 200.0, 400.0, 800.0], [30.0, 34.0, 38.0, 42.0]
    delta = bd_rate(rate, quality, [r / 2 for r in rate], quality)
    assert delta.value == pytest.approx(-50.0)
    assert (delta.low, delta.high, delta.overlap) == (30.0, 42.0, 1.0)
    # Four dB each doubling: half the rate at equal quality is four dB at equal rate.
    assert bd_psnr(rate, quality, [r / 2 for r in rate], quality).value == pytest.approx(4.0)


def test_the_order_of_points_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    rate, quality = random_curve(rng, 6)
    order = rng.permutation(6)
    shuffled = [rate[i] for i in order], [quality[i] for i in order]
    other = [r * 1.3 for r in rate], [q + 0.2 for q in quality]
    assert bd_rate(*shuffled, *other).value == bd_rate(rate, quality, *other).value


def test_curves_that_do_not_overlap_are_told_so() -> None:
    delta = bd_rate([10, 20, 30], [20, 22, 24], [10, 20, 30], [40, 42, 44])
    assert delta.value is None
    assert delta.overlap == 0
    assert "do not overlap" in delta.note
    assert "20 to 24 dB" in delta.note
    assert "40 to 44 dB" in delta.note
    assert "do not overlap" in bd_psnr([1, 2], [20, 22], [10, 20], [40, 42]).note


def test_a_lossless_or_beaten_point_does_not_take_part() -> None:
    rate, quality = [100.0, 200.0, 400.0], [30.0, 34.0, 38.0]
    longer = [*rate, 350.0, 900.0], [*quality, 33.0, math.inf]
    other = [90.0, 180.0, 390.0], [30.5, 34.0, 38.5]
    assert bd_rate(*longer, *other).value == bd_rate(rate, quality, *other).value


def test_one_point_is_not_a_curve() -> None:
    delta = bd_rate([100, 50], [30, math.inf], [100, 200], [30, 34])
    assert delta.value is None
    assert "the anchor has 1 lossy point" in delta.note


def test_rate_at_equal_quality() -> None:
    rate, quality = [100.0, 1000.0], [30.0, 40.0]
    assert rate_at_quality(rate, quality, 35.0, "akima") == pytest.approx(100 * math.sqrt(10))
    assert rate_at_quality(rate, quality, 30.0) == pytest.approx(100.0)
    assert rate_at_quality(rate, quality, 40.5) is None
    assert rate_at_quality([100.0], [math.inf], 35.0) is None


def test_unusable_curves_are_refused() -> None:
    with pytest.raises(SettingsError, match="one quality for each rate"):
        bd_rate([1, 2], [30], [1, 2], [30, 31])
    with pytest.raises(SettingsError, match="above 0"):
        bd_rate([0, 2], [30, 31], [1, 2], [30, 31])
    with pytest.raises(SettingsError, match="'pchip' or 'akima'"):
        bd_rate([1, 2], [30, 31], [1, 2], [30, 31], method="cubic")  # type: ignore[arg-type]
