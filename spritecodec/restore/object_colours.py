"""The colours of a game, looked for once more where its objects are known.

A rare colour beside another of like luma is hard to see in single pixels: codecs mix the chroma of
neighbours. But pixels of one label in one sprite, or in one connected part of a background, have
one colour in nearly all games, and are seen in many frames. Such *groups* are fitted together to
the recorded planes: luma by its mean, chroma by least squares through the filter that mixed it.
Where groups agree on a colour that the palette lacks, it is added; a colour that no group needs
goes.
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
from spritecodec.restore.labels import LabelDecoder, Planes
from spritecodec.restore.palette import RestoredPalette, into_gamut, rgb_of, ycc_of
from spritecodec.restore.palette_kernels import add_equations
from spritecodec.scene import Recolouring, Residual, Scene

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

    price: float = 500.0
    """Nats that a colour must save over these frames: as systematic errors of codecs do, too. In
    recordings of three games, colours that none of them has saved 58 to 404, theirs 364 or more."""

    unlike: tuple[float, float, float] = (5.0, 10.0, 10.0)
    """Levels of Y, Cb, Cr. No two colours are nearer in all of them: errors that a codec makes
    everywhere look like another colour."""

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
    def of(scene: Scene, packed: NDArray[np.uint32]) -> _Numbered:
        """For a scene whose colours are `packed`, 0xRRGGBB of each label."""
        number = np.zeros(1 << 24, np.int64)
        number[packed] = np.arange(len(packed))
        labels = list(range(len(packed)))
        sprites = []
        for sprite in scene.sprites:
            own, shown = number[_packed(sprite)], sprite[..., 3] > 0
            groups = own.copy()
            for k in np.unique(own[shown]).tolist():
                groups[own == k] = len(labels)
                labels.append(k)
            sprites.append(groups)
        textures = [number[_packed(texture)] for texture in scene.textures]
        parts: list[tuple[int, int, int, NDArray[np.bool_], tuple[slice, slice]]] = []
        for i, own in enumerate(textures):
            shown = scene.textures[i][..., 3] > 0
            for k in np.unique(own[shown]).tolist():
                found, count = ndimage.label((own == k) & shown, EIGHT_NEIGHBOURS)
                area = np.bincount(found.ravel(), minlength=count + 1)
                for part, box in enumerate(ndimage.find_objects(found), 1):
                    if area[part] >= OBJECT_COLOURS.min_area:
                        parts.append((-int(area[part]), i, k, found[box] == part, box))
        parts.sort(key=lambda part: part[0])
        for _, i, k, mask, box in parts[: max(OBJECT_COLOURS.max_groups - len(labels), 0)]:
            textures[i][box][mask] = len(labels)
            labels.append(k)
        ground = number[pack_rgb(scene.backdrop[None])[0]]
        drawn = dataclasses.replace(
            scene,
            sprites=tuple(_picture(g, s) for g, s in zip(sprites, scene.sprites, strict=True)),
            textures=tuple(_picture(g, t) for g, t in zip(textures, scene.textures, strict=True)),
            backdrop=_spelled(ground),
            residual=Residual.none(),
            recolouring=Recolouring.none(),
        )
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


def _spelled(numbers: Longs) -> NDArray[np.uint8]:
    """Numbers as RGB, shape (..., 3)."""
    return np.stack([numbers >> 16, numbers >> 8 & 255, numbers & 255], -1).astype(np.uint8)


def _picture(groups: Longs, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.dstack([_spelled(groups), picture[..., 3]])


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
    pixels : ndarray, shape (g,), float64
    """

    luma_weight: Doubles
    luma: Doubles
    chroma_weight: Doubles
    chroma: Doubles
    pixels: Doubles

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
        out = _Groups(luma_weight, luma, np.zeros((count, count)), np.zeros((count, 2)), pixels)
        rows, columns = bands(chroma.rows), bands(chroma.columns)
        drawn = Renderer(numbered.scene)
        for t in sorted(planes):
            frame = planes[t]
            groups = pack_rgb(drawn.frame(t)).astype(np.int32)
            _, state = decoder.explain(frame, label[groups])
            flat = groups.ravel()
            trust = OBJECT_COLOURS.independent * state.luma_trust
            out.pixels += np.bincount(flat, minlength=count)
            out.luma_weight += np.bincount(flat, trust.ravel(), count)
            out.luma += np.bincount(flat, (trust * frame.y).ravel(), count)
            trust = OBJECT_COLOURS.independent * state.chroma_trust
            weight, samples = out.chroma_weight, out.chroma
            add_equations(frame.u, frame.v, groups, rows, columns, trust, weight, samples)
        return out

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
        wanted = table
        if wanted is None:
            wanted = groups.own(now)[groups.pixels >= OBJECT_COLOURS.min_pixels]
        # Those of a table are told apart, however near.
        new = _all_unlike(wanted, colours, unlike if table is None else 0.01 * unlike)
        if not new.any():
            break
        saved = np.maximum(-groups.costs(now, wanted[new]), 0).sum(0)
        if saved.max() < OBJECT_COLOURS.price:
            break
        colours = np.vstack([colours, wanted[new][saved.argmax()]])
    return colours


def _prune(groups: _Groups, colours: Doubles, number: Longs) -> Doubles:
    """The colours without those that save less than they cost."""
    number = groups.assign(colours, number)
    while len(colours) > 1:
        others = groups.costs(colours[number], colours)
        others[np.arange(len(number)), number] = np.inf
        second = others.argmin(1)  # what each group takes where its colour goes
        without = [np.where(number == k, second, number) for k in range(len(colours))]
        totals = [groups.total(colours[numbers]) for numbers in without]
        k = int(np.argmin(totals))
        if totals[k] - groups.total(colours[number]) > OBJECT_COLOURS.price:
            break
        colours, number = np.delete(colours, k, 0), without[k] - (without[k] > k)
        number = groups.assign(colours, number)
    return colours


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
    numbered = _Numbered.of(scene, pack_rgb(palette.rgb))
    groups = _Groups.of(scene, numbered, planes, decoder, chroma)
    labels = np.array(numbered.labels, np.int64)
    table = None
    if palette.table is not None:
        exact = ycc_of(palette.table, palette.matrix, palette.full_range)
        table = exact.astype(np.float64)
    first = known.astype(np.float64)
    colours = _grow(groups, palette.ycc.astype(np.float64), labels, first, table)
    number = groups.assign(colours, labels)
    kept = _prune(groups, colours, number)
    nearest = np.abs(colours[:, None] - kept[None]).sum(2).argmin(1)
    number = groups.assign(kept, nearest[number])
    if table is None:
        kept = groups.refit(kept, number, first)
    ycc = into_gamut(kept.astype(np.float32), [(palette.matrix, palette.full_range)])
    rgb = rgb_of(ycc, palette.matrix, palette.full_range)
    found = dataclasses.replace(palette, ycc=ycc, rgb=rgb)
    backdrop = rgb[number[: len(palette.rgb)]][_labels_of(scene.backdrop, palette)]
    painted = numbered.coloured(scene, rgb[number])
    return found, dataclasses.replace(painted, backdrop=backdrop)


def _labels_of(rgb: NDArray[np.uint8], palette: RestoredPalette) -> Longs:
    """Labels of colours of the palette, shape (n, 3)."""
    same: NDArray[np.bool_] = (rgb[:, None] == palette.rgb[None]).all(2)
    return np.asarray(same.argmax(1), np.int64)
