"""Clips of real games, each played in an environment of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.clips.environments import frames_from
from benchmarks.clips.spec import ClipSpec, Frame


def _mario(level: str, frames: int, seed: int, sha256: str, what: str) -> ClipSpec:
    def make(cache: Path) -> Iterator[Frame]:
        options = [f"--level={level}", f"--frames={frames}", f"--seed={seed}"]
        return frames_from("mario", cache, options, 256, 240)

    description = f"Super Mario Bros {level} (NES): {what}"
    return ClipSpec(f"mario-{level}", make, frames, 256, 240, 60, sha256, description)


def _atari(name: str, game: str, frames: int, sha256: str, what: str) -> ClipSpec:
    def make(cache: Path) -> Iterator[Frame]:
        options = [f"--game={game}", f"--frames={frames}", "--seed=0"]
        return frames_from("atari", cache, options, 160, 210)

    description = f"{game} (Atari 2600): {what}"
    return ClipSpec(name, make, frames, 160, 210, 60, sha256, description)


def _crafter(frames: int, seed: int, sha256: str, what: str) -> ClipSpec:
    def make(cache: Path) -> Iterator[Frame]:
        options = [f"--frames={frames}", f"--seed={seed}"]
        return frames_from("crafter", cache, options, 288, 288)

    return ClipSpec("crafter", make, frames, 288, 288, 10, sha256, f"Crafter: {what}")


_CLIPS = [
    _mario(
        "1-1",
        2220,
        5,
        "0039b17fb258a1291b38fd69db80a6f923366eda675df778cbb162be80a4c852",
        "dies half-way, starts again, reaches the flag",
    ),
    _mario(
        "1-2",
        1500,
        5,
        "e3dedac8bf673ab18322ebbb1459be8a4e383960b6726c9b34b89496360b5124",
        "underground, four attempts",
    ),
    _mario(
        "4-1",
        1500,
        3,
        "27e61a696baffb207fc2329c967601b53c4ac8f09b114ea1cc3c55de23a072f5",
        "Lakitu throws from his cloud, three attempts",
    ),
    _atari(
        "space-invaders",
        "SpaceInvaders",
        5000,
        "f691922e7a95fb9c4da49b3901fa87c01c30857b62f501298b70664a2a039a6a",
        "several games",
    ),
    _atari(
        "space-invaders-10000",
        "SpaceInvaders",
        10000,
        "ff644469c0df6f9db6d08cc7a2cc0c8e15d296230127395b13e4d81e81d9f323",
        "twice as many frames of it",
    ),
    _atari(
        "space-invaders-1500",
        "SpaceInvaders",
        1500,
        "aa19a4dc08bd3df6a0e5eb6873d3e4785c9686e108aec78ce97ccf82b923e998",
        "the first 1,500 frames of it",
    ),
    _atari(
        "breakout",
        "Breakout",
        1500,
        "c20e0970ac5626bdceb82ce1e8ed942e2f35046957f4c0b68f42096526501afa",
        "bricks, one small ball",
    ),
    _atari(
        "pong",
        "Pong",
        1500,
        "eca8b9f91b40e73ed46d72ebcf64517e995e553312187e0223eba161b3549c9f",
        "two paddles and a ball",
    ),
    _atari(
        "ms-pacman",
        "MsPacman",
        1500,
        "95b706d026e3cc84ff4be7e2879ad12cbf5bf527c92e58c0b6657d0decf34546",
        "a maze, flickering ghosts",
    ),
    _atari(
        "freeway",
        "Freeway",
        1500,
        "92f53180ebdbfe0ecd9f8a6ceb9b18822e4f49b3fc3ebb9849f55be7232bac9d",
        "ten lanes of cars",
    ),
    _atari(
        "pitfall",
        "Pitfall",
        1500,
        "a63ec30ed0d575102b6e20f89453bb4c6186863172835f63c389d8bb279adc3b",
        "jungle screens that cut into one another",
    ),
    _atari(
        "seaquest",
        "Seaquest",
        1500,
        "6f7a65f523ccc6ea04178c660ce7cb83151dc50083ab261169e7486f135b9c99",
        "a submarine, fish and divers",
    ),
    _atari(
        "asterix",
        "Asterix",
        1500,
        "854801dda9ccc04b73eac67f396d6718519ef71cad0e7593607083095cfdb7cd",
        "objects in eight lanes",
    ),
    _atari(
        "river-raid",
        "Riverraid",
        1500,
        "d3281cf7178d8dec88311bb30eb713e27ac115c97f168872dd0071b18820f742",
        "a landscape that scrolls down",
    ),
    _crafter(
        600,
        1,
        "5c7994e308910e3a5ee63d5905d79645149370f780b2f4b645bde3812284632e",
        "a day and a night on a map of tiles",
    ),
]

GAMES: dict[str, ClipSpec] = {clip.name: clip for clip in _CLIPS}
