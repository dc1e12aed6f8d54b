"""Templates: what several animations have in common, and wherever else it fits.

Each animation is made from what its own places show. Something may pass in front of it, or half of
it may be on the screen too shortly. Those that are alike, maybe at another step of their period,
vote for one template.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numba import njit
from scipy import ndimage

from spritecodec.mining.animation.cycles import Mask, Seen, Votes
from spritecodec.mining.arrays import CLEAR, EIGHT_NEIGHBOURS, Ids, Longs
from spritecodec.mining.background.world import Animation, Box
from spritecodec.mining.limits import LIMITS
from spritecodec.mining.thresholds import EVIDENCE


def components(marked: Mask) -> Iterator[tuple[Box, Mask]]:
    """Places that touch one another, or nearly do: the box of each group, and its mask there."""
    labels, _ = ndimage.label(ndimage.binary_dilation(marked, EIGHT_NEIGHBOURS), EIGHT_NEIGHBOURS)
    labels[~marked] = 0
    for i, box in enumerate(ndimage.find_objects(labels)):
        yield box, labels[box] == i + 1


@njit(cache=True)
def _best_fit(window: Ids, template: Ids, shifts: Longs, misses: int) -> tuple[int, int, int, int]:
    """Where a template agrees best with a window: (pixels that differ, y, x, shift).

    Both have shape (steps, height, width); step s of the template is compared with step
    ``s + shift`` of the window. At most `misses` pixels may differ; where more do everywhere, the
    first number is ``misses + 1``.
    """
    steps, height, width = template.shape
    fewest, best_y, best_x, best = misses + 1, 0, 0, 0
    for y in range(window.shape[1] - height + 1):
        for x in range(window.shape[2] - width + 1):
            for shift in shifts:
                missed = 0
                for s in range(steps):
                    other = (s + shift) % steps
                    for i in range(height):
                        for j in range(width):
                            c = template[s, i, j]
                            missed += c != 65535 and c != window[other, y + i, x + j]
                    if missed >= fewest:
                        break
                if missed < fewest:
                    fewest, best_y, best_x, best = missed, y, x, shift
    return fewest, best_y, best_x, best


def _max_missed(pictures: Ids) -> int:
    """How many pixels of a template may differ from what it is compared with."""
    return int((1 - EVIDENCE.most) * (pictures != CLEAR).sum())


def _shifts(step: Longs) -> Longs:
    """By how many steps a cycle may be shifted: each step then lasts as long as before."""
    lasts = np.bincount(step)
    return np.array([s for s in range(len(lasts)) if (np.roll(lasts, s) == lasts).all()])


class Field:
    """What all places of the plane show in each step of one period.

    Attributes
    ----------
    step : ndarray, shape (period,), int64
        The step to which each frame of the period belongs.
    shifts : ndarray, int64
        By how many steps a cycle may be shifted.
    values : ndarray, shape (steps, H, W), uint16
        Numbers of colours and materials, CLEAR where the plane shows nothing.
    likely : ndarray, shape (H, W), bool
        Places that the cycle explains better than the plane.
    instead : ndarray, shape (H, W), bool
        Which of them show the cycle instead of the plane, not over it.
    """

    def __init__(self, canvas: Ids, places: Longs, seen: Seen, votes: Votes, step: Longs) -> None:
        self.step, self.shifts = step, _shifts(step)
        better = votes.explained > seen.right()
        self.likely, self.instead = np.zeros((2, *canvas.shape), bool)
        y, x = places[better].T
        self.likely[y, x], self.instead[y, x] = True, votes.instead[better]
        self.values: Ids = np.repeat(canvas[None], int(step.max()) + 1, axis=0)
        shown = votes.filled()[better].T
        plane = np.where(votes.instead[better], CLEAR, canvas[y, x])
        self.values[:, y, x] = np.where(shown == CLEAR, plane, shown)

    def window(self, box: Box, more: Longs) -> tuple[Ids, int, int]:
        """The values of a box, with a margin on all sides, and its top left corner (y, x).

        `more` is the margin in rows and columns. Off the canvas all values are CLEAR.
        """
        (top, left), (high, wide) = (box[0].start, box[1].start), self.values.shape[1:]
        y0, x0 = top - more[0], left - more[1]
        y1, x1 = box[0].stop + more[0], box[1].stop + more[1]
        inside = self.values[:, max(y0, 0) : y1, max(x0, 0) : x1]
        pad = [(0, 0), (max(-y0, 0), max(y1 - high, 0)), (max(-x0, 0), max(x1 - wide, 0))]
        return np.pad(inside, pad, constant_values=CLEAR), y0, x0

    def templates(self, animations: list[Animation]) -> Iterator[Ids]:
        """Templates on which several animations of this period agree, the commonest first.

        Yields
        ------
        ndarray, shape (steps, h, w), uint16
        """
        left = [a for a in animations if len(a.turn) == len(self.step)]
        while len(left) >= EVIDENCE.min_times:
            models = left[:: len(left) // LIMITS.candidates + 1]
            best = max((self.alike(model, left) for model in models), key=len)
            if len(best) < EVIDENCE.min_times:
                return
            agreed = _agreed(np.stack(list(best.values())))
            if agreed.size:
                yield agreed
            left = [a for k, a in enumerate(left) if k not in best]

    def alike(self, model: Animation, others: list[Animation]) -> dict[int, Ids]:
        """Which of the others look like the model, and what the field shows there.

        It shows a margin around the model, and is shifted to be in step with it.
        """
        most = _max_missed(model.pictures)
        found = {}
        for k, other in enumerate(others):
            larger = np.subtract(model.shows.shape, other.shows.shape)
            more = np.maximum(0, larger) + EVIDENCE.near
            window, top, left = self.window(other.box, more)
            missed, y, x, shift = _best_fit(window, model.pictures, self.shifts, most)
            if missed <= most:
                high, wide = model.shows.shape
                here = slice(top + y, top + y + high), slice(left + x, left + x + wide)
                seen, _, _ = self.window(here, np.full(2, EVIDENCE.near))
                found[k] = np.roll(seen, -shift, axis=0)
        return found

    def find(self, template: Ids, frames: int) -> Iterator[Animation]:
        """Find where a template fits likely places; what it shows there is cleared in the field."""
        shows = template != CLEAR
        most = _max_missed(template)
        size = np.array(template.shape[1:])
        for box, _ in list(components(self.likely)):
            while True:
                window, top, left = self.window(box, size - 1)
                if window[0].size * shows.sum() * len(self.shifts) > LIMITS.comparisons:
                    break
                missed, y, x, shift = _best_fit(window, template, self.shifts, most)
                y, x = int(top + y), int(left + x)
                inside = min(y, x) >= 0 and (np.add(size, (y, x)) <= self.instead.shape).all()
                if missed > most or not inside:
                    break
                self.values[:, y : y + size[0], x : x + size[1]][:, shows.any(axis=0)] = CLEAR
                yield Animation(x, y, np.roll(template, shift, axis=0), self.step, 0, frames)


def _agreed(stacks: Ids) -> Ids:
    """The commonest value of every pixel, shape (steps, h, w), cut to what changes."""
    rows = stacks.reshape(len(stacks), -1).T
    code = rows.astype(np.int64) + (np.arange(len(rows))[:, None] << 16)
    distinct, count = np.unique(code, return_counts=True)
    order = np.argsort(count, kind="stable")
    commonest = np.empty(len(rows), np.uint16)
    commonest[distinct[order] >> 16] = distinct[order] & 65535
    agreed: Ids = commonest.reshape(stacks.shape[1:])
    changes = (agreed != agreed[0]).any(axis=0)
    box = ndimage.find_objects(changes.astype(np.int8))
    return agreed[:, *box[0]] if box else agreed[:, :0]
