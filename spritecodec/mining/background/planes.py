"""Pictures of planes that lie one behind another, each panning in its own way.

A frame shows at each pixel the nearest plane that is not clear there. Which places of a plane
are clear, and the colours of the others, are solved for in turn: of the pixels that nearer
planes leave open, each place counts how many one colour would explain, and how many the
planes behind do. The better choice is taken, plane after plane, until nothing changes.
Once that is known, translucent places are a choice too, and objects no longer vote.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spritecodec.mining.arrays import CLEAR, EIGHT_NEIGHBOURS, Longs
from spritecodec.mining.background.find_materials import find_materials
from spritecodec.mining.background.materials import Materials
from spritecodec.mining.background.plane_votes import EXACTLY, Planes, _seen_at, _vote
from spritecodec.mining.background.world import Plane, World, draw_planes, draw_world, lay_out
from spritecodec.mining.camera.parallax import Parallax
from spritecodec.mining.indexed import Indexed
from spritecodec.mining.thresholds import WORLD

MOST_UNMIXED, TAKEN = 48, 0.2  # materials tried; places of the nearest per place unmixed
# Share of the places that a material takes where no plain colour explains as much as it.
SURE = 0.2
ENOUGH_FRAMES = 300  # asked at first
FEWEST_BLENDS = 2  # colours that are seen with and without a material before them
# Colours kept of every place that a plane shows, and the share of the time that counts.
FEW_COLOURS, SOMETIMES = 8, 0.03

MOST_COLOURS = 1 << 14  # more are no drawn picture
# At first only places are a plane's that show one colour in so large a share of the frames;
# a few frames are given away, because what is seen in few is the same by chance.
STEADY, DOUBT = 0.8, 2
SUPPORT = 0.5  # share of the pixels seen of a place that must show its colour
SMALLEST_OBJECT = 12  # pixels that differ from the planes in one place
MOST_ROUNDS = 6
FEW_CHANGES = 0.0002  # share of the places; the rounds end when fewer change


class PlaneSolver:
    """Solves for the pictures of planes whose positions are known.

    Parameters
    ----------
    frames : Indexed
    position : ndarray, shape (planes, n, 2), int64
        Coordinates (x, y) of the screen's top left corner in each plane's picture, the
        farthest plane first, the screen itself last.
    shape : (H, W)
        Of all pictures; no frame shows anything outside.
    """

    def __init__(self, frames: Indexed, position: Longs, shape: tuple[int, int]) -> None:
        self.all, self.path = frames, position
        self.tried: Longs | None = None  # materials that places may be made of, or all
        self.look_at(len(frames) // ENOUGH_FRAMES + 1)
        self.planes: Planes = np.full((len(position), *shape), CLEAR, np.uint16)
        self.choice = np.empty(shape, np.uint16)
        self.votes, self.behind, self.seen = (np.empty(shape, np.int32) for _ in range(3))

    @staticmethod
    def of(frames: Indexed, world: World) -> PlaneSolver:
        """A solver that goes on from the planes of a world of the same frames."""
        paths = [plane.position for plane in world.planes]
        solver = PlaneSolver(
            frames, np.stack([*paths, np.zeros_like(paths[0])]), world.canvas.shape
        )
        solver.look_at(1)
        for picture, plane in zip(solver.planes, world.planes, strict=False):
            picture[:] = plane.canvas
        screen = solver.planes[-1, : frames.height, : frames.width]
        screen[:] = world.overlay
        if world.glass is not None:
            np.copyto(screen, world.glass, where=screen == CLEAR)
        return solver

    def look_at(self, step: int) -> None:
        """From now on, ask every so many frames."""
        self.asked = range(0, len(self.all), step)
        self.frames = np.stack([self.all[t] for t in self.asked])
        self.position = np.ascontiguousarray(self.path[:, ::step])
        self.ignored = np.zeros(self.frames.shape, bool)

    def begin(self, materials: Materials) -> None:
        """Claim for each plane what moves as it does; the farthest takes what is left."""
        for plane in range(len(self.planes) - 2, -1, -1):
            self.vote(plane, materials)
            claimed = self.votes - EXACTLY >= STEADY * (self.seen + EXACTLY * DOUBT)
            if plane == 0:
                claimed = self.votes > 0
            self.planes[plane][claimed] = self.choice[claimed]

    def solve(self, materials: Materials, count: int) -> None:
        """Improve the pictures of the first `count` planes until hardly anything changes."""
        for number in range(MOST_ROUNDS):
            order = range(count) if number % 2 == 0 else range(count - 1, -1, -1)
            changed = sum(self.improve(plane, materials) for plane in order)
            if changed <= FEW_CHANGES * self.planes.size:
                break
        if count == len(self.planes):  # few places, but each shows in every frame
            self.improve(count - 1, materials)

    def look_behind(self, world: World, materials: Materials) -> None:
        """Take what is animated out of the frames, and look at what lies behind it."""
        colours = materials.over.shape[1]
        shown = np.empty(self.frames.shape[1:], np.uint16)
        for t, frame, ignored in zip(self.asked, self.frames, self.ignored, strict=True):
            shown[:] = CLEAR
            for picture, part in world.animated(t, shown.shape):
                np.copyto(shown[part], picture, where=picture != CLEAR)
            through = (shown >= colours) & (shown != CLEAR) & (frame < colours)
            frame[through] = materials.under[shown[through] - colours, frame[through]]
            ignored |= (shown < colours) | (frame == CLEAR)

    def vote(self, plane: int, materials: Materials, tried: Longs | None = None) -> None:
        """Count what a plane's places may be; of materials, those that are tried, or all."""
        tried = self.tried if tried is None else tried
        _vote(
            self.frames,
            self.ignored,
            self.position,
            self.planes,
            plane,
            materials.over,
            materials.under,
            np.arange(len(materials)) if tried is None else tried,
            self.choice,
            self.votes,
            self.behind,
            self.seen,
        )

    def improve(self, plane: int, materials: Materials) -> int:
        """Make the better choice at every place of a plane; how many places changed."""
        self.vote(plane, materials)
        better = np.where(self.votes >= SUPPORT * self.seen, self.choice, CLEAR)
        if plane > 0:
            better[self.votes <= self.behind] = CLEAR
        changed = int((better != self.planes[plane]).sum())
        self.planes[plane] = better
        return changed

    def ignore_objects(self, world: World, materials: Materials) -> None:
        """Leave what moves before the planes out of the votes, and the pixels around it.

        A plane may have taken parts of an object that moved with it for a while; they lie
        beside the parts that it did not take.
        """
        drawn = np.empty(self.frames.shape[1:], np.uint16)
        for t, ignored in zip(self.asked, self.ignored, strict=True):
            draw_world(world, t, drawn)
            frame = self.all[t]
            strange = (drawn != frame) & (world.overlay != frame)
            strange[strange] = ~materials.explain(drawn[strange], frame[strange])
            labels, _ = ndimage.label(strange, EIGHT_NEIGHBOURS)
            large = np.bincount(labels.ravel()) >= SMALLEST_OBJECT
            large[0] = False
            ignored[:] = ndimage.binary_dilation(large[labels], EIGHT_NEIGHBOURS)

    def bare_panel(self, world: World, materials: Materials) -> None:
        """Where figures change before a translucent panel of the screen, leave the panel alone.

        What the screen shows there most is one figure here, another there.
        """
        height, width = self.frames.shape[1:]
        screen = self.planes[-1, :height, :width]
        colours = materials.over.shape[1]
        panel = screen[(screen >= colours) & (screen != CLEAR)]
        if not len(panel):
            return
        material = int(np.bincount(panel).argmax())
        plain, changes = np.zeros((2, height, width), np.int64)
        drawn = np.empty((height, width), np.uint16)
        before = np.zeros((height, width), bool)
        for t in self.asked:
            draw_planes(world, t, drawn)
            inside = np.minimum(drawn, colours - 1)
            plain += (materials.over[material - colours][inside] == self.all[t]) & (drawn < colours)
            agrees = screen == self.all[t]
            changes += agrees != before
            before = agrees
        figures = (screen < colours) & (changes >= WORLD.min_restless_changes)
        figures &= plain >= WORLD.min_plain_share * len(self.asked)
        screen[figures] = material

    def seen_together(self, materials: Materials) -> tuple[Longs, Longs]:
        """Pairs of colours that some place of a plane behind others shows at different times.

        Something translucent that moves before a plane shows as such pairs.

        Returns
        -------
        pairs : ndarray, shape (m, 2), int64
        places : ndarray, shape (m,), int64
            How many places show both.
        """
        colours = materials.over.shape[1]
        shape = (*self.planes.shape[1:], FEW_COLOURS)
        numbers, often = np.empty(shape, np.uint16), np.empty(shape, np.int32)
        codes = [np.zeros(0, np.int64)]
        for plane in range(len(self.planes) - 2):
            _seen_at(
                self.frames, self.position, self.planes, plane, materials.under, numbers, often
            )
            common = often > np.maximum(1, SOMETIMES * often.sum(axis=2, keepdims=True))
            for i in range(FEW_COLOURS):
                for j in range(FEW_COLOURS):
                    both = common[..., i] & common[..., j]
                    if i != j and both.any():
                        codes.append(
                            numbers[..., i][both].astype(np.int64) * colours + numbers[..., j][both]
                        )
        code, places = np.unique(np.concatenate(codes), return_counts=True)
        return np.stack([code // colours, code % colours], axis=1), places

    def takes(
        self, plane: int, material: int, materials: Materials, tried: Longs
    ) -> NDArray[np.bool_]:
        """The places of a plane where a material explains nearly all that is seen."""
        self.vote(plane, materials, tried)
        steady = (self.votes >= STEADY * self.seen) & (self.seen > 0)
        taken: NDArray[np.bool_] = steady & (self.choice == materials.over.shape[1] + material)
        return taken

    def unmix(self, materials: Materials, together: tuple[Longs, Longs]) -> None:
        """Put what planes behind always show through something as what lies behind it.

        A place that is never seen plain took the blend as its colour. Where other places show
        that blend and what it is made of, it may be made of the same; the nearest plane, or
        the screen, then takes the material if that explains what is seen.
        """
        both, places = together
        colours = materials.over.shape[1]
        right = [np.flatnonzero(over[both[:, 0]] == both[:, 1]) for over in materials.over]
        order = sorted(range(len(right)), key=lambda m: -int(places[right[m]].sum()))
        for m in order[:MOST_UNMIXED]:
            if len(right[m]) < FEWEST_BLENDS:
                continue
            made_of = np.arange(int(CLEAR) + 1).astype(np.uint16)
            rising = right[m][np.argsort(places[right[m]], kind="stable")]
            made_of[both[rising, 1]] = both[rising, 0]  # the commonest stays
            before, best = self.planes, (0, self.planes)
            tried = np.union1d(self.used(colours), m)
            for front in (len(before) - 2, len(before) - 1):
                self.planes = before.copy()
                self.planes[:front] = made_of[before[:front]]
                changed = int((self.planes != before).sum())
                certain = self.takes(front, m, materials, tried)
                sure, pixels = int(certain.sum()), int(self.votes[certain].sum())
                if sure <= SURE * TAKEN * changed:
                    continue
                # Asked again where it lies everywhere already: it keeps the places where a plain
                # colour explains no more than it does.
                self.planes[front] = colours + m
                taken = self.takes(front, m, materials, tried)
                self.planes[front] = np.where(taken, colours + m, before[front])
                if pixels > best[0] and sure >= SURE * taken.sum() > SURE * TAKEN * changed:
                    best = pixels, self.planes
            self.planes = best[1]

    def drop_unused(self, frames: Indexed, materials: Materials) -> Materials:
        """Only the materials that some place is made of, with their new numbers."""
        colours = len(frames.colours)
        used = self.used(colours)
        translucent = (self.planes >= colours) & (self.planes != CLEAR)
        number = np.searchsorted(used, self.planes[translucent].astype(np.int64) - colours)
        self.planes[translucent] = colours + number
        return Materials.of(frames, materials.rgba[used])

    def used(self, colours: int) -> Longs:
        """The materials that some place is made of."""
        values = np.unique(self.planes).astype(np.int64)
        return values[(values >= colours) & (values < int(CLEAR))] - colours

    def world(self, materials: Materials, height: int, width: int) -> World:
        """What the pictures say, with the screen's as overlay and glass."""
        *planes, _ = (Plane(p.copy(), q) for p, q in zip(self.planes, self.path, strict=True))
        screen = self.planes[-1, :height, :width]
        opaque = screen < materials.over.shape[1]
        return World(
            planes[-1].canvas,
            np.where(opaque, screen, CLEAR).astype(np.uint16),
            planes[-1].position,
            tuple(planes[:-1]),
            np.where(opaque, CLEAR, screen).astype(np.uint16),
            materials,
        )


def build_planes(frames: Indexed, parallax: Parallax) -> World:
    """Draw a background of several planes, as `build_world` does for one.

    Parameters
    ----------
    frames : Indexed
    parallax : Parallax
        Of the same frames.
    """
    screen = (frames.height, frames.width)
    laid = [lay_out(path, parallax.room, *screen) for path in parallax.position]
    position = np.stack([*(path for path, _ in laid), np.zeros_like(laid[0][0])])
    height, width = (max(shape[axis] for _, shape in laid) for axis in range(2))
    solver = PlaneSolver(frames, position, (height, width))
    materials = Materials.of(frames, np.zeros((0, 4), np.uint8))
    solver.begin(materials)
    solver.solve(materials, len(laid))
    # Something translucent that covers part of a plane for good hides what it does to it.
    together = solver.seen_together(materials)
    materials = find_materials(frames, solver.world(materials, *screen), together)
    solver.unmix(materials, together)
    materials = solver.drop_unused(frames, materials)
    solver.solve(materials, len(laid))
    # What is translucent is known by what it does to planes, and planes show through it.
    materials = find_materials(frames, solver.world(materials, *screen))
    solver.solve(materials, len(position))
    solver.look_at(1)
    solver.ignore_objects(solver.world(materials, *screen), materials)
    solver.solve(materials, len(position))
    solver.bare_panel(solver.world(materials, *screen), materials)
    materials = solver.drop_unused(frames, materials)
    return solver.world(materials, *screen)


def improve_planes(frames: Indexed, world: World, materials: Materials) -> World:
    """Solve once more for the planes, when it is known what is animated before them.

    Parameters
    ----------
    frames : Indexed
    world : World
        Of the same frames, with animations.
    materials : Materials
        Those of the world.

    Returns
    -------
    World
        With the same animations.
    """
    solver = PlaneSolver.of(frames, world)
    solver.ignore_objects(world, materials)
    solver.look_behind(world, materials)
    solver.tried = solver.used(len(frames.colours))
    solver.solve(materials, len(solver.planes))
    screen = frames.height, frames.width
    solver.bare_panel(
        replace(solver.world(materials, *screen), animations=world.animations), materials
    )
    return replace(solver.world(materials, *screen), animations=world.animations)
