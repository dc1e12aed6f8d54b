"""The colours of a game, looked for once more where its objects are known.

A rare colour beside another of like luma is hard to see in single pixels: codecs mix the chroma of
neighbours. But pixels of one label in one sprite, or in one connected part of a background, have
one colour in nearly all games, and are seen in many frames. Such *groups* are fitted together to
the recorded planes: luma by its mean, chroma by least squares through the filter that mixed it.
Where groups agree on a colour that the palette lacks, it is added; a colour that no group needs
goes.

Where the palette lacks two colours, one of its own was taken for both, and no group is pure. So
pixels of a sprite first say each for itself what they would be (`pixel_evidence`), and those of one
label that wish for different colours are different groups. Each object has errors of its own that
no number of frames averages out; how large they are is measured.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spritecodec.mining.arrays import EIGHT_NEIGHBOURS, Longs
from spritecodec.mining.indexed import pack_rgb
from spritecodec.render import Renderer
from spritecodec.restore.chroma import ChromaFilter, bands
from spritecodec.restore.labels import LabelDecoder, Planes, label_table
from spritecodec.restore.numbered import number_scene
from spritecodec.restore.palette import RestoredPalette, into_gamut, rgb_of, ycc_of
from spritecodec.restore.palette_kernels import add_equations
from spritecodec.restore.pixel_evidence import colour_costs, sprite_evidence
from spritecodec.scene import Scene

Doubles = NDArray[np.float64]


class ObjectColourThresholds(NamedTuple):
    """When a colour is new, and when one is not needed."""

    min_area: int = 4
    """Pixels of a connected part of a background that may have a colour of its own."""

    max_groups: int = 2000
    """The largest parts of backgrounds; smaller ones share a group for each label."""

    min_pixels: int = 8
    """Pixels of a group, over the frames, whose own colour may be a new one."""

    independent: float = 0.1
    """Share of the evidence that counts: codecs repeat their errors. Measured along tracks where
    the palette is right (`consensus`), it is 0.08 to 0.19."""

    wish: float = 0.5
    """Nats that another colour must save at a pixel of a sprite, to part it from its label's."""

    lattice: int = 6
    """Values of R, G and B of the colours that pixels are parted by, where none is known."""

    well_seen: float = 1.0
    """Levels. The spread of groups whose luma is known as well shows the errors of objects."""

    lasting: int = 3
    """Frames that an object is there at least, to be a witness of a colour. What codecs leave where
    something came or went has colours in between, and is gone a frame or two later."""

    lenient: float = 30.0
    """Nats that a colour must save to be tried: two that an object mixes save little alone."""

    price: float = 100.0
    """Nats that a colour must save to stay. At 75, mixtures stay in recordings of crf 23; at 150,
    rare colours go."""

    unlike: tuple[float, float, float] = (5.0, 10.0, 10.0)
    """Levels of Y, Cb, Cr. No two colours are nearer in all of them: errors that a codec makes
    everywhere look like another colour."""

    bleed: float = 0.2
    """Share of another colour's chroma that codecs let into thin parts of objects. A colour that
    such a mixture with the same luma explains, but for `bled` levels, is not new."""

    bled: float = 5.0
    """Levels of Cb and Cr."""

    most: int = 16
    """Colours that are added at a time."""


OBJECT_COLOURS = ObjectColourThresholds()


@dataclass
class _Numbered:
    """A scene with the number of a group as the colour of each pixel.

    Attributes
    ----------
    scene : Scene
    sprites, textures : list of ndarray, each shape (h, w), int64
        Groups of their pixels.
    labels : list of int
        Of each group; the first groups have the labels alone.
    """

    scene: Scene
    sprites: list[Longs]
    textures: list[Longs]
    labels: list[int]

    @staticmethod
    def of(scene: Scene, number: NDArray[np.uint8], count: int, wishes: list[Longs]) -> _Numbered:
        """For a scene in colours of `count` labels.

        Parameters
        ----------
        scene : Scene
        number : ndarray, shape (2^24,), uint8
            The label of each colour.
        count : int
        wishes : list of ndarray, each shape (h, w), int64
            Of each sprite: pixels of one label with different wishes are different groups.
        """
        labels = list(range(count))
        sprites = []
        for sprite, wish in zip(scene.sprites, wishes, strict=True):
            own, shown = number[_packed(sprite)].astype(np.int64), sprite[..., 3] > 0
            both = own + count * (wish + 1)
            groups = own.copy()
            for k in np.unique(both[shown]).tolist():
                groups[both == k] = len(labels)
                labels.append(k % count)
            sprites.append(groups)
        textures = [number[_packed(texture)].astype(np.int64) for texture in scene.textures]
        parts: list[tuple[int, int, int, NDArray[np.bool_], tuple[slice, slice]]] = []
        for i, own in enumerate(textures):
            shown = scene.textures[i][..., 3] > 0
            for k in np.unique(own[shown]).tolist():
                found, last = ndimage.label((own == k) & shown, EIGHT_NEIGHBOURS)
                area = np.bincount(found.ravel(), minlength=last + 1)
                for part, box in enumerate(ndimage.find_objects(found), 1):
                    if area[part] >= OBJECT_COLOURS.min_area:
                        parts.append((-int(area[part]), i, k, found[box] == part, box))
        parts.sort(key=lambda part: part[0])
        for _, i, k, mask, box in parts[: max(OBJECT_COLOURS.max_groups - len(labels), 0)]:
            textures[i][box][mask] = len(labels)
            labels.append(k)
        ground = number[pack_rgb(scene.backdrop[None])[0]].astype(np.int64)
        drawn = number_scene(scene, sprites, textures, ground)
        return _Numbered(drawn, sprites, textures, labels)

    def coloured(self, scene: Scene, rgb: NDArray[np.uint8]) -> Scene:
        """The scene with the colours of its groups, shape (groups, 3); the backdrop stays."""

        def paint(groups: Longs, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
            return np.where(picture[..., 3:] > 0, np.dstack([rgb[groups], picture[..., 3]]), 0)

        sprites = (paint(g, s) for g, s in zip(self.sprites, scene.sprites, strict=True))
        textures = (paint(g, t) for g, t in zip(self.textures, scene.textures, strict=True))
        return dataclasses.replace(scene, sprites=tuple(sprites), textures=tuple(textures))


def _packed(picture: NDArray[np.uint8]) -> NDArray[np.uint32]:
    return pack_rgb(np.ascontiguousarray(picture[..., :3]))


@dataclass
class _Groups:
    """What the planes say of the colours of groups, as sums; costs are quadratic in them.

    Attributes
    ----------
    luma_weight, luma : ndarray, shape (g,), float64
        Summed trust in the luma of a group's pixels, and trust times luma.
    chroma_weight : ndarray, shape (g, g), float64
        Trust in chroma samples times the shares of two groups in them, summed.
    chroma : ndarray, shape (g, 2), float64
        The same with the samples themselves.
    pixels, lasting : ndarray, shape (g,), float64
        How many, and those of objects that are there for some time.
    """

    luma_weight: Doubles
    luma: Doubles
    chroma_weight: Doubles
    chroma: Doubles
    pixels: Doubles
    lasting: Doubles

    @staticmethod
    def of(
        scene: Scene,
        numbered: _Numbered,
        planes: Mapping[int, Planes],
        decoder: LabelDecoder,
        chroma: ChromaFilter,
    ) -> _Groups:
        """Of some frames of the scene."""
        count = len(numbered.labels)
        label = np.array(numbered.labels, np.uint8)
        luma_weight, luma, pixels = np.zeros((3, count))
        lasting = np.zeros(count)
        weight, samples = np.zeros((count, count)), np.zeros((count, 2))
        out = _Groups(luma_weight, luma, weight, samples, pixels, lasting)
        rows, columns = bands(chroma.rows), bands(chroma.columns)
        drawn, stays = Renderer(numbered.scene), Renderer(_lasting(numbered.scene))
        for t in sorted(planes):
            frame = planes[t]
            groups = pack_rgb(drawn.frame(t)).astype(np.int32)
            kept = pack_rgb(stays.frame(t)).ravel()
            _, state = decoder.explain(frame, label[groups])
            flat = groups.ravel()
            trust = OBJECT_COLOURS.independent * state.luma_trust
            out.pixels += np.bincount(flat, minlength=count)
            out.lasting += np.bincount(flat, kept == flat, count)
            out.luma_weight += np.bincount(flat, trust.ravel(), count)
            out.luma += np.bincount(flat, (trust * frame.y).ravel(), count)
            trust = OBJECT_COLOURS.independent * state.chroma_trust
            add_equations(frame.u, frame.v, groups, rows, columns, trust, weight, samples)
        return out

    def doubted(self, now: Doubles) -> _Groups:
        """The same, with objects of which each has errors of its own that no frame averages out.

        How large they are is measured, by how far groups that are well seen are from their
        colours `now`, shape (g, 3): most of these are right.
        """
        off = np.abs(self.own(now) - now)
        well = self.lasting >= OBJECT_COLOURS.min_pixels
        chroma_weight = np.diag(self.chroma_weight)
        limit = 0.5 / OBJECT_COLOURS.well_seen**2
        errors = [
            _variance(off[well & (self.luma_weight > limit), 0]),
            _variance(off[well & (chroma_weight > limit / 4), 1:]),
        ]
        lasting = np.maximum(self.lasting / np.maximum(self.pixels, 1), 1e-6)
        luma = lasting / (1 + 2 * errors[0] * self.luma_weight)
        chroma = lasting / (1 + 2 * errors[1] * chroma_weight)
        root = np.sqrt(chroma)
        weight = self.chroma_weight * root[:, None] * root
        pull = (self.chroma - self.chroma_weight @ now[:, 1:]) * chroma[:, None]
        return _Groups(
            self.luma_weight * luma,
            self.luma * luma,
            weight,
            pull + weight @ now[:, 1:],
            self.pixels,
            self.lasting,
        )

    def costs(self, now: Doubles, colours: Doubles) -> Doubles:
        """What each colour costs each group over its present one, others kept; shape (g, k)."""
        change = colours[None] - now[:, None]
        square = self.luma_weight[:, None] * (colours[None, :, 0] ** 2 - now[:, None, 0] ** 2)
        out: Doubles = square - 2 * self.luma[:, None] * change[..., 0]
        pull = self.chroma - self.chroma_weight @ now[:, 1:]
        alone = np.diag(self.chroma_weight)[:, None]
        for c in (0, 1):
            d = change[..., c + 1]
            out += alone * d * d - 2 * pull[:, c : c + 1] * d
        return out

    def total(self, now: Doubles) -> float:
        """Cost of the groups' colours, but for a constant."""
        u, v = now[:, 1], now[:, 2]
        luma = self.luma_weight * now[:, 0] ** 2 - 2 * self.luma * now[:, 0]
        chroma = u @ self.chroma_weight @ u + v @ self.chroma_weight @ v
        return float(luma.sum() + chroma - 2 * (u @ self.chroma[:, 0] + v @ self.chroma[:, 1]))

    def assign(self, colours: Doubles, number: Longs) -> Longs:
        """Give each group its cheapest colour, from a first choice on."""
        number = number.copy()
        for _ in range(10):
            now = colours[number]
            costs = self.costs(now, colours)
            gain = costs[np.arange(len(number)), number] - costs.min(1)
            changed = False
            for g in np.argsort(-gain)[: int((gain > 1e-6).sum())].tolist():
                # Groups share samples of chroma, so each is weighed again in its turn.
                best = int(self._costs_of(g, now, colours).argmin())
                if best != number[g]:
                    number[g], now[g], changed = best, colours[best], True
            if not changed:
                break
        return number

    def _costs_of(self, g: int, now: Doubles, colours: Doubles) -> Doubles:
        """One row of `costs`."""
        change = colours - now[g]
        out: Doubles = self.luma_weight[g] * (colours[:, 0] ** 2) - 2 * self.luma[g] * colours[:, 0]
        pull = self.chroma[g] - self.chroma_weight[g] @ now[:, 1:]
        alone = self.chroma_weight[g, g]
        out += alone * (change[:, 1:] ** 2).sum(1) - 2 * change[:, 1:] @ pull
        return out

    def own(self, now: Doubles) -> Doubles:
        """The colour that each group would choose freely, others kept; shape (g, 3)."""
        out = now.copy()
        seen = self.luma_weight > 0
        out[seen, 0] = self.luma[seen] / self.luma_weight[seen]
        pull = self.chroma - self.chroma_weight @ now[:, 1:]
        out[:, 1:] += pull / (np.diag(self.chroma_weight)[:, None] + 1e-2)
        return out

    def refit(self, colours: Doubles, number: Longs, known: Doubles) -> Doubles:
        """Each colour as most of its groups would have it, but those that are known."""
        own = self.own(colours[number])
        weights = self.luma_weight, np.diag(self.chroma_weight), np.diag(self.chroma_weight)
        out = colours.copy()
        new = (colours[:, None] != known[None]).any(2).all(1)
        for k in np.flatnonzero(new).tolist():
            for c, weight in enumerate(weights):
                out[k, c] = _median(own[number == k, c], weight[number == k], colours[k, c])
        return out


def _lasting(scene: Scene) -> Scene:
    """The scene without objects that are there for a few frames only."""
    stays = scene.tracks.length >= OBJECT_COLOURS.lasting
    return dataclasses.replace(scene, tracks=scene.tracks.part(stays))


def _variance(off: Doubles) -> float:
    """Of normal errors of these absolute sizes, some of which may be far larger; 0 of none."""
    return float(1.4826 * np.median(off)) ** 2 if off.size else 0.0


def _median(values: Doubles, weights: Doubles, default: float) -> float:
    """The weighted median; the default without weight."""
    order = np.argsort(values)
    below = np.cumsum(weights[order])
    if not len(below) or below[-1] <= 0:
        return default
    return float(values[order][np.searchsorted(below, below[-1] / 2)])


def _all_unlike(some: Doubles, others: Doubles, reach: Doubles) -> NDArray[np.bool_]:
    """Which colours are farther than `reach`, shape (3,), from each of the others."""
    near = np.all(np.abs(some[:, None] - others[None]) <= reach, axis=2)
    return np.asarray(~np.any(near, axis=1), np.bool_)


def _bled(some: Doubles, colours: Doubles) -> NDArray[np.bool_]:
    """Which of some colours are others with a little chroma of a third."""
    off = some[:, None] - colours[None]  # from each colour to each of some
    toward = colours[None, :, 1:] - colours[:, None, 1:]
    length = np.maximum((toward**2).sum(2), 1e-6)
    share = np.einsum("sac,abc->sab", off[..., 1:], toward) / length
    share = np.clip(share, 0, OBJECT_COLOURS.bleed)
    left = np.abs(off[:, :, None, 1:] - share[..., None] * toward).max(3).min(2)
    same = np.abs(off[..., 0]) <= OBJECT_COLOURS.unlike[0]
    return np.asarray((same & (left <= OBJECT_COLOURS.bled)).any(1), np.bool_)


def _grow(
    groups: _Groups, colours: Doubles, number: Longs, known: Doubles, table: Doubles | None
) -> Doubles:
    """Colours that groups agree on, added one by one; those of the table where one is given."""
    unlike = np.array(OBJECT_COLOURS.unlike)
    for _ in range(OBJECT_COLOURS.most):
        number = groups.assign(colours, number)
        if table is None:
            colours = groups.refit(colours, number, known)
        now = colours[number]
        if table is None:
            wanted = groups.own(now)[groups.lasting >= OBJECT_COLOURS.min_pixels]
            new = _all_unlike(wanted, colours, unlike) & ~_bled(wanted, colours)
        else:  # told apart, however near
            wanted = table
            new = _all_unlike(wanted, colours, 0.01 * unlike)
        if not new.any():
            break
        saved = np.maximum(-groups.costs(now, wanted[new]), 0).sum(0)
        if saved.max() < OBJECT_COLOURS.lenient:
            break
        colours = np.vstack([colours, wanted[new][saved.argmax()]])
    return colours


def _prune(groups: _Groups, colours: Doubles, number: Longs) -> Doubles:
    """The colours without those that save less than they cost."""
    number = groups.assign(colours, number)
    # First those without which nothing else changes.
    while len(colours) > 1:
        now = colours[number]
        second = _second(groups, colours, number)
        without = [np.where(number == k, second, number) for k in range(len(colours))]
        totals = [groups.total(colours[numbers]) for numbers in without]
        k = int(np.argmin(totals))
        if totals[k] - groups.total(now) > OBJECT_COLOURS.price:
            break
        colours, number = np.delete(colours, k, 0), without[k] - (without[k] > k)
        number = groups.assign(colours, number)
    # Two wrong colours may explain chroma that they share, so that each alone seems to be needed.
    for colour in colours.copy():
        if len(colours) > 1:
            k = int(np.abs(colours - colour).sum(1).argmin())
            chosen = np.where(number == k, _second(groups, colours, number), number)
            rest = np.delete(colours, k, 0)
            chosen = groups.assign(rest, chosen - (chosen > k))
            lost = groups.total(rest[chosen]) - groups.total(colours[number])
            if lost <= OBJECT_COLOURS.price:
                colours, number = rest, chosen
    return colours


def _second(groups: _Groups, colours: Doubles, number: Longs) -> Longs:
    """What each group takes where its colour goes, others kept."""
    others = groups.costs(colours[number], colours)
    others[np.arange(len(number)), number] = np.inf
    return np.asarray(others.argmin(1), np.int64)


def object_colours(
    scene: Scene,
    planes: Mapping[int, Planes],
    decoder: LabelDecoder,
    palette: RestoredPalette,
    chroma: ChromaFilter,
    known: NDArray[np.float32],
) -> tuple[RestoredPalette, Scene]:
    """Look for a palette's colours once more, and give each object its own.

    Parameters
    ----------
    scene : Scene
        In colours of the palette.
    planes : mapping of int to Planes
        Of some frames, by number.
    decoder : LabelDecoder
        For the palette.
    palette : RestoredPalette
    chroma : ChromaFilter
    known : ndarray, shape (m, 3), float32
        Y, Cb, Cr of colours that stay as they are: single pixels showed them well.

    Returns
    -------
    RestoredPalette
    Scene
        In its colours.
    """
    table = None
    if palette.table is not None:
        exact = ycc_of(palette.table, palette.matrix, palette.full_range)
        table = exact.astype(np.float64)
    number = label_table(palette.rgb, 0)
    wishes = _wishes(scene, planes, decoder, palette, number, table)
    numbered = _Numbered.of(scene, number, len(palette.rgb), wishes)
    labels = np.array(numbered.labels, np.int64)
    present = palette.ycc.astype(np.float64)
    groups = _Groups.of(scene, numbered, planes, decoder, chroma).doubted(present[labels])
    first = known.astype(np.float64)
    colours = _grow(groups, present, labels, first, table)
    chosen = groups.assign(colours, labels)
    kept = _prune(groups, colours, chosen)
    nearest = np.abs(colours[:, None] - kept[None]).sum(2).argmin(1)
    chosen = groups.assign(kept, nearest[chosen])
    if table is None:
        kept = groups.refit(kept, chosen, first)
    ycc = into_gamut(kept.astype(np.float32), [(palette.matrix, palette.full_range)])
    rgb = rgb_of(ycc, palette.matrix, palette.full_range)
    found = dataclasses.replace(palette, ycc=ycc, rgb=rgb)
    backdrop = rgb[chosen[: len(palette.rgb)]][_labels_of(scene.backdrop, palette)]
    painted = numbered.coloured(scene, rgb[chosen])
    return found, dataclasses.replace(painted, backdrop=backdrop)


def _wishes(
    scene: Scene,
    planes: Mapping[int, Planes],
    decoder: LabelDecoder,
    palette: RestoredPalette,
    number: NDArray[np.uint8],
    table: Doubles | None,
) -> list[Longs]:
    """The colour that each pixel of each sprite shows better than its own; -1 where none.

    Of the table, or of a lattice of colours.
    """
    if table is None:
        levels = np.linspace(0, 255, OBJECT_COLOURS.lattice).astype(np.uint8)
        lattice = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(-1, 3)
        table = ycc_of(lattice, palette.matrix, palette.full_range).astype(np.float64)
    out = []
    for evidence in sprite_evidence(scene, planes, decoder, number):
        wanted = colour_costs(evidence, table)
        saved = OBJECT_COLOURS.independent * (evidence[..., 5] - wanted.min(2))
        out.append(np.where(saved > OBJECT_COLOURS.wish, wanted.argmin(2), -1))
    return out


def _labels_of(rgb: NDArray[np.uint8], palette: RestoredPalette) -> Longs:
    """Labels of colours of the palette, shape (n, 3)."""
    same: NDArray[np.bool_] = (rgb[:, None] == palette.rgb[None]).all(2)
    return np.asarray(same.argmax(1), np.int64)
