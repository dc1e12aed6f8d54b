"""Separating what planes always show through a material from the material.

A plane that is seen only through something translucent takes the blend as its colour. Where other
places show that blend, and at other times the colour without the material, the blended place may
be of the same colour behind the same material.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spritecodec.mining.arrays import CLEAR, Longs
from spritecodec.mining.background.materials import Materials, find_used
from spritecodec.mining.background.plane_votes import Planes, Sample, Tally, count_colours
from spritecodec.mining.background.planes import stack_planes, vote, with_planes
from spritecodec.mining.background.world import World
from spritecodec.mining.limits import LIMITS
from spritecodec.mining.thresholds import EVIDENCE, UNMIX


class Together(NamedTuple):
    """Colours that some place of a plane shows at different times.

    Attributes
    ----------
    pairs : ndarray, shape (m, 2), int64
        Numbers of two colours; each pair is there in both orders.
    places : ndarray, shape (m,), int64
        How many places show both.
    """

    pairs: Longs
    places: Longs


def find_together(sample: Sample, world: World, materials: Materials) -> Together:
    """The colours that places of the planes behind others show at different times.

    Something translucent that moves in front of a plane shows as such pairs.
    """
    planes = stack_planes(world)
    few, colours = LIMITS.displacements, materials.over.shape[1]
    shape = (*planes.shape[1:], few)
    numbers, often = np.empty(shape, np.uint16), np.empty(shape, np.int32)
    codes = [np.zeros(0, np.int64)]
    for plane in range(len(planes) - 2):
        count_colours(sample, planes, plane, materials.under, numbers, often)
        least = np.maximum(1, UNMIX.min_colour_share * often.sum(axis=2, keepdims=True))
        common = often > least
        for i in range(few):
            for j in range(few):
                both = common[..., i] & common[..., j]
                if i != j and both.any():
                    first = numbers[..., i][both].astype(np.int64)
                    codes.append(first * colours + numbers[..., j][both])
    code, places = np.unique(np.concatenate(codes), return_counts=True)
    return Together(np.stack([code // colours, code % colours], axis=1), places)


class _Unmixer:
    """Puts materials into planes; parameters as those of `unmix`."""

    def __init__(self, sample: Sample, materials: Materials) -> None:
        self.sample, self.materials = sample, materials
        self.colours = materials.over.shape[1]

    def places_of(
        self, planes: Planes, plane: int, material: int, tried: Longs
    ) -> tuple[NDArray[np.bool_], Tally]:
        """The places of a plane where a material explains nearly all that is seen."""
        tally = vote(self.sample, planes, plane, self.materials, tried)
        steady = (tally.votes >= UNMIX.min_steady_share * tally.seen) & (tally.seen > 0)
        return steady & (tally.choice == self.colours + material), tally

    def with_material(self, planes: Planes, material: int, plain: NDArray[np.uint16]) -> Planes:
        """Put a material into the nearest plane or the screen, and unmix the planes behind it.

        The planes stay as they are where neither is better.

        Parameters
        ----------
        planes : ndarray, shape (planes, H, W), uint16
        material : int
        plain : ndarray, shape (65536,), uint16
            The colour behind the material, of each blend; all other numbers as they are.
        """
        tried = np.union1d(find_used(planes, self.colours), material)
        most, best = 0, planes
        for front in (len(planes) - 2, len(planes) - 1):
            unmixed = planes.copy()
            unmixed[:front] = plain[planes[:front]]
            changed = int((unmixed != planes).sum())
            least = UNMIX.min_certain * UNMIX.min_taken * changed
            certain, tally = self.places_of(unmixed, front, material, tried)
            sure, pixels = int(certain.sum()), int(tally.votes[certain].sum())
            if sure <= least:
                continue
            # Vote again with the material everywhere: of equals, it stays, so it also takes the
            # places where a plain colour explains as much.
            unmixed[front] = self.colours + material
            taken, _ = self.places_of(unmixed, front, material, tried)
            unmixed[front] = np.where(taken, self.colours + material, planes[front])
            if pixels > most and sure >= UNMIX.min_certain * taken.sum() > least:
                most, best = pixels, unmixed
        return best


def unmix(sample: Sample, world: World, materials: Materials, together: Together) -> World:
    """Replace blends that planes show by a colour, and a material in front of it.

    The nearest plane, or the screen, takes the material where that explains what is seen.

    Parameters
    ----------
    sample : Sample
    world : World
    materials : Materials
        Those of the world, and maybe more after them.
    together : Together
        Of the same planes.
    """
    pairs, places = together
    unmixer, planes = _Unmixer(sample, materials), stack_planes(world)
    right = [np.flatnonzero(over[pairs[:, 0]] == pairs[:, 1]) for over in materials.over]
    order = sorted(range(len(right)), key=lambda m: -int(places[right[m]].sum()))
    for m in order[: LIMITS.candidates]:
        if len(right[m]) < EVIDENCE.min_times:
            continue
        plain = np.arange(int(CLEAR) + 1).astype(np.uint16)
        rising = right[m][np.argsort(places[right[m]], kind="stable")]
        plain[pairs[rising, 1]] = pairs[rising, 0]  # the commonest comes last, and stays
        planes = unmixer.with_material(planes, m, plain)
    return with_planes(world, planes, materials)
