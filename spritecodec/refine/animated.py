"""What is animated in its place: waves, coins that spin, lights that blink.

Connected places that show the same again and again in one period (`cycles`) make an `Animation`:
pictures that show in turn at one place of the world, as long as they are right. Where several are
alike, all of them vote for one *template*, which then takes their place, and is looked for where
too little was seen of another to tell it by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

from spritecodec.refine.cycles import Seen, Votes, collect, find_steps, without_screen
from spritecodec.refine.dictionary import EIGHT_NEIGHBOURS
from spritecodec.refine.indexed import Indexed
from spritecodec.refine.kernels import CLEAR, Ids, Longs
from spritecodec.refine.materials import Materials, draw_over
from spritecodec.refine.world import Animation, Box, World, draw_planes

FEWEST_PLACES = 4  # of an animation
BESIDE = 2  # pixels around it that may yet belong to it
# Pixels of frames that it explains for each pixel of its pictures, at least, and of all.
WORTH, LEAST_WORTH = 4, 100
CYCLES = 2  # in which it is seen, at least
ALIKE = 3  # animations that a template is made of
# Pixels of frames that it may explain less than what it replaces, for each of its own.
SHARED = 2
FITS = 0.75  # share of a template's pixels that must agree
Mask = NDArray[np.bool_]


def _box(animation: Animation) -> Box:
    height, width = animation.pictures.shape[1:]
    return slice(animation.y, animation.y + height), slice(animation.x, animation.x + width)


def _near(animation: Animation, places: Longs) -> Mask:
    """Which places lie inside an animation, or beside it."""
    height, width = animation.pictures.shape[1:]
    y, x = places[:, 0] - animation.y, places[:, 1] - animation.x
    inside: Mask = (y >= -BESIDE) & (y < height + BESIDE) & (x >= -BESIDE) & (x < width + BESIDE)
    return inside


def _components(shape: tuple[int, ...], places: Longs) -> Iterator[tuple[Box, Mask]]:
    """Places that touch one another, or nearly do: box, and which of its pixels they are."""
    marked = np.zeros(shape, bool)
    marked[tuple(places.T)] = True
    labels, _ = ndimage.label(ndimage.binary_dilation(marked, EIGHT_NEIGHBOURS), EIGHT_NEIGHBOURS)
    labels[~marked] = 0
    for i, box in enumerate(ndimage.find_objects(labels)):
        yield box, labels[box] == i + 1


def _take_islands(canvas: Ids, animations: list[Animation]) -> list[Animation]:
    """Take from the plane what lies within an animation and touches nothing else of it.

    It is what all pictures of the animation have in common. `canvas` is changed in place.
    """
    islands, _ = ndimage.label(canvas != CLEAR, EIGHT_NEIGHBOURS)
    boxes = ndimage.find_objects(islands)
    result = []
    for animation in animations:
        box, pictures = _box(animation), animation.pictures.copy()
        for island in np.unique(islands[box]).tolist():
            if island and all(
                a.start >= b.start and a.stop <= b.stop
                for a, b in zip(boxes[island - 1], box, strict=True)
            ):
                here = islands[box] == island
                empty = here & (pictures == CLEAR).all(axis=0)
                pictures[:, empty] = canvas[box][empty]
                canvas[box][here] = CLEAR
        result.append(replace(animation, pictures=pictures))
    return result


@njit(cache=True)
def _best_fit(window: Ids, template: Ids, shifts: Longs, misses: int) -> tuple[int, int, int, int]:
    """Where a template agrees best with a window: (pixels missed, y, x, shift).

    Both have shape (steps, height, width); step s of the template is compared with step
    ``s + shift`` of the window. `misses` is the most that may be missed, and what is returned
    where no place is better.
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


def _shifts(step: Longs) -> Longs:
    """By how many steps a cycle may be shifted: its steps must last as long as before."""
    lasts = np.bincount(step)
    return np.array([s for s in range(len(lasts)) if (np.roll(lasts, s) == lasts).all()])


class _Field:
    """What all places of the plane show in each step of one period.

    Attributes
    ----------
    values : ndarray, shape (steps, H, W), uint16
        With a border that is CLEAR, in which templates fit.
    likely : ndarray, shape (m, 2), int64
        Places (y, x) that the cycle explains better than the plane.
    instead : ndarray, shape (H, W), bool
        Which of them show it instead of the plane, not over it.
    """

    def __init__(self, canvas: Ids, places: Longs, seen: Seen, votes: Votes, step: Longs) -> None:
        self.step = step
        better = votes.explained > seen.right()
        self.likely = places[better]
        self.instead = np.zeros(canvas.shape, bool)
        self.instead[tuple(places[better & votes.instead].T)] = True
        self.values: Ids = np.repeat(canvas[None], int(step.max()) + 1, axis=0)
        shown = votes.filled()[better].T
        plane = np.where(votes.instead[better], CLEAR, canvas[tuple(self.likely.T)])
        self.values[:, self.likely[:, 0], self.likely[:, 1]] = np.where(
            shown == CLEAR, plane, shown
        )

    def window(self, box: Box, more: tuple[int, int]) -> tuple[Ids, int, int]:
        """The values of a box and so many pixels around it; its top left corner."""
        (top, left), (high, wide) = (box[0].start, box[1].start), self.values.shape[1:]
        y0, x0 = top - more[0], left - more[1]
        y1, x1 = box[0].stop + more[0], box[1].stop + more[1]
        inside = self.values[:, max(y0, 0) : y1, max(x0, 0) : x1]
        pad = [(0, 0), (max(-y0, 0), max(y1 - high, 0)), (max(-x0, 0), max(x1 - wide, 0))]
        return np.pad(inside, pad, constant_values=CLEAR), y0, x0

    def templates(self, animations: list[Animation]) -> Iterator[Ids]:
        """Pictures that several animations of this period agree on, the commonest first."""
        left = [a for a in animations if len(a.turn) == len(self.step)]
        shifts = _shifts(self.step)
        while len(left) >= ALIKE:
            fits: list[list[tuple[int, Ids]]] = []
            for model in left:
                shows = model.pictures
                most = int((1 - FITS) * (shows != CLEAR).sum())
                here = []
                for k, other in enumerate(left):
                    height, width = (
                        max(0, a - b) + BESIDE
                        for a, b in zip(shows.shape[1:], other.pictures.shape[1:], strict=True)
                    )
                    window, y0, x0 = self.window(_box(other), (height, width))
                    missed, y, x, shift = _best_fit(window, shows, shifts, most)
                    if missed <= most:
                        around = (
                            slice(y0 + y, y0 + y + shows.shape[1]),
                            slice(x0 + x, x0 + x + shows.shape[2]),
                        )
                        seen, _, _ = self.window(around, (BESIDE, BESIDE))
                        here.append((k, np.roll(seen, -shift, axis=0)))
                fits.append(here)
            best = max(fits, key=len)
            if len(best) < ALIKE:
                return
            agreed = _agreed(np.stack([seen for _, seen in best]))
            if agreed.size:
                yield agreed
            alike = {k for k, _ in best}
            left = [a for k, a in enumerate(left) if k not in alike]

    def find(self, template: Ids, frames: int) -> Iterator[Animation]:
        """Places where a template fits; what it shows there is taken from the field."""
        shifts, shows = _shifts(self.step), template != CLEAR
        most = int((1 - FITS) * shows.sum())
        height, width = template.shape[1:]
        for box, _ in list(_components(self.instead.shape, self.likely)):
            while True:
                window, y0, x0 = self.window(box, (height - 1, width - 1))
                missed, y, x, shift = _best_fit(window, template, shifts, most)
                y, x = y0 + y, x0 + x
                if missed > most or y < 0 or x < 0:
                    break
                placed = np.roll(template, shift, axis=0)
                here = self.values[:, y : y + height, x : x + width]
                if here.shape != placed.shape:
                    break
                here[:, shows.any(axis=0)] = CLEAR
                yield Animation(x, y, placed, self.step, 0, frames)


def _agreed(stacks: Ids) -> Ids:
    """The commonest value of every pixel, shape (steps, h, w), cut to what changes."""
    rows = stacks.reshape(len(stacks), -1).T
    code = np.sort(rows.astype(np.int64) + (np.arange(len(rows))[:, None] << 16), axis=1)
    distinct, count = np.unique(code, return_counts=True)
    order = np.argsort(count, kind="stable")
    commonest = np.empty(len(rows), np.uint16)
    commonest[distinct[order] >> 16] = distinct[order] & 65535
    agreed: Ids = commonest.reshape(stacks.shape[1:])
    changes = (agreed != agreed[0]).any(axis=0)
    rows_, columns = np.flatnonzero(changes.any(axis=1)), np.flatnonzero(changes.any(axis=0))
    if not len(rows_):
        return agreed[:, :0]
    return agreed[:, rows_[0] : rows_[-1] + 1, columns[0] : columns[-1] + 1]


def _lifetime(score: Longs) -> tuple[int, int]:
    """The frames in which an animation is right more often than not; all of them in between."""
    total = np.append(0, np.cumsum(score))
    lowest = np.minimum.accumulate(total)
    end = int((total - lowest).argmax())
    start = int(total[: end + 1].argmin())
    while start > 0 and score[start - 1] == 0:
        start -= 1
    while end < len(score) and score[end] == 0:
        end += 1
    return start, end


def _with_lifetimes(frames: Indexed, world: World, plain: World, materials: Materials) -> World:
    """Draw each animation only while it is right; those that help little are left out.

    `plain` is the world before anything was animated.
    """
    height, width = frames.height, frames.width
    score = np.zeros((len(world.animations), len(frames)), np.int64)
    bare = replace(world, animations=())
    drawn = np.empty((height, width), np.uint16)
    for t, (left, top) in enumerate(world.position.tolist()):
        shown = without_screen(world, materials, frames[t])
        draw_planes(bare, t, drawn)
        for i, animation in enumerate(world.animations):
            picture, x, y = animation.at(t), animation.x - left, animation.y - top
            x0, y0 = max(x, 0), max(y, 0)
            x1, y1 = min(x + picture.shape[1], width), min(y + picture.shape[0], height)
            if x0 >= x1 or y0 >= y1:
                continue
            part = slice(y0, y1), slice(x0, x1)
            made = drawn[part].copy()
            draw_over(picture[y0 - y : y1 - y, x0 - x : x1 - x], materials.over, made)
            score[i, t] = (made == shown[part]).sum() - (drawn[part] == shown[part]).sum()
    canvas, animations = world.canvas.copy(), []
    for animation, row in zip(world.animations, score, strict=True):
        start, end = _lifetime(row)
        shows = animation.pictures != CLEAR
        recurs = (row[start:end] != 0).sum() >= CYCLES * len(animation.turn)
        if recurs and row[start:end].sum() >= WORTH * shows.sum() + LEAST_WORTH:
            animations.append(replace(animation, start=start, end=end))
        else:
            box, here = _box(animation), shows.any(axis=0)
            canvas[box][here] = plain.canvas[box][here]
    return replace(world, canvas=canvas, animations=tuple(animations))


class _Animator:
    """Finds what is animated in one world; parameters as those of `animate`."""

    def __init__(self, frames: Indexed, world: World, materials: Materials) -> None:
        self.frames, self.world, self.materials = frames, world, materials
        self.places, self.seen = collect(frames, world, materials)
        self.steps = find_steps(self.seen, len(frames))

    def animated(self, canvas: Ids, animations: list[Animation]) -> World:
        """The world with animations, each drawn while it is right."""
        canvas = canvas.copy()
        whole = tuple(_take_islands(canvas, animations))
        world = replace(self.world, canvas=canvas, animations=whole, materials=self.materials)
        return _with_lifetimes(self.frames, world, self.world, self.materials)

    def alive(self, animations: tuple[Animation, ...]) -> Seen:
        """What places show while the animation there is shown."""
        start, end = (
            np.zeros(len(self.places), np.int64),
            np.full(len(self.places), len(self.frames)),
        )
        for animation in animations:
            near = _near(animation, self.places)
            start[near], end[near] = animation.start, animation.end
        return self.seen.during(start, end)

    def by_places(self, seen: Seen) -> World:
        """Animations of connected places, each place's of the period that explains most."""
        canvas, animations = self.world.canvas.copy(), list[Animation]()
        favour = np.zeros(int(CLEAR) + 1, np.int64)
        explained = [Votes(seen, step).explained for step in self.steps]
        best = np.argmax([seen.least() - 1, *explained], axis=0) - 1
        for number, step in enumerate(self.steps):
            here = np.flatnonzero(best == number)
            part, places = seen.only(here), self.places[here]
            np.add.at(favour, Votes(part, step).choice, 1)
            votes = Votes(part, step, favour)
            values = votes.filled()
            which = np.zeros(canvas.shape, np.int64)
            which[tuple(places.T)] = np.arange(len(places))
            for box, inside in _components(canvas.shape, places):
                if inside.sum() < FEWEST_PLACES:
                    continue
                k = which[box][inside]
                pictures = np.full((values.shape[1], *inside.shape), CLEAR, np.uint16)
                pictures[:, inside] = values[k].T
                instead = inside.copy()
                instead[inside] = votes.instead[k]
                canvas[box][instead] = CLEAR
                animations.append(
                    Animation(box[1].start, box[0].start, pictures, step, 0, len(self.frames))
                )
        return self.animated(canvas, animations)

    def by_templates(self, world: World, seen: Seen) -> World:
        """Take what several animations agree on instead of each, and wherever it fits."""
        canvas, animations = self.world.canvas.copy(), list[Animation]()
        fields = {
            id(step): _Field(self.world.canvas, self.places, seen, Votes(seen, step), step)
            for step in self.steps
        }
        for field in fields.values():
            for template in list(field.templates(list(world.animations))):
                for animation in field.find(template, len(self.frames)):
                    self._clear(canvas, animation, field.instead)
                    animations.append(animation)
        rivals = [self._touching(world, animation) for animation in animations]
        boxes = [
            _union([_box(animation), *map(_box, others)])
            for animation, others in zip(animations, rivals, strict=True)
        ]
        before = self.right(world, boxes)
        after = self.right(self.animated(canvas, animations), boxes)
        shows = np.array([(animation.pictures != CLEAR).sum() for animation in animations])
        gain = after + SHARED * shows - before
        canvas, kept = self.world.canvas.copy(), list[Animation]()
        replaced = set[int]()
        for k in np.argsort(-gain, kind="stable").tolist():
            animation, others = animations[k], {id(a) for a in rivals[k]}
            if gain[k] >= 0 and not replaced & others:
                replaced |= others
                self._clear(canvas, animation, fields[id(animation.turn)].instead)
                kept.append(animation)
        for animation in world.animations:
            if id(animation) not in replaced:
                self._clear(canvas, animation, world.canvas == CLEAR)
                kept.append(animation)
        return self.animated(canvas, kept)

    def _touching(self, world: World, animation: Animation) -> list[Animation]:
        """The animations of a world that show anything where another does."""
        covered = np.zeros(world.canvas.shape, bool)
        covered[_box(animation)] = (animation.pictures != CLEAR).any(axis=0)
        return [
            a
            for a in world.animations
            if (covered[_box(a)] & (a.pictures != CLEAR).any(axis=0)).any()
        ]

    def _clear(self, canvas: Ids, animation: Animation, instead: Mask) -> None:
        """Clear the plane where an animation is shown instead of it."""
        box, shows = _box(animation), (animation.pictures != CLEAR).any(axis=0)
        canvas[box][shows & instead[box]] = CLEAR

    def right(self, world: World, boxes: list[Box]) -> Longs:
        """How many pixels of all frames a world explains in each box of the nearest plane."""
        height, width = self.frames.height, self.frames.width
        right = np.zeros(len(boxes), np.int64)
        total = np.zeros((height + 1, width + 1), np.int64)
        drawn = np.empty((height, width), np.uint16)
        top, left, bottom, end = (
            np.array([getattr(box[axis], side) for box in boxes], np.int64)
            for side in ("start", "stop")
            for axis in range(2)
        )
        for t, (x, y) in enumerate(world.position.tolist()):
            draw_planes(world, t, drawn)
            agrees = drawn == without_screen(world, self.materials, self.frames[t])
            total[1:, 1:] = agrees.cumsum(axis=0).cumsum(axis=1)
            y0, y1 = np.clip(top - y, 0, height), np.clip(bottom - y, 0, height)
            x0, x1 = np.clip(left - x, 0, width), np.clip(end - x, 0, width)
            right += total[y1, x1] - total[y0, x1] - total[y1, x0] + total[y0, x0]
        return right


def _union(boxes: list[Box]) -> Box:
    """The smallest box that holds all."""
    rows, columns = zip(*boxes, strict=True)
    return (
        slice(min(r.start for r in rows), max(r.stop for r in rows)),
        slice(min(c.start for c in columns), max(c.stop for c in columns)),
    )


def animate(frames: Indexed, world: World, materials: Materials) -> World:
    """Find what is animated in its place, and take it out of the nearest plane.

    Parameters
    ----------
    frames : Indexed
    world : World
        Of the same frames.
    materials : Materials
        Those of the world, and maybe more after them.

    Returns
    -------
    World
        With animations, of those materials; as it was where there are none.
    """
    animator = _Animator(frames, world, materials)
    if not animator.steps:
        return world
    deep = animator.by_places(animator.seen)
    seen = animator.alive(deep.animations)
    deep = animator.by_places(seen)
    return animator.by_templates(deep, animator.alive(deep.animations))
