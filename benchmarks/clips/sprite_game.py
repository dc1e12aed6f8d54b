"""``sprite-game``: a climbing game on a solid background, drawn here, with its true scene.

After the synthetic game of Dubey, Agrawal, Pathak, Griffiths and Efros, "Investigating Human
Priors for Playing Video Games" (ICML 2018), on which MarioNette is evaluated: ladders,
platforms, spikes, a key, a door, patrolling enemies, one screen that does not scroll. The
player fetches the key, then walks through the door; after that, or when time is up, the level
is re-arranged. Nothing is taken from that game: pictures, rules and code are made here.

The player's positions are whole sixteenths of a pixel, so that every machine plays the same.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from benchmarks.clips.pixel_art import rgb, wave
from benchmarks.clips.sprite_game_art import TILE, pictures
from benchmarks.clips.stage import Cel, Stage
from spritecodec.errors import SettingsError
from spritecodec.scene import FLIP_HORIZONTAL, FLIP_VERTICAL, Scene

FRAME_RATE = 30
SKY = "8fcfd6"

# Heights and speeds in sixteenths of a pixel (a frame).
SUB = 16
WALK, CLIMB, JUMP, GRAVITY = 27, 20, -59, 6

PLAYER_W, PLAYER_H = 16, 20
PLATFORMS, LADDERS, DOORS, SPIKES, ITEMS, ENEMIES, PLAYER = range(7)  # z


@dataclass
class _Enemy:
    kind: str
    floor: int
    low: int
    high: int
    x: int
    step: int


@dataclass
class _Level:
    """A random arrangement; x in pixels, floors counted from the ground up."""

    tops: list[int]
    columns: list[list[bool]]
    ladders: list[int]
    spikes: list[tuple[int, int]]
    gems: list[tuple[int, int]]
    enemies: list[_Enemy]
    start: int
    key: tuple[int, int]
    door: tuple[int, int]


@dataclass
class _Player:
    x: int
    y: int
    floor: int = 0
    vy: int = 0
    right: bool = True
    state: str = "ground"  # ground, air, ladder, dead, home
    clock: int = 0
    still: bool = True
    careless: bool = False
    has_key: bool = False
    taken: set[int] = field(default_factory=set)


def _arrange(rng: random.Random, columns: int, rows: int) -> _Level:
    """A random level that the player can finish: no two things are too close together."""
    tops = [row * TILE for row in range(rows - 1, 1, -3)]
    free = [set(range(columns)) for _ in tops]

    def take(floor: int, apart: int) -> int | None:
        """A random free column; its neighbours up to `apart` are no longer free. None if full."""
        choice = sorted(free[floor])
        if not choice:
            return None
        column = rng.choice(choice)
        free[floor] -= set(range(column - apart, column + apart + 1))
        return column

    ladders: list[int] = []
    for floor in range(len(tops) - 1):
        both = sorted(free[floor] & free[floor + 1] - {0, columns - 1})
        column = rng.choice(both)
        ladders.append(column)
        for f in (floor, floor + 1):
            free[f] -= set(range(column - 1, column + 2))
    filled = [[True] * columns for _ in tops]
    start = take(0, 1)
    door = take(len(tops) - 1, 1)
    key_floor = rng.randrange(len(tops))
    key = take(key_floor, 0)
    if start is None or door is None or key is None:
        return _arrange(rng, columns, rows)
    spikes: list[tuple[int, int]] = []
    gems: list[tuple[int, int]] = []
    enemies: list[_Enemy] = []
    for floor in range(len(tops)):
        for _ in range(1 if columns < 8 else 2):
            inner = free[floor] - {0, columns - 1}
            if inner and rng.random() < 0.75:
                column = rng.choice(sorted(inner))
                free[floor] -= set(range(column - 2, column + 3))
                spikes.append((floor, column * TILE))
        gem = take(floor, 0)
        if gem is not None:
            gems.append((floor, gem * TILE))
        if floor > 0:
            ends = {ladders[floor - 1]} | {c for f, c in enumerate(ladders) if f == floor}
            ends |= {x // TILE for f, x in spikes if f == floor}
            ends |= {door if floor == len(tops) - 1 else -1, key if floor == key_floor else -1}
            for edge, side in ((0, 1), (columns - 1, -1)):
                for column in range(edge, edge + side * rng.randrange(columns // 3), side):
                    if ends & {column, column + side}:
                        break
                    filled[floor][column] = False
                    gems = [g for g in gems if g != (floor, column * TILE)]
        if floor or rng.random() < 0.6:
            low = TILE * filled[floor].index(True)
            high = TILE * (columns - 1 - filled[floor][::-1].index(True))
            x = rng.randrange(low, high)
            kind = rng.choice(("blob", "beetle"))
            enemies.append(_Enemy(kind, floor, low, high, x, rng.choice((-1, 1))))
    return _Level(
        tops, filled, ladders, spikes, gems, enemies,
        start * TILE, (key_floor, key * TILE), (len(tops) - 1, door * TILE),
    )  # fmt: skip


def _decide(level: _Level, player: _Player) -> tuple[int, bool, int]:
    """The player's aim: the x to walk to, whether to jump now, and which way to climb."""
    goal_floor, goal_x = level.door if player.has_key else level.key
    climb = 0
    if goal_floor != player.floor:
        climb = 1 if goal_floor > player.floor else -1
        goal_x = level.ladders[player.floor if climb > 0 else player.floor - 1] * TILE
    ahead = 1 if goal_x * SUB > player.x else -1
    jump = False
    for floor, x in level.spikes:
        jump |= floor == player.floor and 3 <= ahead * (x - player.x // SUB) <= 15
    for enemy in level.enemies:
        distance = ahead * (enemy.x - player.x // SUB)
        near = 20 if enemy.step == -ahead else 14
        jump |= enemy.floor == player.floor and 4 <= distance <= near
    return goal_x, jump, climb


def _plan(level: _Level, player: _Player) -> str:
    """The player's next action: go, leap, wait or retreat; the first that ends well.

    A careless player does not check whether it does.
    """
    leap = player.state == "ground" and _decide(level, player)[1]
    usual = ["leap", "go"] if leap else ["go", "leap"]
    if player.state not in ("ground", "ladder") or player.careless:
        return usual[0]
    for act in ("go", "wait") if player.state == "ladder" else (*usual, "wait", "retreat"):
        if _ends_well(level, player, act):
            return act
    return "wait"


def _ends_well(level: _Level, player: _Player, act: str) -> bool:
    """Whether the player stays unhurt for the next second if it begins with `act`."""
    level = replace(level, enemies=[replace(enemy) for enemy in level.enemies])
    player = replace(player, taken=set(player.taken), careless=True)
    for ahead in range(FRAME_RATE):
        _patrol(level)
        keeps = ahead == 0 or act in ("wait", "retreat")
        _advance(level, player, act if keeps else _plan(level, player))
        _meet(level, player)
        if player.state in ("dead", "home"):
            return player.state == "home"
    return True


def _patrol(level: _Level) -> None:
    for enemy in level.enemies:
        enemy.x += enemy.step
        if not enemy.low <= enemy.x <= enemy.high:
            enemy.step = -enemy.step
            enemy.x += 2 * enemy.step


def _advance(level: _Level, player: _Player, act: str) -> None:
    """Advance the player by one thirtieth of a second."""
    player.clock += 1
    player.still = True
    if player.state in ("dead", "home"):
        if player.state == "dead":
            player.vy += GRAVITY
            player.y += player.vy
        return
    goal_x, _, climb = _decide(level, player)
    ground = level.tops[player.floor] * SUB
    if player.state == "ladder":
        target = level.tops[player.floor + climb] * SUB
        if act == "go":
            player.y += max(-CLIMB, min(CLIMB, target - player.y))
        if player.y == target:
            player.floor += climb
            player.state = "ground"
        return
    step = max(-WALK, min(WALK, goal_x * SUB - player.x))
    if act in ("wait", "retreat"):
        step = 0 if act == "wait" else -step
    right_end = (len(level.columns[0]) * TILE - PLAYER_W) * SUB
    player.x = max(0, min(player.x + step, right_end))
    if step:
        player.right, player.still = step > 0, False
    if player.state == "ground":
        if climb and player.x == goal_x * SUB and act == "go":
            player.state = "ladder"
        elif act == "leap":
            player.state, player.vy = "air", JUMP
    if player.state == "air":
        player.y += player.vy
        player.vy += GRAVITY
        if player.y >= ground and player.vy > 0:
            player.y, player.vy, player.state = ground, 0, "ground"


def _meet(level: _Level, player: _Player) -> None:
    """Apply what the player touches: spikes and enemies hurt; key and gems are taken."""
    x, y = player.x // SUB, player.y // SUB
    if player.state not in ("ground", "air"):
        return
    height = level.tops[player.floor] - y
    hurt = any(f == player.floor and abs(x - sx) < 8 and height < 5 for f, sx in level.spikes)
    hurt |= any(e.floor == player.floor and abs(x - e.x) < 8 and height < 7 for e in level.enemies)
    if hurt:
        player.state, player.vy, player.clock = "dead", -64, 0
        return
    for i, (floor, gx) in enumerate(level.gems):
        if floor == player.floor and abs(x - gx) < 9:
            player.taken.add(i)
    if player.floor == level.key[0] and abs(x - level.key[1]) < 3:
        player.has_key = True
    if player.has_key and player.floor == level.door[0] and abs(x - level.door[1]) < 2:
        player.state, player.clock = "home", 0


def _draw(stage: Stage, cels: dict[str, Cel], level: _Level, round_: int, t: int) -> None:
    """Draw the level in frame t: all but the door, key, gems and player."""
    for floor, top in enumerate(level.tops):
        filled = level.columns[floor]
        first, last = filled.index(True), len(filled) - 1 - filled[::-1].index(True)
        for column in range(first, last + 1):
            # Only an end in mid-air is rounded, not one at the edge of the screen.
            left, right = column == first > 0, column == last
            name = f"platform {left:d}{right:d}{column % 2}" if floor else f"ground {column % 3}"
            actor = (round_, "platform", floor, column)
            stage.put(actor, t, cels[name], 0, PLATFORMS, column * TILE, top)
    for floor, column in enumerate(level.ladders):
        for i, y in enumerate(range(level.tops[floor + 1], level.tops[floor], TILE)):
            actor = (round_, "ladder", floor, i)
            stage.put(actor, t, cels["ladder"], 0, LADDERS, column * TILE, y)
    for i, (floor, x) in enumerate(level.spikes):
        y = level.tops[floor] - 9
        stage.put((round_, "spike", i), t, cels["spike"], 0, SPIKES, x + 1, y)
    for i, enemy in enumerate(level.enemies):
        flat = (t + 5 * i) // 6 % 2
        cel = cels[("blob flat" if flat else "blob") if enemy.kind == "blob" else f"beetle {flat}"]
        y = level.tops[enemy.floor] - cel.height + 1
        flip = FLIP_HORIZONTAL if enemy.step < 0 else 0
        stage.put((round_, "enemy", i), t, cel, 0, ENEMIES, enemy.x, y, flip)


def _draw_player(
    stage: Stage, cels: dict[str, Cel], level: _Level, player: _Player, round_: int, t: int
) -> None:
    """Draw the player in frame t, the door, and the key and gems not yet taken."""
    floor, x = level.door
    door = cels["door ajar" if player.has_key else "door"]
    stage.put((round_, "door"), t, door, 0, DOORS, x - 2, level.tops[floor] - door.height + 1)
    floor, x = level.key
    if not player.has_key:
        y = level.tops[floor] - 14 + wave(t, 40, 2)
        stage.put((round_, "key"), t, cels["key"], 0, ITEMS, x, y)
    for i, (floor, x) in enumerate(level.gems):
        if i not in player.taken:
            y = level.tops[floor] - 13 + wave(t + 9 * i, 48, 1)
            stage.put((round_, "gem", i), t, cels["gem"], 0, ITEMS, x + 3, y)
    flip = 0 if player.right else FLIP_HORIZONTAL
    if player.state == "ladder":
        name, flip = "climb", FLIP_HORIZONTAL if player.y // (6 * SUB) % 2 else 0
    elif player.state == "air":
        name = "jump" if player.vy < 0 else "fall"
    elif player.state == "dead":
        name, flip = "fall", flip | FLIP_VERTICAL
    elif player.state == "home":
        name, flip = "climb", 0
    elif player.still:
        name = "stand"
    else:
        name = f"walk {player.clock // 3 % 4}"
    y = player.y // SUB - PLAYER_H + 2
    stage.put((round_, "player"), t, cels[name], 0, PLAYER, player.x // SUB, y, flip)


def sprite_game_scene(frames: int = 2000, size: int = 160, seed: int = 0) -> Scene:
    """Play the game and return its true scene.

    Parameters
    ----------
    frames : int
        At 30 a second.
    size : int
        Width and height in pixels, a multiple of 16, at least 96. 160 gives three floors, and
        leaves room to cut the 128x128 pieces that MarioNette trains on (section 3.1).
    seed : int
        Same seed, same scene.

    Returns
    -------
    Scene
        One layer without textures, a solid backdrop; every visible thing is a track.

    Raises
    ------
    SettingsError
        The size or the number of frames is out of range.
    """
    if frames < 1 or size < 96 or size % TILE:
        raise SettingsError(
            "a sprite-game needs at least 1 frame and a size of 96 or more that is a multiple "
            f"of {TILE}, not {frames} frames of size {size}"
        )
    rng = random.Random(seed)
    stage = Stage(size, size, frames, FRAME_RATE)
    stage.layer()
    stage.backdrop[:] = rgb(SKY)
    cels = {name: stage.cel(image) for name, image in pictures().items()}
    longest = min(420, frames * 2 // 3)
    level = player = None
    round_ = began = 0
    for t in range(frames):
        finished = player is not None and player.state == "home" and player.clock > 14
        if level is None or finished or t - began >= longest:
            level = _arrange(rng, size // TILE, size // TILE)
            player = None
            round_, began = round_ + 1, t
        if player is None or (player.state == "dead" and player.clock > 40):
            careless = rng.random() < 0.3
            player = _Player(level.start * SUB, level.tops[0] * SUB, careless=careless)
        act = _plan(level, player)
        _patrol(level)
        _advance(level, player, act)
        _meet(level, player)
        _draw(stage, cels, level, round_, t)
        _draw_player(stage, cels, level, player, round_, t)
    return stage.scene()
