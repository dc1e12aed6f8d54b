"""Labels: the palette colour of each pixel of a lossy frame, and what else it may be.

A frame's labels are those that explain the recorded planes best: luma pixel by pixel, chroma
through the filter that mixed neighbouring pixels into one sample. Codec noise leaves a few
pixels in a hundred undecided, so neighbours count too: pairs of colours that are often side by
side are likelier (a Markov random field; J. Besag, "On the statistical analysis of dirty
pictures", 1986). The labels are improved pixel by pixel, first with little trust in the planes
and then with more, so that no chance pattern of noise is taken for art.

Costs are negative log-likelihoods, in nats.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spritecodec.clip import MAX_OTHERS, NO_COLOUR, Doubt
from spritecodec.mining.indexed import pack_rgb
from spritecodec.restore.box_mean import box_mean
from spritecodec.restore.chroma import ChromaFilter, Runs, runs

Floats = NDArray[np.float32]
Labels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

HALF_PI = np.float32(np.pi / 2)

NO_LABEL = 255
"""Where no frame is expected, or no other label is possible."""


class LabelThresholds(NamedTuple):
    """How labels are decided."""

    min_variance: float = 0.5
    """Squared levels. Rounding and the codec leave at least so much noise everywhere."""

    luma_reach: int = 4
    """Pixels around a pixel over which the noise of luma is averaged."""

    chroma_reach: int = 2
    """Samples around a sample over which the noise of chroma is averaged."""

    pair_weight: float = 0.5
    """Weight of the log-odds of pairs of neighbours. Each pair is seen from both of its
    pixels, so it counts half from each."""

    trust: tuple[float, ...] = (0.2, 0.35, 0.6, 1.0)
    """Weights of the planes in the sweeps over a frame, one after another."""

    first_sweeps: int = 3
    """Sweeps without a prior that a frame begins with, where chroma is smaller than luma."""

    few_changes: float = 1e-3
    """Share of the pixels. The noise is not measured anew when no more have changed."""

    margin: float = 16.0
    """Nats. Pixels of which the planes say more surely what they are keep their labels."""

    doubt: float = 12.0
    """Nats. Colours that cost so much more than the likeliest are possible too."""

    surprise: float = 12.0
    """Nats that a pixel costs where it differs from the frame that is expected."""

    wide_doubt: float = 40.0
    """Nats. As `doubt`, of pixels where a frame is expected: many frames speak for that, and
    errors that a codec copies from frame to frame are no better witnesses for being many."""

    outlier: float = 40.0
    """Nats that the luma of a pixel weighs at most where a frame is expected: codecs leave pixels
    that are far off where something came or went."""

    border: float = 1.5
    """Nats for each of the eight neighbours that is as expected where the pixel is not, or the
    other way round: single wrong pixels are noise, and objects hang together."""


LABELS = LabelThresholds()


def label_table(rgb: NDArray[np.uint8], other: int = NO_LABEL) -> Labels:
    """The label of every colour, shape (2^24,), by 0xRRGGBB; `other` for those not in `rgb`.

    Parameters
    ----------
    rgb : ndarray, shape (k, 3), uint8
        The colours of the labels.
    other : int
    """
    table = np.full(1 << 24, other, np.uint8)
    table[pack_rgb(rgb)] = np.arange(len(rgb))
    return table


class Planes(NamedTuple):
    """A recorded frame: luma, shape (h, w), and chroma, shape (hc, wc), float32, in levels."""

    y: Floats
    u: Floats
    v: Floats


class Prior(NamedTuple):
    """What is likely before the planes are looked at.

    Attributes
    ----------
    single : ndarray, shape (k,), float32
        Cost of each colour.
    beside, below : ndarray, shape (k, k), float32
        Cost of the second colour to the right of or below the first, over its cost alone.
    """

    single: Floats
    beside: Floats
    below: Floats

    @staticmethod
    def of(frames: list[Labels], colours: int) -> Prior:
        """As often as they are seen in some labelled frames."""
        single = np.ones(colours)
        pairs = np.full((2, colours, colours), 0.5)
        for frame in frames:
            wide = frame.astype(np.int64)
            single += np.bincount(wide.ravel(), minlength=colours)
            for table, a, b in (
                (pairs[0], wide[:, :-1], wide[:, 1:]),
                (pairs[1], wide[:-1], wide[1:]),
            ):
                both = np.bincount((a * colours + b).ravel(), minlength=colours * colours)
                table += both.reshape(colours, colours)
        beside, below = (LABELS.pair_weight * _log_odds(table) for table in pairs)
        return Prior(-np.log(single / single.sum()).astype(np.float32), beside, below)


def _log_odds(pairs: NDArray[np.float64]) -> Floats:
    """Minus the logarithm of how much oftener pairs are than by chance."""
    share = pairs / pairs.sum()
    chance = share.sum(axis=1, keepdims=True) * share.sum(axis=0, keepdims=True)
    odds: Floats = -np.log(share / chance).astype(np.float32)
    return odds


class Model(NamedTuple):
    """What the kernels read: colours, (k, 3) float32; the chroma samples that each row and each
    column of pixels contributes to; the prior, and the least that it makes any pixel cost."""

    ycc: Floats
    rows: Runs
    columns: Runs
    prior: Prior
    least_prior: float

    def with_prior(self, prior: Prior) -> Model:
        """The model with another prior."""
        pairs = min(float(prior.beside.min()), 0.0) + min(float(prior.below.min()), 0.0)
        return self._replace(prior=prior, least_prior=float(prior.single.min()) + 2 * pairs)


class State(NamedTuple):
    """A frame while its labels are improved.

    Attributes
    ----------
    planes : Planes
    labels : ndarray, shape (h, w), uint8
    u, v : ndarray, shape (hc, wc), float32
        Recorded chroma less what the labels explain.
    luma_trust, chroma_trust : ndarray, float32
        Half the inverse variance of the noise, at each pixel and at each sample.
    expected : ndarray, shape (h, w), uint8
        The labels that are expected; NO_LABEL where none is.
    """

    planes: Planes
    labels: Labels
    u: Floats
    v: Floats
    luma_trust: Floats
    chroma_trust: Floats
    expected: Labels


@njit(cache=True, nogil=True)
def _start(planes: Planes, ycc: Floats, labels: Labels) -> None:
    """Label each pixel by its luma, and by its chroma where that is as large."""
    whole = planes.u.shape == planes.y.shape
    for i in range(labels.shape[0]):
        for j in range(labels.shape[1]):
            best = np.float32(1e9)
            for k in range(len(ycc)):
                d = (planes.y[i, j] - ycc[k, 0]) ** 2
                if whole:
                    d += (planes.u[i, j] - ycc[k, 1]) ** 2 + (planes.v[i, j] - ycc[k, 2]) ** 2
                if d < best:
                    best = d
                    labels[i, j] = k


@njit(cache=True, nogil=True)
def _explain_chroma(model: Model, state: State) -> None:
    """Compute the chroma that the labels leave unexplained."""
    rows, columns = model.rows, model.columns
    state.u[:] = state.planes.u
    state.v[:] = state.planes.v
    for i in range(state.labels.shape[0]):
        for j in range(state.labels.shape[1]):
            k = state.labels[i, j]
            _add_chroma(state, rows, columns, i, j, -model.ycc[k, 1], -model.ycc[k, 2])


@njit(cache=True, nogil=True)
def _add_chroma(
    state: State, rows: Runs, columns: Runs, i: int, j: int, u: float, v: float
) -> None:
    """Add a pixel's share of a change of its chroma to the unexplained samples."""
    for a in range(rows.length[i]):
        for b in range(columns.length[j]):
            g = rows.weight[i, a] * columns.weight[j, b]
            state.u[rows.first[i] + a, columns.first[j] + b] += g * u
            state.v[rows.first[i] + a, columns.first[j] + b] += g * v


@njit(cache=True, nogil=True, inline="always")
def _surprise(state: State, i: int, j: int, thr: LabelThresholds) -> tuple[float, float]:
    """Cost of a pixel that is as expected, and of one that is not."""
    h, w = state.labels.shape
    as_expected, surprising = 0, 0  # neighbours
    for y in range(max(i - 1, 0), min(i + 2, h)):
        for x in range(max(j - 1, 0), min(j + 2, w)):
            if (y != i or x != j) and state.expected[y, x] != NO_LABEL:
                if state.labels[y, x] == state.expected[y, x]:
                    as_expected += 1
                else:
                    surprising += 1
    return thr.border * surprising, thr.surprise + thr.border * as_expected


@njit(cache=True, nogil=True, inline="always")
def chroma_pull(model: Model, state: State, i: int, j: int) -> tuple[float, float, float]:
    """What the chroma around a pixel says of it: weight of squares, and pull in u and v."""
    rows, columns = model.rows, model.columns
    g2, gu, gv = 0.0, 0.0, 0.0
    for a in range(rows.length[i]):
        for b in range(columns.length[j]):
            y, x = rows.first[i] + a, columns.first[j] + b
            g = rows.weight[i, a] * columns.weight[j, b]
            t = g * state.chroma_trust[y, x]
            g2 += g * t
            gu += t * state.u[y, x]
            gv += t * state.v[y, x]
    return g2, gu, gv


@njit(cache=True, nogil=True)
def planes_costs(model: Model, state: State, i: int, j: int, out: Floats) -> None:
    """Fill `out`, shape (k,), with what the planes say that each colour costs at a pixel.

    Over its present one, without prior or expectation.
    """
    ycc, now = model.ycc, state.labels[i, j]
    g2, gu, gv = chroma_pull(model, state, i, j)
    luma, lt = state.planes.y[i, j], state.luma_trust[i, j]
    e0 = (luma - ycc[now, 0]) ** 2
    for k in range(len(ycc)):
        du, dv = ycc[k, 1] - ycc[now, 1], ycc[k, 2] - ycc[now, 2]
        c = lt * ((luma - ycc[k, 0]) ** 2 - e0)
        out[k] = c + g2 * (du * du + dv * dv) - 2 * (gu * du + gv * dv)


@njit(cache=True, nogil=True, inline="always")
def _prior_cost(prior: Prior, labels: Labels, i: int, j: int, colour: int) -> float:
    """Cost of a colour at a pixel, by itself and beside its four neighbours."""
    h, w = labels.shape
    cost = float(prior.single[colour])
    if j > 0:
        cost += prior.beside[labels[i, j - 1], colour]
    if j + 1 < w:
        cost += prior.beside[colour, labels[i, j + 1]]
    if i > 0:
        cost += prior.below[labels[i - 1, j], colour]
    if i + 1 < h:
        cost += prior.below[colour, labels[i + 1, j]]
    return cost


@njit(cache=True, nogil=True, inline="always")
def _costs(
    model: Model,
    state: State,
    i: int,
    j: int,
    trust: float,
    limit: float,
    thr: LabelThresholds,
    out: Floats,
) -> bool:
    """Fill `out`, shape (k,), with what each colour costs at a pixel, over its present one.

    Of a colour that surely costs more than `limit`, which is not negative, it holds only so much
    that it does. Returns whether the planes alone speak for the present colour, too.
    """
    prior, ycc, labels = model.prior, model.ycc, state.labels
    now = labels[i, j]
    g2, gu, gv = chroma_pull(model, state, i, j)
    luma, lt = state.planes.y[i, j], state.luma_trust[i, j]
    expected = state.expected[i, j]
    worst = np.float32(1e9) if expected == NO_LABEL else np.float32(thr.outlier)
    e0 = min(lt * (luma - ycc[now, 0]) ** 2, worst)
    as_expected, surprising = 0.0, 0.0
    if expected != NO_LABEL:
        as_expected, surprising = _surprise(state, i, j, thr)
    before = _prior_cost(prior, labels, i, j, now)
    before += as_expected if now == expected else surprising
    # No colour explains more of the chroma than all, or costs less beside its neighbours.
    least = min(as_expected, surprising) + model.least_prior - before
    if g2 > 0:
        least -= trust * (gu * gu + gv * gv) / g2
    settled = True
    for k in range(len(ycc)):
        c = min(lt * (luma - ycc[k, 0]) ** 2, worst) - e0
        if trust * c + least > limit:
            out[k] = trust * c + least
            continue
        du, dv = ycc[k, 1] - ycc[now, 1], ycc[k, 2] - ycc[now, 2]
        c += g2 * (du * du + dv * dv) - 2 * (gu * du + gv * dv)
        settled &= c >= 0
        c *= trust
        c += _prior_cost(prior, labels, i, j, k)
        c += (as_expected if k == expected else surprising) - before
        out[k] = c
    return settled


@njit(cache=True, nogil=True)
def _sweep(
    model: Model, state: State, open_: Mask, trust: float, thresholds: LabelThresholds
) -> int:
    """Give each open pixel its cheapest colour, in order; return how many change.

    A pixel is open no more when planes and prior speak for its colour: then they do so with
    more trust in the planes, too. Pixels around one that changes are open again.
    """
    h, w = state.labels.shape
    costs = np.empty(len(model.ycc), np.float32)
    changed = 0
    for i in range(h):
        for j in range(w):
            if not open_[i, j]:
                continue
            settled = _costs(model, state, i, j, trust, 0.0, thresholds, costs)
            k = costs.argmin()
            now = state.labels[i, j]
            if k == now or costs[k] > -1e-3:
                open_[i, j] = not settled
                continue
            changed += 1
            state.labels[i, j] = k
            du = model.ycc[now, 1] - model.ycc[k, 1]
            dv = model.ycc[now, 2] - model.ycc[k, 2]
            _add_chroma(state, model.rows, model.columns, i, j, du, dv)
            open_[max(i - 2, 0) : i + 3, max(j - 2, 0) : j + 3] = True
    return changed


@njit(cache=True, nogil=True)
def _mark_unsure(model: Model, state: State, limit: float, out: Mask) -> None:
    """Mark the pixels whose planes allow another colour for less than `limit` nats more."""
    ycc = model.ycc
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            now, expected = state.labels[i, j], state.expected[i, j]
            out[i, j] = expected != NO_LABEL and expected != now
            if out[i, j]:
                continue
            luma, lt = state.planes.y[i, j], state.luma_trust[i, j]
            e0 = (luma - ycc[now, 0]) ** 2
            g2, gu, gv = -1.0, 0.0, 0.0
            for k in range(len(ycc)):
                if k == now:
                    continue
                c = lt * ((luma - ycc[k, 0]) ** 2 - e0)
                if c < 4 * limit:
                    if g2 < 0:
                        g2, gu, gv = chroma_pull(model, state, i, j)
                    du, dv = ycc[k, 1] - ycc[now, 1], ycc[k, 2] - ycc[now, 2]
                    c += g2 * (du * du + dv * dv) - 2 * (gu * du + gv * dv)
                    if c < limit:
                        out[i, j] = True
                        break


@njit(cache=True, nogil=True)
def _doubts(model: Model, state: State, active: Mask, thr: LabelThresholds, out: Labels) -> None:
    """Fill `out`, shape (h, w, MAX_OTHERS), with other possible labels, the likeliest first."""
    costs = np.empty(len(model.ycc), np.float32)
    out[:] = NO_LABEL
    for i in range(active.shape[0]):
        for j in range(active.shape[1]):
            if not active[i, j]:
                continue
            limit = thr.doubt if state.expected[i, j] == NO_LABEL else thr.wide_doubt
            _costs(model, state, i, j, 1.0, limit, thr, costs)
            costs[state.labels[i, j]] = 1e9
            for c in range(out.shape[2]):
                k = costs.argmin()
                if costs[k] > limit:
                    break
                out[i, j, c] = k
                costs[k] = 1e9


class LabelDecoder:
    """Finds the labels of the frames of one recording.

    Parameters
    ----------
    ycc : ndarray, shape (k, 3), float32
        Luma and chroma of the palette's colours, in recorded levels; k at most 254.
    chroma : ChromaFilter
    """

    def __init__(self, ycc: Floats, chroma: ChromaFilter) -> None:
        rows, columns = (runs(np.ascontiguousarray(m.T)) for m in (chroma.rows, chroma.columns))
        flat = np.zeros((len(ycc), len(ycc)), np.float32)
        prior = Prior(np.zeros(len(ycc), np.float32), flat, flat)
        self._model = Model(np.ascontiguousarray(ycc, np.float32), rows, columns, prior, 0.0)

    def learn(self, sample: list[Planes]) -> None:
        """Learn from some frames which colours are side by side how often."""
        states = [self._begin(planes, None) for planes in sample]
        for trust in LABELS.trust:
            found = [state.labels for state in states]
            self._model = self._model.with_prior(Prior.of(found, len(self._model.ycc)))
            states = [
                self._improve(self._weigh(state), np.ones(state.labels.shape, bool), (trust, trust))
                for state in states
            ]

    def learn_from(self, frames: list[Labels]) -> None:
        """Learn the same from frames whose labels are known."""
        self._model = self._model.with_prior(Prior.of(frames, len(self._model.ycc)))

    def decode(self, planes: Planes, expected: Labels | None = None) -> tuple[Labels, Labels]:
        """The labels of a frame, and what else its pixels may be.

        Parameters
        ----------
        planes : Planes
        expected : ndarray, shape (h, w), uint8, optional
            Labels that other frames lead one to expect; NO_LABEL where none.

        Returns
        -------
        labels : ndarray, shape (h, w), uint8
        others : ndarray, shape (h, w, MAX_OTHERS), uint8
            Other possible labels, the likeliest first, then NO_LABEL.
        """
        state = self._weigh(self._begin(planes, expected), wary=expected is not None)
        active = np.empty(state.labels.shape, bool)
        _mark_unsure(self._model, state, LABELS.margin, active)
        state = self._improve(state, active, LABELS.trust)
        others = np.empty((*state.labels.shape, MAX_OTHERS), np.uint8)
        _doubts(self._model, state, active, LABELS, others)
        return state.labels, others

    def explain(self, planes: Planes, labels: Labels) -> tuple[Model, State]:
        """A frame as some labels explain it, to read in kernels.

        Parameters
        ----------
        planes : Planes
        labels : ndarray, shape (h, w), uint8
            Labels only, as they are.
        """
        return self._model, self._weigh(self._begin(planes, labels), wary=True)

    def _begin(self, planes: Planes, expected: Labels | None) -> State:
        """A frame labelled by its luma, and then by luma and chroma without a prior."""
        nothing = np.full(planes.y.shape, NO_LABEL, np.uint8)
        trust = np.full(planes.y.shape, 0.5, np.float32), np.full(planes.u.shape, 0.5, np.float32)
        state = State(
            planes,
            np.zeros(planes.y.shape, np.uint8),
            np.empty_like(planes.u),
            np.empty_like(planes.v),
            *trust,
            nothing if expected is None else expected,
        )
        if expected is not None and (expected != NO_LABEL).all():
            state.labels[:] = expected
            _explain_chroma(self._model, state)
            return state
        _start(planes, self._model.ycc, state.labels)
        _explain_chroma(self._model, state)
        if planes.u.shape == planes.y.shape:
            return state
        active = np.empty(state.labels.shape, bool)
        _mark_unsure(self._model, state, LABELS.margin, active)
        flat = np.zeros_like(self._model.prior.beside)
        bare = self._model.with_prior(Prior(flat[0].copy(), flat, flat))
        for _ in range(LABELS.first_sweeps):
            if not _sweep(bare, state, active, 1.0, LABELS):
                break
        return state

    def _improve(self, state: State, active: Mask, trust: tuple[float, ...]) -> State:
        """Sweep over the active pixels, once for each trust; the state with its noise measured.

        Pixels around those that change become active, too.
        """
        if not active.any():
            return state
        open_ = active.copy()
        for share in trust:
            changed = _sweep(self._model, state, open_, share, LABELS)
            active |= open_
            if changed > LABELS.few_changes * state.labels.size:
                state = self._weigh(state)
        return state

    def _weigh(self, state: State, *, wary: bool = False) -> State:
        """The state, with the noise measured anew.

        A `wary` measure is by absolute errors: a few labels that are wrongly expected hardly
        change their mean, while that of squares would hide that the planes contradict them.
        """
        luma = state.planes.y - self._model.ycc[state.labels, 0]
        if wary:
            chroma = (np.abs(state.u) + np.abs(state.v)) * np.float32(0.5)
            luma = np.abs(luma)
        else:
            chroma = (np.square(state.u) + np.square(state.v)) * np.float32(0.5)
            luma = np.square(luma)
        reach = LABELS.chroma_reach if chroma.shape != luma.shape else LABELS.luma_reach
        means = (
            box_mean(luma, 2 * LABELS.luma_reach + 1),
            box_mean(chroma, 2 * reach + 1),
        )
        if wary:  # of a normal distribution
            means = np.square(means[0]) * HALF_PI, np.square(means[1]) * HALF_PI
        luma_trust, chroma_trust = (np.float32(0.5) / (m + LABELS.min_variance) for m in means)
        return state._replace(luma_trust=luma_trust, chroma_trust=chroma_trust)


def as_doubt(others: Labels, packed: NDArray[np.uint32]) -> Doubt:
    """Other possible labels as colours.

    Parameters
    ----------
    others : ndarray, shape (h, w, MAX_OTHERS), uint8
    packed : ndarray, shape (k,), uint32
        0xRRGGBB of the labels.
    """
    flat = others.reshape(-1, MAX_OTHERS)
    where = np.flatnonzero(flat[:, 0] != NO_LABEL)
    table = np.full(NO_LABEL + 1, NO_COLOUR, np.uint32)
    table[: len(packed)] = packed
    return Doubt(where, table[flat[where]])
