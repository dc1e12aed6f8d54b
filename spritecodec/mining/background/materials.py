"""Materials: translucent colours, as rules from what lies behind to what shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spritecodec.mining.arrays import CLEAR, Ids, Longs
from spritecodec.mining.indexed import OTHER, Indexed


def blend(behind: Longs, alpha: int, colour: Longs) -> Longs:
    """What a translucent colour makes of backgrounds (specification, "Drawing a frame")."""
    result: Longs = (alpha * colour + (255 - alpha) * behind + 127) // 255
    return result


@dataclass(frozen=True)
class Materials:
    """Translucent colours and what they do to the colours of a clip.

    In pictures of colour numbers, material i has the number after all colours plus i.

    Attributes
    ----------
    rgba : ndarray, shape (materials, 4), uint8
        Alpha from 1 to 254.
    over : ndarray, shape (materials, colours), uint16
        What each makes of each colour; OTHER where the clip has no such colour.
    under : ndarray, shape (materials, colours), uint16
        The commonest colour of which each makes that colour; CLEAR where there is none.
    """

    rgba: NDArray[np.uint8]
    over: Ids
    under: Ids

    def __len__(self) -> int:
        return len(self.rgba)

    @staticmethod
    def of(frames: Indexed, rgba: NDArray[np.uint8]) -> Materials:
        """Materials by their RGBA, for the colours of those frames."""
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
        """Whether any material makes of each colour behind the colour shown, shapes (n,)."""
        inside = np.minimum(behind, self.over.shape[1] - 1)
        made: NDArray[np.bool_] = (self.over[:, inside] == shown).any(axis=0)
        result: NDArray[np.bool_] = made & (behind < self.over.shape[1])
        return result


@njit(cache=True)
def draw_over(picture: Ids, over: Ids, out: Ids) -> None:
    """Draw a picture of colours, materials and CLEAR over colours."""
    colours = over.shape[1]
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            c = picture[y, x]
            if c < colours:
                out[y, x] = c
            elif c != 65535:
                behind = out[y, x]
                out[y, x] = over[c - colours, behind] if behind < colours else behind
