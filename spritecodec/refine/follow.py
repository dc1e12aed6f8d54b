"""Tracks: follow every object from frame to frame.

In each frame, first the objects of the frame before go on: with the same sprite where they
are expected, then nearby, then with a sprite that followed theirs before. What is still
unexplained is covered with sprites of the dictionary, and what even they do not explain
becomes a sprite of its own. New placements continue a lost track where one ended close by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from spritecodec.refine.dictionary import (
    LARGEST_SHAPE_SHARE,
    MOST_UNEXPLAINED_SHARE,
    SEARCH_BUDGET,
    Dictionary,
    Explain,
    Found,
    regions,
)
from spritecodec.refine.indexed import Indexed
from spritecodec.refine.kernels import UNEXPLAINED, Ids, Longs, State, go_on

SEARCH_RADIUS = 3  # pixels around where an object is expected
SUCCESSORS_TRIED = 6
LINK_DISTANCE = 14.0  # pixels between where an object was expected and where one appeared
LINK_BONUS = 4.0  # pixels nearer, for a sprite that is known to follow
# More strange regions than this at once are texture or noise, not objects.
MOST_REGIONS = 96
ROUNDS = 3  # what was covered fits once its cover is placed, and so on


@dataclass(eq=False)
class MinedTrack:
    """One object while it is followed; positions in canvas coordinates."""

    start: int
    sprite: list[int] = field(default_factory=list)
    x: list[int] = field(default_factory=list)
    y: list[int] = field(default_factory=list)

    @property
    def end(self) -> int:
        """The frame after the last."""
        return self.start + len(self.sprite)

    def expected(self) -> tuple[int, int]:
        """Where the object goes if it keeps its velocity."""
        if len(self.x) < 2:
            return self.x[-1], self.y[-1]
        return 2 * self.x[-1] - self.x[-2], 2 * self.y[-1] - self.y[-2]


@dataclass
class Followed:
    """All tracks, and which must be drawn behind which (pairs: behind, in front)."""

    tracks: list[MinedTrack]
    behind: list[tuple[MinedTrack, MinedTrack]]


class _Follower:
    def __init__(
        self,
        frames: Indexed,
        explain: Explain,
        dictionary: Dictionary,
        position: Longs,
        fewest: int,
    ) -> None:
        self.frames = frames
        self.explain = explain
        self.dictionary = dictionary
        self.position = position
        self.fewest = fewest
        self.state: State = np.empty((frames.height, frames.width), np.uint8)
        self.largest = LARGEST_SHAPE_SHARE * frames.height * frames.width
        self.successors: dict[int, list[int]] = {}
        self.live: list[MinedTrack] = []
        self.result = Followed([], [])

    def run(self) -> Followed:
        for t in range(len(self.frames)):
            self.step(t)
        self.result.tracks += self.live
        return self.result

    def guesses(self, track: MinedTrack, t: int) -> list[tuple[int, int]]:
        """Screen positions: as it went, at rest in the world, at rest on the screen."""
        ox, oy = self.position[t].tolist()
        px, py = self.position[t - 1].tolist()
        x, y = track.expected()
        last_x, last_y = track.x[-1], track.y[-1]
        return [(x - ox, y - oy), (last_x - ox, last_y - oy), (last_x - px, last_y - py)]

    def step(self, t: int) -> None:
        left = self.explain(t, self.state)
        placed: list[tuple[MinedTrack, Found]] = []
        lost = self.live
        if 0 < left <= MOST_UNEXPLAINED_SHARE * self.state.size:
            frame = self.frames[t]
            lost = self.go_on(t, frame, lost, placed)
            for _ in range(ROUNDS - 1):
                lost = [k for k in lost if not self.search(t, frame, k, placed)]
            if (self.state == UNEXPLAINED).any():
                lost = self.appear(t, frame, lost, placed)
        self.result.tracks += lost
        self.keep(t, placed)

    def go_on(
        self,
        t: int,
        frame: Ids,
        tracks: list[MinedTrack],
        placed: list[tuple[MinedTrack, Found]],
    ) -> list[MinedTrack]:
        """Tracks that stay or keep their velocity; returns those that do not."""
        if not tracks:
            return []
        d = self.dictionary
        sprites = np.array([k.sprite[-1] for k in tracks], np.int64)
        guesses = np.array([self.guesses(k, t) for k in tracks], np.int64)
        out = np.empty((len(tracks), 3), np.int64)
        go_on(frame, self.state, d.first, d.px, d.py, d.colour, d.needed, sprites, guesses, out)
        lost = []
        for track, (x, y, covered) in zip(tracks, out.tolist(), strict=True):
            if covered < 0:
                lost.append(track)
            else:
                placed.append((track, Found(track.sprite[-1], x, y, covered)))
        return lost

    def search(
        self, t: int, frame: Ids, track: MinedTrack, placed: list[tuple[MinedTrack, Found]]
    ) -> bool:
        """Look for a track nearby, with its sprite or one that is known to follow."""
        d, state = self.dictionary, self.state
        last = track.sprite[-1]
        guesses = self.guesses(track, t)
        best = max((d.gain(frame, state, last, x, y), last, x, y) for x, y in guesses)
        x, y = guesses[0]
        if best[0] <= 0:
            gain, nx, ny = d.near(frame, state, last, x, y, SEARCH_RADIUS)
            best = (gain, last, nx, ny)
            height, width = d.size[last]
            for sprite in self.successors.get(last, [])[:SUCCESSORS_TRIED]:
                # Figures stand on the ground: keep the middle of the lower edge.
                sh, sw = d.size[sprite]
                gain, nx, ny = d.near(
                    frame,
                    state,
                    sprite,
                    x + (width - sw) // 2,
                    y + height - sh,
                    SEARCH_RADIUS + 1,
                )
                if gain > best[0]:
                    best = (gain, sprite, nx, ny)
        if best[0] <= 0:
            return False
        placed.append((track, d.place(frame, state, *best[1:])))
        return True

    def appear(
        self,
        t: int,
        frame: Ids,
        lost: list[MinedTrack],
        placed: list[tuple[MinedTrack, Found]],
    ) -> list[MinedTrack]:
        """Explain what is left; returns the tracks that none of it continues."""
        d, state = self.dictionary, self.state
        found: list[Found] = []
        budget = SEARCH_BUDGET
        for rows, columns, mask in list(regions(state)):
            placed_here, budget = d.cover(frame, state, rows, columns, mask, budget)
            found += placed_here
        strange = list(regions(state))
        for rows, columns, mask in strange:
            if not self.fewest <= mask.sum() <= self.largest or len(strange) > MOST_REGIONS:
                continue
            my, mx = np.nonzero(mask)
            sprite = d.add(my, mx, frame[rows, columns][mask])
            found.append(d.place(frame, state, sprite, columns.start, rows.start))
        pairs = []
        for i, f in enumerate(found):
            height, width = d.size[f.sprite]
            for j, track in enumerate(lost):
                ex, ey = self.guesses(track, t)[0]
                last = track.sprite[-1]
                th, tw = d.size[last]
                distance = abs(f.x - ex + (width - tw) / 2) + abs(f.y - ey + (height - th) / 2)
                distance += (abs(height - th) + abs(width - tw)) / 2
                if f.sprite in self.successors.get(last, ()):
                    distance -= LINK_BONUS
                if distance <= LINK_DISTANCE:
                    pairs.append((distance, i, j))
        owner: dict[int, int] = {}
        for _, i, j in sorted(pairs):
            if i not in owner and j not in owner.values():
                owner[i] = j
        for i, f in enumerate(found):
            placed.append((lost[owner[i]] if i in owner else MinedTrack(t), f))
        return [k for j, k in enumerate(lost) if j not in owner.values()]

    def keep(self, t: int, placed: Sequence[tuple[MinedTrack, Found]]) -> None:
        """Extend the tracks by what was placed, and note who is in front of whom."""
        ox, oy = self.position[t].tolist()
        size = self.dictionary.size
        for rank, (track, f) in enumerate(placed):
            if track.sprite and track.sprite[-1] != f.sprite:
                known = self.successors.setdefault(track.sprite[-1], [])
                if f.sprite in known:
                    known.remove(f.sprite)
                known.insert(0, f.sprite)
            track.sprite.append(f.sprite)
            track.x.append(f.x + ox)
            track.y.append(f.y + oy)
            if f.covered:
                height, width = size[f.sprite]
                for other, g in placed[:rank]:
                    gh, gw = size[g.sprite]
                    beside = f.x >= g.x + gw or g.x >= f.x + width
                    if not beside and f.y < g.y + gh and g.y < f.y + height:
                        self.result.behind.append((track, other))
        self.live = [track for track, _ in placed]


def follow(
    frames: Indexed, explain: Explain, dictionary: Dictionary, position: Longs, fewest: int
) -> Followed:
    """Follow all objects through a run of frames.

    Parameters
    ----------
    frames : Indexed
    explain : callable (t, state) -> int
        Marks in `state` what the background leaves unexplained of frame t.
    dictionary : Dictionary
        Grows by the sprites that had to be added.
    position : ndarray, shape (n, 2), int64
        Canvas coordinates of the screen's top left corner.
    fewest : int
        Pixels of a region that becomes a sprite of its own.
    """
    return _Follower(frames, explain, dictionary, position, fewest).run()
