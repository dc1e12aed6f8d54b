"""Find the few colours of a game behind a lossy recording with small chroma planes.

    frames -> seeds: the colours of flat places
           -> labels, chroma filter, colours, again and again
           -> colours that badly explained pixels wish for, kept if they shorten the description
           -> RGB, by the colour matrix that fits, and by a console's table if one fits

Everything is one cost: the negative logarithm of the probability of the planes, in nats. Luma of a
pixel and chroma of a sample are normal around what the labels predict; their variance is that of
the neighbourhood. Each pixel pays for its label, and each colour for its three numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spritecodec.restore.box_mean import box_mean
from spritecodec.restore.chroma import (
    KNOWN_TAPS,
    Bands,
    ChromaFilter,
    Floats,
    bands,
    estimate_filter,
    make_filter,
)
from spritecodec.restore.console_palettes import CONSOLES
from spritecodec.restore.known import MATRICES
from spritecodec.restore.palette_kernels import (
    Bytes,
    Labelling,
    Weights,
    add_equations,
    chroma_residual,
    label_cost,
    nearest,
    sweep,
    sweep_blocks,
    wishes,
)

Mask = NDArray[np.bool_]

MAX_COLOURS = 64
LUMA_WINDOW, CHROMA_WINDOW = 9, 5  # where the variance is measured, in pixels and samples
MIN_VARIANCE = 0.5
MAX_LUMA_VARIANCE, MAX_CHROMA_VARIANCE = 9.0, 16.0
NEW_PRICE = 8.0
GUESS_PRICE = 2.0  # of colours that dense clusters show: pixels need less to take them
WORTH_FRAMES = 5
FILTER_FRAMES = 10
SEARCH_PIXELS = 1_000_000
ROUNDS = 8
RGB_NOISE = 4.0
CONSOLE_LEVELS = 6.0
MIN_FITTING = 0.8  # share of the colours that a console's table must have
COMMON_SHARE = 5e-3
MAX_UNEXPLAINED = 0.1
SEED_CHROMA = 0.3  # weight of a sample's chroma against luma where pixels are labelled first
APART = np.array([3, 8, 8], np.float32)  # levels; nearer colours are not added
MERGE_REACH = np.array([3, 12, 12], np.float32)
GAMUT_MARGIN = 6.0
HOLD = 0.3
LUMA_TRUST, CHROMA_TRUST = 1.0, 1.0  # neighbouring errors are alike: fewer count


@dataclass(frozen=True)
class RestoredPalette:
    """The colours of a game.

    Attributes
    ----------
    ycc : ndarray, shape (k, 3), float32
        Y, Cb, Cr as stored, not rounded.
    rgb : ndarray, shape (k, 3), uint8
    matrix : str
        ``"bt601"`` or ``"bt709"``.
    full_range : bool
    console : str or None
        The name in `CONSOLES` whose table the colours were taken from.
    noise : float
        Of luma, root mean square, in levels.
    table : ndarray, shape (m, 3), uint8, or None
        All colours that the game's may be, where they are known.
    """

    ycc: Floats
    rgb: Bytes
    matrix: str
    full_range: bool
    console: str | None
    noise: float
    table: Bytes | None = None

    def part(self, which: NDArray[np.bool_]) -> RestoredPalette:
        """Some of the colours, those that a mask of shape (k,) marks."""
        return replace(self, ycc=self.ycc[which], rgb=self.rgb[which])


class Hints(NamedTuple):
    """What is known about colours before they are looked for.

    Attributes
    ----------
    seeds : ndarray, shape (k, 3), float32, or None
        Y, Cb, Cr of colours to begin with, as nearly as they are known; None: the modes of luma.
    guesses : ndarray, shape (m, 3), float32, or None
        Y, Cb, Cr of colours to try first.
    """

    seeds: Floats | None = None
    guesses: Floats | None = None


NO_HINTS = Hints()


@dataclass
class _Frame:
    """One sample frame: planes, and what explains them at present.

    Attributes
    ----------
    y : ndarray, shape (h, w), float32
    u, v : ndarray, shape (hc, wc), float32
    labels : ndarray, shape (h, w), uint8
    residual : ndarray, shape (2, hc, wc), float32
    """

    y: Floats
    u: Floats
    v: Floats
    labels: Bytes
    residual: Floats


def _variances(frame: _Frame, colours: Floats) -> tuple[Floats, Floats]:
    """Local variance of luma, shape (h, w), and chroma, shape (hc, wc)."""
    luma = (frame.y - colours[frame.labels, 0]) ** 2
    chroma = (frame.residual**2).mean(0)
    return (
        box_mean(luma, LUMA_WINDOW) + np.float32(MIN_VARIANCE),
        box_mean(chroma, CHROMA_WINDOW) + np.float32(MIN_VARIANCE),
    )


def _labelled(frame: _Frame, fit: _Fit, labels: Bytes) -> _Frame:
    """The frame with other labels, and the residual they leave."""
    out = _Frame(frame.y, frame.u, frame.v, labels, np.empty_like(frame.residual))
    chroma_residual(out.u, out.v, labels, fit.colours, fit.rows, fit.columns, out.residual)
    return out


@dataclass
class _Fit:
    """Frames, colours and filter that are fitted to each other.

    Attributes
    ----------
    frames : list of _Frame
    colours : ndarray, shape (k, 3), float32
    prior : ndarray, shape (k,), float32
        What a pixel of each label costs, in nats.
    """

    frames: list[_Frame]
    colours: Floats
    chroma: ChromaFilter
    hypotheses: list[tuple[str, bool]]
    prior: Floats = field(init=False)
    rows: Bands = field(init=False)
    columns: Bands = field(init=False)
    fixed: bool = False

    def __post_init__(self) -> None:
        self.prior = np.zeros(len(self.colours), np.float32)
        self.everywhere = np.ones(self.frames[0].y.shape, np.bool_)
        self.set_filter(self.chroma)

    def set_filter(self, chroma: ChromaFilter) -> None:
        self.chroma = chroma
        self.rows, self.columns = bands(chroma.rows), bands(chroma.columns)
        for f in self.frames:
            self.predict(f)

    def predict(self, f: _Frame) -> None:
        chroma_residual(f.u, f.v, f.labels, self.colours, self.rows, self.columns, f.residual)

    def weights(self, f: _Frame) -> Weights:
        luma, chroma = _variances(f, self.colours)
        return Weights(
            (0.5 * LUMA_TRUST / np.minimum(luma, MAX_LUMA_VARIANCE)).astype(np.float32),
            (0.5 * CHROMA_TRUST / np.minimum(chroma, MAX_CHROMA_VARIANCE)).astype(np.float32),
        )

    def count(self) -> NDArray[np.int64]:
        """Pixels of each label."""
        counts = np.zeros(len(self.colours), np.int64)
        for f in self.frames:
            counts += np.bincount(f.labels.ravel(), minlength=len(counts))
        return counts

    def set_prior(self) -> None:
        counts = self.count() + 0.5
        self.prior = (-np.log(counts / counts.sum())).astype(np.float32)

    def relabel(self, f: _Frame, sweeps: int, prior: Floats, active: Mask) -> None:
        """Label one frame again where `active`."""
        weights = self.weights(f)
        labelling = Labelling(
            f.y, self.colours, f.labels, f.residual, self.rows, self.columns, weights, prior, active
        )
        for _ in range(sweeps):
            if not sweep(*labelling) + sweep_blocks(labelling):
                break

    def unsettled(self, f: _Frame) -> Mask:
        """Pixels near which something is badly explained."""
        luma = (f.y - self.colours[f.labels, 0]) ** 2 > MAX_LUMA_VARIANCE
        chroma = (f.residual**2).sum(0) > MAX_CHROMA_VARIANCE
        (h, w), (hc, wc) = luma.shape, chroma.shape
        rows = np.arange(h) // (1 if h == hc else 2)
        columns = np.arange(w) // (1 if w == wc else 2)
        return _near(luma | chroma[np.ix_(rows, columns)], 2)

    def label(self, sweeps: int, everywhere: bool = False) -> None:
        for f in self.frames:
            active = self.everywhere if everywhere else self.unsettled(f)
            self.relabel(f, sweeps, self.prior, active)

    def recolour(self, hold: float = HOLD) -> None:
        """Fit the colours to the labels; residuals follow."""
        if self.fixed:
            return
        k = len(self.colours)
        luma, ata, atb = np.zeros((2, k)), np.zeros((k, k)), np.zeros((k, 2))
        for f in self.frames:
            vy, vc = _variances(f, self.colours)
            labels = f.labels.ravel()
            luma[0] += np.bincount(labels, (f.y / vy).ravel(), k)
            luma[1] += np.bincount(labels, (1 / vy).ravel(), k)
            trust = (1 / vc).astype(np.float32)
            add_equations(f.u, f.v, f.labels, self.rows, self.columns, trust, ata, atb)
        used = luma[1] > 0
        new = self.colours.astype(np.float64)
        new[used, 0] = luma[0, used] / luma[1, used]
        # A colour that no sample shows well stays where it is.
        ridge = np.diag(1e-3 + hold * np.diag(ata))
        new[:, 1:] = np.linalg.solve(ata + ridge, atb + ridge @ new[:, 1:])
        self.colours = into_gamut(new.astype(np.float32), self.hypotheses)
        for f in self.frames:
            self.predict(f)

    def add(self, colours: Floats) -> None:
        self.colours = np.concatenate([self.colours, colours]).astype(np.float32)
        price = np.full(len(colours), NEW_PRICE, np.float32)
        self.prior = np.concatenate([self.prior, price])

    def keep(self, which: NDArray[np.int64]) -> None:
        """Keep these colours only; no pixel may have another label."""
        number = np.zeros(len(self.colours), np.uint8)
        number[which] = np.arange(len(which))
        for f in self.frames:
            f.labels = number[f.labels]
        self.colours = np.ascontiguousarray(self.colours[which])
        self.prior = np.ascontiguousarray(self.prior[which])

    def noise(self) -> float:
        """Of luma, root mean square."""
        squares = [((f.y - self.colours[f.labels, 0]) ** 2).mean() for f in self.frames]
        return float(np.sqrt(np.mean(squares)))

    def description(self, f: _Frame) -> float:
        """How many nats the frame takes, but for a constant."""
        luma, chroma = _variances(f, self.colours)
        e = (f.y - self.colours[f.labels, 0]) ** 2
        total = LUMA_TRUST * 0.5 * float((np.log(luma) + e / luma).sum(dtype=np.float64))
        squares = (f.residual**2).sum(0)
        total += CHROMA_TRUST * float(
            (np.log(chroma) + 0.5 * squares / chroma).sum(dtype=np.float64)
        )
        return total + label_cost(f.labels, self.prior)

    def worth(self, k: int) -> float:
        """How many nats colour `k` saves in the frames that show most of it."""
        counts = [int((f.labels == k).sum()) for f in self.frames]
        saved = 0.0
        for i in np.argsort(counts)[::-1][:WORTH_FRAMES]:
            if counts[i]:
                f = self.frames[i]
                other = _labelled(f, self, f.labels.copy())
                self.do_without(other, k)
                saved += self.description(other) - self.description(f)
        return saved

    def do_without(self, f: _Frame, k: int) -> None:
        """Give the pixels of colour `k` other labels."""
        where = f.labels == k
        off = np.abs(f.y[where][:, None] - self.colours[None, :, 0])
        off[:, k] = np.inf
        f.labels[where] = off.argmin(1)
        self.predict(f)
        # No pixel has the label, so that no edge pays anything back.
        without = self.prior.copy()
        without[k] = 1e6
        self.relabel(f, 3, without, _near(where, 2))

    def remove(self, k: int) -> None:
        for f in self.frames:
            if (f.labels == k).any():
                self.do_without(f, k)
        self.keep(np.delete(np.arange(len(self.colours)), k))


def _near(mask: Mask, reach: int) -> Mask:
    out: Mask = ndimage.maximum_filter(mask, 2 * reach + 1)
    return out


def _prune(fit: _Fit, first: int, lenient: float) -> None:
    """Remove colours that do not pay, the rarest first, of those from number `first` on.

    A colour may cost up to `lenient` nats for each of its pixels.
    """
    fit.set_prior()
    counts = fit.count()
    price = 1.5 * np.log(counts.sum())
    order = [int(k) for k in np.argsort(counts) if k >= first and counts[k] < 0.3 * counts.sum()]
    for c in [fit.colours[k].copy() for k in order]:
        k = int(np.abs(fit.colours - c).max(1).argmin())
        pixels = int(fit.count()[k])
        worth = fit.worth(k) if pixels else -1.0
        if worth < (-lenient * pixels if lenient and pixels else price):
            fit.remove(k)


def _merge(fit: _Fit) -> None:
    """Make one colour of two near ones where two do not pay."""
    fit.set_prior()
    price = 1.5 * np.log(fit.count().sum())
    k = len(fit.colours) - 1
    while k > 0:
        counts = fit.count()
        for j in range(k):
            difference = np.abs(fit.colours[k] - fit.colours[j])
            if (difference > MERGE_REACH).any():
                continue
            old, prior = fit.colours.copy(), fit.prior.copy()
            both = counts[[j, k]] + 0.5
            mean = np.average(old[[j, k]], axis=0, weights=both).astype(np.float32)
            joint = np.float32(-np.log(both.sum() / counts.sum()))
            apart = together = 0.0
            shown = np.array([int((f.labels == k).sum()) for f in fit.frames])
            for i in np.argsort(-shown)[:WORTH_FRAMES]:
                f = fit.frames[i]
                apart += fit.description(f)
                fit.colours[j], fit.prior[j] = mean, joint
                labels = np.where(f.labels == k, np.uint8(j), f.labels)
                together += fit.description(_labelled(f, fit, labels))
                fit.colours[j], fit.prior[j] = old[j], prior[j]
            if together - apart < price:
                for f in fit.frames:
                    f.labels[f.labels == k] = j
                fit.colours[j], fit.prior[j] = mean, joint
                fit.keep(np.delete(np.arange(len(old)), k))
                for f in fit.frames:
                    fit.predict(f)
                break
        k -= 1


def into_gamut(colours: Floats, hypotheses: list[tuple[str, bool]]) -> Floats:
    """Move chroma towards grey until R, G and B can be shown under one of the hypotheses."""
    out = colours.copy()
    best = np.zeros(len(out))
    for matrix, full_range in hypotheses:
        rgb = _rgb(out, matrix, full_range)
        neutral = out.copy()
        neutral[:, 1:] = 128
        grey = np.clip(_rgb(neutral, matrix, full_range), 0, 255)
        delta = rgb - grey
        limit = np.where(delta > 0, 255 + GAMUT_MARGIN - grey, grey + GAMUT_MARGIN)
        best = np.maximum(best, (limit / np.maximum(np.abs(delta), 1e-9)).min(1).clip(0, 1))
    out[:, 1:] = 128 + (out[:, 1:] - 128) * best[:, None].astype(np.float32)
    return out


def _rgb(ycc: Floats, matrix: str, full_range: bool) -> NDArray[np.float64]:
    """RGB of Y, Cb, Cr, not rounded and not clipped, shape (k, 3)."""
    kr, kb = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722)}[matrix]
    black, luma, chroma = (0, 255, 255) if full_range else (16, 219, 224)
    y = (ycc[:, 0].astype(np.float64) - black) * 255 / luma
    cb = (ycc[:, 1].astype(np.float64) - 128) * 255 / chroma
    cr = (ycc[:, 2].astype(np.float64) - 128) * 255 / chroma
    r, b = y + 2 * (1 - kr) * cr, y + 2 * (1 - kb) * cb
    return np.stack([r, (y - kr * r - kb * b) / (1 - kr - kb), b], 1)


def _luma_modes(frames: list[_Frame]) -> Floats:
    """Levels of luma that occur more often than the levels around them, shape (k,)."""
    histogram = np.zeros(256)
    for f in frames:
        levels = np.clip(np.rint(f.y), 0, 255).astype(np.int64)
        histogram += np.bincount(levels.ravel(), minlength=256)
    smooth = ndimage.gaussian_filter1d(histogram, 1.0, mode="constant")
    padded = np.pad(smooth, 1)
    top = np.flatnonzero((smooth >= padded[:-2]) & (smooth > padded[2:]) & (smooth > 0))
    out = []
    for t in top:
        # By more than chance: the lower of the valleys on both sides lies three deviations below.
        left = smooth[max(t - 4, 0) : t + 1].min()
        right = smooth[t : t + 5].min()
        if smooth[t] - max(left, right) > 3 * np.sqrt(smooth[t]):
            out.append(float(t))
    return np.array(out, np.float32)


def _wished(fit: _Fit, most: int) -> Floats:
    """Up to `most` colours that badly explained pixels agree on, shape (n, 3)."""
    out = np.empty((400000, 4), np.float32)
    start = 0
    for f in fit.frames:
        start += wishes(
            f.y,
            fit.colours,
            f.labels,
            f.residual,
            fit.rows,
            fit.columns,
            fit.weights(f),
            fit.prior,
            NEW_PRICE,
            3.0,
            out[start:],
        )
    votes = out[:start]
    votes = votes[((votes[:, 1:3] > -16) & (votes[:, 1:3] < 272)).all(1)]
    size = (136, 80, 80)
    cell = ((votes[:, :3] + np.array([8, 32, 32])) / np.array([2, 4, 4])).astype(np.int64)
    cell = np.clip(cell, 0, np.array(size) - 1)
    place = np.ravel_multi_index((cell[:, 0], cell[:, 1], cell[:, 2]), size)
    weight = np.minimum(votes[:, 3], 20)
    grid = np.bincount(place, weight, int(np.prod(size))).reshape(size).astype(np.float32)
    grid = ndimage.gaussian_filter(grid, 1.0)
    found: list[NDArray[np.float32]] = []
    while len(found) < most:
        top = np.array(np.unravel_index(grid.argmax(), size))
        if grid[tuple(top)] < 1.0:
            break
        near = (np.abs(cell - top) <= np.array([1, 2, 2])).all(1)
        if weight[near].sum() > 0:
            wish = np.average(votes[near, :3], axis=0, weights=weight[near]).astype(np.float32)
            wish = into_gamut(wish[None], fit.hypotheses)[0]
            if _unlike(wish[None], fit.colours)[0]:
                found.append(wish)
        low = np.maximum(top - np.array([3, 5, 5]), 0)
        high = top + np.array([4, 6, 6])
        grid[low[0] : high[0], low[1] : high[1], low[2] : high[2]] = 0
    return np.array(found, np.float32).reshape(-1, 3)


def _first_fit(frames: list[_Frame], matrix: str | None, full_range: bool | None) -> _Fit:
    """Colours at the modes of luma, with the chroma that explains the samples best."""
    (h, w), stored = frames[0].y.shape, frames[0].u.shape
    modes = _luma_modes(frames)
    colours = np.full((len(modes), 3), 128, np.float32)
    colours[:, 0] = modes
    for f in frames:
        nearest(f.y, f.u, f.v, colours, 0.0, f.labels)
    start = make_filter(KNOWN_TAPS[0], KNOWN_TAPS[0], (h, w), stored)
    fit = _Fit(frames, colours, start, _hypotheses(modes, matrix, full_range))
    for _ in range(2):
        fit.recolour(0.01)
        fit.set_filter(_measured_filter(fit))
    fit.recolour(0.01)
    fit.set_prior()
    return fit


def _seeded_fit(
    frames: list[_Frame], seeds: Floats, matrix: str | None, full_range: bool | None
) -> _Fit:
    """Colours that are known about, and the pixels that luma and chroma show nearest to each."""
    for f in frames:
        nearest(f.y, f.u, f.v, seeds, SEED_CHROMA, f.labels)
    start = make_filter(KNOWN_TAPS[0], KNOWN_TAPS[0], frames[0].y.shape, frames[0].u.shape)
    fit = _Fit(frames, seeds, start, _hypotheses(_luma_modes(frames), matrix, full_range))
    fit.set_prior()
    return fit


def _hypotheses(
    modes: Floats, matrix: str | None, full_range: bool | None
) -> list[tuple[str, bool]]:
    """Matrix and range that a recording may have been made by, from the modes of its luma."""
    if full_range is None:
        full_range = bool((modes < 16 - RGB_NOISE).any() or (modes > 235 + RGB_NOISE).any())
    return [(name, full_range) for name in ([matrix] if matrix else MATRICES)]


def _measured_filter(fit: _Fit) -> ChromaFilter:
    """The filter estimated from the samples near which luma is explained, on some frames."""
    frames = fit.frames[:: max(len(fit.frames) // FILTER_FRAMES, 1)]
    reliable = []
    for f in frames:
        (h, w), (hc, wc) = f.y.shape, f.u.shape
        bad = (f.y - fit.colours[f.labels, 0]) ** 2 > MAX_LUMA_VARIANCE
        rows = np.minimum(np.arange(hc) * (1 if h == hc else 2), h - 1)
        columns = np.minimum(np.arange(wc) * (1 if w == wc else 2), w - 1)
        reliable.append(
            ~_near(bad, 2)[np.ix_(rows, columns)]
            & ((f.residual**2).sum(0) < 4 * np.maximum((f.residual**2).sum(0).mean(), 1))
        )
    stored = np.stack([f.u for f in frames]), np.stack([f.v for f in frames])
    return estimate_filter([f.labels for f in frames], fit.colours, stored, reliable)


def _unexplained(fit: _Fit) -> float:
    """Share of the chroma samples that no mixture of the colours explains."""
    shares = []
    for f in fit.frames:
        luma = (f.y - fit.colours[f.labels, 0]) ** 2 > 2 * MAX_LUMA_VARIANCE
        chroma = (f.residual**2).sum(0) > 2 * MAX_CHROMA_VARIANCE
        shares.append(max(luma.mean(), chroma.mean()))
    return float(np.mean(shares))


def _unlike(colours: Floats, others: Floats) -> Mask:
    """Which colours are not near any of the others."""
    distance = np.abs(colours[:, None] - others[None]) / APART
    out: Mask = distance.max(2).min(1) > 1
    return out


def _search(fit: _Fit, most: int, rounds: int, guesses: Floats | None) -> None:
    """Add the colours that badly explained pixels wish for, and remove what does not pay.

    First of all guesses, shape (n, 3), are added, as far as there are any.
    """
    first = 0
    for number in range(rounds):
        for _ in range(2):
            fit.label(2, number == 0)
            fit.recolour()
        _prune(fit, first, 1.0)
        fit.recolour()
        fit.set_prior()
        stuck = number > 0 and len(fit.colours) == first
        first = len(fit.colours)
        if number == 0 and guesses is not None:
            wished = guesses[_unlike(guesses, fit.colours)][: most - first]
        else:
            wished = _wished(fit, min(8, most - first))
        if first >= most or not len(wished) or stuck:
            return
        fit.add(wished)
        if number == 0 and guesses is not None:
            fit.prior[first:] = GUESS_PRICE


def _choose(
    ycc: Floats,
    share: NDArray[np.float64],
    hypotheses: list[tuple[str, bool]],
    height: int,
    table: Bytes | None,
) -> tuple[str, bool, str | None]:
    """Matrix, range, and the console whose table fits, or None.

    Only colours of half a hundredth of the pixels or more count: others are not known as well.
    Where a table is given, the matrix and the range are those under which the colours are nearest
    to it, and no console is named.
    """
    if table is not None:
        common = ycc[share >= COMMON_SHARE]
        off = [
            float(np.abs(common[:, None] - ycc_of(table, name, full)[None]).sum(2).min(1).sum())
            for name, full in hypotheses
        ]
        return *hypotheses[off.index(min(off))], None
    if height >= 576:
        hypotheses = hypotheses[::-1]
    scores = []
    for name, full in hypotheses:
        rgb = _rgb(ycc[share >= COMMON_SHARE], name, full)
        outside = float(np.maximum(np.maximum(-rgb, rgb - 255) - GAMUT_MARGIN, 0).max(initial=0))
        scores.append((_fitting_console(rgb) is None, round(outside / GAMUT_MARGIN)))
    name, full = hypotheses[scores.index(min(scores))]
    return name, full, _fitting_console(_rgb(ycc[share >= COMMON_SHARE], name, full))


def _fitting_console(rgb: NDArray[np.float64]) -> str | None:
    """The console whose table has these colours within `CONSOLE_LEVELS`, all but a few.

    One of a table of 128 has a colour by chance in one case of sixty, so few others may be
    mixtures, or misread.
    """
    best: tuple[float, str] | None = None
    for name, table in CONSOLES.items():
        off = np.abs(rgb[:, None] - table[None].astype(np.float64)).max(2).min(1)
        fitting = off[off <= CONSOLE_LEVELS]
        if len(fitting) < MIN_FITTING * len(rgb):
            continue
        mean = fitting.mean() if len(fitting) else 0.0
        if best is None or mean < best[0] - 0.25:
            best = float(mean), name
    return best[1] if best else None


def _use_table(fit: _Fit, table: Floats) -> None:
    """Replace the colours by the nearest of a console's table, and look for more.

    Parameters
    ----------
    fit : _Fit
    table : ndarray, shape (m, 3), float32
        Y, Cb, Cr.
    """
    fit.fixed = True
    fit.colours = table[_nearest_rows(fit.colours, table)]
    _unite(fit)
    for _ in range(2):
        fit.label(2)
        fit.set_prior()
        first = len(fit.colours)
        wished = _wished(fit, 16)
        if not len(wished):
            break
        fit.add(table[_nearest_rows(wished, table)])
        _unite(fit)
        fit.label(2)
        _prune(fit, first, 0)
    _prune(fit, 0, 0)


def _nearest_rows(colours: Floats, table: Floats) -> NDArray[np.int64]:
    """The rows of the table nearest to each colour; luma is known four times better."""
    scale = np.array([4, 1, 1], np.float32)
    difference = (colours[:, None] - table[None]) * scale
    return np.asarray((difference**2).sum(2).argmin(1), np.int64)


def _unite(fit: _Fit) -> None:
    """Make one colour of equal ones."""
    unique, first, number = np.unique(fit.colours, axis=0, return_index=True, return_inverse=True)
    rank = np.argsort(first)
    place = np.empty(len(unique), np.uint8)
    place[rank] = np.arange(len(unique))
    relabel = place[number.reshape(-1)]
    for f in fit.frames:
        f.labels = relabel[f.labels]
    fit.colours = np.ascontiguousarray(fit.colours[np.sort(first)])
    fit.prior = np.ascontiguousarray(fit.prior[np.sort(first)])
    for f in fit.frames:
        fit.predict(f)


def find_palette(
    y: Floats,
    u: Floats,
    v: Floats,
    *,
    matrix: str | None,
    full_range: bool | None,
    table: Bytes | None = None,
    hints: Hints = NO_HINTS,
    max_colours: int = MAX_COLOURS,
) -> tuple[RestoredPalette, ChromaFilter] | None:
    """Find the colours of a game, and the filter of its chroma.

    Parameters
    ----------
    y : ndarray, shape (n, h, w), float32
        Luma of sample frames at the game's own size, as stored.
    u, v : ndarray, shape (n, hc, wc), float32
        Cb and Cr: of half the size, rounded up, or of the same size.
    matrix : str or None
        ``"bt601"``, ``"bt709"``, or None where the recording does not say.
    full_range : bool or None
        None where the recording does not say.
    table : ndarray, shape (m, 3), uint8, optional
        RGB colours of which the game's are some.
    hints : Hints
    max_colours : int
        More are not looked for.

    Returns
    -------
    tuple of RestoredPalette and ChromaFilter, or None
        None where few colours do not explain the frames: camera video, soft content.
    """
    step = max(round(y.size / SEARCH_PIXELS), 1)
    frames = [
        _Frame(a, b, c, np.zeros(a.shape, np.uint8), np.zeros((2, *b.shape), np.float32))
        for a, b, c in zip(
            *(np.ascontiguousarray(plane[::step], np.float32) for plane in (y, u, v)), strict=True
        )
    ]
    if not 0 < len(_luma_modes(frames)) < max_colours:
        return None
    if hints.seeds is None:
        fit = _first_fit(frames, matrix, full_range)
    else:
        fit = _seeded_fit(frames, hints.seeds, matrix, full_range)
    _search(fit, max_colours, ROUNDS, hints.guesses)
    if _unexplained(fit) > MAX_UNEXPLAINED:
        return None
    _finish(fit)
    if len(fit.colours) >= max_colours:
        return None
    share = fit.count() / fit.count().sum()
    chosen, full, console = _choose(fit.colours, share, fit.hypotheses, y.shape[1], table)
    if console:
        table = CONSOLES[console]
    if table is not None:
        _use_table(fit, ycc_of(table, chosen, full))
    rgb = rgb_of(fit.colours, chosen, full)
    found = RestoredPalette(fit.colours, rgb, chosen, full, console, fit.noise(), table)
    return found, fit.chroma


def name_colours(
    ycc: Floats,
    matrix: str | None,
    full_range: bool | None,
    height: int,
    table: Bytes | None = None,
) -> RestoredPalette:
    """The RGB of colours that are known well, each within a level or two.

    Where a table is given, or a console's table has all of them, they are all colours of the table:
    rare ones may have been missed.

    Parameters
    ----------
    ycc : ndarray, shape (k, 3), float32
    matrix, full_range, height, table
        As `find_palette`'s; the height is that of the frames in pixels.
    """
    names = MATRICES if matrix is None else (matrix,)
    ranges = (False, True) if full_range is None else (full_range,)
    hypotheses = [(m, f) for f in ranges for m in names]
    chosen, full, console = _choose(ycc, np.ones(len(ycc)), hypotheses, height, table)
    if console:
        table = CONSOLES[console]
    if table is not None:
        ycc = ycc_of(table, chosen, full)
        return RestoredPalette(ycc, table, chosen, full, console, 0.0, table)
    return RestoredPalette(ycc, rgb_of(ycc, chosen, full), chosen, full, console, 0.0)


def _finish(fit: _Fit) -> None:
    """Measure the filter again, and keep the colours that pay."""
    fit.set_filter(_measured_filter(fit))
    fit.label(2)
    fit.recolour()
    _merge(fit)
    _prune(fit, 0, 0)
    for _ in range(3):
        fit.label(2)
        fit.recolour()
        fit.set_prior()


def rgb_of(ycc: Floats, matrix: str, full_range: bool) -> Bytes:
    """RGB of Y, Cb, Cr, shape (k, 3), uint8."""
    return np.clip(np.rint(_rgb(ycc, matrix, full_range)), 0, 255).astype(np.uint8)


def ycc_of(rgb: Bytes, matrix: str, full_range: bool) -> Floats:
    """Y, Cb, Cr of RGB, not rounded, shape (k, 3)."""
    kr, kb = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722)}[matrix]
    black, luma, chroma = (0, 255, 255) if full_range else (16, 219, 224)
    r, g, b = rgb.astype(np.float64).T
    y = kr * r + (1 - kr - kb) * g + kb * b
    cb, cr = (b - y) / (2 * (1 - kb)), (r - y) / (2 * (1 - kr))
    planes = [y * luma / 255 + black, cb * chroma / 255 + 128, cr * chroma / 255 + 128]
    return np.stack(planes, 1).astype(np.float32)
