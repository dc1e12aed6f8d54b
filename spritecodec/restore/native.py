"""How the native picture of a recording was scaled: native size, borders, kernel.

A scaler makes each line of the recording of a shorter native line, so that only some lines can
occur (`restore.resampling`). Rows and columns are treated alike and apart. All lines of a sample
are added up with random signs into a few, which keeps the share of their energy outside any
subspace. That share is computed for every native size: it falls slowly and smoothly with the
size, but dips sharply at the true one, where only the codec's noise is left. A dip counts where
it is deep on both axes with one kernel, and hardly any strong edge remains unexplained.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spritecodec.degradation import KERNELS, Kernel
from spritecodec.restore.resampling import TIE_DOWN, operator, residuals, taps

__all__ = [
    "KERNELS",
    "AxisScale",
    "Kernel",
    "NativeGrid",
    "enlargement",
    "find_grid",
    "grid_of_size",
    "shrink",
]

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Border = tuple[int, int]

_SCANNED: tuple[Kernel, ...] = ("nearest", "bilinear", "bicubic")

_OFFSETS = np.array([-5, -3, -2, 0, 2, 3, 5])  # native sizes that one is compared with

SCREENS = frozenset(
    {
        *((160, 144), (240, 160), (256, 192), (240, 320), (400, 240), (320, 180), (128, 128)),
        *((160, 192), (160, 210), (160, 228), (256, 224), (256, 240), (320, 224), (320, 240)),
        *((320, 200), (320, 256), (512, 448), (640, 480), (384, 224), (304, 224), (288, 224)),
        *((224, 256), (224, 288), (224, 320), (320, 288), (280, 192), (256, 256), (256, 232)),
    }
)
"""Widths and heights of the screens of consoles, computers and arcade games."""


class NativeThresholds(NamedTuple):
    """Finding the native grid of a recording.

    Measured on recordings of five games at x3, x4, x3.43, x4.5 and x5.14 by four kernels, made
    by four codecs, of the same games unscaled, and of camera video.
    """

    mixtures: int = 24
    """Sums of lines with random signs, an axis. Fewer make dips shallower by chance."""

    quick_mixtures: int = 12
    """How many of them are used in the first look at all native sizes."""

    max_values: int = 12_000_000
    """Pixels of the sample that are read; of more, every other frame is left out, and so on."""

    min_native: int = 40
    """Pixels. Native sizes that are tried, from this one."""

    max_native: int = 768
    """Pixels. Native sizes that are tried, up to this one."""

    max_scale: float = 10.0
    """Scales that are tried, up to this one."""

    min_scale: float = 1.1
    """Scales that are tried, from this one. Below it the axis counts as unscaled."""

    neighbours: int = 6
    """Native sizes to either side with which one is compared in the first look; the nearest does
    not count."""

    floor: float = 0.02
    """Square levels of luma that are added to residuals: the rounding to whole levels."""

    tried_dips: int = 5
    """Deepest dips of an axis and kernel that are looked at with all kernels."""

    max_dip: float = 0.7
    """Residual of a native size relative to its neighbours', on each axis. At true sizes it is
    0.002 to 0.3, at x2 and bilinear up to 0.65; of camera video and 3D it is 0.87 and more. Of
    art that repeats in cells of its own it can be 0.1, but then strong edges are missed."""

    phase_gain: float = 0.7
    """Residual with another phase than usual, relative to that with the usual one, from which
    on it is taken."""

    max_dip_scanned: float = 0.85
    """The same in the first look, with few kernels."""

    tried_fits: int = 3
    """Best native sizes of each axis and kernel that are combined."""

    strong_edge: float = 24.0
    """Levels of luma between native neighbours, and between recording and explanation."""

    max_missed: float = 0.004
    """Pixels that an explanation misses by a strong edge, for each strong edge that it has. At
    true sizes 0 to 0.0007, at others 0.007 to 1."""

    checked_lines: int = 400
    """Lines of an axis in which strong edges are compared."""

    border_range: float = 12.0
    """Levels of luma. A border's pixels differ by no more, in all frames."""

    border_level: float = 40.0
    """Levels of luma. Borders are darker."""

    min_border: int = 8
    """Pixels of the recording at each end of an axis. Narrower ones are the picture's own."""

    border_slack: int = 2
    """Pixels by which a border may be wider than it looks, where codecs blur its edge."""

    sure: float = 0.85
    """Confidence from which the picture between even borders is taken, whatever its size."""

    score_step: float = 1.5
    """Known screens whose scores differ by less count as equally good: the smallest is taken."""

    min_sharpness: float = 0.4
    """Energy of differences between neighbours, relative to that between pixels two apart. At
    single steps it is 0.5, in noise 1, on slopes 0.25. Where nothing was scaled, camera video
    has 0.29 to 0.33, pixel art 0.5 to 1.1, antialiased 3D 0.49."""


NATIVE = NativeThresholds()


@dataclass(frozen=True)
class AxisScale:
    """One axis of a recording.

    Attributes
    ----------
    size : int
        Of the recording, in pixels.
    native : int
        Of the native picture, in pixels.
    left, right : int
        Widths of the borders at the axis's begin and end, in pixels of the recording.
    phase : float
        Native pixels by which the picture is shifted against the usual place, where pixel
        ``i`` of ``n`` shows ``(i + 0.5) * native / n - 0.5``.
    """

    size: int
    native: int
    left: int = 0
    right: int = 0
    phase: float = 0.0

    @property
    def inside(self) -> int:
        """Pixels of the recording between the borders."""
        return self.size - self.left - self.right

    @property
    def scale(self) -> float:
        """Pixels of the recording for each native one."""
        return self.inside / self.native


@dataclass(frozen=True)
class NativeGrid:
    """How a recording shows the native picture.

    Attributes
    ----------
    x, y : AxisScale
    kernel : str
        One of `KERNELS`; "nearest" where nothing was scaled.
    confidence : float
        From 0 to 1.
    """

    x: AxisScale
    y: AxisScale
    kernel: str
    confidence: float

    @property
    def scaled(self) -> bool:
        """Whether the recording is anything but the native picture."""
        return any(axis.native != axis.size for axis in (self.x, self.y))


class _Fit(NamedTuple):
    """A native size on one axis: how much of the lines it leaves unexplained.

    Attributes
    ----------
    axis : AxisScale
    kernel : Kernel
    residual : float
        Square levels of luma, as `residuals` gives them.
    dip : float
        The same relative to neighbouring native sizes.
    """

    axis: AxisScale
    kernel: Kernel
    residual: float
    dip: float

    @property
    def score(self) -> float:
        """Less is better."""
        return float(np.log(self.dip) + np.log(self.residual + NATIVE.floor))


def enlargement(axis: AxisScale, kernel: str) -> Floats:
    """The matrix that makes a line of the recording of a native line.

    Returns
    -------
    ndarray, shape (axis.size, axis.native), float32
        Rows sum to 1 inside the picture, and are 0 in the borders.
    """
    matrix = np.zeros((axis.size, axis.native), np.float32)
    matrix[axis.left : axis.size - axis.right] = _inside(axis, kernel)
    return matrix


def _inside(axis: AxisScale, kernel: str) -> Doubles:
    if axis.native == axis.inside and not axis.phase:
        return np.eye(axis.native)
    return operator(axis.inside, axis.native, axis.phase, _known(kernel))


def _known(kernel: str) -> Kernel:
    for name in KERNELS:
        if name == kernel:
            return name
    raise ValueError(f"unknown kernel {kernel!r}; known are {', '.join(KERNELS)}")


def shrink(axis: AxisScale, kernel: str) -> Floats:
    """The matrix that makes a native line of a line of the recording.

    For "nearest" it is a mean over each cell that counts its border less, because codecs blur
    neighbouring cells there; else the regularised pseudo-inverse of `enlargement`.

    Returns
    -------
    ndarray, shape (axis.native, axis.size), float32
        Rows sum to 1; columns of the borders are 0.
    """
    inside = _inside(axis, kernel)
    if kernel == "nearest":
        inverse = inside.T.copy()
        for row in inverse:
            cell = np.flatnonzero(row)
            depth = np.minimum(np.arange(len(cell)), np.arange(len(cell))[::-1]) + 0.5
            row[cell] = np.minimum(depth, 1.5) ** 2
    else:
        gram = inside.T @ inside
        gram[np.diag_indices(axis.native)] += 1e-2
        inverse = np.linalg.solve(gram, inside.T).astype(np.float64)
    totals = inverse.sum(1, keepdims=True)
    matrix = np.zeros((axis.native, axis.size), np.float32)
    matrix[:, axis.left : axis.size - axis.right] = inverse / np.where(totals, totals, 1)
    return matrix


def find_grid(luma: Floats) -> NativeGrid | None:
    """Find out how the native picture of a recording was scaled.

    Parameters
    ----------
    luma : ndarray, shape (n, H, W), float32
        Of a dozen frames from all over the recording, in levels of 0 to 255, as stored.

    Returns
    -------
    NativeGrid or None
        None: no pixel grid, as in camera video. Where the recording shows native pixels, each
        axis's `native` is its `size`.
    """
    luma = _thinned(luma)
    planes = luma, luma.transpose(0, 2, 1)  # rows to be shortened, and columns
    lines = _mixtures(planes[0]), _mixtures(planes[1])
    borders = _borders(planes[0]), _borders(planes[1])

    def between(borders: tuple[Border, Border]) -> NativeGrid | None:
        fits = [_fits(line, border) for line, border in zip(lines, borders, strict=True)]
        return _first_sound(planes, _pairs(fits[0], fits[1]))

    grid = between(((0, 0), (0, 0)))
    bars = [border for border in borders if min(border) >= NATIVE.min_border]
    if not bars or (grid is not None and _is_known(grid)):
        return grid or _unscaled(luma)
    even = all(abs(left - right) <= 1 for left, right in borders)
    framed = between(borders) if even or grid is None else None
    if framed is None or not (_is_known(framed) or (even and framed.confidence >= NATIVE.sure)):
        framed = _first_sound(planes, _display_pairs(lines, borders)) or framed
    return framed or grid or _unscaled(luma)


def grid_of_size(luma: Floats, native: tuple[int, int], kernel: str | None) -> NativeGrid:
    """How a native picture of a known size was scaled.

    Parameters
    ----------
    luma : ndarray, shape (n, H, W), float32
        As of `find_grid`.
    native : (w, h)
        No larger than the recording.
    kernel : str or None
        One of `KERNELS`; None where it is to be found.

    Returns
    -------
    NativeGrid
        With the kernel and the borders, those that are dark or none, that explain most.
    """
    luma = _thinned(luma)
    found: list[tuple[float, NativeGrid]] = []
    planes = luma, luma.transpose(0, 2, 1)
    lines = [_mixtures(plane) for plane in planes]
    dark = [_borders(plane) for plane in planes]
    for name in KERNELS if kernel is None else (_known(kernel),):
        axes: list[_Fit] = []
        for line, size, borders in zip(lines, native, dark, strict=True):
            fits = [
                _Fit(axis, name, *_dip(line[left : len(line) - right], size, name, axis.phase))
                for left, right in dict.fromkeys([(0, 0), borders])
                if len(line) - left - right >= size
                for axis in _axes_of(len(line), size, (left, right), name)
            ]
            axes.append(min(fits, key=lambda fit: fit.residual))
        x, y = axes
        found.append((x.residual + y.residual, NativeGrid(x.axis, y.axis, name, 1.0)))
    return min(found, key=lambda pair: pair[0])[1]


def _axes_of(size: int, native: int, border: Border, kernel: Kernel) -> Iterator[AxisScale]:
    """The scales of a native size, one for each phase; plain where nothing is scaled."""
    left, right = border
    inside = size - left - right
    for phase in (0.0, *(_phases(inside, native, kernel) if inside != native else ())):
        yield AxisScale(size, native, left, right, phase)


def _thinned(luma: Floats) -> Floats:
    """Some of the frames, with grey at 0."""
    step = -(-luma.size // NATIVE.max_values)
    return np.ascontiguousarray(luma[::step], np.float32) - np.float32(128)


def _is_known(grid: NativeGrid) -> bool:
    return (grid.x.native, grid.y.native) in SCREENS


def _first_sound(
    planes: tuple[Floats, Floats], pairs: Iterable[tuple[_Fit, _Fit]]
) -> NativeGrid | None:
    """The first of these fits of both axes that hardly misses a strong edge."""
    known: dict[tuple[AxisScale, str, int], bool] = {}
    for pair in pairs:
        for number, (plane, fit) in enumerate(zip(planes, pair, strict=True)):
            key = fit.axis, fit.kernel, number
            if key not in known:
                known[key] = _is_sound(plane, fit)
            if not known[key]:
                break
        else:
            x, y = pair
            return NativeGrid(x.axis, y.axis, x.kernel, 1 - max(x.dip, y.dip))
    return None


def _displays(
    size: tuple[int, int], borders: tuple[Border, Border]
) -> Iterator[tuple[AxisScale, AxisScale]]:
    """Known screens in the middle of the recording, that hold all that is not dark.

    They are enlarged by whole numbers, or to its height or width with square pixels, or to its
    height as 4:3 or with pixels of 8:7.
    """
    width, height = size
    for w, h in sorted(SCREENS, key=lambda screen: screen[0] * screen[1]):
        fit = min(width / w, height / h)
        shapes = {(w * k, h * k) for k in range(2, int(fit) + 1)}
        for wide in (w * fit, height * 4 / 3, w * fit * 8 / 7):
            shapes |= {(2 * round(wide / 2), round(h * fit)), (int(wide / 2) * 2, round(h * fit))}
        for shape in sorted(shapes):
            left, top = (width - shape[0]) // 2, (height - shape[1]) // 2
            for x in {left, left // 2 * 2}:
                for y in {top, top // 2 * 2}:
                    across = AxisScale(width, w, x, width - shape[0] - x)
                    down = AxisScale(height, h, y, height - shape[1] - y)
                    if _holds(across, borders[0]) and _holds(down, borders[1]):
                        yield across, down


def _holds(axis: AxisScale, border: Border) -> bool:
    """Whether the picture holds what is not dark, and is enlarged at all."""
    left, right = (width + NATIVE.border_slack for width in border)
    inside = 0 <= axis.left <= left and 0 <= axis.right <= right
    return inside and axis.native * NATIVE.min_scale <= axis.inside


def _display_pairs(
    lines: tuple[Doubles, Doubles], borders: tuple[Border, Border]
) -> list[tuple[_Fit, _Fit]]:
    """Fits of known screens, those much better than others first, and smaller ones."""
    known: dict[AxisScale, list[_Fit]] = {}
    pairs: list[tuple[int, int, float, _Fit, _Fit]] = []
    for axes in _displays((len(lines[0]), len(lines[1])), borders):
        for axis, line in zip(axes, lines, strict=True):
            if axis not in known:
                known[axis] = _fits(line, (axis.left, axis.right), axis.native)
        for x in known[axes[0]]:
            for y in known[axes[1]]:
                if x.kernel == y.kernel:
                    score = x.score + y.score
                    level = round(score / NATIVE.score_step)
                    pairs.append((level, x.axis.native * y.axis.native, score, x, y))
    pairs.sort(key=lambda pair: pair[:3])
    return [(x, y) for _, _, _, x, y in pairs]


def _mixtures(luma: Floats) -> Doubles:
    """Sums of all rows with random signs: (W, mixtures)."""
    n, height, width = luma.shape
    rng = np.random.default_rng(0)
    mixed = np.zeros((width, NATIVE.mixtures), np.float32)
    for frame in luma:
        signs = rng.choice(np.array([-1, 1], np.float32), size=(NATIVE.mixtures, height))
        mixed += (signs @ frame).T
    scaled: Doubles = mixed.astype(np.float64) / np.sqrt(n * height)
    return scaled


def _borders(luma: Floats) -> Border:
    """Widths of the dark and constant borders at the left and right."""
    width = luma.shape[2]
    least, most = luma.min((0, 1)), luma.max((0, 1))
    dark = (most - least <= NATIVE.border_range) & (most <= NATIVE.border_level - 128)
    if dark.all():
        return 0, 0
    shown = np.flatnonzero(~dark)
    return int(shown[0]), int(width - 1 - shown[-1])


def _fits(lines: Doubles, border: Border, native: int = 0) -> list[_Fit]:
    """The native sizes at which the residual of one axis dips; or only the given one."""
    size = len(lines)
    left, right = border
    inner = np.ascontiguousarray(lines[left : size - right])
    length = len(inner)
    sizes = _sizes(inner) if not native else {native} if _may_dip(inner, native) else set()
    fits: list[_Fit] = []
    for native in sorted(sizes):
        for kernel in KERNELS:
            if kernel == "area" and length % native == 0:
                continue  # the same as nearest
            best = _Fit(AxisScale(size, native, left, right), kernel, *_dip(inner, native, kernel))
            for phase in _phases(length, native, kernel):
                residual, dip = _dip(inner, native, kernel, phase)
                if residual < NATIVE.phase_gain * best.residual:
                    axis = AxisScale(size, native, left, right, phase)
                    best = _Fit(axis, kernel, residual, dip)
            if best.dip <= NATIVE.max_dip:
                fits.append(best)
    return fits


def _phases(size: int, native: int, kernel: Kernel) -> tuple[float, ...]:
    """Other places than usual that pixels may show: just less or more, and their begins."""
    return (
        (TIE_DOWN, -TIE_DOWN, -native / size / 2) if kernel == "nearest" and size % native else ()
    )


def _dip(lines: Doubles, native: int, kernel: Kernel, phase: float = 0.0) -> tuple[float, float]:
    """The residual at a native size, and relative to some of its neighbours."""
    around = native + _OFFSETS
    if around[0] < taps(kernel) or around[-1] >= len(lines):
        return np.inf, np.inf
    residual = residuals(lines, around, phase, kernel)
    here = len(around) // 2
    others = float(np.median(np.delete(residual, here)))
    return float(residual[here]), (float(residual[here]) + NATIVE.floor) / (others + NATIVE.floor)


def _may_dip(lines: Doubles, native: int) -> bool:
    """Whether the residual dips at a native size, in a quick look."""
    quick = np.ascontiguousarray(lines[:, : NATIVE.quick_mixtures])
    return any(_dip(quick, native, kernel)[1] <= NATIVE.max_dip_scanned for kernel in _SCANNED)


def _sizes(lines: Doubles) -> set[int]:
    """The native sizes with the deepest dips, by the kernels that show those of all others."""
    length = len(lines)
    least = max(NATIVE.min_native, int(np.ceil(length / NATIVE.max_scale)))
    natives = np.arange(least, min(NATIVE.max_native, int(length / NATIVE.min_scale)) + 1)
    quick = np.ascontiguousarray(lines[:, : NATIVE.quick_mixtures])
    sizes: set[int] = set()
    looks = [(0.0, kernel) for kernel in _SCANNED]
    looks += [(TIE_DOWN, "nearest"), (-TIE_DOWN, "nearest")]
    for phase, kernel in looks:
        dips = _dips(residuals(quick, natives, phase, kernel))
        deepest = np.argsort(dips)[: NATIVE.tried_dips]
        sizes.update(int(natives[i]) for i in deepest if dips[i] <= NATIVE.max_dip_scanned)
    return sizes


def _dips(residual: Doubles) -> Doubles:
    """Each residual relative to the median of its neighbours, but the nearest."""
    level = np.log(residual + NATIVE.floor)
    reach = NATIVE.neighbours
    padded = np.pad(level, reach, mode="reflect" if len(level) > reach else "edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    others = np.delete(windows, [reach - 1, reach, reach + 1], axis=1)
    dips: Doubles = np.exp(level - np.median(others, axis=1))
    return dips


def _pairs(across: list[_Fit], down: list[_Fit]) -> list[tuple[_Fit, _Fit]]:
    """Fits of both axes by one kernel, the best first."""
    pairs: list[tuple[_Fit, _Fit]] = []
    for kernel in KERNELS:
        x, y = (
            sorted((fit for fit in fits if fit.kernel == kernel), key=lambda fit: fit.score)
            for fits in (across, down)
        )
        pairs.extend(product(x[: NATIVE.tried_fits], y[: NATIVE.tried_fits]))
    return sorted(pairs, key=lambda pair: pair[0].score + pair[1].score)


def _is_sound(luma: Floats, fit: _Fit) -> bool:
    """Whether the native lines are sharp, and explain nearly all strong edges."""
    axis = fit.axis
    rng = np.random.default_rng(0)
    frame, row = rng.integers(luma.shape[:2], size=(10 * NATIVE.checked_lines, 2)).T
    lines = luma[frame, row, axis.left : axis.size - axis.right]
    textured = np.flatnonzero(np.ptp(lines, axis=1) > NATIVE.strong_edge)
    lines = lines[textured[: NATIVE.checked_lines]].T
    matrix = _inside(axis, fit.kernel).astype(np.float32)
    gram = matrix.T @ matrix
    gram[np.diag_indices(axis.native)] += np.float32(1e-4)
    native = np.linalg.solve(gram, matrix.T @ lines)
    edges = np.count_nonzero(np.abs(np.diff(native, axis=0)) > NATIVE.strong_edge)
    missed = np.count_nonzero(np.abs(lines - matrix @ native) > NATIVE.strong_edge)
    near, far = np.square(np.diff(native, axis=0)).sum(), np.square(native[2:] - native[:-2]).sum()
    sharp = bool(near > NATIVE.min_sharpness * far)
    return bool(missed <= NATIVE.max_missed * edges) and sharp


def _unscaled(luma: Floats) -> NativeGrid | None:
    """The recording's own pixels, if they are sharp."""
    _, height, width = luma.shape
    near = sum(float(np.square(np.diff(luma, axis=axis)).mean()) for axis in (1, 2))
    far = float(np.square(luma[:, 2:] - luma[:, :-2]).mean())
    far += float(np.square(luma[:, :, 2:] - luma[:, :, :-2]).mean())
    if near <= NATIVE.min_sharpness * far:
        return None
    confidence = min(1.0, near / far / (2 * NATIVE.min_sharpness))
    return NativeGrid(AxisScale(width, width), AxisScale(height, height), "nearest", confidence)
