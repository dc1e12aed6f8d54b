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

from spritecodec.mining.arrays import Ids, Longs
from spritecodec.mining.camera.windows import Displacement, Windows
from spritecodec.mining.indexed import Indexed
from spritecodec.mining.thresholds import CAMERA
from spritecodec.scene import Recolouring

MOST_COLOURS = 1024  # of a clip; palettes are small
PURE = 0.8  # share of a colour's pixels that turn into one other colour
FEWEST_PIXELS = 8  # of a colour that can tell what becomes of it
LARGE = 0.01  # share of the screen that changes at an event
MAIN_CAUSE = 0.5  # share of the changed pixels that the table must explain,
MERGING = 0.9  # and where it makes one colour of several
LOST = 0.5  # share of the screen: where less is as before, it is another picture
STRANGE = 0.05  # share of the screen: so is it where more is neither explained nor undone
AS_GOOD = 0.005  # share of the screen: a known table may explain so much less than a new one
SHORT = 8  # frames: no stretch to start from, while there are longer ones
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
def _histogram(frame: Ids, table: Table, colours: int) -> Longs:
    """How many pixels have each colour under the table."""
    out = np.zeros(colours, np.int64)
    h, w = frame.shape
    last, run = frame[0, 0], 0
    for y in range(h):
        for x in range(w):
            if frame[y, x] != last:  # counting runs is several times faster
                out[table[last]] += run
                last, run = frame[y, x], 0
            run += 1
    out[table[last]] += run
    return out


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
    one most common around it before, or any; itself, if the picture had it before, and else
    rather one that the table changes. A colour that nothing becomes takes its second number,
    which lies in the second half of the table.
    """
    h, w = shown.shape
    colours = len(table) // 2
    count = np.zeros(len(table), np.int64)
    had = np.zeros(len(table), np.bool_)
    for y in range(h):
        for x in range(w):
            had[plain[y, x]] = True
    any_of = np.arange(colours, 2 * colours)
    rank = np.zeros(colours, np.int64)
    for c in range(colours):
        s = table[c]
        better = (4 if had[c] else 1) if c == s else (3 if had[c] else 2)
        if better > rank[s]:
            any_of[s], rank[s] = c, better
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


def _match_rest(
    found: Table, pure: NDArray[np.bool_], joint: Joint, rgb: NDArray[np.float64]
) -> None:
    """Give the colours of small things a part in the table `found`.

    Things that move leave the places where their colours were counted: all that was red
    shows the dark sky now. But then a colour shows that nothing else becomes, on about as
    many pixels: dark red. Of several, the one that looks most as if a fade had made it.
    """
    there, shows = joint.sum(axis=1), joint.sum(axis=0)
    main = np.zeros(len(found), np.int64)  # [colour]: pixels of the commonest that becomes it
    np.maximum.at(main, found, there)
    settled = np.where(pure, there == main[found], 2 * shows[found] >= there)
    free = shows >= FEWEST_PIXELS
    seen = settled & (there > 0)
    free[found[seen]] = False
    if not free.any():
        return
    before, after = rgb[seen], rgb[found[seen]]
    spread = before - before.mean(axis=0)
    gain = (spread * after).sum(axis=0) / np.maximum((spread**2).sum(axis=0), 1)
    faded = after.mean(axis=0) + (rgb - before.mean(axis=0)) * gain
    for c in np.argsort(-there, kind="stable").tolist():
        if settled[c] or there[c] < FEWEST_PIXELS:
            continue
        alike = np.flatnonzero(free & (2 * shows >= there[c]) & (shows <= 2 * there[c]))
        if len(alike):
            found[c] = alike[((rgb[alike] - faded[c]) ** 2).sum(axis=1).argmin()]
            free[found[c]] = False


class _Undoing:
    """The tables found so far, and which frames they are used in.

    Colours are numbered twice over: the second number of a colour says that it is shown so
    whatever becomes of the first.
    """

    def __init__(self, frames: Indexed) -> None:
        self.frames = frames
        self.size = frames.height * frames.width
        self.rgb = frames.rgb_of_colours().astype(np.float64)
        self.identity: Table = np.tile(np.arange(len(frames.colours)), 2)
        self.known: list[Table] = [self.identity]
        self.number: Longs = np.full(len(frames), -1)  # of each frame's table; -1: not yet
        # Frames that are not shown as they are.
        self.plain: dict[int, NDArray[np.uint8] | Ids] = {}
        self.windows = Windows(frames.height, frames.width)

    def plainness(self, stretch: tuple[int, int]) -> tuple[bool, int, int]:
        """Sorts stretches of frames: where colours differ most they have not become one."""
        a, b = stretch
        much = self.histogram(self.frames[(a + b) // 2])
        return b - a < SHORT, -int((much >= FEWEST_PIXELS).sum()), a - b

    def histogram(self, frame: Ids, number: int = 0) -> Longs:
        """How many pixels show each colour under a table."""
        return _histogram(frame, self.known[number], len(self.frames.colours))

    def turned(self, before: Longs, after: Longs) -> bool:
        """Whether histograms differ so much that colours may have changed."""
        # Each pixel that turns is missing of one colour and too many of another.
        return int(np.abs(before - after).sum()) > 2 * LARGE * self.size

    def moves(self, before: Ids, after: Ids) -> tuple[Displacement, int]:
        """How the picture scrolls, and how many pixels standing still or that explains."""
        rest, most = _agree(before, after, 0, 0)
        best = (0, 0)
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
        if unlike - explained > STRANGE * self.size:
            return None
        found = np.where(pure, becomes, now)
        sources = np.bincount(found[there > 0], minlength=colours)
        merged = int(pixels[pure & (sources[becomes] > 1)].sum())
        if merged > explained / 2 and explained < MERGING * unlike:
            return None
        _match_rest(found, pure, joint, self.rgb)
        return np.concatenate([found, own]), self.size - unlike + explained

    def events(self) -> list[int]:
        """Frames whose colours differ from those of the frame before."""
        out: list[int] = []
        before = after = self.frames[0]
        much_after = self.histogram(after)
        last, steady = (0, 0), True  # how the picture scrolls; whether its colours stayed
        for t in range(1, len(self.frames)):
            older, before, after = before, after, self.frames[t]
            much, much_after = much_after, self.histogram(after)
            turned = self.turned(much, much_after)
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
        plain = shown = self.frames[start]
        before = self.frames[start - step] if 0 <= start - step < len(self.frames) else shown
        number, scrolled, steady = 0, (0, 0), True
        t = start + step
        while 0 <= t < len(self.frames) and self.number[t] < 0:
            older, before, shown = before, shown, self.frames[t]
            found, moved = number, (0, 0)
            turned = self.turned(self.histogram(plain, number), self.histogram(shown))
            if turned:
                if steady:
                    scrolled, _ = self.moves(older, before)
                moved, explained = self.moves(before, shown)
                for by in _both(scrolled):
                    other, agree = self.choose(self.count(_shifted(plain, by), shown), number)
                    if agree > explained:
                        found, moved, explained = other, by, agree
                if found == number == 0 and explained < LOST * self.size:
                    return
                scrolled = moved
            elif number:
                moved, _ = self.moves(before, shown)
            event, number, steady = found != number, found, not turned
            if number:
                undone = np.empty_like(shown)
                _undo(plain, shown, self.known[number], *moved, NEAR, undone)
                own = int((undone >= len(self.frames.colours)).sum())
                if own > (LARGE if turned and not event else STRANGE) * self.size:
                    return
                plain = undone
                few = len(self.identity) <= 256
                self.plain[t] = plain.astype(np.uint8) if few else plain
            else:
                plain = shown
            self.number[t] = number
            t += step

    def choose(self, joint: Joint, number: int) -> tuple[int, int]:
        """The table that explains most, after `number`, and how many pixels."""
        every = np.arange(len(self.identity))
        agree = np.array([joint[every, k].sum() for k in self.known])
        new = self.new_table(joint, self.known[number])
        if new is None:
            best = int(np.argmax(agree))
            unlike, gain = self.size - agree[number], agree[best] - agree[number]
            well = gain >= max(MAIN_CAUSE * unlike, LARGE * self.size)
            return (best, int(agree[best])) if well else (number, 0)
        # Things that have moved on while all was black mislead a new table, but not much.
        wrong = np.array([self.imbalance(joint, k) for k in (*self.known, new[0])])
        likely = agree >= new[1] - STRANGE * self.size
        likely &= (wrong[:-1] <= wrong[-1]) | (agree >= new[1] - AS_GOOD * self.size)
        if likely.any():
            best = int(np.argmin(np.where(likely, wrong[:-1], wrong.max() + 1)))
            return best, int(agree[best])
        self.known.append(new[0])
        return len(self.known) - 1, new[1]

    def imbalance(self, joint: Joint, table: Table) -> int:
        """On how many pixels colours are missing or too many if the table is right."""
        shows = np.zeros(joint.shape[1], np.int64)
        np.add.at(shows, table, joint.sum(axis=1))
        return int(np.abs(shows - joint.sum(axis=0)).sum())

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
        None where there are no such frames, or more than 1,024 colours, or where frames are
        narrower or lower than 16 pixels.
    """
    if len(frames.colours) > MOST_COLOURS or min(frames.height, frames.width) < 2 * CAMERA.window:
        return None
    undoing = _Undoing(frames)
    events = undoing.events()
    if not events:
        return None
    for a, b in sorted(pairwise([0, *events, len(frames)]), key=undoing.plainness):
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
