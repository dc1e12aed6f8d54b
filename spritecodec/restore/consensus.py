"""Consensus: what all placements of a sprite together say about its picture.

Mining takes the first sight of a sprite for its picture, with the noise of that sight. Another
sight with other noise becomes another sprite. Here the recorded planes decide: the evidence for
each colour at each pixel of a sprite is summed over placements. Sprites that the planes hardly tell
apart are joined, and then each pixel takes the colour that all of them show best.

Codecs copy their errors from frame to frame along with what moves, so that sights of one track
are no independent witnesses. How alike the errors of consecutive sights are is measured, and
evidence counts as much less as it must.

Evidence is a cost in nats, as in `spritecodec.restore.labels`.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from spritecodec.mining.arrays import CLEAR, Ids, Longs
from spritecodec.mining.indexed import pack_rgb
from spritecodec.mining.sprites.placements import Placements
from spritecodec.render import Renderer
from spritecodec.restore.labels import (
    LabelDecoder,
    Labels,
    Model,
    Planes,
    State,
    label_table,
    planes_costs,
)
from spritecodec.restore.numbered import number_sprites
from spritecodec.scene import (
    FLIP_HORIZONTAL,
    FLIP_VERTICAL,
    Residual,
    Scene,
    Tracks,
    mirrored,
)

Floats = NDArray[np.float32]


class ConsensusThresholds(NamedTuple):
    """When sprites are the same, and when a pixel is another colour."""

    reach: int = 3
    """Pixels around a sprite that may belong to it, and by which two that are joined are moved."""

    frames: int = 128
    """Frames whose planes are looked at, as many sights of each sprite among them as can be."""

    sights: int = 24
    """Sights of a sprite that are enough."""

    sprite_nats: float = 20.0
    """What a sprite costs in a file, besides its pixels."""

    pixel_nats: float = 0.4
    """What each opaque pixel of a sprite costs in a file."""

    switch_nats: float = 12.0
    """What it costs in a file when an object's sprite is another than in the frame before."""

    near: int = 5
    """Pixels that an object moves at most from frame to frame."""

    max_unlike: float = 0.25
    """Share of the pixels in which two sprites that are compared may differ at least."""

    most: int = 1 << 26
    """Numbers of evidence that memory is set aside for; larger scenes stay as they are."""

    gain: float = 2.0
    """Nats that another colour must save at a pixel of a sprite."""

    rounds: int = 2
    """Each with the pictures of the last: neighbours share samples of chroma."""


CONSENSUS = ConsensusThresholds()


class _Pictures(NamedTuple):
    """Sprites as labels, one after another, and where each begins.

    Attributes
    ----------
    labels : ndarray, shape (pixels,), uint16
        CLEAR where a sprite is.
    first : ndarray, shape (sprites + 1,), int64
    height, width : ndarray, shape (sprites,), int64
    """

    labels: Ids
    first: Longs
    height: Longs
    width: Longs

    @staticmethod
    def of(sprites: list[Ids]) -> _Pictures:
        """From their labels, each shape (h, w)."""
        height, width = np.array([s.shape for s in sprites], np.int64).reshape(-1, 2).T
        first = np.concatenate([[0], np.cumsum(height * width)])
        return _Pictures(np.concatenate([s.ravel() for s in sprites]), first, height, width)


class _Sights(NamedTuple):
    """Placements of one frame, on the screen; each shape (n,)."""

    sprite: Longs
    x: Longs
    y: Longs
    flip: NDArray[np.uint8]


class _Evidence(NamedTuple):
    """Costs of colours at the pixels of sprites and around them, over those shown now.

    Attributes
    ----------
    cost : ndarray, shape (numbers,), float32
        Of a sprite, (h + 2 reach, w + 2 reach, colours + 1) numbers; the last is the cost of
        showing what lies behind.
    first : ndarray, shape (sprites + 1,), int64
    """

    cost: Floats
    first: Longs

    @staticmethod
    def none(pictures: _Pictures, colours: int, reach: int) -> _Evidence:
        """Before any frame."""
        areas = (pictures.height + 2 * reach) * (pictures.width + 2 * reach)
        first = np.concatenate([[0], np.cumsum(areas * (colours + 1))])
        return _Evidence(np.zeros(first[-1], np.float32), first)


@njit(cache=True, nogil=True)
def _add_sights(
    model: Model,
    state: State,
    behind: Labels,
    shown: Longs,
    sights: _Sights,
    pictures: _Pictures,
    evidence: _Evidence,
    reach: int,
) -> None:
    """Add what one frame says. `shown` is 1 + the sprite that each pixel shows, 0 for none."""
    colours = len(model.ycc)
    costs = np.empty(colours, np.float32)
    height, width = shown.shape
    for n in range(len(sights.sprite)):
        s = sights.sprite[n]
        h, w = pictures.height[s], pictures.width[s]
        for i in range(-reach, h + reach):
            for j in range(-reach, w + reach):
                y = sights.y[n] + (h - 1 - i if sights.flip[n] & FLIP_VERTICAL else i)
                x = sights.x[n] + (w - 1 - j if sights.flip[n] & FLIP_HORIZONTAL else j)
                if not (0 <= y < height and 0 <= x < width):
                    continue
                if shown[y, x] != 0:
                    inside = 0 <= i < h and 0 <= j < w
                    if shown[y, x] != s + 1 or not inside:
                        continue
                    if pictures.labels[pictures.first[s] + i * w + j] == CLEAR:
                        continue
                planes_costs(model, state, y, x, costs)
                place = (i + reach) * (w + 2 * reach) + j + reach
                at = evidence.first[s] + place * (colours + 1)
                evidence.cost[at : at + colours] += costs
                evidence.cost[at + colours] += costs[behind[y, x]]


@njit(cache=True, nogil=True)
def _best_shift(evidence: Floats, other: Ids, reach: int) -> tuple[float, int, int]:
    """What it costs at least to show another picture where a sprite is, and moved how far.

    `evidence`, shape (h + 2 reach, w + 2 reach, colours + 1), is the sprite's; the other has shape
    (h', w'). Returns the cost, and the row and the column of the sprite where the other begins.
    """
    best = np.inf
    best_y, best_x = 0, 0
    rows, columns, last = evidence.shape[0], evidence.shape[1], evidence.shape[2] - 1
    h, w = other.shape
    for dy in range(-reach, rows - 2 * reach - h + reach + 1):
        for dx in range(-reach, columns - 2 * reach - w + reach + 1):
            cost = 0.0
            for y in range(rows):
                for x in range(columns):
                    i, j = y - reach - dy, x - reach - dx
                    k = last
                    if 0 <= i < h and 0 <= j < w and other[i, j] != CLEAR:
                        k = other[i, j]
                    cost += evidence[y, x, k]
                if cost >= best:
                    break
            if cost < best:
                best, best_y, best_x = cost, dy, dx
    return best, best_y, best_x


@njit(cache=True, nogil=True)
def _join(one: Floats, other: Floats, dy: int, dx: int, out: Floats) -> float:
    """Fill `out` with the evidence of two sprites, the other at (dy, dx); what one picture costs.

    That is how much more the likeliest picture of both costs than the likeliest of each.
    """
    cost = 0.0
    rows, columns = one.shape[:2]
    out[:] = one
    for y in range(other.shape[0]):
        for x in range(other.shape[1]):
            i, j = y + dy, x + dx
            if 0 <= i < rows and 0 <= j < columns:
                out[i, j] += other[y, x]
                cost += out[i, j].min() - one[i, j].min() - other[y, x].min()
    return cost


@dataclass
class _Likeness:
    """How alike the errors of a track's sights are, one after another.

    Attributes
    ----------
    last : dict of int to tuple of int and ndarray
        Of each track, its sprite when last seen, and the errors of its luma, 0 where hidden.
    """

    last: dict[int, tuple[int, Floats]]
    both: float = 0.0
    alone: float = 0.0

    def add(self, at: Placements, errors: Floats, shown: Longs, pictures: _Pictures) -> None:
        """The next frame, with the errors of its luma and the sprites that it shows."""
        numbers = (at.track, at.sprite, at.x, at.y, at.flip)
        for track, sprite, x, y, flip in zip(*(a.tolist() for a in numbers), strict=True):
            h, w = int(pictures.height[sprite]), int(pictures.width[sprite])
            box = slice(max(y, 0), y + h), slice(max(x, 0), x + w)
            seen = mirrored(errors[box] * (shown[box] == sprite + 1), flip)
            sprite_before, before = self.last.get(track, (-1, seen))
            if sprite_before == sprite and before.shape == seen.shape:
                self.both += float((seen * before).sum())
                self.alone += float((seen * seen).sum() + (before * before).sum()) / 2
            self.last[track] = sprite, seen

    def independent(self) -> float:
        """The share of the sights that are worth as much as independent ones.

        That of a series of numbers of which each is like the one before (an AR(1) process).
        """
        likeness = self.both / self.alone if self.alone else 0.0
        likeness = min(max(likeness, 0.0), 0.99)
        return (1 - likeness) / (1 + likeness)


class _Joined(NamedTuple):
    """Which sprites are the same.

    Attributes
    ----------
    head : ndarray, shape (sprites,), int64
        The sprite whose picture each takes; itself where it is its own.
    flip : ndarray, shape (sprites,), uint8
        How each is mirrored to lie on its head.
    moved : ndarray, shape (sprites, 2), int64
        Row and column of the mirrored sprite at which the head's picture begins.
    """

    head: Longs
    flip: NDArray[np.uint8]
    moved: Longs


@dataclass
class _Consensus:
    """A scene whose sprites are decided again.

    Attributes
    ----------
    scene : Scene
    planes : mapping of int to Planes
        Of some frames, by number.
    decoder : LabelDecoder
    rgb : ndarray, shape (k, 3), uint8
        The colours of the decoder's labels.
    share : float
        Of the evidence, that is independent; 0 before any was collected.
    """

    scene: Scene
    planes: Mapping[int, Planes]
    decoder: LabelDecoder
    rgb: NDArray[np.uint8]
    share: float = 0.0

    def __post_init__(self) -> None:
        self.number = label_table(self.rgb)

    def labels(self) -> list[Ids]:
        """The sprites as labels, CLEAR outside."""
        out = []
        for sprite in self.scene.sprites:
            labels = self.number[pack_rgb(np.ascontiguousarray(sprite[..., :3]))]
            out.append(np.where(sprite[..., 3] > 0, labels, CLEAR).astype(np.uint16))
        return out

    def numbered(self) -> Scene:
        """The scene with 1 + the number of each sprite as its colour, over black."""
        sprites = self.scene.sprites
        numbers = [np.full(s.shape[:2], i, np.int64) for i, s in enumerate(sprites, 1)]
        return number_sprites(self.scene, numbers)

    def collect(self, pictures: _Pictures) -> _Evidence:
        """The evidence of the frames, as far as it is independent."""
        scene = self.scene
        bare = dataclasses.replace(scene, tracks=Tracks.none(), residual=Residual.none())
        drawn = Renderer(scene, residual=False)
        behind, numbered = Renderer(bare), Renderer(self.numbered())
        placements = Placements.of(scene)
        evidence = _Evidence.none(pictures, len(self.rgb), CONSENSUS.reach)
        alike = _Likeness({})
        for t in sorted(self.planes):
            planes = self.planes[t]
            labels = self.number[pack_rgb(drawn.frame(t))]
            ground = self.number[pack_rgb(behind.frame(t))]
            shown = pack_rgb(numbered.frame(t)).astype(np.int64)
            model, state = self.decoder.explain(planes, labels)
            sights = placements.at(t)
            seen = _Sights(sights.sprite, sights.x, sights.y, sights.flip)
            _add_sights(model, state, ground, shown, seen, pictures, evidence, CONSENSUS.reach)
            alike.add(sights, planes.y - model.ycc[labels, 0], shown, pictures)
        if not self.share:
            self.share = alike.independent()
        np.multiply(evidence.cost, self.share, out=evidence.cost)
        return evidence

    def switches(self) -> Counter[tuple[int, int]]:
        """How often one sprite follows another about where that was; pairs in order."""
        out: Counter[tuple[int, int]] = Counter()
        placements = Placements.of(self.scene)
        last = placements.at(0)
        for t in range(1, len(self.scene)):
            now = placements.at(t)
            near = np.abs(last.x[:, None] - now.x) <= CONSENSUS.near
            near &= np.abs(last.y[:, None] - now.y) <= CONSENSUS.near
            near &= last.sprite[:, None] != now.sprite
            for i, j in zip(*np.nonzero(near), strict=True):
                a, b = int(last.sprite[i]), int(now.sprite[j])
                out[min(a, b), max(a, b)] += 1
            last = now
        return out

    def step(self) -> bool:
        """Join sprites, and decide their pixels. Returns whether anything changed."""
        labels = self.labels()
        pictures = _Pictures.of(labels)
        evidence = self.collect(pictures)
        reach, colours = CONSENSUS.reach, len(self.rgb)
        ends = zip(evidence.first[:-1], evidence.first[1:], strict=True)
        tables = [
            evidence.cost[a:b].reshape(*(n + 2 * reach for n in s.shape), colours + 1)
            for s, (a, b) in zip(labels, ends, strict=True)
        ]
        joined = self.join(labels, tables)
        heads = joined.head
        kept = np.unique(heads)
        wide, changed = [], len(kept) < len(labels)
        for s in kept.tolist():
            padded = np.pad(labels[s], reach, constant_values=CLEAR)
            now = np.where(padded == CLEAR, colours, padded).astype(np.int64)
            costs = tables[s]
            gain = np.take_along_axis(costs, now[..., None], 2)[..., 0] - costs.min(2)
            # Neighbours share samples of chroma: only one of them at a time.
            better = (gain > CONSENSUS.gain) & (gain == maximum_filter(gain, 3))
            changed |= bool(better.any())
            wide.append(np.where(better, costs.argmin(2), now))
        self.replace(wide, np.searchsorted(kept, heads), joined)
        return changed

    def join(self, labels: list[Ids], tables: list[Floats]) -> _Joined:
        """Find the sprites that are the same; the evidence of a head becomes that of all."""
        count = len(labels)
        sights = np.bincount(self.scene.tracks.sprite, minlength=count)
        switches = self.switches()
        colours = len(self.rgb)
        kinds = np.stack(
            [np.bincount(s[s != CLEAR].ravel(), minlength=colours) for s in labels]
        ).astype(np.int32)
        size = np.array([s.shape for s in labels])
        area = kinds.sum(1)
        out = _Joined(np.arange(count), np.zeros(count, np.uint8), np.zeros((count, 2), np.int64))
        found: list[int] = []
        for s in np.argsort(-sights, kind="stable").tolist():
            others = np.array(found if tables[s].any() else [], np.int64)
            unlike = np.abs(kinds[others] - kinds[s]).sum(1) / 2
            alike = unlike <= CONSENSUS.max_unlike * area[s] + 1
            alike &= (np.abs(size[others] - size[s]) <= 2 * CONSENSUS.reach).all(1)
            price = CONSENSUS.sprite_nats + CONSENSUS.pixel_nats * float(area[s])
            best, joined = 0.0, None
            for head in others[alike].tolist():
                pair = min(s, head), max(s, head)
                limit = price + CONSENSUS.switch_nats * switches[pair]
                for flip in range(4):
                    table = mirrored(tables[s], flip)
                    cost, dy, dx = _best_shift(table, labels[head], CONSENSUS.reach)
                    if cost > 4 * limit:
                        continue
                    both = np.empty_like(tables[head])
                    saved = limit - _join(tables[head], table, -dy, -dx, both)
                    if saved > best:
                        best, joined = saved, both
                        out.head[s], out.flip[s], out.moved[s] = head, flip, (dy, dx)
            if joined is None:
                found.append(s)
            else:
                tables[out.head[s]] = joined
        return out

    def replace(self, wide: list[Longs], number: Longs, joined: _Joined) -> None:
        """Give the scene other sprites.

        Parameters
        ----------
        wide : list of ndarray, each shape (h + 2 reach, w + 2 reach), int64
            Labels, ``len(rgb)`` where clear.
        number : ndarray, shape (old sprites,), int64
            Which of them each of the present sprites becomes.
        joined : _Joined
            How they lie on those.
        """
        rgba = np.zeros((len(self.rgb) + 1, 4), np.uint8)
        rgba[:-1, :3], rgba[:-1, 3] = self.rgb, 255
        sprites, begin = [], []
        for picture in wide:
            y, x = np.nonzero(picture < len(self.rgb))
            top, left = (int(a.min()) if len(a) else 0 for a in (y, x))
            sprites.append(rgba[picture[top : y.max(initial=0) + 1, left : x.max(initial=0) + 1]])
            begin.append((top - CONSENSUS.reach, left - CONSENSUS.reach))
        old = np.array([s.shape[:2] for s in self.scene.sprites])
        new = np.array([s.shape[:2] for s in sprites])
        tracks = self.scene.tracks
        was, becomes = tracks.sprite, number[tracks.sprite]
        shift = joined.moved[was] + np.array(begin)[becomes]
        flip = tracks.flip ^ joined.flip[was]
        # A mirrored placement is moved by what is left on the other side.
        other = old[was] - new[becomes] - shift
        vertical, horizontal = (flip & f > 0 for f in (FLIP_VERTICAL, FLIP_HORIZONTAL))
        dy = np.where(vertical, other[:, 0], shift[:, 0])
        dx = np.where(horizontal, other[:, 1], shift[:, 1])
        self.scene = dataclasses.replace(
            self.scene,
            sprites=tuple(sprites),
            tracks=dataclasses.replace(
                tracks,
                sprite=becomes.astype(np.int32),
                x=(tracks.x + dx).astype(np.int32),
                y=(tracks.y + dy).astype(np.int32),
                flip=flip,
            ),
        )


def _decidable(scene: Scene, colours: int) -> bool:
    """Whether planes can tell what sprites look like.

    Not where something is translucent: there a pixel shows more than one thing. And not where the
    evidence for so many colours takes too much memory.
    """
    pictures = scene.sprites + scene.textures
    if any(((p[..., 3] > 0) & (p[..., 3] < 255)).any() for p in pictures):
        return False
    border = 2 * CONSENSUS.reach
    areas = [(s.shape[0] + border) * (s.shape[1] + border) for s in scene.sprites]
    return bool(sum(areas) * (colours + 1) <= CONSENSUS.most)


def telling_frames(scene: Scene, colours: int) -> frozenset[int]:
    """The frames to look at for `agree`: enough sights of each sprite, spread over time.

    None where nothing can be said.
    """
    if not _decidable(scene, colours):
        return frozenset()
    placements = Placements.of(scene)
    sights = np.bincount(placements.sprite, minlength=len(scene.sprites))
    have = np.zeros_like(sights)
    # The fractional parts of multiples of the golden ratio never leave a large gap.
    spread = np.argsort(np.arange(len(scene)) * 0.6180339887498949 % 1, kind="stable")
    open_ = spread[scene.recolouring.tables(len(scene))[spread] < 0].tolist()
    chosen: set[int] = set()
    for enough in (1, CONSENSUS.sights):  # rare sprites must not be too late
        wanted = np.minimum(sights, enough)
        for t in open_:
            seen = placements.at(t).sprite
            if t not in chosen and (have[seen] < wanted[seen]).any():
                if len(chosen) == CONSENSUS.frames:
                    break
                chosen.add(t)
                np.add.at(have, seen, 1)
    return frozenset(chosen)


def agree(
    scene: Scene, planes: Mapping[int, Planes], decoder: LabelDecoder, rgb: NDArray[np.uint8]
) -> Scene:
    """A scene with the sprites that all their placements show together.

    Parameters
    ----------
    scene : Scene
    planes : mapping of int to Planes
        Of some of the scene's frames, by number: `telling_frames`. Those that are recoloured are
        left out.
    decoder : LabelDecoder
    rgb : ndarray, shape (k, 3), uint8
        The colours of its labels.

    Returns
    -------
    Scene
        With fewer sprites and the same tracks; `scene` itself where nothing can be said.
    """
    recoloured = scene.recolouring.tables(len(scene)) >= 0
    planes = {t: frame for t, frame in planes.items() if not recoloured[t]}
    if not planes or not _decidable(scene, len(rgb)):
        return scene
    consensus = _Consensus(scene, planes, decoder, rgb)
    for _ in range(CONSENSUS.rounds):
        if not consensus.step():
            break
    return consensus.scene
