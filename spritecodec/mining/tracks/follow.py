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

from spritecodec.mining.arrays import MOST_UNEXPLAINED_SHARE, Longs
from spritecodec.mining.pixel_state import Look, View, regions, unexplained
from spritecodec.mining.sprites.dictionary import (
    LARGEST_SHAPE_SHARE,
    ROUNDS,
    SEARCH_BUDGET,
    Dictionary,
    Found,
)
from spritecodec.mining.sprites.match import go_on
from spritecodec.mining.sprites.shapes import region_values

SEARCH_RADIUS = 3  # pixels around where an object is expected
SUCCESSORS_TRIED = 6
LINK_DISTANCE = 14.0  # pixels between where an object was expected and where one appeared
LINK_BONUS = 4.0  # pixels nearer, for a sprite that is known to follow
# More strange regions than this at once are texture or noise, not objects.
MOST_REGIONS = 96
# So often, in frames, regions that fell to so many pieces are covered afresh; fewer pieces,
# by that share, are better.
REVIEW, FEWEST_PIECES, FEWER = 4, 4, 0.5
REVIEW_BUDGET = SEARCH_BUDGET // 4


@dataclass(eq=False)
class MinedTrack:
    """One object while it is followed; positions in canvas coordinates."""

    start: int
    sprite: list[int] = field(default_factory=list)
    x: list[int] = field(default_factory=list)
    y: list[int] = field(default_factory=list)
    before: int = 0  # in how many frames it is seen before the overlay

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
    def __init__(self, look: Look, dictionary: Dictionary, position: Longs, fewest: int) -> None:
        self.look = look
        self.dictionary = dictionary
        self.position = position
        self.fewest = fewest
        self.successors: dict[int, list[int]] = {}
        self.live: list[MinedTrack] = []
        self.result = Followed([], [])

    def run(self) -> Followed:
        for t in range(len(self.position)):
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
        view = self.look(t)
        left = int(unexplained(view.state).sum())
        placed: list[tuple[MinedTrack, Found]] = []
        lost = self.live
        if 0 < left <= MOST_UNEXPLAINED_SHARE * view.state.size:
            if view.translucent and t % REVIEW == 0:
                lost = self.review(t, view, lost, placed)
            lost = self.go_on(t, view, lost, placed)
            for _ in range(ROUNDS - 1):
                lost = [k for k in lost if not self.search(t, view, k, placed)]
            if unexplained(view.state).any():
                lost = self.appear(t, view, lost, placed)
        self.result.tracks += lost
        self.keep(t, placed)

    def review(
        self,
        t: int,
        view: View,
        tracks: list[MinedTrack],
        placed: list[tuple[MinedTrack, Found]],
    ) -> list[MinedTrack]:
        """Cover regions afresh that fell to pieces, which would go on as pieces for good.

        Something that moves before an object leaves it in pieces, and a translucent piece of
        one material fits wherever that is. Returns the tracks that are still to be placed.
        """
        at = [self.guesses(k, t)[0] for k in tracks]
        for rows, columns, mask in list(regions(view.state)):
            inside = [
                k
                for k, (x, y) in zip(tracks, at, strict=True)
                if rows.start <= y < rows.stop and columns.start <= x < columns.stop
            ]
            if len(inside) < FEWEST_PIECES:
                continue
            afresh = view._replace(state=view.state.copy())
            found, _ = self.dictionary.cover(afresh, rows, columns, mask, REVIEW_BUDGET)
            left = unexplained(afresh.state[rows, columns])[mask].sum()
            if left < self.fewest and len(found) <= FEWER * len(inside):
                view.state[:] = afresh.state
                pieces = {id(k) for k in inside}
                tracks = [k for k in tracks if id(k) not in pieces]
                at = [self.guesses(k, t)[0] for k in tracks]
                self.result.tracks += self.link(t, found, inside, placed)
        return tracks

    def go_on(
        self,
        t: int,
        view: View,
        tracks: list[MinedTrack],
        placed: list[tuple[MinedTrack, Found]],
    ) -> list[MinedTrack]:
        """Tracks that stay or keep their velocity; returns those that do not."""
        if not tracks:
            return []
        sprites = np.array([k.sprite[-1] for k in tracks], np.int64)
        guesses = np.array([self.guesses(k, t) for k in tracks], np.int64)
        out = np.empty((len(tracks), 5), np.int64)
        go_on(view, self.dictionary.sprites, sprites, guesses, out)
        lost = []
        for track, (x, y, covered, over, before) in zip(tracks, out.tolist(), strict=True):
            if covered < 0:
                lost.append(track)
            else:
                f = Found(track.sprite[-1], x, y, covered, over, bool(before))
                placed.append((track, f))
        return lost

    def search(
        self, t: int, view: View, track: MinedTrack, placed: list[tuple[MinedTrack, Found]]
    ) -> bool:
        """Look for a track nearby, with its sprite or one that is known to follow."""
        d = self.dictionary
        last = track.sprite[-1]
        guesses = self.guesses(track, t)
        best = max((d.gain(view, last, x, y), last, x, y) for x, y in guesses)
        x, y = guesses[0]
        if best[0] <= 0:
            gain, nx, ny = d.near(view, last, x, y, SEARCH_RADIUS)
            best = (gain, last, nx, ny)
            height, width = d.size[last]
            for sprite in self.successors.get(last, [])[:SUCCESSORS_TRIED]:
                # Figures stand on the ground: keep the middle of the lower edge.
                sh, sw = d.size[sprite]
                gain, nx, ny = d.near(
                    view,
                    sprite,
                    x + (width - sw) // 2,
                    y + height - sh,
                    SEARCH_RADIUS + 1,
                )
                if gain > best[0]:
                    best = (gain, sprite, nx, ny)
        if best[0] <= 0:
            return False
        placed.append((track, d.place(view, *best[1:])))
        return True

    def appear(
        self,
        t: int,
        view: View,
        lost: list[MinedTrack],
        placed: list[tuple[MinedTrack, Found]],
    ) -> list[MinedTrack]:
        """Explain what is left; returns the tracks that none of it continues."""
        d = self.dictionary
        found: list[Found] = []
        budget = SEARCH_BUDGET
        largest = LARGEST_SHAPE_SHARE * view.state.size
        for rows, columns, mask in list(regions(view.state)):
            here, budget = d.explain(view, rows, columns, mask, budget)
            found += here
        remaining = list(regions(view.state))
        strange = [r for r in remaining if self.fewest <= r[2].sum() <= largest]
        # Sparks and foam before translucent things are many small regions, but no noise.
        if len(strange if view.translucent else remaining) > MOST_REGIONS:
            strange = []
        for rows, columns, mask in strange:
            y, x, values = region_values(view, rows, columns, mask)
            if not len(y):
                continue
            top, left = int(y.min()), int(x.min())
            sprite = d.add(y - top, x - left, values)
            found.append(d.place(view, sprite, columns.start + left, rows.start + top))
        return self.link(t, found, lost, placed)

    def link(
        self,
        t: int,
        found: list[Found],
        lost: list[MinedTrack],
        placed: list[tuple[MinedTrack, Found]],
    ) -> list[MinedTrack]:
        """Let what was found continue the tracks that it may be, or begin new ones.

        Returns the tracks that nothing continues.
        """
        d = self.dictionary
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
            self.dictionary.sprites.often[f.sprite] += 1
            track.x.append(f.x + ox)
            track.y.append(f.y + oy)
            track.before += f.before
            if f.covered or f.over:
                height, width = size[f.sprite]
                for other, g in placed[:rank]:
                    gh, gw = size[g.sprite]
                    beside = f.x >= g.x + gw or g.x >= f.x + width
                    if beside or f.y >= g.y + gh or g.y >= f.y + height:
                        continue
                    if f.over and g.veiled:
                        self.result.behind.append((other, track))
                    elif f.covered:
                        self.result.behind.append((track, other))
        self.live = [track for track, _ in placed]


def follow(look: Look, dictionary: Dictionary, position: Longs, fewest: int) -> Followed:
    """Follow all objects through a run of frames.

    Parameters
    ----------
    look : callable (t) -> View
        Frame t, with what the background leaves unexplained.
    dictionary : Dictionary
        Grows by the sprites that had to be added.
    position : ndarray, shape (n, 2), int64
        Canvas coordinates of the screen's top left corner.
    fewest : int
        Pixels of a region that becomes a sprite of its own.
    """
    return _Follower(look, dictionary, position, fewest).run()
