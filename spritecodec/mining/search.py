"""The smallest Scene of a segment: every way to say it is tried, and bytes decide.

    runs -> with and without their recolouring -> backgrounds -> chains of minings -> Packed

A *ground* is what mining stands on: exact colours, a recolouring, a background. Each ground is
mined once; on the one that gives the fewest bytes of each run, two chains of minings go on from
what the mining before showed to belong together.
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
from spritecodec.mining.mine import mine
from spritecodec.mining.model_seeds import exact_sprites
from spritecodec.mining.recolouring import undo_recolouring
from spritecodec.mining.setting import Setting, find_settings
from spritecodec.mining.sprites.merge import merge_sprites
from spritecodec.mining.thresholds import MINE
from spritecodec.mining.tracks.residual import exact_residual
from spritecodec.scene import Recolouring, Scene

if TYPE_CHECKING:
    from spritecodec.model.discovery import Discovery

# A chain of minings has at most so many, and ends after so many that saved nothing.
TURNS = 4
TURNS_IN_VAIN = 2
# What takes so many times the bytes of the best before went wrong, and so would the next.
HOPELESS = 1.2
# A chain seldom ends with less than two thirds of the bytes that it began with.
OUT_OF_REACH = 1.5
# Where sprites and tracks take so small a share of the bytes, joining sprites saves nothing.
SPRITES_MATTER = 0.05
# Places that the file's palette must have left before a segment is recoloured: its own
# colours are at most 1,024, and may all come in other colours and once more by themselves.
ROOM_FOR_COLOURS = 4096


@dataclass(frozen=True)
class _Ground:
    """One way to see a run of frames: its exact colours, how they were recoloured, a setting."""

    run: Indexed
    recolouring: Recolouring
    setting: Setting


@dataclass(frozen=True)
class Search:
    """The search for the smallest Scene of one segment.

    Attributes
    ----------
    library : Library
        What the file has before this segment.
    first : int
        Number in the clip of the segment's first frame.
    pts : ndarray, shape (n,), int64
    time_base : Fraction
    discover : callable
        Called once mining alone is done: what the model places on some frames of the segment,
        or None.
    residual : bool
        Whether every pixel of a run must come back, or the scene stands alone.
    say : callable (stage, frames done, frames in all, words)
    """

    library: Library
    first: int
    pts: NDArray[np.int64]
    time_base: Fraction
    discover: Callable[[], Discovery | None]
    residual: bool
    say: Callable[[str, int, int, str], None]

    def attempts(self, runs: list[Indexed]) -> Iterator[tuple[str, Packed]]:
        """All that was tried and that a reader accepts, each with the discovery's name.

        Parameters
        ----------
        runs : list of Indexed
            The segment's frames, each as good as the quality asks for.

        Yields
        ------
        (str, Packed)
            ``"mining"``, or ``"model"`` for minings that start from the model's sprites.
        """
        plain = [(run, run, Recolouring.none()) for run in runs]
        room = len(self.library.palette.packed) <= MAX_COLOURS - ROOM_FOR_COLOURS
        undone = [(run, undo_recolouring(run)) for run in runs if room]
        recoloured = [(run, u.frames, u.recolouring) for run, u in undone if u is not None]
        grounds: list[_Ground] = []
        for run, shown, recolouring in plain + recoloured:
            self.tell("Looking for the background", "")
            grounds += [_Ground(run, recolouring, s) for s in find_settings(shown)]
        known = [[g.setting.frames.ids_of(s) for s in self.library.sprites] for g in grounds]
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

    def tell(self, stage: str, words: str) -> None:
        self.say(stage, self.first, self.first + len(self.pts), words)

    def minings(
        self, name: str, grounds: list[_Ground], seeds: list[list[Ids]]
    ) -> Iterator[Packed]:
        """Mine on each ground once; on the best of each run, as often as it helps.

        Runs differ in what is asked of them: the first mining does not tell which of them ends
        with the fewest bytes, and a lower quality must not cost more.
        """
        ways = [
            self.chain(name, *start, slivers=False) for start in zip(grounds, seeds, strict=True)
        ]
        first = [next(way, None) for way in ways]
        yield from (packed for packed in first if packed is not None)
        best: dict[int, tuple[int, int]] = {}  # of each run: bytes, and the ground
        for i, (ground, packed) in enumerate(zip(grounds, first, strict=True)):
            if packed is not None:
                begun = packed.size, i
                best[id(ground.run)] = min(begun, best.get(id(ground.run), begun))
        for size, i in sorted(best.values()):
            packed = first[i]
            within_reach = size <= OUT_OF_REACH * min(best.values())[0]
            if packed is not None and within_reach and _sprites_matter(packed):
                yield from ways[i]
                if not grounds[i].setting.translucent:
                    yield from self.chain(name, grounds[i], seeds[i], slivers=True)

    def chain(
        self, name: str, ground: _Ground, seeds: list[Ids], *, slivers: bool
    ) -> Iterator[Packed]:
        """Mine again and again, each time with what the time before showed to belong together.

        With `slivers`, the first time makes sprites of even the smallest regions: the next
        time they may be part of something. Some clips gain by that, others lose.
        """
        known = len(self.library.sprites)
        # Minings of translucent things take long, and gain little by being repeated.
        most_in_vain = 1 if ground.setting.translucent else TURNS_IN_VAIN
        smallest, in_vain = math.inf, 0
        for turn in range(TURNS):
            which = f"{name}, {'with slivers, ' * slivers}{turn + 1} of at most {TURNS}"
            self.tell("Mining", which)
            fewest = 1 if slivers and turn == 0 else MINE.min_region
            scene = mine(ground.setting, self.pts, self.time_base, seeds, fewest)
            scene = dataclasses.replace(scene, recolouring=ground.recolouring)
            if self.residual:
                wanted = (ground.run.rgb(t) for t in range(len(ground.run)))
                scene = dataclasses.replace(scene, residual=exact_residual(scene, wanted))
            if _readable(scene):
                packed = self.library.pack(scene)
                yield packed
                in_vain = in_vain + 1 if packed.size >= smallest else 0
                hopeless = packed.size > HOPELESS * smallest
                smallest = min(smallest, packed.size)
                if hopeless or in_vain == most_in_vain:
                    return
            if turn + 1 < TURNS:
                seeds = seeds[:known] + merge_sprites(scene, ground.setting.frames)


def _sprites_matter(packed: Packed) -> bool:
    """Whether what another mining may change is worth the time it takes."""
    size = packed.sizes["dictionary"] + packed.sizes["tracks"]
    return size >= SPRITES_MATTER * packed.size


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
