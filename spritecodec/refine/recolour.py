"""Recolouring: flashes, fades and palette cycling, told from what moves.

Consoles change the colour of an entry of the palette, and with it every pixel that uses the
entry. So some frames show the picture that the frames around them show, in other colours:
a *table* says what becomes of each colour. Undone, such frames are like all others, and
pan, world, sprites and tracks are found in them as ever.

A change of colours is told from motion by its purity: nearly all pixels of a colour turn
into one and the same other colour at once, and that explains most of what changed. Between
such *events* lie stretches of frames in one set of colours. The longest are taken as they
are, first; from their ends the walk goes on through the events, forwards and backwards,
with the picture undone so far in hand. Several colours may have become one (all is black at
the end of a fade): then a pixel keeps the colour that it had, if that would look like it
does.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spritecodec.refine.indexed import Indexed
from spritecodec.refine.kernels import Ids, Longs
from spritecodec.refine.windows import WINDOW, Displacement, Windows
from spritecodec.scene import Recolouring

MOST_COLOURS = 1024  # of a clip; palettes are small
PURE = 0.8  # share of a colour's pixels that turn into one other colour
FEWEST_PIXELS = 8  # of a colour that can tell what becomes of it
LARGE = 0.01  # share of the screen that changes at an event
MAIN_CAUSE = 0.5  # share of the changed pixels that the table must explain,
MERGING = 0.9  # and where it makes one colour of several
LOST = 0.5  # share of the screen: where less is as before, it is another picture
STRANGE = 0.05  # share of the screen: so is it where more cannot be undone
AS_GOOD = 0.005  # share of the screen: a known table may explain so much less than a new one
NEAR = 3  # pixels around a place in which objects are expected to have been before

Table = NDArray[np.int64]
Joint = NDArray[np.int32]


@dataclass(frozen=True)
class Undone:
    """Frames without their recolouring, and the recolouring that brings it back."""

    frames: Indexed
    recolouring: Recolouring


@njit(cache=True)
def _count(before: Ids, after: Ids, joint: Joint) -> None:
    """Add to `joint` which colour stands where which colour stood."""
    h, w = before.shape
    for y in range(h):
        for x in range(w):
            joint[before[y, x], after[y, x]] += 1


@njit(cache=True)
def _unlike(plain: Ids, shown: Ids, table: Table) -> int:
    """How many pixels the table does not explain."""
    count = 0
    h, w = shown.shape
    for y in range(h):
        for x in range(w):
            if table[plain[y, x]] != shown[y, x]:
                count += 1
    return count


@njit(cache=True)
def _histogram(frame: Ids, out: Longs) -> None:
    """How many pixels have each colour."""
    out[:] = 0
    h, w = frame.shape
    for y in range(h):
        for x in range(w):
            out[frame[y, x]] += 1


@njit(cache=True)
def _agree(before: Ids, after: Ids, dx: int, dy: int) -> tuple[int, int]:
    """How many pixels are as they were where they move from; how many there or in place."""
    moved = 0
    either = 0
    h, w = after.shape
    for y in range(h):
        for x in range(w):
            d = after[y, x]
            x0, y0 = x - dx, y - dy
            if 0 <= x0 < w and 0 <= y0 < h and before[y0, x0] == d:
                moved += 1
                either += 1
            elif before[y, x] == d:
                either += 1
    return moved, either


@njit(cache=True)
def _undo(plain: Ids, shown: Ids, table: Table, dx: int, dy: int, near: int, out: Ids) -> None:
    """The picture that `shown` is under `table`, where `plain` was it a frame before.

    A pixel brings its colour along by the displacement (dx, dy), or keeps it, where the table
    makes it the one that is shown. Otherwise it takes, of the colours that would look so, the
    one most common around it before, or any. A colour that nothing becomes takes its second
    number, which lies in the second half of the table.
    """
    h, w = shown.shape
    colours = len(table) // 2
    count = np.zeros(len(table), np.int64)
    any_of = np.arange(colours, 2 * colours)
    for c in range(colours):
        any_of[table[c]] = c
    for s in range(colours):
        if table[s] == s:
            any_of[s] = s
    for y in range(h):
        for x in range(w):
            s = shown[y, x]
            x0, y0 = x - dx, y - dy
            if 0 <= x0 < w and 0 <= y0 < h and table[plain[y0, x0]] == s:
                out[y, x] = plain[y0, x0]
            elif table[plain[y, x]] == s:
                out[y, x] = plain[y, x]
            else:
                best = any_of[s]
                most = 0
                left, right = max(x - near, 0), min(x + near + 1, w)
                for y1 in range(max(y - near, 0), min(y + near + 1, h)):
                    for c in plain[y1, left:right]:
                        if table[c] == s:
                            count[c] += 1
                            if count[c] > most:
                                most = count[c]
                                best = c
                for y1 in range(max(y - near, 0), min(y + near + 1, h)):
                    for c in plain[y1, left:right]:
                        count[c] = 0
                out[y, x] = best


def _shifted(picture: Ids, step: Displacement) -> Ids:
    """A picture moved by (x, y); what goes out on one side comes in on the other."""
    return np.roll(picture, step[::-1], axis=(0, 1))


def _both(step: Displacement) -> list[Displacement]:
    """Standing still, and going on as before."""
    return [(0, 0), step] if any(step) else [step]


def _match_rest(found: Table, pure: NDArray[np.bool_], joint: Joint) -> None:
    """Give the colours of small things a part in the table `found`.

    Things that move leave the places where their colours were counted: all that was red
    shows the dark sky now. But then a colour shows that nothing else becomes, on about as
    many pixels: dark red.
    """
    there, shows = joint.sum(axis=1), joint.sum(axis=0)
    main = np.zeros(len(found), np.int64)  # [colour]: pixels of the commonest that becomes it
    np.maximum.at(main, found, there)
    settled = np.where(pure, there == main[found], 2 * shows[found] >= there)
    free = shows >= FEWEST_PIXELS
    free[found[settled & (there > 0)]] = False
    for c in np.argsort(-there, kind="stable").tolist():
        if settled[c] or there[c] < FEWEST_PIXELS:
            continue
        alike = np.flatnonzero(free & (2 * shows >= there[c]) & (shows <= 2 * there[c]))
        if len(alike):
            difference = np.abs(shows[alike] - there[c])
            found[c] = alike[np.lexsort((difference, -joint[c, alike]))[0]]
            free[found[c]] = False


class _Undoing:
    """The tables found so far, and which frames they are used in.

    Colours are numbered twice over: the second number of a colour says that it is shown so
    whatever becomes of the first.
    """

    def __init__(self, frames: Indexed) -> None:
        self.frames = frames
        self.size = frames.height * frames.width
        self.identity: Table = np.tile(np.arange(len(frames.colours)), 2)
        self.known: list[Table] = [self.identity]
        self.number: Longs = np.full(len(frames), -1)  # of each frame's table; -1: not yet
        self.plain: dict[int, Ids] = {}  # frames that are not shown as they are
        self.windows = Windows(frames.height, frames.width)

    def moves(self, before: Ids, after: Ids) -> tuple[Displacement, int]:
        """How the picture scrolls, and how many pixels standing still or that explains."""
        rest, most = _agree(before, after, 0, 0)
        best = (0, 0)
        if min(before.shape) < 2 * WINDOW:
            return best, most
        votes = self.windows.votes(self.windows.table(before), self.windows.table(after))
        for step, _, _ in votes:
            moved, either = _agree(before, after, *step)
            if moved > rest and either > most:
                best, most = step, either
        return best, most

    def count(self, before: Ids, after: Ids) -> Joint:
        """On how many pixels each number stands where each other one stood."""
        joint = np.zeros((len(self.identity), len(self.frames.colours)), np.int32)
        _count(before, after, joint)
        return joint

    def new_table(self, joint: Joint, table: Table) -> tuple[Table, int] | None:
        """What the colours become and how many pixels that explains; None where not enough.

        Colours that do not become another one nearly everywhere keep what `table` says.
        """
        colours = joint.shape[1]
        joint, now, own = joint[:colours], table[:colours], table[colours:]
        there, becomes, pixels = joint.sum(axis=1), joint.argmax(axis=1), joint.max(axis=1)
        as_now = joint[np.arange(colours), now]
        unlike = int((there - as_now).sum())
        pure = (there >= FEWEST_PIXELS) & (pixels >= PURE * there) & (becomes != now)
        explained = int((pixels - as_now)[pure].sum())
        if explained < max(MAIN_CAUSE * unlike, LARGE * self.size):
            return None
        found = np.where(pure, becomes, now)
        sources = np.bincount(found[there > 0], minlength=colours)
        merged = int(pixels[pure & (sources[becomes] > 1)].sum())
        if merged > explained / 2 and explained < MERGING * unlike:
            return None
        _match_rest(found, pure, joint)
        return np.concatenate([found, own]), self.size - unlike + explained

    def events(self) -> list[int]:
        """Frames whose colours differ from those of the frame before."""
        out: list[int] = []
        colours = len(self.frames.colours)
        before = after = self.frames[0]
        much, much_after = np.zeros(colours, np.int64), np.zeros(colours, np.int64)
        _histogram(after, much_after)
        last, steady = (0, 0), True  # how the picture scrolls; whether its colours stayed
        for t in range(1, len(self.frames)):
            older, before, after = before, after, self.frames[t]
            much, much_after = much_after, much
            _histogram(after, much_after)
            # Each pixel that turns is missing of one colour and too many of another.
            turned = bool(np.abs(much - much_after).sum() > 2 * LARGE * self.size)
            if turned:
                if steady:
                    last, _ = self.moves(older, before)
                explained = max(self.explained(_shifted(before, by), after) for by in _both(last))
                if explained and explained > self.moves(before, after)[1]:
                    out.append(t)
            steady = not turned
        return out

    def explained(self, before: Ids, after: Ids) -> int:
        """How many pixels a change of colours explains, forwards or backwards; 0: no such."""
        colours = len(self.frames.colours)
        joint, identity = self.count(before, after)[:colours], self.identity[:colours]
        found = (self.new_table(j, identity) for j in (joint, joint.T))
        return max(0 if f is None else f[1] for f in found)

    def walk(self, start: int, step: int) -> None:
        """From the frame at `start`, which is shown as it is, on to where all is unknown."""
        plain, number, scrolled = self.frames[start], 0, (0, 0)
        if 0 <= start - step < len(self.frames):
            scrolled, _ = self.moves(self.frames[start - step], plain)
        t = start + step
        while 0 <= t < len(self.frames) and self.number[t] < 0:
            shown = self.frames[t]
            found, moved = number, (0, 0)
            if _unlike(plain, shown, self.known[number]) >= LARGE * self.size:
                moved, explained = self.moves(self.frames[t - step], shown)
                for by in _both(scrolled):
                    other, agree = self.choose(self.count(_shifted(plain, by), shown), number)
                    if agree > explained:
                        found, moved, explained = other, by, agree
                if found == number == 0 and explained < LOST * self.size:
                    return
            number, scrolled, before, plain = found, moved, plain, shown
            if number:
                plain = np.empty_like(shown)
                _undo(before, shown, self.known[number], *moved, NEAR, plain)
                if (plain >= len(self.frames.colours)).sum() > STRANGE * self.size:
                    return
                self.plain[t] = plain
            self.number[t] = number
            t += step

    def choose(self, joint: Joint, number: int) -> tuple[int, int]:
        """The table that explains most, after `number`, and how many pixels."""
        every = np.arange(len(self.identity))
        new = self.new_table(joint, self.known[number])
        if new is None:
            return number, 0
        agree = [int(joint[every, k].sum()) for k in self.known]
        best = int(np.argmax(agree))
        if agree[best] >= new[1] - AS_GOOD * self.size:
            return best, agree[best]
        self.known.append(new[0])
        return len(self.known) - 1, new[1]

    def colours(self) -> NDArray[np.uint8]:
        """RGB of all numbers: those of the second half have colours that no frame has."""
        rgb = self.frames.rgb_of_colours()
        taken = set(map(tuple, rgb.tolist()))
        own = []
        for r, g, b in rgb.tolist():
            free = ((r ^ i & 255, g ^ i >> 8 & 255, b ^ i >> 16) for i in range(1, 1 << 24))
            own.append(next(colour for colour in free if colour not in taken))
            taken.add(own[-1])
        return np.concatenate([rgb, np.array(own, np.uint8).reshape(-1, 3)])

    def recolouring(self) -> Recolouring:
        """All tables that are used, for the colours that they change."""
        changes = np.zeros((len(self.known), len(self.identity)), bool)
        for t, plain in self.plain.items():
            changes[self.number[t], np.unique(plain)] = True
        changes &= np.stack(self.known) != np.arange(len(self.identity))
        sources, used = np.flatnonzero(changes.any(axis=0)), changes.any(axis=1)
        number = np.where(used, np.cumsum(used) - 1, -1)[self.number]
        starts = np.flatnonzero(np.diff(number, prepend=-1))
        length = np.diff(np.append(starts, len(number)))
        starts, length = starts[number[starts] >= 0], length[number[starts] >= 0]
        tables = np.where(changes, np.stack(self.known), np.arange(len(self.identity)))
        tables = tables[used][:, sources]
        rgb = self.colours()
        return Recolouring(
            starts.astype(np.int32),
            length.astype(np.int32),
            number[starts].astype(np.int32),
            rgb[sources],
            rgb[tables],
        )


def undo_recolouring(frames: Indexed) -> Undone | None:
    """Find frames that show the picture around them in other colours, and undo that.

    Returns
    -------
    Undone or None
        None where there are no such frames, or more than 1,024 colours.
    """
    if len(frames.colours) > MOST_COLOURS:
        return None
    undoing = _Undoing(frames)
    events = undoing.events()
    if not events:
        return None
    stretches = sorted(pairwise([0, *events, len(frames)]), key=lambda ab: ab[0] - ab[1])
    for a, b in stretches:
        left = a + np.flatnonzero(undoing.number[a:b] < 0)
        if len(left):
            undoing.number[left] = 0
            undoing.walk(int(left[-1]), 1)
            undoing.walk(int(left[0]), -1)
    recolouring = undoing.recolouring()
    if not len(recolouring):
        return None
    rgb = undoing.colours()
    pictures = (
        rgb[undoing.plain[t]] if t in undoing.plain else frames.rgb(t) for t in range(len(frames))
    )
    return Undone(Indexed.of(pictures, frames.height, frames.width), recolouring)
