"""``platformer``: a scrolling game with parallax, drawn here, with its true scene.

Five layers, back to front, each with its own pan: sky (camera / 16), mountains (camera / 4),
hills (camera / 2), the level, and the display, which does not move. The camera follows a fox
through a meadow in x and y; then the scene cuts to moonlit ruins, which lie further along in
the same layers. Water, ghosts, dust, lights, the bees' wings and the display's panel are
translucent: their alpha is strictly between 0 and 255.
"""

from __future__ import annotations

import random

import numpy as np

from benchmarks.clips.pixel_art import RGBA, rgb, wave
from benchmarks.clips.platformer_art import pictures
from benchmarks.clips.platformer_level import ROWS, TILE, WATER_ROW, lay_out
from benchmarks.clips.platformer_play import FLYERS, RUN, SUB, Game, Tally
from benchmarks.clips.platformer_textures import (
    MEADOW,
    RUINS,
    Style,
    far_texture,
    ground_texture,
    near_texture,
    sky_texture,
)
from benchmarks.clips.stage import Cel, Stage
from spritecodec.errors import SettingsError
from spritecodec.scene import FLIP_HORIZONTAL, FLIP_VERTICAL, Scene

FRAME_RATE = 60
SKY, FAR, NEAR, LEVEL, DISPLAY = range(5)
DEPTH = {SKY: 16, FAR: 4, NEAR: 2, LEVEL: 1}  # pan = camera // depth
ZONE_GAP = 1024  # pixels between the two zones in every layer
# z inside the level's layer
CRYSTALS, LIGHTS, COINS, ENEMIES, FOX, EFFECTS, GHOSTS, WATER, FIREFLIES = range(9)


def platformer_scene(
    frames: int = 1200, width: int = 256, height: int = 192, seed: int = 0
) -> Scene:
    """Play the game and return its true scene.

    Parameters
    ----------
    frames : int
        At 60 a second, at least 3; the scene cuts after two thirds of them.
    width, height : int
        Of the screen in pixels; at least 128 and from 64 to 256.
    seed : int
        Same seed, same scene.

    Returns
    -------
    Scene
        The level's ground, the hills and the sky are textures; everything else is a track.

    Raises
    ------
    SettingsError
        The size or the number of frames is out of range.
    """
    if frames < 3 or width < 128 or not 64 <= height <= ROWS * TILE:
        raise SettingsError(
            "a platformer needs at least 3 frames, a width of 128 or more and a height of "
            f"64 to {ROWS * TILE}, not {frames} frames of {width}x{height}"
        )
    rng = random.Random(seed)
    stage = Stage(width, height, frames, FRAME_RATE)
    for _ in range(DISPLAY + 1):
        stage.layer()
    panel = np.full((16, width, 4), (*rgb("k"), 110), np.uint8)
    panel[-1] = (*rgb("k"), 60)
    stage.texture(DISPLAY, panel, 0, 0)
    cels = {name: stage.cel(image) for name, image in pictures().items()}
    tally = Tally()
    origin, cut = 0, frames * 2 // 3
    for zone, (style, begin, end) in enumerate(((MEADOW, 0, cut), (RUINS, cut, frames))):
        columns = ((end - begin) * RUN // SUB + 2 * width) // TILE
        level = lay_out(rng, columns, style.night)
        _furnish(stage, rng, style, ground_texture(rng, level, style), origin)
        game = Game(level, rng, (width, height), tally)
        stage.backdrop[begin:end] = rgb(style.sky[0])
        show = _Show(stage, cels, game, zone, origin)
        for t in range(begin, end):
            game.advance()
            show.frame(t)
        origin += level.width + ZONE_GAP
    return stage.scene()


def _furnish(stage: Stage, rng: random.Random, style: Style, ground: RGBA, origin: int) -> None:
    """Put a zone's four textures into their layers, each as large as the layer's pan needs."""
    stage.texture(LEVEL, ground, origin, 0)
    for layer, draw in ((SKY, sky_texture), (FAR, far_texture), (NEAR, near_texture)):
        w = stage.width + (ground.shape[1] - stage.width) // DEPTH[layer] + 1
        h = stage.height + (ROWS * TILE - stage.height) // DEPTH[layer] + 1
        stage.texture(layer, draw(rng, w, h, style), origin, 0)


class _Show:
    """Puts one zone's game on the stage, frame by frame."""

    def __init__(
        self, stage: Stage, cels: dict[str, Cel], game: Game, zone: int, origin: int
    ) -> None:
        self._stage, self._cels, self._game = stage, cels, game
        self._zone, self._origin = zone, origin
        self._t = 0

    def frame(self, t: int) -> None:
        """Show the present state of the game in frame t."""
        self._t = t
        x, y = self._game.camera
        for layer, depth in DEPTH.items():
            self._stage.look(layer, t, self._origin + x // depth, y // depth)
        self._still_life()
        self._enemies()
        self._fox()
        self._water()
        self._display()

    def _put(self, actor: object, picture: str, z: int, x: int, y: int, flip: int = 0) -> None:
        """A picture of the level with its top left corner at (x, y) of the zone."""
        cel = self._cels[picture]
        actor = (self._zone, actor)
        self._stage.put(actor, self._t, cel, LEVEL, z, self._origin + x, y, flip)

    def _still_life(self) -> None:
        level, t = self._game.level, self._t
        for i, (x, y) in enumerate(level.crystals):
            self._put(("crystal", i), "crystal", CRYSTALS, x, y)
            lit = (t // 6 + 3 * i) % 5 // 3
            self._put(("light", i), f"light {lit}", LIGHTS, x - 4 - lit, y - 6 - lit)
            for j in range(3):
                fx = x + 20 * j - 24 + wave(t + 50 * j, 170 + 30 * j, 14)
                fy = y - 22 - 9 * j + wave(t + 31 * j, 110 + 20 * j, 9)
                bright = (t // 15 + j) % 2
                self._put(("fly", i, j), f"firefly {bright}", FIREFLIES, fx - bright, fy - bright)
        for i, (x, y) in enumerate(level.coins):
            if i not in self._game.taken:
                self._put(("coin", i), f"coin {(t // 6 + i) % 6}", COINS, x, y)

    def _enemies(self) -> None:
        for i, enemy in enumerate(self._game.enemies):
            flip = FLIP_HORIZONTAL if enemy.step < 0 else 0
            y = enemy.height()
            picture = f"{enemy.kind} {enemy.age // (5 if enemy.kind in FLYERS else 9) % 2}"
            if enemy.kind == "jelly":
                picture = f"jelly {int(y == enemy.y)}"
            if enemy.beaten and enemy.kind == "mushroom":
                picture = "mushroom flat"
                if enemy.beaten > 24:
                    continue
            elif enemy.beaten:
                y += enemy.beaten * (enemy.beaten - 10) // 5
                flip |= FLIP_VERTICAL
            z = GHOSTS if enemy.kind == "ghost" else ENEMIES
            self._put(("enemy", i), picture, z, enemy.x, y - self._cels[picture].height + 1, flip)

    def _fox(self) -> None:
        fox, t = self._game.fox, self._t
        if fox.dazed % 8 >= 4:
            picture = None
        elif not fox.grounded:
            picture = "jump" if fox.vy < 0 else "fall"
        elif fox.vx:
            picture = f"run {fox.stride // (RUN * 4) % 6}"
        else:
            picture = "idle 2" if t % 70 < 6 else f"idle {t // 24 % 2}"
        if picture:
            flip = 0 if fox.right else FLIP_HORIZONTAL
            self._put("fox", picture, FOX, fox.x // SUB - 6, fox.y // SUB - 22, flip)
        for i, effect in self._game.effects.items():
            cel = f"{effect.kind} {effect.age // 5}"
            half = self._cels[cel].width // 2
            self._put(("effect", i), cel, EFFECTS, effect.x - half, effect.y - half)

    def _water(self) -> None:
        phase = self._t // 10 % 4
        for column, width in self._game.level.water:
            for i in range(width):
                for row in range(WATER_ROW, ROWS):
                    kind = "water" if row == WATER_ROW else "deep"
                    actor = ("water", column + i, row)
                    x, y = (column + i) * TILE, row * TILE
                    self._put(actor, f"{kind} {self._zone}{phase}", WATER, x, y)

    def _display(self) -> None:
        tally, w = self._game.tally, self._stage.width
        shown = [("heart" if i < tally.hearts else "no heart", 4 + 9 * i, 4) for i in range(3)]
        shown.append(("coin 0", 37, 2))
        figures = [(51, f"{tally.coins:02d}"), (w - 41, f"{tally.score:06d}")]
        for left, text in figures:
            shown += [(f"digit {digit}", left + 6 * i, 4) for i, digit in enumerate(text)]
        for place, (name, x, y) in enumerate(shown):
            self._stage.put(("display", place), self._t, self._cels[name], DISPLAY, 0, x, y)
