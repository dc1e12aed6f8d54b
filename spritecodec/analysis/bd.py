"""Bjontegaard deltas: how far apart two rate-distortion curves lie on average.

Bjontegaard, VCEG-M33 (2001), with piecewise interpolation in place of one cubic: the
logarithm of the rate over quality for BD-rate, quality over the logarithm of the rate for
BD-PSNR, each integrated over the interval that both curves cover.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spritecodec.errors import MissingExtraError, SettingsError

Method = Literal["pchip", "akima"]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Delta:
    """One Bjontegaard delta, or why there is none.

    Attributes
    ----------
    value : float or None
        Percent of rate (`bd_rate`; negative: the tested codec needs less) or dB
        (`bd_psnr`; positive: the tested codec is better). None where the curves do not
        overlap or have too few points.
    low, high : float or None
        The interval compared: dB for `bd_rate`, rate for `bd_psnr`.
    overlap : float
        Length of that interval over the length that the two curves cover together, 0 to 1.
        Below 0.5 the delta speaks of a small part of the curves only.
    note : str
        A sentence for a person: what was compared, or why there is no value.
    """

    value: float | None
    low: float | None
    high: float | None
    overlap: float
    note: str


def bd_rate(
    rate_anchor: Sequence[float],
    quality_anchor: Sequence[float],
    rate_test: Sequence[float],
    quality_test: Sequence[float],
    method: Method = "pchip",
) -> Delta:
    """Average difference in rate at equal quality, in percent of the anchor's rate.

    Parameters
    ----------
    rate_anchor, rate_test : sequence of float
        Bytes or kbit/s, positive, at least two points a curve, in any order.
    quality_anchor, quality_test : sequence of float
        dB. Points without error (``inf``) are left out, and so are points that another
        point of the same curve beats in both quality and rate: the curve is its front.
    method : {"pchip", "akima"}
        The interpolation between points. Akima takes two points as a straight line.

    Raises
    ------
    SettingsError
        An unknown method, rates that are not positive, lengths that differ.
    MissingExtraError
        scipy is not installed.
    """
    log_anchor, anchor = _front(rate_anchor, quality_anchor)
    log_test, test = _front(rate_test, quality_test)
    mean, low, high, overlap = _mean_gap(anchor, log_anchor, test, log_test, method)
    if mean is None:
        return Delta(None, None, None, 0.0, _why_none(anchor, test, "dB"))
    # A gap of logarithms is a ratio of rates; 300 decades is more than a float can hold.
    percent = (10.0 ** min(mean, 300.0) - 1.0) * 100.0
    return Delta(percent, low, high, overlap, _interval(f"{low:.2f} to {high:.2f} dB", overlap))


def bd_psnr(
    rate_anchor: Sequence[float],
    quality_anchor: Sequence[float],
    rate_test: Sequence[float],
    quality_test: Sequence[float],
    method: Method = "pchip",
) -> Delta:
    """Average difference in quality at equal rate, in dB; parameters as in `bd_rate`."""
    log_anchor, anchor = _front(rate_anchor, quality_anchor)
    log_test, test = _front(rate_test, quality_test)
    mean, low, high, overlap = _mean_gap(log_anchor, anchor, log_test, test, method)
    if mean is None:
        return Delta(None, None, None, 0.0, _why_none(10**log_anchor, 10**log_test, "rate"))
    low, high = 10.0**low, 10.0**high
    return Delta(mean, low, high, overlap, _interval(f"rates {low:.6g} to {high:.6g}", overlap))


def rate_at_quality(
    rate: Sequence[float], quality: Sequence[float], wanted: float, method: Method = "pchip"
) -> float | None:
    """The rate at which a curve reaches a quality; None outside what was measured.

    Parameters
    ----------
    rate, quality : sequence of float
        A curve as in `bd_rate`.
    wanted : float
        dB.
    """
    logs, db = _front(rate, quality)
    if len(db) == 0 or not db[0] <= wanted <= db[-1]:
        return None
    if len(db) == 1:
        return float(10.0 ** logs[0])
    return float(10.0 ** _curve(db, logs, method)(wanted))


def _front(rate: Sequence[float], quality: Sequence[float]) -> tuple[Floats, Floats]:
    """Log10 rates and qualities of a curve's points, both strictly rising."""
    rates = np.asarray(rate, np.float64)
    db = np.asarray(quality, np.float64)
    if rates.shape != db.shape or rates.ndim != 1:
        raise SettingsError(
            f"a curve needs one quality for each rate; got {rates.size} rates and "
            f"{db.size} qualities"
        )
    if not (rates > 0).all():
        raise SettingsError("the rates of a curve must all be above 0")
    rates, db = rates[np.isfinite(db)], db[np.isfinite(db)]
    order = np.lexsort((-db, rates))
    rates, db = rates[order], db[order]
    best = np.maximum.accumulate(np.concatenate([[-math.inf], db]))[:-1]
    keep = db > best
    return np.log10(rates[keep]), db[keep]


def _mean_gap(
    x_anchor: Floats, y_anchor: Floats, x_test: Floats, y_test: Floats, method: Method
) -> tuple[float | None, float, float, float]:
    """Mean of test minus anchor over the shared interval of x, the interval, its share."""
    if min(len(x_anchor), len(x_test)) < 2:
        return None, 0.0, 0.0, 0.0
    low, high = max(x_anchor[0], x_test[0]), min(x_anchor[-1], x_test[-1])
    if high <= low:
        return None, 0.0, 0.0, 0.0
    span = max(x_anchor[-1], x_test[-1]) - min(x_anchor[0], x_test[0])
    area = [
        float(_curve(x, y, method).integrate(low, high))
        for x, y in ((x_test, y_test), (x_anchor, y_anchor))
    ]
    gap = (area[0] - area[1]) / float(high - low)
    return gap, float(low), float(high), float((high - low) / span)


def _curve(x: Floats, y: Floats, method: Method) -> Any:
    try:
        from scipy import interpolate
    except ImportError as error:
        raise MissingExtraError("scipy", "Comparing rate-distortion curves") from error
    if method == "pchip":
        return interpolate.PchipInterpolator(x, y)
    if method == "akima":
        if len(x) == 2:
            return interpolate.make_interp_spline(x, y, k=1)
        return interpolate.Akima1DInterpolator(x, y)
    raise SettingsError(f"the method must be 'pchip' or 'akima', not {method!r}")


def _why_none(anchor: Floats, test: Floats, unit: str) -> str:
    for name, points in (("the anchor", anchor), ("the tested codec", test)):
        if len(points) < 2:
            return (
                f"no delta: {name} has {len(points)} lossy point(s) on its front; a curve needs two"
            )
    return (
        f"no delta: the curves do not overlap; the anchor covers {anchor[0]:.6g} to "
        f"{anchor[-1]:.6g} {unit} and the tested codec {test[0]:.6g} to {test[-1]:.6g} {unit}"
    )


def _interval(what: str, overlap: float) -> str:
    warning = "; a small part of the curves" if overlap < 0.5 else ""
    return f"over {what}, {overlap:.0%} of what the curves cover{warning}"
