"""Tracks: follow every object from frame to frame.

In each frame, the objects of the previous frame continue first: with the same sprite where they
are expected, then nearby, then with a sprite that followed theirs earlier. Sprites of the
dictionary explain what is still open, and what even they do not explain becomes new sprites.
New placements continue a lost track where one ended close by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from spritecodec.mining.arrays import Longs
from spritecodec.mining.limits import LIMITS
from spritecodec.mining.pixel_state import Look, View, open_pixels, regions
from spritecodec.mining.sprites.dictionary import Dictionary
from spritecodec.mining.sprites.explain import Found, cover, explain, place
from spritecodec.mining.sprites.match import best_near, gain_at, go_on
from spritecodec.mining.sprites.shapes import add_region
from spritecodec.mining.thresholds import BACKGROUND, COVER, EVIDENCE, FOLLOW, SHAPES


@dataclass(eq=False)
class MinedTrack:
    """One object while it is followed.

    Attributes
    ----------
    start : int
        The first frame.
    sprite : list of int
        Number in the dictionary, one a frame.
    x, y : list of int
        Background coordinates of the sprite's top left corner, one a frame.
    over_overlay : int
        In how many frames the object is seen in front of the overlay.
    """

    start: int
    sprite: list[int] = field(default_factory=list)
    x: list[int] = field(default_factory=list)
    y: list[int] = field(default_factory=list)
    over_overlay: int = 0

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


@dataclass
class _Frame:
    """The frame at hand.

    Attributes
    ----------
    t : int
    view : View
    origin, previous : (int, int)
        Background coordinates of the screen's top left corner in this frame and the previous.
    lost : list of MinedTrack
        Tracks of the previous frame that do not continue yet.
    placed : list of (MinedTrack, Found)
        What was placed, and on which track, front to back.
    """

    t: int
    view: View
    origin: tuple[int, int]
    previous: tuple[int, int]
    lost: list[MinedTrack]
    placed: list[tuple[MinedTrack, Found]] = field(default_factory=list)

    def expected(self, track: MinedTrack) -> tuple[int, int]:
        """Where a track goes on the screen if it keeps its velocity."""
        x, y = track.expected()
        return x - self.origin[0], y - self.origin[1]

    def guesses(self, track: MinedTrack) -> list[tuple[int, int]]:
        """Screen positions: at its velocity, at rest in the world, at rest on the screen."""
        (ox, oy), (px, py), x, y = self.origin, self.previous, track.x[-1], track.y[-1]
        return [self.expected(track), (x - ox, y - oy), (x - px, y - py)]


class _Follower:
    def __init__(
        self, look: Look, dictionary: Dictionary, position: Longs, min_region: int
    ) -> None:
        self.look = look
        self.dictionary = dictionary
        self.position: list[tuple[int, int]] = [(x, y) for x, y in position.tolist()]
        self.min_region = min_region
        self.successors: dict[int, list[int]] = {}  # of each sprite, the latest first
        self.live: list[MinedTrack] = []
        self.result = Followed([], [])

    def run(self) -> Followed:
        for t in range(len(self.position)):
            self.step(t)
        self.result.tracks += self.live
        return self.result

    def step(self, t: int) -> None:
        position = self.position
        here = _Frame(t, self.look(t), position[t], position[t - 1], self.live)
        state = here.view.state
        if 0 < open_pixels(state).sum() <= BACKGROUND.max_unexplained_share * state.size:
            if here.view.translucent and t % FOLLOW.refit_period == 0:
                self.refit(here)
            self.go_on(here)
            for _ in range(COVER.max_rounds - 1):
                here.lost = [k for k in here.lost if not self.search(here, k)]
            if open_pixels(state).any():
                self.appear(here)
        self.result.tracks += here.lost
        self.keep(here)

    def refit(self, here: _Frame) -> None:
        """Cover afresh the regions that would otherwise continue as many fragments.

        An object falls to fragments when something moves in front of it, and a translucent
        fragment of one material continues wherever that material is.
        """
        state = here.view.state
        expected = [(k, *here.expected(k)) for k in here.lost]
        for region in list(regions(state)):
            rows, columns, mask = region
            inside = [
                k
                for k, x, y in expected
                if rows.start <= y < rows.stop and columns.start <= x < columns.stop
            ]
            if len(inside) < FOLLOW.min_fragments:
                continue
            afresh = here.view._replace(state=state.copy())
            found, _ = cover(self.dictionary, afresh, region, FOLLOW.refit_budget)
            few = len(found) <= EVIDENCE.majority * len(inside)
            if few and open_pixels(afresh.state[rows, columns])[mask].sum() < self.min_region:
                state[:] = afresh.state
                fragments = set(map(id, inside))
                expected = [e for e in expected if id(e[0]) not in fragments]
                self.result.tracks += self.link(here, found, inside)
        here.lost = [k for k, _, _ in expected]

    def go_on(self, here: _Frame) -> None:
        """Continue tracks that stay or keep their velocity."""
        tracks = here.lost
        if not tracks:
            return
        sprites = np.array([k.sprite[-1] for k in tracks], np.int64)
        guesses = np.array([here.guesses(k) for k in tracks], np.int64)
        out = np.empty((len(tracks), 5), np.int64)
        share = EVIDENCE.majority
        go_on(here.view, self.dictionary.sprites, sprites, guesses, share, out)
        here.lost = []
        for track, (x, y, covered, over, over_overlay) in zip(tracks, out.tolist(), strict=True):
            if covered < 0:
                here.lost.append(track)
            else:
                f = Found(track.sprite[-1], x, y, covered, over, bool(over_overlay))
                here.placed.append((track, f))

    def search(self, here: _Frame, track: MinedTrack) -> bool:
        """Continue a track nearby, with its sprite or one that followed it; whether it does."""
        view, patterns = here.view, self.dictionary.sprites.patterns
        size = self.dictionary.size
        last = track.sprite[-1]
        guesses = here.guesses(track)
        best = max((gain_at(view, patterns, last, x, y), last, x, y) for x, y in guesses)
        if best[0] <= 0:
            x, y = guesses[0]
            gain, nx, ny = best_near(view, patterns, last, x, y, EVIDENCE.near)
            best = (gain, last, nx, ny)
            height, width = size[last]
            for sprite in self.successors.get(last, [])[: LIMITS.displacements]:
                # Figures stand on the ground: keep the middle of the lower edge.
                sh, sw = size[sprite]
                sx, sy = x + (width - sw) // 2, y + height - sh
                gain, nx, ny = best_near(view, patterns, sprite, sx, sy, FOLLOW.successor_radius)
                if gain > best[0]:
                    best = (gain, sprite, nx, ny)
        if best[0] <= 0:
            return False
        here.placed.append((track, place(self.dictionary, view, *best[1:])))
        return True

    def appear(self, here: _Frame) -> None:
        """Explain what is still open, and continue lost tracks with it."""
        view = here.view
        found: list[Found] = []
        budget = LIMITS.comparisons
        for region in list(regions(view.state)):
            explained, budget = explain(self.dictionary, view, region, budget)
            found += explained
        remaining = list(regions(view.state))
        max_region = SHAPES.max_share * view.state.size
        new = [r for r in remaining if self.min_region <= r.mask.sum() <= max_region]
        # Sparks and foam in front of translucent things are many small regions, but no noise.
        if len(new if view.translucent else remaining) > LIMITS.candidates:
            new = []
        for region in new:
            added = add_region(self.dictionary, view, region)
            if added is not None:
                found.append(place(self.dictionary, view, *added))
        here.lost = self.link(here, found, here.lost)

    def link(self, here: _Frame, found: list[Found], lost: list[MinedTrack]) -> list[MinedTrack]:
        """Continue lost tracks with what was found close by, the closest pairs first.

        What continues no track begins one. Returns the tracks that nothing continues.
        """
        size = self.dictionary.size
        ends = [(k.sprite[-1], *here.expected(k), *size[k.sprite[-1]]) for k in lost]
        pairs = []
        for i, f in enumerate(found):
            height, width = size[f.sprite]
            for j, (last, x, y, th, tw) in enumerate(ends):
                distance = abs(f.x - x + (width - tw) / 2) + abs(f.y - y + (height - th) / 2)
                distance += FOLLOW.size_weight * (abs(height - th) + abs(width - tw))
                if f.sprite in self.successors.get(last, ()):
                    distance -= FOLLOW.successor_bonus
                if distance <= FOLLOW.max_link_distance:
                    pairs.append((distance, i, j))
        track_of: dict[int, MinedTrack] = {}
        continued: set[int] = set()
        for _, i, j in sorted(pairs):
            if i not in track_of and j not in continued:
                track_of[i] = lost[j]
                continued.add(j)
        here.placed += [(track_of.get(i) or MinedTrack(here.t), f) for i, f in enumerate(found)]
        return [k for j, k in enumerate(lost) if j not in continued]

    def keep(self, here: _Frame) -> None:
        """Extend the tracks by what was placed, and note who is in front of whom."""
        ox, oy = here.origin
        for rank, (track, f) in enumerate(here.placed):
            if track.sprite and track.sprite[-1] != f.sprite:
                known = self.successors.setdefault(track.sprite[-1], [])
                if f.sprite in known:
                    known.remove(f.sprite)
                known.insert(0, f.sprite)
            track.sprite.append(f.sprite)
            track.x.append(f.x + ox)
            track.y.append(f.y + oy)
            track.over_overlay += f.over_overlay
            self.dictionary.sprites.placements[f.sprite] += 1
            if f.covered or f.over:
                self.note_order(track, f, here.placed[:rank])
        self.live = [track for track, _ in here.placed]

    def note_order(
        self, track: MinedTrack, f: Found, earlier: Sequence[tuple[MinedTrack, Found]]
    ) -> None:
        """Note whether a track is in front of or behind what was placed earlier."""
        size = self.dictionary.size
        height, width = size[f.sprite]
        for other, g in earlier:
            gh, gw = size[g.sprite]
            beside = f.x >= g.x + gw or g.x >= f.x + width
            if beside or f.y >= g.y + gh or g.y >= f.y + height:
                continue
            if f.over and g.veiled:
                self.result.behind.append((other, track))
            elif f.covered:
                self.result.behind.append((track, other))


def follow(look: Look, dictionary: Dictionary, position: Longs, min_region: int) -> Followed:
    """Follow all objects through a run of frames.

    Parameters
    ----------
    look : callable (t) -> View
        Frame t, with what the background leaves unexplained.
    dictionary : Dictionary
        Grows by the sprites that had to be added.
    position : ndarray, shape (n, 2), int64
        Background coordinates (x, y) of the screen's top left corner.
    min_region : int
        Pixels of a region that becomes a sprite of its own.
    """
    return _Follower(look, dictionary, position, min_region).run()
