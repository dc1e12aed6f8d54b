"""Recolouring: flashes, fades and palette cycling, distinguished from motion.

Consoles change the colour of an entry of the palette, and with it every pixel that uses the
entry. So some frames show the same as the frames around them, in other colours: a *table* says
what becomes of each colour. Once that is undone, pan, background, sprites and tracks are found
in such frames as in any others.

A change of colours differs from motion by its purity: nearly all pixels of a colour turn into
one and the same other colour at once, and that explains most of what changed. Between such
*events* lie stretches of frames in one set of colours. The longest are taken as they are. From
their ends a walk goes through the events, forwards and backwards, and undoes one frame after
another by the one that it has undone last. Several colours may have become one (all is black
at the end of a fade). Then a pixel keeps the colour that it had, if the table makes that one
what is shown.
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
from spritecodec.mining.limits import LIMITS
from spritecodec.mining.thresholds import CAMERA, EVIDENCE
from spritecodec.scene import Recolouring

# The number that each colour number becomes. Numbers are counted twice over, see `_Undoing`.
Table = NDArray[np.int64]
Joint = NDArray[np.int32]  # [number in one frame, colour in the next]: pixels


@dataclass(frozen=True)
class Undone:
    """Frames whose recolouring is undone.

    Attributes
    ----------
    frames : Indexed
    recolouring : Recolouring
        Applied to these frames, it gives the original ones.
    """

    frames: Indexed
    recolouring: Recolouring


@njit(cache=True)
def _count(previous: Ids, current: Ids, joint: Joint) -> None:
    """Add to `joint` which colour stands where which colour stood."""
    h, w = previous.shape
    for y in range(h):
        for x in range(w):
            joint[previous[y, x], current[y, x]] += 1


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
def _agree(previous: Ids, current: Ids, dx: int, dy: int) -> tuple[int, int]:
    """How many pixels equal the previous frame's moved by (dx, dy); how many those or in place."""
    moved = 0
    either = 0
    h, w = current.shape
    for y in range(h):
        for x in range(w):
            d = current[y, x]
            x0, y0 = x - dx, y - dy
            if 0 <= x0 < w and 0 <= y0 < h and previous[y0, x0] == d:
                moved += 1
                either += 1
            elif previous[y, x] == d:
                either += 1
    return moved, either


@njit(cache=True)
def _likeliest_origins(plain: Ids, table: Table) -> Longs:
    """Which number becomes each colour that may be shown, where nothing near a pixel says.

    Of several, best the colour itself if `plain` shows it; then one that `plain` shows; then
    one that the table changes. A colour that nothing becomes takes its second number.
    """
    colours = len(table) // 2
    had = np.zeros(len(table), np.bool_)
    h, w = plain.shape
    for y in range(h):
        for x in range(w):
            had[plain[y, x]] = True
    origin = np.arange(colours, 2 * colours)
    rank = np.zeros(colours, np.int64)
    for c in range(colours):
        s = table[c]
        better = (4 if had[c] else 1) if c == s else (3 if had[c] else 2)
        if better > rank[s]:
            origin[s], rank[s] = c, better
    return origin


@njit(cache=True)
def _commonest_near(
    plain: Ids, table: Table, y: int, x: int, reach: int, colour: int, count: Longs
) -> int:
    """The commonest number around a pixel that the table makes `colour`; -1 where there is none.

    `count` holds 0 for each number, before and after.
    """
    h, w = plain.shape
    left, right = max(x - reach, 0), min(x + reach + 1, w)
    top, bottom = max(y - reach, 0), min(y + reach + 1, h)
    best = -1
    most = 0
    for y1 in range(top, bottom):
        for c in plain[y1, left:right]:
            if table[c] == colour:
                count[c] += 1
                if count[c] > most:
                    most = count[c]
                    best = c
    for y1 in range(top, bottom):
        for c in plain[y1, left:right]:
            count[c] = 0
    return best


@njit(cache=True)
def _undo(plain: Ids, shown: Ids, table: Table, dx: int, dy: int, reach: int, out: Ids) -> None:
    """Undo a table: what `shown` would be without it, if `plain` is that for the frame before.

    A pixel brings its number along by the displacement (dx, dy), or keeps it, where the table
    makes it the colour that is shown. Else it takes, of the numbers that become this colour,
    the commonest within `reach` pixels, or the likeliest in general.
    """
    h, w = shown.shape
    count = np.zeros(len(table), np.int64)
    origin = _likeliest_origins(plain, table)
    for y in range(h):
        for x in range(w):
            s = shown[y, x]
            x0, y0 = x - dx, y - dy
            if 0 <= x0 < w and 0 <= y0 < h and table[plain[y0, x0]] == s:
                out[y, x] = plain[y0, x0]
            elif table[plain[y, x]] == s:
                out[y, x] = plain[y, x]
            else:
                near = _commonest_near(plain, table, y, x, reach, s, count)
                out[y, x] = near if near >= 0 else origin[s]


def _shifted(frame: Ids, step: Displacement) -> Ids:
    """A frame moved by (x, y); what goes out on one side comes in on the other."""
    return np.roll(frame, step[::-1], axis=(0, 1))


def _likely_steps(step: Displacement) -> list[Displacement]:
    """Standing still, and the displacement of the previous frame."""
    return [(0, 0), step] if any(step) else [step]


def _match_small_things(
    found: Table, pure: NDArray[np.bool_], joint: Joint, rgb: NDArray[np.float64]
) -> None:
    """Add the colours of small things that move to the table `found`.

    They leave the places where their colours were counted: all that was red now shows the dark
    sky. But then a colour appears that nothing else becomes: dark red. Of several, the one
    nearest to what a fade would make of it.
    """
    there, shows = joint.sum(axis=1), joint.sum(axis=0)
    main = np.zeros(len(found), np.int64)  # [colour]: pixels of the commonest that becomes it
    np.maximum.at(main, found, there)
    settled = np.where(pure, there == main[found], shows[found] > 0)
    free = shows >= EVIDENCE.min_pixels
    seen = settled & (there > 0)
    free[found[seen]] = False
    if not free.any():
        return
    faded = _faded(rgb, rgb[seen], rgb[found[seen]])
    for c in np.argsort(-there, kind="stable").tolist():
        if settled[c] or there[c] < EVIDENCE.min_pixels:
            continue
        options = np.flatnonzero(free)
        if len(options):
            found[c] = options[((rgb[options] - faded[c]) ** 2).sum(axis=1).argmin()]
            free[found[c]] = False


def _faded(
    rgb: NDArray[np.float64], sources: NDArray[np.float64], targets: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What a fade that makes `targets` of `sources` makes of other colours, by regression.

    All of shape (..., 3); each channel is a linear function of itself.
    """
    spread = sources - sources.mean(axis=0)
    gain = (spread * targets).sum(axis=0) / np.maximum((spread**2).sum(axis=0), 1)
    faded: NDArray[np.float64] = targets.mean(axis=0) + (rgb - sources.mean(axis=0)) * gain
    return faded


class _Undoing:
    """The tables found so far, and which frames they are used in.

    Colours are numbered twice over. The second number of a colour is shown as that colour
    whatever the table makes of the first.

    Attributes
    ----------
    known : list of ndarray, each shape (2 * colours,)
        The tables; the first changes nothing.
    number : ndarray, shape (n,), int64
        Of each frame's table; -1 where it is not found yet.
    plain : dict of int to ndarray, each shape (h, w)
        Frames whose recolouring is undone, in numbers.
    """

    def __init__(self, frames: Indexed) -> None:
        self.frames = frames
        self.size = frames.height * frames.width
        self.rgb = frames.rgb_of_colours().astype(np.float64)
        self.identity: Table = np.tile(np.arange(len(frames.colours)), 2)
        self.known: list[Table] = [self.identity]
        self.number: Longs = np.full(len(frames), -1)
        self.plain: dict[int, NDArray[np.uint8] | Ids] = {}
        self.windows = Windows(frames.height, frames.width)

    def precedence(self, stretch: tuple[int, int]) -> tuple[bool, int, int]:
        """Sorts stretches of frames: first those of the most colours, for there colours have
        not become one; short ones last.
        """
        a, b = stretch
        counts = self.histogram(self.frames[(a + b) // 2])
        colours = int((counts >= EVIDENCE.min_pixels).sum())
        return b - a < EVIDENCE.min_frames, -colours, a - b

    def histogram(self, frame: Ids, number: int = 0) -> Longs:
        """How many pixels show each colour under a table."""
        return _histogram(frame, self.known[number], len(self.frames.colours))

    def has_turned(self, previous: Longs, current: Longs) -> bool:
        """Whether histograms differ so much that colours may have changed."""
        # Each pixel that turns is missing of one colour and too many of another.
        least = 2 * EVIDENCE.min_changed * self.size
        return int(np.abs(previous - current).sum()) > least

    def motion(self, previous: Ids, current: Ids) -> tuple[Displacement, int]:
        """How the frame scrolls, and how many pixels that or standing still explains."""
        rest, most = _agree(previous, current, 0, 0)
        best = (0, 0)
        votes = self.windows.votes(self.windows.table(previous), self.windows.table(current))
        for step, _, _ in votes:
            moved, either = _agree(previous, current, *step)
            if moved > rest and either > most:
                best, most = step, either
        return best, most

    def count(self, previous: Ids, current: Ids) -> Joint:
        """On how many pixels each colour stands where each number stood."""
        joint = np.zeros((len(self.identity), len(self.frames.colours)), np.int32)
        _count(previous, current, joint)
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
        pure = (there >= EVIDENCE.min_pixels) & (pixels >= EVIDENCE.most * there)
        pure &= becomes != now
        explained = int((pixels - as_now)[pure].sum())
        if not self.explains_enough(explained, unlike):
            return None
        if unlike - explained > EVIDENCE.few * self.size:
            return None
        found = np.where(pure, becomes, now)
        _match_small_things(found, pure, joint, self.rgb)
        return np.concatenate([found, own]), self.size - unlike + explained

    def explains_enough(self, explained: int, changed: int) -> bool:
        """Whether a table explains so many of the pixels that changed that colours have."""
        least = EVIDENCE.min_changed * self.size
        return explained >= max(EVIDENCE.majority * changed, least)

    def events(self) -> list[int]:
        """Frames whose colours differ from those of the previous frame."""
        out: list[int] = []
        previous = current = self.frames[0]
        counts = self.histogram(current)
        scrolled, steady = (0, 0), True  # whether the colours stayed in the previous frame
        for t in range(1, len(self.frames)):
            older, previous, current = previous, current, self.frames[t]
            previous_counts, counts = counts, self.histogram(current)
            turned = self.has_turned(previous_counts, counts)
            if turned:
                if steady:
                    scrolled, _ = self.motion(older, previous)
                explained = max(
                    self.explained(_shifted(previous, step), current)
                    for step in _likely_steps(scrolled)
                )
                if explained and explained > self.motion(previous, current)[1]:
                    out.append(t)
            steady = not turned
        return out

    def explained(self, previous: Ids, current: Ids) -> int:
        """How many pixels a change of colours explains, forwards or backwards; 0: no such."""
        colours = len(self.frames.colours)
        joint, identity = self.count(previous, current)[:colours], self.identity[:colours]
        found = (self.new_table(j, identity) for j in (joint, joint.T))
        return max(0 if f is None else f[1] for f in found)

    def walk(self, start: int, direction: int) -> None:
        """Undo one frame after another, from the one after `start` to a frame that is done.

        Ends early at a cut, and where undoing a frame leaves too much unexplained.

        Parameters
        ----------
        start : int
            A frame that is shown as it is.
        direction : int
            1 or -1.
        """
        plain = shown = self.frames[start]
        inside = 0 <= start - direction < len(self.frames)
        previous = self.frames[start - direction] if inside else shown
        number, scrolled, steady = 0, (0, 0), True
        t = start + direction
        while 0 <= t < len(self.frames) and self.number[t] < 0:
            older, previous, shown = previous, shown, self.frames[t]
            found, moved = number, (0, 0)
            turned = self.has_turned(self.histogram(plain, number), self.histogram(shown))
            if turned:
                if steady:
                    scrolled, _ = self.motion(older, previous)
                moved, explained = self.motion(previous, shown)
                for step in _likely_steps(scrolled):
                    joint = self.count(_shifted(plain, step), shown)
                    other, agree = self.choose(joint, number)
                    if agree > explained:
                        found, moved, explained = other, step, agree
                if found == number == 0 and explained < EVIDENCE.majority * self.size:
                    return
                scrolled = moved
            elif number:
                moved, _ = self.motion(previous, shown)
            event, number, steady = found != number, found, not turned
            if number:
                strict = turned and not event
                undone = self.undone(plain, shown, number, moved, strict=strict)
                if undone is None:
                    return
                plain = undone
                few = len(self.identity) <= 256
                self.plain[t] = plain.astype(np.uint8) if few else plain
            else:
                plain = shown
            self.number[t] = number
            t += direction

    def undone(
        self, plain: Ids, shown: Ids, number: int, step: Displacement, *, strict: bool
    ) -> Ids | None:
        """The frame `shown` without its table; None where too much of it is not explained.

        Parameters
        ----------
        plain : ndarray, shape (h, w)
            The neighbouring frame, undone.
        shown : ndarray, shape (h, w)
        number : int
            Of the table.
        step : (x, y)
            How the frame scrolls.
        strict : bool
            Little may be left unexplained: histograms differ, but no other table was found.
        """
        out = np.empty_like(shown)
        _undo(plain, shown, self.known[number], *step, EVIDENCE.near, out)
        unexplained = int((out >= len(self.frames.colours)).sum())
        most = EVIDENCE.min_changed if strict else EVIDENCE.few
        return None if unexplained > most * self.size else out

    def choose(self, joint: Joint, number: int) -> tuple[int, int]:
        """The table that explains most, after `number`, and how many pixels.

        Known tables are preferred to a new one. 0 pixels where nothing else is better than
        `number` clearly.
        """
        every = np.arange(len(self.identity))
        agree = np.array([joint[every, k].sum() for k in self.known])
        new = self.new_table(joint, self.known[number])
        if new is None:
            best = int(np.argmax(agree))
            enough = self.explains_enough(agree[best] - agree[number], self.size - agree[number])
            return (best, int(agree[best])) if enough else (number, 0)
        # Things that have moved on while all was black mislead a new table, but not much.
        wrong = np.array([self.imbalance(joint, k) for k in (*self.known, new[0])])
        likely = agree >= new[1] - EVIDENCE.few * self.size
        likely &= (wrong[:-1] <= wrong[-1]) | (agree >= new[1])
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
        """RGB of all numbers, shape (2 * colours, 3).

        A colour's second number gets a colour that no frame has, and no other number.
        """
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
    """Find frames that show the same as those around them in other colours, and undo that.

    Parameters
    ----------
    frames : Indexed
        At least one frame.

    Returns
    -------
    Undone or None
        None where there are no such frames, or more than ``LIMITS.things`` colours,
        or where frames are narrower or lower than two windows.
    """
    if len(frames.colours) > LIMITS.things:
        return None
    if min(frames.height, frames.width) < 2 * CAMERA.window:
        return None
    undoing = _Undoing(frames)
    events = undoing.events()
    if not events:
        return None
    for a, b in sorted(pairwise([0, *events, len(frames)]), key=undoing.precedence):
        left = a + np.flatnonzero(undoing.number[a:b] < 0)
        if len(left):
            undoing.number[left] = 0
            undoing.walk(int(left[-1]), 1)
            undoing.walk(int(left[0]), -1)
    recolouring = undoing.recolouring()
    if not len(recolouring):
        return None
    rgb = undoing.colours()
    plain = (
        rgb[undoing.plain[t]] if t in undoing.plain else frames.rgb(t) for t in range(len(frames))
    )
    return Undone(Indexed.of(plain, frames.height, frames.width), recolouring)
