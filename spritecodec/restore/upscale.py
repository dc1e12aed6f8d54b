"""Sources that show smaller pictures enlarged by nearest neighbour, to the pixel.

Such a source repeats columns and rows. A *seam* is a place where a column differs from the one
to its left, or a row from the one above, in some frame of the clip. Seams lie where native
pixels meet, and nowhere else; two native columns that are always equal have none between them.
So a scale is a rule that allows every seam seen, and the more places it forbids where indeed
there is none, the less it can be chance. That is counted in bits: a rule by which columns are
k pixels wide gets log2(k) for each seam, less what it takes to describe the rule.

All frames are read, so what is found holds for all of them. A clip that is native already shows
that in a frame or two, and is read no further.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from spritecodec.clip import AudioStream, Clip, Piece
from spritecodec.degradation import Axis, Degradation, Frame
from spritecodec.errors import InputError
from spritecodec.mining.arrays import Longs
from spritecodec.mining.thresholds import UPSCALE

Mask = NDArray[np.bool_]
Margins = tuple[int, int]

KNOWN_SIZES = frozenset(
    {
        (64, 64), (84, 84), (128, 128), (160, 144), (160, 192), (160, 200), (160, 210),
        (224, 256), (224, 288), (240, 160), (256, 192), (256, 224), (256, 239), (256, 240),
        (280, 192), (288, 224), (304, 224), (320, 180), (320, 192), (320, 200), (320, 224),
        (320, 240), (352, 240), (384, 216), (384, 224), (400, 240), (480, 270), (480, 272),
        (512, 224), (512, 448), (640, 360), (640, 400), (640, 480),
    }
)  # fmt: skip
"""Screens of consoles, home computers and pixel art, in pixels."""

PROBED_SEAMS = 64
"""Seams by which most widths are ruled out before all seams are looked at. It has no effect on
what is found."""

NOTED_FRAMES = 16
"""A scale that more frames had than these, and not all, is worth a note."""


# --- what the frames show -------------------------------------------------------------


class Evidence:
    """The seams and the borders that the frames read so far have.

    Parameters
    ----------
    width, height : int
        Of the source.

    Attributes
    ----------
    columns, rows : ndarray, shape (width,) and (height,), bool
        Whether there is a seam to the left of a column, above a row.
    sides, ends : tuple of int
        Columns (left, right) and rows (above, below) that have shown nothing but `border`.
    border : tuple of int
        RGB of the first frame's first pixel.
    """

    def __init__(self, width: int, height: int) -> None:
        self.columns = np.zeros(width, np.bool_)
        self.rows = np.zeros(height, np.bool_)
        self.sides: Margins = (width, width)
        self.ends: Margins = (height, height)
        self.border: tuple[int, int, int] | None = None

    def add(self, frame: Frame) -> None:
        """Take a frame, shape (height, width, 3), uint8."""
        frame = np.ascontiguousarray(frame)
        height, width = frame.shape[:2]
        if self.border is None:
            red, green, blue = frame[0, 0].tolist()
            self.border = (red, green, blue)
        lines = frame.reshape(height, 3 * width)
        new = np.append(True, (lines[1:] != lines[:-1]).any(axis=1))
        self.rows[1:] |= new[1:]
        lines = lines[new]  # what is equal to the row above shows nothing else
        seams = (lines[:, 3:] != lines[:, :-3]).any(axis=0)
        self.columns[1:] |= seams.reshape(width - 1, 3).any(axis=1)
        self.ends = self._shrink(frame, self.ends)
        self.sides = self._shrink(frame[new].swapaxes(0, 1), self.sides)

    def _shrink(self, frame: Frame, margins: Margins) -> Margins:
        """Margins of the first axis, as far as this frame has them too."""
        before, after = margins
        colour = np.array(self.border, np.uint8)
        if (frame[:before] != colour).any():
            before = _run(frame, colour)
        if (frame[len(frame) - after :] != colour).any():
            after = _run(frame[::-1], colour)
        return before, after

    def admits(self, scale: Degradation) -> bool:
        """Whether all frames may be enlarged so."""
        return _admits(scale.x, self.columns, self.sides) and _admits(scale.y, self.rows, self.ends)


def _run(lines: Frame, colour: NDArray[np.uint8]) -> int:
    """How many lines, from the first, are of one colour."""
    for i, line in enumerate(lines):
        if (line != colour).any():
            return i
    return len(lines)


def _admits(axis: Axis, seams: Mask, margins: Margins) -> bool:
    within = axis.left <= margins[0] and axis.right <= margins[1]
    return within and not (seams & ~_allowed(axis)).any()


def _allowed(axis: Axis) -> Mask:
    """Where seams may be, shape (size,)."""
    allowed = np.zeros(axis.size + 1, np.bool_)
    inner = axis.indices()
    allowed[axis.left + 1 : axis.left + axis.inner] = inner[1:] != inner[:-1]
    allowed[[axis.left, axis.left + axis.inner]] = True
    return allowed[:-1]


# --- rules for one axis ---------------------------------------------------------------


@dataclass(frozen=True)
class Fit:
    """A rule that allows every seam seen.

    Attributes
    ----------
    axis : Axis
    bits : float
        What speaks for it: 1 for each halving of the chance that it fits by accident.
    most : float
        `bits`, were all its seams seen.
    liking : float
        Bits by which it is preferred to others that fit, besides.
    sure : bool
        False where it is likely only if it gives a size that is known.
    """

    axis: Axis
    bits: float
    most: float
    liking: float = 0.0
    sure: bool = True


def fits(seams: Mask, margins: Margins, known: frozenset[int]) -> list[Fit]:
    """Rules for one axis, the plain one among them.

    Parameters
    ----------
    seams : ndarray, shape (size,), bool
    margins : tuple of int
        Lines of the border's colour at either end.
    known : frozenset of int
        Native sizes that are likely; only one where it was named.
    """
    size = len(seams)
    at = np.flatnonzero(seams)
    # Where nothing has shown yet, anything may.
    found = [Fit(Axis.plain(size), 0.0, 0.0 if len(at) else math.inf)]
    whole = 1
    if len(at):
        whole = math.gcd(*np.diff(at).tolist()) if len(at) > 1 else math.gcd(int(at[0]), size)
        for scale in (k for k in range(2, whole + 1) if whole % k == 0):
            found += _whole_fits(size, margins, scale, at, known)
    if whole == 1 or len(known) == 1:
        found += _fractional_fits(size, margins, at, known)
    return found


def _whole_fits(
    size: int, margins: Margins, scale: int, at: Longs, known: frozenset[int]
) -> Iterator[Fit]:
    """Rules by which every native pixel is `scale` pixels wide."""
    first = int(at[0]) % scale
    worth = math.log2(scale)
    # Where the border ends, there is a seam whatever the scale.
    seen = int(((at != margins[0]) & (at != size - margins[1])).sum())
    for left, right in sorted(_borders(size, margins, scale, first, known)):
        bordered = left > 0 or right > 0
        phase = 0 if bordered else -first % scale
        inner = size - left - right
        native = (inner - 1 + phase) // scale + 1
        if inner < 2 * scale:
            continue
        price = math.log2(size) / 2
        if not bordered and (phase or size % scale):
            price += 2 * worth
        liking = _border_liking(left, right, scale) if bordered else 0.0
        yield Fit(
            Axis(size, native, left, right, 1, phase, scale),
            seen * worth - price,
            native * worth - price,
            liking - native / size,  # the smaller one of several alike
        )


def _borders(
    size: int, margins: Margins, scale: int, first: int, known: frozenset[int]
) -> set[Margins]:
    """Pairs of borders within the margins that leave a multiple of `scale` pixels."""

    def cut(before: int, after: int) -> Margins:
        return before - (before - first) % scale, after - (after - (size - first)) % scale

    least = min(margins)
    out = {(0, 0), cut(*margins), cut(least, least)}
    for native in known:  # the outer native pixels may never have shown anything
        rest = size - native * scale
        if rest <= 2 * least and 8 * native * scale <= 9 * (size - 2 * least):
            out.add((rest // 2, rest - rest // 2))
    return {
        (a, b)
        for a, b in out
        if (a, b) == (0, 0)
        or (0 <= a <= margins[0] and 0 <= b <= margins[1] and cut(a, b) == (a, b))
    }


def _border_liking(left: int, right: int, scale: float) -> float:
    """Bits for a border that is the same on both sides, and against any other."""
    even = min(left, right) > 0 and abs(left - right) <= scale
    return UPSCALE.border_bits if even else -UPSCALE.border_bits


def _fractional_fits(
    size: int, margins: Margins, at: Longs, known: frozenset[int]
) -> Iterator[Fit]:
    """Rules by which native pixels are of two widths that differ by one."""
    least = min(margins)
    for left, right in sorted({(0, 0), margins, (least, least)}):
        inner = size - left - right
        if inner < 4:
            continue
        inside = at[(at > left) & (at < size - right)] - left
        natives = np.arange(2, inner)
        worth = np.log2(inner / natives)
        # What can never be convincing is not tried; nor what a probe of the seams rules out.
        likely = worth * natives - math.log2(inner) > 0
        natives = natives[likely | np.isin(natives, list(known))]
        natives = natives[_may_fit(natives, inner, inside[:PROBED_SEAMS])]
        natives = natives[_may_fit(natives, inner, inside)]
        # Smaller ones say more; a few are enough, and those that are known.
        some = dict.fromkeys([*natives[:8].tolist(), *(n for n in natives.tolist() if n in known)])
        for native in some:
            rule = _rule(native, inner, inside)
            if rule is None:
                continue
            axis, price = rule
            bordered = left > 0 or right > 0
            each = math.log2(inner / native)
            yield Fit(
                dataclasses.replace(axis, size=size, left=left, right=right),
                len(inside) * each - price,
                axis.native * each - price,
                _border_liking(left, right, inner / native) if bordered else 0.0,
                len(inside) >= UPSCALE.min_seen_share * (axis.native - 1),
            )


def _swscale(natives: Longs, inner: int) -> tuple[Longs, Longs]:
    """Step and phase, in 65536ths, by which FFmpeg's scaler picks native pixels."""
    step = ((natives << 16) + (inner >> 1)) // inner
    return step, step // 2


def _may_fit(natives: Longs, inner: int, inside: Longs) -> Mask:
    """Which native sizes may allow all seams; `_rule` says whether they do.

    By the rule (native * j + phase) // inner, j begins a native pixel where that sum is below
    `native` modulo `inner`; one that begins late, where it is `native`. So the products must lie
    within `native` + 1 consecutive residues. FFmpeg's scaler rounds its step.
    """
    if not len(inside) or not len(natives):
        return np.ones(len(natives), np.bool_)
    residues = np.sort(natives[:, None] * inside % inner, axis=1)
    gaps = np.diff(residues, axis=1, append=residues[:, :1] + inner).max(axis=1)
    step, phase = (v[:, None] for v in _swscale(natives, inner))
    sums = step * inside + phase
    by_swscale = (sums >> 16 != (sums - step) >> 16).all(axis=1)
    may: Mask = by_swscale | (gaps >= inner - natives)
    return may


def _rule(native: int, inner: int, inside: Longs) -> tuple[Axis, float] | None:
    """The likeliest rule of this native size that allows all seams, and what it costs in bits."""
    price = math.log2(inner) + 2
    step, phase = (int(v[0]) for v in _swscale(np.array([native]), inner))
    rules = [
        (1, 0, max(1, inner // native)),
        (step, phase, 1 << 16),
        (2 * native, native, 2 * inner),  # what the middle of a pixel lies in
        (native, 0, inner),
    ]
    for number, (step, phase, unit) in enumerate(rules):
        late = _late(step, phase, unit, inside) if number >= 2 else ()
        axis = Axis(inner, native, 0, 0, step, phase, unit, late)
        if axis.indices()[-1] == native - 1 and _allowed(axis)[inside].all():
            return axis, price + len(late)
    # The phase that the widest gap of residues leaves, in its middle.
    residues = np.sort(native * inside % inner)
    gaps = np.diff(residues, append=residues[:1] + inner)
    widest = int(gaps.argmax())
    slack = int(gaps[widest]) - (inner - native) - 1
    if slack < 0:
        return None
    phase = (slack // 2 - int(residues[(widest + 1) % len(residues)])) % inner
    last = (native * (inner - 1) + phase) // inner
    return Axis(inner, last + 1, 0, 0, native, phase, inner), price + math.log2(inner)


def _late(step: int, phase: int, unit: int, inside: Longs) -> tuple[int, ...]:
    """Places where pixels meet exactly, and a scaler rounded so that the next begins later.

    None where every native pixel begins at such a place; that would allow anything.
    """
    if unit % step == 0:
        return ()
    meets = (step * (inside - 1) + phase) % unit == 0
    return tuple((inside[meets] - 1)[inside[meets] > 1].tolist())


# --- the whole clip -------------------------------------------------------------------


@dataclass(frozen=True)
class _Choice:
    scale: Degradation
    bits: float


def choose(
    evidence: Evidence, native: tuple[int, int] | None = None
) -> tuple[_Choice | None, bool]:
    """The likeliest scale, and whether any may still turn out to be one.

    Parameters
    ----------
    evidence : Evidence
    native : tuple of int, optional
        Width and height that were named; then the seams need not convince.
    """
    sizes = KNOWN_SIZES if native is None else {native}
    across = fits(evidence.columns, evidence.sides, frozenset(w for w, _ in sizes))
    down = fits(evidence.rows, evidence.ends, frozenset(h for _, h in sizes))
    best: _Choice | None = None
    hope = False
    for x in across:
        for y in down:
            size = x.axis.native, y.axis.native
            if x.axis.scale == y.axis.scale == 1 or (native is not None and size != native):
                continue
            bits = x.bits + y.bits + x.liking + y.liking
            bits += UPSCALE.known_bits * (size in KNOWN_SIZES)
            bits += UPSCALE.square_bits * (abs(x.axis.scale / y.axis.scale - 1) < 0.01)
            hope |= native is not None or x.most + y.most >= UPSCALE.min_bits
            # Sizes that are known decide between rules, but do not make up for seams.
            enough = x.bits + y.bits >= UPSCALE.min_bits
            enough &= (x.sure and y.sure) or size in KNOWN_SIZES
            enough |= native is not None
            if enough and (best is None or bits > best.bits):
                border = evidence.border or (0, 0, 0)
                best = _Choice(Degradation(x.axis, y.axis, border=border), bits)
    return best, hope


def find_upscale(
    clip: Clip,
    native: tuple[int, int] | None = None,
    say: Callable[[int], None] = lambda done: None,
    note: Callable[[str], None] = lambda sentence: None,
) -> Degradation | None:
    """The scale by which every frame of a clip is an enlargement, to the pixel.

    Reads the clip once, or only its first frames where they show that it is none.

    Parameters
    ----------
    clip : Clip
    native : tuple of int, optional
        Width and height of the native frames, where they are known.
    say : callable, optional
        Called with the frames read so far, while a scale seems to be there.
    note : callable, optional
        Called with a sentence where the first frames have a scale and later ones do not.

    Returns
    -------
    Degradation or None
    """
    evidence = Evidence(clip.width, clip.height)
    best: _Choice | None = None
    undone = ""
    done = 0
    for frame in (frame for piece in clip.pieces(1) for frame in piece.frames):
        evidence.add(frame)
        done += 1
        lost = best is not None and not evidence.admits(best.scale)
        if best is not None and lost and done > NOTED_FRAMES:
            undone = (
                f"the first {done - 1} frames of {clip.name} are {best.scale}, but "
                f"frame {done - 1} is not, so all are stored at {clip.width}x{clip.height}"
            )
        if lost or done & (done - 1) == 0:
            best, hope = choose(evidence, native)
            if not hope:
                break
        if best is not None:
            say(done)
    best = choose(evidence, native)[0] if done else None
    if best is None and undone and native is None:
        note(undone)
    return best.scale if best else None


@dataclass(frozen=True)
class NativeClip:
    """The native frames of a clip that shows them enlarged; a Clip itself.

    Every frame is checked: enlarged, it is the source's.

    Attributes
    ----------
    source : Clip
    degradation : Degradation
        Its kernel is "nearest".
    """

    source: Clip
    degradation: Degradation

    @property
    def width(self) -> int:
        return self.degradation.x.native

    @property
    def height(self) -> int:
        return self.degradation.y.native

    @property
    def time_base(self) -> Fraction:
        return self.source.time_base

    @property
    def frame_rate(self) -> Fraction:
        return self.source.frame_rate

    @property
    def frame_count(self) -> int | None:
        return self.source.frame_count

    @property
    def pixel_exact(self) -> bool:
        return self.source.pixel_exact

    @property
    def audio(self) -> tuple[AudioStream, ...]:
        return self.source.audio

    @property
    def name(self) -> str:
        return self.source.name

    def pieces(self, size: int = 64) -> Iterator[Piece]:
        """See `spritecodec.clip.Clip.pieces`.

        Raises
        ------
        InputError
            A frame is not what the scale says, so the source has changed.
        """
        shown = np.empty((self.source.height, self.source.width, 3), np.uint8)
        for piece in self.source.pieces(size):
            frames = np.empty((len(piece.frames), self.height, self.width, 3), np.uint8)
            for frame, native in zip(piece.frames, frames, strict=True):
                native[...] = self.degradation.reduce(frame)
                if not np.array_equal(self.degradation.enlarge(native, shown), frame):
                    raise InputError(
                        f"{self.name} gave other frames when it was read again; make sure that "
                        "nothing writes to it, or encode with --no-restore"
                    )
            yield Piece(frames, piece.pts)
