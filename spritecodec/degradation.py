"""What lies between a clip's own pixels and the source's: a scale, a phase, a border.

A game draws 256x240 pixels, and its recording shows them enlarged in 1280x720. A file holds the
*native* frames, the game's, and how the source shows them. Only numpy and integers, because
decoding depends on it.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from spritecodec.errors import FormatError

Frame = NDArray[np.uint8]

Kernel = Literal["nearest", "area", "bilinear", "bicubic", "lanczos"]
KERNELS: tuple[Kernel, ...] = get_args(Kernel)
"""How source pixels are computed from native ones; a file stores the place in this list. Only
"nearest" is exact; the others show about what the source showed."""
WEIGHT_BITS = 14
"""Weights of native pixels are multiples of 2**-14: the same on every machine."""
BICUBIC = -0.6
"""The parameter a of the cubic convolution kernel (R. Keys, 1981), as FFmpeg's scaler has it."""
INTEGER_LIMIT = 1 << 31
"""Every number of a rule is below this, so that 64 bits hold what `Axis.indices` computes."""

_AXIS = ("size", "left", "right", "step", "phase", "unit")


@dataclass(frozen=True)
class Axis:
    """How the source's columns (or rows) show the native ones.

    The source pixel `left` + j, for j from 0 to `inner` - 1, lies in the native pixel
    ``(step * j + phase) // unit``, or in the one before it where j is `late`.

    Attributes
    ----------
    size, native : int
        Pixels of the source and of the native frame, at least 1.
    left, right : int
        Pixels of the source's border before and after the native picture.
    step, phase, unit : int
        The rule. A native pixel is ``unit / step`` source pixels wide.
    late : tuple of int
        Places j, increasing, at which a native pixel begins by the rule, but one later in the
        source: where pixels meet exactly, a scaler's rounding decides.
    """

    size: int
    native: int
    left: int = 0
    right: int = 0
    step: int = 1
    phase: int = 0
    unit: int = 1
    late: tuple[int, ...] = ()

    @staticmethod
    def plain(size: int) -> Axis:
        """An axis along which nothing changes."""
        return Axis(size, size)

    @property
    def inner(self) -> int:
        """Source pixels that show native ones."""
        return self.size - self.left - self.right

    @property
    def scale(self) -> float:
        """Source pixels for each native one."""
        return self.unit / self.step

    def indices(self) -> NDArray[np.int64]:
        """The native index of each inner source pixel, shape (inner,)."""
        out = (self.step * np.arange(self.inner, dtype=np.int64) + self.phase) // self.unit
        out[list(self.late)] -= 1
        return out

    def check(self) -> None:
        """Raise a FormatError where this is not an enlargement that shows every native pixel."""
        numbers = (self.left, self.right, self.step, self.phase, self.unit)
        if not all(0 <= n < INTEGER_LIMIT for n in numbers) or self.inner < 1:
            raise FormatError("a border or a number of the scale is out of range", "HEAD")
        if not 1 <= self.step <= self.unit or self.phase >= self.unit:
            raise FormatError("the scale shrinks the picture or begins outside it", "HEAD")
        if (self.step * (self.inner - 1) + self.phase) // self.unit != self.native - 1:
            raise FormatError(
                f"the scale does not show {self.native} pixels on {self.inner}", "HEAD"
            )

    def check_late(self) -> None:
        """Raise a FormatError where a place in `late` is none where a native pixel may wait."""
        starts = dataclasses.replace(self, late=()).indices()
        last = 0
        for j in self.late:
            if not last < j < self.inner - 1 or not starts[j - 1] < starts[j] == starts[j + 1]:
                raise FormatError("a native pixel cannot begin late where the head says", "HEAD")
            last = j


@dataclass(frozen=True)
class Degradation:
    """How the source shows the native frames.

    Attributes
    ----------
    x, y : Axis
    kernel : str
        One of `KERNELS`. ``"nearest"``: each source pixel is the native pixel it lies in.
        Others: a weighted mean of the native pixels around.
    border : tuple of int
        Red, green and blue of the border.
    restored : bool
        The native frames were estimated, so that enlarging them gives the source only nearly.
        False: exactly, but for what the file's quality allows.
    facts : mapping of str to int or str
        What else is known; nothing that decoding depends on.
    """

    x: Axis
    y: Axis
    kernel: str = "nearest"
    border: tuple[int, int, int] = (0, 0, 0)
    restored: bool = False
    facts: Mapping[str, int | str] = field(default_factory=dict)

    @property
    def source_size(self) -> tuple[int, int]:
        """Width and height of the source."""
        return self.x.size, self.y.size

    @property
    def native_size(self) -> tuple[int, int]:
        """Width and height of the native frames."""
        return self.x.native, self.y.native

    @cached_property
    def _indices(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return self.x.indices(), self.y.indices()

    @cached_property
    def _firsts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The first source column, and row, that shows each native one."""
        columns, rows = (np.unique(i, return_index=True)[1] for i in self._indices)
        return columns + self.x.left, rows + self.y.left

    def enlarge(self, frame: Frame, out: Frame | None = None) -> Frame:
        """The source's frame of a native one.

        Parameters
        ----------
        frame : ndarray, shape (y.native, x.native, 3), uint8
        out : ndarray, shape (y.size, x.size, 3), uint8, optional
            Where to write it.

        Returns
        -------
        ndarray, shape (y.size, x.size, 3), uint8
        """
        if out is None:
            out = np.empty((self.y.size, self.x.size, 3), np.uint8)
        if self.kernel != "nearest":
            out[...] = self.border
            inner = (slice(axis.left, axis.left + axis.inner) for axis in (self.y, self.x))
            out[tuple(inner)] = self._blend(frame)
            return out
        columns, rows = self._indices
        wide = frame.take(columns, axis=1)
        if out.shape[:2] == (len(rows), len(columns)) and out.flags.c_contiguous:
            np.take(wide, rows, axis=0, out=out, mode="clip")
            return out
        out[...] = self.border
        out[self.y.left : self.y.left + len(rows), self.x.left : self.x.left + len(columns)] = wide[
            rows
        ]
        return out

    def _blend(self, frame: Frame) -> Frame:
        """What the inside of the source shows of a native frame by a smooth kernel."""
        shown = frame.astype(np.int32)
        for dimension, axis in ((1, self.x), (0, self.y)):
            which, weight = self._taps[dimension]
            shape = [1, 1, 1]
            shape[dimension] = axis.inner
            summed = np.full_like(shown.take(which[:, 0], axis=dimension), 1 << (WEIGHT_BITS - 1))
            for tap in range(which.shape[1]):
                part = shown.take(which[:, tap], axis=dimension)
                summed += part * weight[:, tap].reshape(shape)
            shown = summed >> WEIGHT_BITS
        return np.clip(shown, 0, 255).astype(np.uint8)

    @cached_property
    def _taps(self) -> tuple[tuple[NDArray[np.int64], NDArray[np.int32]], ...]:
        return tuple(_smooth_taps(axis, self.kernel) for axis in (self.y, self.x))

    def reduce(self, frame: Frame) -> Frame:
        """The native frame that a source's frame shows, where the kernel is "nearest".

        Parameters
        ----------
        frame : ndarray, shape (y.size, x.size, 3), uint8

        Returns
        -------
        ndarray, shape (y.native, x.native, 3), uint8
        """
        columns, rows = self._firsts
        return frame[rows].take(columns, axis=1)

    def __str__(self) -> str:
        x, y = self.x, self.y
        if self.native_size == self.source_size:
            return f"{x.native}x{y.native}, not scaled"
        scale = f"x{x.scale:.4g}"
        if x.scale != y.scale:
            scale += f" by x{y.scale:.4g}"
        words = f"{x.native}x{y.native} behind {x.size}x{y.size}, {self.kernel} {scale}"
        if x.left or x.right or y.left or y.right:
            words += f", border {x.left} {y.left} {x.right} {y.right}"
        return words


def _smooth_taps(axis: Axis, kernel: str) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The native pixels that each inner source pixel is made of, and their weights.

    Returns
    -------
    (ndarray, ndarray), each shape (inner, taps)
        Weights sum to ``2 ** WEIGHT_BITS``.
    """
    numerator = axis.step * np.arange(axis.inner, dtype=np.int64) + axis.phase
    place = numerator / axis.unit - 0.5
    reach = 3 if kernel == "lanczos" else 2
    near = np.floor(place).astype(np.int64)[:, None] + np.arange(1 - reach, reach + 1)
    weight = _kernel(np.abs(place[:, None] - near), kernel, axis.step / axis.unit)
    scaled = np.rint(weight / weight.sum(axis=1, keepdims=True) * (1 << WEIGHT_BITS))
    whole = scaled.astype(np.int32)
    rows = np.arange(len(whole))
    whole[rows, whole.argmax(axis=1)] += (1 << WEIGHT_BITS) - whole.sum(axis=1)
    return np.clip(near, 0, axis.native - 1), whole


def _kernel(t: NDArray[np.float64], kernel: str, step: float) -> NDArray[np.float64]:
    """Weight of a native pixel at a distance, in native pixels; source pixels are `step` wide."""
    weight: NDArray[np.float64]
    if kernel == "area":
        weight = np.maximum(0, np.minimum(0.5, t + step / 2) - np.maximum(-0.5, t - step / 2))
    elif kernel == "bilinear":
        weight = np.maximum(0, 1 - t)
    elif kernel == "lanczos":
        weight = np.where(t < 3, np.sinc(t) * np.sinc(t / 3), 0)
    else:
        a = BICUBIC
        inside = ((a + 2) * t - (a + 3)) * t * t + 1
        outside = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
        weight = np.where(t < 1, inside, np.where(t < 2, outside, 0))
    return weight


def pack_degradation(degradation: Degradation) -> list[Any]:
    """The numbers of a degradation, as HEAD stores them; the native size stands there already."""
    red, green, blue = degradation.border
    border = red << 16 | green << 8 | blue
    values: list[Any] = [KERNELS.index(degradation.kernel), int(degradation.restored), border]
    axes = (degradation.x, degradation.y)
    for axis in axes:
        values += [getattr(axis, name) for name in _AXIS]
    if degradation.facts or any(axis.late for axis in axes):
        values += [np.diff(axis.late, prepend=0).tolist() for axis in axes]
        values.append(dict(degradation.facts))
    return values


def unpack_degradation(values: Any, width: int, height: int) -> Degradation:
    """Read what `pack_degradation` gave, for native frames of the size that HEAD declares.

    Raises
    ------
    FormatError
        It is damaged, or a number is out of range. The source's size is not yet compared with
        what a reader allocates.
    """
    count = 3 + 2 * len(_AXIS)
    if not isinstance(values, list) or len(values) not in (count, count + 3):
        raise FormatError("the scale in the file's head has too few or too many parts", "HEAD")
    numbers, (*steps, facts) = values[:count], values[count:] or [[], [], {}]
    if not all(_are_numbers(part) for part in (numbers, *steps)):
        raise FormatError("the scale in the file's head is not made of numbers", "HEAD")
    if not isinstance(facts, dict) or not all(
        isinstance(k, str) and type(v) in (int, str) for k, v in facts.items()
    ):
        raise FormatError("the facts beside the scale have the wrong type", "HEAD")
    kernel, restored, border = numbers[:3]
    if kernel >= len(KERNELS) or restored > 1 or border >> 24:
        raise FormatError("the scale has an unknown kernel or a border that is no colour", "HEAD")
    if kernel and not restored:
        raise FormatError("the scale is smooth, but claims that frames are exact", "HEAD")
    axes = []
    for i, native in enumerate((width, height)):
        at = 3 + i * len(_AXIS)
        named = dict(zip(_AXIS, numbers[at : at + len(_AXIS)], strict=True))
        late = tuple(itertools.accumulate(steps[i]))
        axes.append(Axis(native=native, late=late, **named))
        axes[-1].check()
    colour = (border >> 16, border >> 8 & 255, border & 255)
    return Degradation(axes[0], axes[1], KERNELS[kernel], colour, bool(restored), facts)


def _are_numbers(values: Any) -> bool:
    """Whether this is a list of integers of at least 0."""
    return isinstance(values, list) and all(type(n) is int and n >= 0 for n in values)
