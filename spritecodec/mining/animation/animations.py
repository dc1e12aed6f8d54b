"""What is animated in its place: waves, coins that spin, lights that blink.

Connected places that show the same again and again in one period (`cycles`) make an `Animation`:
pictures that show in turn at one place of the world, as long as they are right. Where several are
alike, all of them vote for one *template*, which replaces them. It is also looked for where too
little was seen of an animation to detect it by itself.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from spritecodec.mining.animation.cycles import Mask, Seen, Votes, collect, find_steps
from spritecodec.mining.animation.templates import Field, components
from spritecodec.mining.arrays import CLEAR, EIGHT_NEIGHBOURS, Ids, Longs
from spritecodec.mining.background.materials import Materials, draw_over
from spritecodec.mining.background.world import Animation, Box, World, draw_planes
from spritecodec.mining.indexed import Indexed
from spritecodec.mining.thresholds import ANIMATIONS, EVIDENCE


def _near(animation: Animation, places: Longs) -> Mask:
    """Which places lie inside an animation, or beside it."""
    height, width = animation.pictures.shape[1:]
    y, x = places[:, 0] - animation.y, places[:, 1] - animation.x
    margin = EVIDENCE.near
    inside: Mask = (y >= -margin) & (y < height + margin) & (x >= -margin) & (x < width + margin)
    return inside


def _take_islands(canvas: Ids, animations: list[Animation]) -> list[Animation]:
    """Move islands of the plane that lie within the box of an animation into its pictures.

    They are what all pictures of the animation have in common. `canvas` is changed in place.
    """
    islands, _ = ndimage.label(canvas != CLEAR, EIGHT_NEIGHBOURS)
    boxes = ndimage.find_objects(islands)
    result = []
    for animation in animations:
        box, pictures = animation.box, animation.pictures.copy()
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


def _enclosed(canvas: Ids, animated: Mask) -> Mask:
    """Islands of a plane that have no more pixels than the animated places that they touch.

    They are the still part of what is animated: the middle of a coin that spins.
    """
    near, _ = ndimage.label(ndimage.binary_dilation(animated, EIGHT_NEIGHBOURS), EIGHT_NEIGHBOURS)
    size = np.bincount(near[animated], minlength=near.max() + 1)
    islands, _ = ndimage.label(canvas != CLEAR, EIGHT_NEIGHBOURS)
    result = np.zeros(canvas.shape, bool)
    for i, box in enumerate(ndimage.find_objects(islands)):
        island = islands[box] == i + 1
        beside = np.unique(near[box][island])
        if island.sum() <= size[beside[beside > 0]].sum():
            result[box] |= island
    return result


def _lifetime(score: Longs) -> tuple[int, int]:
    """The run of frames in which an animation gains most, with the neutral frames around it.

    Parameters
    ----------
    score : ndarray, shape (n,), int64
        Pixels that it explains in each frame more than the plane does.

    Returns
    -------
    (int, int)
        The first frame, and the one after the last.
    """
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
    """Draw each animation only while it is right; leave out those that gain little.

    `plain` is the world without animations.
    """
    score = np.zeros((len(world.animations), len(frames)), np.int64)
    bare = replace(world, animations=())
    drawn = np.empty((frames.height, frames.width), np.uint16)
    for t, corner in enumerate(world.position.tolist()):
        shown = materials.remove(world.screen, frames[t])
        draw_planes(bare, t, drawn)
        for i, animation in enumerate(world.animations):
            picture, part = animation.on_screen(t, corner, drawn.shape)
            if not picture.size:
                continue
            made = drawn[part].copy()
            draw_over(picture, materials.over, made)
            score[i, t] = np.count_nonzero(made == shown[part])
            score[i, t] -= np.count_nonzero(drawn[part] == shown[part])
    canvas, animations = world.canvas.copy(), []
    for animation, row in zip(world.animations, score, strict=True):
        start, end = _lifetime(row)
        pixels = (animation.pictures != CLEAR).sum()
        recurs = (row[start:end] != 0).sum() >= EVIDENCE.min_times * len(animation.turn)
        least = ANIMATIONS.min_gain_a_pixel * pixels + ANIMATIONS.min_gain
        if recurs and row[start:end].sum() >= least:
            animations.append(replace(animation, start=start, end=end))
        else:
            box, here = animation.box, animation.shows
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
        """What places show while the animation there is drawn."""
        start, end = (
            np.zeros(len(self.places), np.int64),
            np.full(len(self.places), len(self.frames)),
        )
        for animation in animations:
            near = _near(animation, self.places)
            start[near], end[near] = animation.start, animation.end
        return self.seen.during(start, end)

    def by_places(self, seen: Seen) -> World:
        """Make animations of connected places, each in the period that explains most there."""
        canvas, animations = self.world.canvas.copy(), list[Animation]()
        favour = np.zeros(int(CLEAR) + 1, np.int64)
        explained = [Votes(seen, step).explained for step in self.steps]
        best = np.argmax([seen.least() - 1, *explained], axis=0) - 1
        for number, step in enumerate(self.steps):
            here = np.flatnonzero(best == number)
            part, places = seen.only(here), self.places[here]
            np.add.at(favour, Votes(part, step).choice, 1)
            votes = Votes(part, step, favour)
            y, x = places.T
            pictures = np.full((int(step.max()) + 1, *canvas.shape), CLEAR, np.uint16)
            pictures[:, y, x] = votes.filled().T
            animated, instead = np.zeros((2, *canvas.shape), bool)
            animated[y, x], instead[y, x] = True, votes.instead
            still = _enclosed(np.where(instead, CLEAR, canvas), animated)
            pictures[:, still] = canvas[still]
            for box, inside in components(animated | still):
                if (inside & animated[box]).sum() < EVIDENCE.min_pixels:
                    continue
                shown = np.where(inside, pictures[:, *box], CLEAR)
                canvas[box][inside & (instead | still)[box]] = CLEAR
                animations.append(
                    Animation(box[1].start, box[0].start, shown, step, 0, len(self.frames))
                )
        return self.animated(canvas, animations)

    def by_templates(self, world: World, seen: Seen) -> World:
        """Replace animations by the templates on which several agree, wherever these fit."""
        found: list[tuple[Animation, Field]] = []
        for step in self.steps:
            field = Field(self.world.canvas, self.places, seen, Votes(seen, step), step)
            for template in list(field.templates(list(world.animations))):
                found += [(a, field) for a in field.find(template, len(self.frames))]
        canvas = self.world.canvas.copy()
        for animation, field in found:
            _clear(canvas, animation, field.instead)
        rivals = [_touching(world, animation) for animation, _ in found]
        boxes = [
            _union([a.box for a in (animation, *others)])
            for (animation, _), others in zip(found, rivals, strict=True)
        ]
        before = self.right(world, boxes)
        after = self.right(self.animated(canvas, [animation for animation, _ in found]), boxes)
        pixels = np.array([(animation.pictures != CLEAR).sum() for animation, _ in found], int)
        gain = after + ANIMATIONS.max_loss_a_pixel * pixels - before
        canvas, kept, replaced = self.world.canvas.copy(), list[Animation](), set[int]()
        for k in np.argsort(-gain, kind="stable").tolist():
            (animation, field), others = found[k], {id(a) for a in rivals[k]}
            if gain[k] >= 0 and not replaced & others:
                replaced |= others
                _clear(canvas, animation, field.instead)
                kept.append(animation)
        for animation in world.animations:
            if id(animation) not in replaced:
                _clear(canvas, animation, world.canvas == CLEAR)
                kept.append(animation)
        return self.animated(canvas, kept)

    def right(self, world: World, boxes: list[Box]) -> Longs:
        """How many pixels of all frames a world explains in each box of the nearest plane."""
        right = np.zeros(len(boxes), np.int64)
        drawn = np.empty((self.frames.height, self.frames.width), np.uint16)
        for t, (left, top) in enumerate(world.position.tolist()):
            draw_planes(world, t, drawn)
            agrees = drawn == self.materials.remove(world.screen, self.frames[t])
            for k, (rows, columns) in enumerate(boxes):
                y, x = max(rows.start - top, 0), max(columns.start - left, 0)
                part = agrees[y : max(rows.stop - top, 0), x : max(columns.stop - left, 0)]
                right[k] += np.count_nonzero(part)
        return right


def _touching(world: World, animation: Animation) -> list[Animation]:
    """The animations of a world that show something where a given one does."""
    covered = np.zeros(world.canvas.shape, bool)
    covered[animation.box] = animation.shows
    return [a for a in world.animations if (covered[a.box] & a.shows).any()]


def _clear(canvas: Ids, animation: Animation, instead: Mask) -> None:
    """Clear the plane where an animation shows instead of it."""
    canvas[animation.box][animation.shows & instead[animation.box]] = CLEAR


def _union(boxes: list[Box]) -> Box:
    """The smallest box that contains all."""
    rows, columns = zip(*boxes, strict=True)
    return (
        slice(min(r.start for r in rows), max(r.stop for r in rows)),
        slice(min(c.start for c in columns), max(c.stop for c in columns)),
    )


def animate(frames: Indexed, world: World, materials: Materials) -> World:
    """Find what is animated in its place, and move it out of the nearest plane.

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
        With animations and those materials; the same world where there are none.
    """
    animator = _Animator(frames, world, materials)
    if not animator.steps:
        return world
    deep = animator.by_places(animator.seen)
    if not deep.animations:
        return world
    deep = animator.by_places(animator.alive(deep.animations))
    return animator.by_templates(deep, animator.alive(deep.animations))
