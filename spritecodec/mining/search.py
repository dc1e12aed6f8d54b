"""The smallest Scene of a segment: encode each candidate, keep the smallest.

    runs -> with and without their recolouring -> backgrounds -> chains of minings -> Packed

A *ground* is what mining starts from: exact colours, a recolouring, a background. Each ground is
mined once. On the best ground of each run, two chains of minings continue: each mining starts
from sprites that the previous one showed to belong together.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spritecodec.formats.spr.chunks import PICTURE_LIMIT
from spritecodec.formats.spr.library import Library, Packed
from spritecodec.formats.spr.pictures import MAX_COLOURS
from spritecodec.formats.spr.residual import MAX_PATCHES, RESIDUAL_LIMIT
from spritecodec.mining.arrays import Ids
from spritecodec.mining.indexed import Indexed
from spritecodec.mining.limits import LIMITS
from spritecodec.mining.mine import mine
from spritecodec.mining.model_seeds import exact_sprites
from spritecodec.mining.recolouring import undo_recolouring
from spritecodec.mining.setting import Setting, find_settings
from spritecodec.mining.sprites.merge import merge_sprites
from spritecodec.mining.thresholds import EVIDENCE, MINE, SEARCH
from spritecodec.mining.tracks.residual import exact_residual
from spritecodec.scene import Recolouring, Scene

if TYPE_CHECKING:
    from spritecodec.model.discovery import Discovery


@dataclass(frozen=True)
class _Ground:
    """What mining starts from.

    Attributes
    ----------
    run : Indexed
        The frames as they must come back.
    recolouring : Recolouring
        What makes them of the frames of `setting`.
    setting : Setting
    """

    run: Indexed
    recolouring: Recolouring
    setting: Setting


@dataclass(frozen=True)
class Search:
    """The search for the smallest Scene of one segment.

    Attributes
    ----------
    library : Library
        What the file holds when this segment begins.
    first : int
        Number in the clip of the segment's first frame.
    pts : ndarray, shape (n,), int64
        In units of `time_base`, which is in seconds.
    time_base : Fraction
    discover : callable
        Called once mining alone is done: what the model places on some frames of the segment,
        or None.
    residual : bool
        Whether each Scene gets a residual that makes every pixel of a run exact.
    say : callable (stage, frames done, frames in all, words)
        Reports progress.
    expected : tuple of ndarray, each shape (h, w, 4), uint8
        Sprites that the segment is known to show.
    """

    library: Library
    first: int
    pts: NDArray[np.int64]
    time_base: Fraction
    discover: Callable[[], Discovery | None]
    residual: bool
    say: Callable[[str, int, int, str], None]
    expected: tuple[NDArray[np.uint8], ...] = ()

    def attempts(self, runs: list[Indexed]) -> Iterator[tuple[str, Packed]]:
        """Every candidate that a reader accepts, with the name of its discovery.

        Parameters
        ----------
        runs : list of Indexed
            Versions of the segment's frames, each of which meets the quality.

        Yields
        ------
        (str, Packed)
            ``"mining"``, or ``"model"`` for minings that start from the model's sprites; and
            the segment.
        """
        grounds = self.grounds(runs)
        sprites = (*self.library.sprites, *self.expected)
        known = [[g.setting.frames.ids_of(s) for s in sprites] for g in grounds]
        for packed in self.minings("mining", grounds, known):
            yield "mining", packed
        discovery = self.discover()
        if discovery is not None:
            modelled = [
                seeds + exact_sprites(discovery, g.setting, self.first)
                for g, seeds in zip(grounds, known, strict=True)
            ]
            for packed in self.minings("model", grounds, modelled):
                yield "model", packed

    def grounds(self, runs: list[Indexed]) -> list[_Ground]:
        """All that mining may start from."""
        plain = [(run, run, Recolouring.none()) for run in runs]
        room = len(self.library.palette.packed) <= MAX_COLOURS - LIMITS.colours
        undone = [(run, undo_recolouring(run)) for run in runs if room]
        recoloured = [(run, u.frames, u.recolouring) for run, u in undone if u is not None]
        grounds: list[_Ground] = []
        for run, shown, recolouring in plain + recoloured:
            self.tell("Looking for the background", "")
            grounds += [_Ground(run, recolouring, s) for s in find_settings(shown)]
        return grounds

    def mine_once(self, runs: list[Indexed]) -> Scene | None:
        """The smallest Scene of one mining on each ground; None where no reader accepts any."""
        best: Packed | None = None
        for ground in self.grounds(runs):
            packed = next(self.chain("first", ground, [], slivers=False), None)
            if packed is not None and (best is None or packed.size < best.size):
                best = packed
        return best.scene if best else None

    def tell(self, stage: str, words: str) -> None:
        """Report progress."""
        self.say(stage, self.first, self.first + len(self.pts), words)

    def minings(
        self, name: str, grounds: list[_Ground], seeds: list[list[Ids]]
    ) -> Iterator[Packed]:
        """Mine once on each ground, and as often as it helps on the best ground of each run.

        Each run gets its chains: runs meet the quality in different ways, and the first mining
        does not show which of them ends with the fewest bytes. A lower quality must not cost
        more.

        Parameters
        ----------
        name : str
            Of the discovery, for reports of progress.
        grounds : list of _Ground
        seeds : list of list of ndarray
            Sprites to start from, on each ground.
        """
        chains = [
            self.chain(name, *start, slivers=False) for start in zip(grounds, seeds, strict=True)
        ]
        first = [next(chain, None) for chain in chains]
        yield from (packed for packed in first if packed is not None)
        best: dict[int, tuple[int, int]] = {}  # of each run: fewest bytes, and which ground
        for i, (ground, packed) in enumerate(zip(grounds, first, strict=True)):
            if packed is not None:
                this = packed.size, i
                best[id(ground.run)] = min(this, best.get(id(ground.run), this))
        for size, i in sorted(best.values()):
            packed = first[i]
            within_reach = size <= SEARCH.prune_ratio * min(best.values())[0]
            if packed is not None and within_reach and _sprites_matter(packed):
                yield from chains[i]
                if not grounds[i].setting.translucent:
                    yield from self.chain(name, grounds[i], seeds[i], slivers=True)

    def chain(
        self, name: str, ground: _Ground, seeds: list[Ids], *, slivers: bool
    ) -> Iterator[Packed]:
        """Mine again and again, each time with the merged sprites of the previous mining.

        With `slivers`, the first mining makes sprites even of the smallest regions, because the
        next may merge them into something. Some clips gain by that, others lose.
        """
        known = len(self.library.sprites)
        translucent = ground.setting.translucent
        patience = SEARCH.translucent_patience if translucent else SEARCH.patience
        smallest, in_vain = math.inf, 0
        for turn in range(LIMITS.minings):
            of = f"{turn + 1} of at most {LIMITS.minings}"
            which = f"{name}, {'with slivers, ' * slivers}{of}"
            self.tell("Mining", which)
            fewest = 1 if slivers and turn == 0 else MINE.min_region
            scene = mine(ground.setting, self.pts, self.time_base, seeds, fewest)
            scene = dataclasses.replace(scene, recolouring=ground.recolouring)
            if self.residual:
                residual = exact_residual(scene, ground.run.wanted)
                scene = dataclasses.replace(scene, residual=residual)
            if _readable(scene):
                packed = self.library.pack(scene)
                yield packed
                in_vain = in_vain + 1 if packed.size >= smallest else 0
                hopeless = packed.size > SEARCH.abort_ratio * smallest
                smallest = min(smallest, packed.size)
                if hopeless or in_vain == patience:
                    return
            if turn + 1 < LIMITS.minings:
                seeds = seeds[:known] + merge_sprites(scene, ground.setting.frames)


def _sprites_matter(packed: Packed) -> bool:
    """Whether sprites and tracks take enough bytes for another mining to save some."""
    size = packed.sizes["dictionary"] + packed.sizes["tracks"]
    return size >= EVIDENCE.few * packed.size


def _readable(scene: Scene) -> bool:
    """Whether a segment keeps the limits under which readers allocate memory."""
    sprites = sum(s.shape[0] * s.shape[1] for s in scene.sprites)
    textures = sum(t.shape[0] * t.shape[1] for t in scene.textures)
    return (
        len(scene.residual) <= MAX_PATCHES
        and len(scene.residual.pixels) <= RESIDUAL_LIMIT
        and sprites <= PICTURE_LIMIT
        and textures <= PICTURE_LIMIT
    )
