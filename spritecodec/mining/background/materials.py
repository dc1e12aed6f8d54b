"""Materials: translucent colours, as rules from the colour behind to the colour shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spritecodec.mining.arrays import CLEAR, Ids, Longs
from spritecodec.mining.indexed import OTHER, Indexed


def blend(behind: Longs, alpha: int, colour: Longs) -> Longs:
    """Draw a translucent colour over backgrounds (specification, "Drawing a frame").

    Parameters
    ----------
    behind : ndarray, int64
        Colour values of the backgrounds, 0 to 255.
    alpha : int
        1 to 254.
    colour : ndarray, int64
        Colour values, of a shape that broadcasts with `behind`.
    """
    result: Longs = (alpha * colour + (255 - alpha) * behind + 127) // 255
    return result


@dataclass(frozen=True)
class Materials:
    """Translucent colours, and the colours that each makes of a clip's colours.

    In arrays of colour numbers, material i has the number ``colours + i``.

    Attributes
    ----------
    rgba : ndarray, shape (materials, 4), uint8
        Alpha from 1 to 254.
    over : ndarray, shape (materials, colours), uint16
        The colour that shows where each material lies over each colour; OTHER where the clip
        has no such colour.
    under : ndarray, shape (materials, colours), uint16
        The commonest colour of the clip over which each material shows that colour; CLEAR
        where there is none.
    """

    rgba: NDArray[np.uint8]
    over: Ids
    under: Ids

    def __len__(self) -> int:
        return len(self.rgba)

    @staticmethod
    def none(frames: Indexed) -> Materials:
        """No materials, for the colours of a clip."""
        return Materials.of(frames, np.zeros((0, 4), np.uint8))

    @staticmethod
    def of(frames: Indexed, rgba: NDArray[np.uint8]) -> Materials:
        """Materials of some RGBA colours, shape (materials, 4), for the colours of a clip."""
        colours = frames.rgb_of_colours().astype(np.int64)
        over = np.empty((len(rgba), len(colours)), np.uint16)
        under = np.full((len(rgba), len(colours)), CLEAR, np.uint16)
        if not len(rgba):
            return Materials(rgba, over, under)
        often = np.zeros(len(colours) + 1, np.int64)
        for t in range(len(frames)):
            shown = np.minimum(frames[t], len(colours))
            often += np.bincount(shown.ravel(), minlength=len(often))
        rising = np.argsort(often[:-1], kind="stable")  # the commonest comes last, and stays
        for i, material in enumerate(rgba.astype(np.int64)):
            made = blend(colours, int(material[3]), material[:3]).astype(np.uint8)
            over[i] = frames.ids_of_rgb(made)
            known = rising[over[i][rising] < OTHER]
            under[i][over[i][known]] = known
        return Materials(rgba, over, under)

    def explain(self, behind: Ids, shown: Ids) -> NDArray[np.bool_]:
        """Whether some material over each colour behind gives the colour shown, shapes (n,)."""
        inside = np.minimum(behind, self.over.shape[1] - 1)
        made: NDArray[np.bool_] = (self.over[:, inside] == shown).any(axis=0)
        result: NDArray[np.bool_] = made & (behind < self.over.shape[1])
        return result

    def remove(self, front: Ids, shown: Ids) -> Ids:
        """What lies behind something that is drawn over a frame.

        Parameters
        ----------
        front : ndarray, shape (h, w), uint16
            Numbers of colours and materials, CLEAR where the frame shows what lies behind.
        shown : ndarray, shape (h, w), uint16
            Colour numbers of the frame.

        Returns
        -------
        ndarray, shape (h, w), uint16
            Colour numbers, CLEAR where they are not known.
        """
        colours = self.under.shape[1]
        behind = np.where(front < colours, CLEAR, shown)
        through = (front >= colours) & (front != CLEAR) & (behind < colours)
        material = front[through].astype(np.int64) - colours
        behind[through] = self.under[material, behind[through]]
        return behind


def find_used(arrays: Iterable[Ids], colours: int) -> Longs:
    """The materials whose numbers occur in arrays, ascending, as indices of `Materials`."""
    values = np.unique(np.concatenate([np.unique(array) for array in arrays])).astype(np.int64)
    return values[(values >= colours) & (values < int(CLEAR))] - colours


@njit(cache=True)
def draw_over(picture: Ids, over: Ids, out: Ids) -> None:
    """Draw numbers of colours and materials over colours; CLEAR leaves `out` as it is."""
    colours = over.shape[1]
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            c = picture[y, x]
            if c < colours:
                out[y, x] = c
            elif c != 65535:
                behind = out[y, x]
                out[y, x] = over[c - colours, behind] if behind < colours else behind
