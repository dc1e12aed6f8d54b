"""The pictures of ``sprite-game``: the child in the raincoat, enemies, ladders, things."""

from __future__ import annotations

import random
from functools import cache

import numpy as np

from benchmarks.clips.pixel_art import RGBA, outlined, over, picture, rgb, stacked

TILE = 16

HEAD = """
.....YYYY.....
...YYyyyyyy...
..YyyyyyyyyO..
..yyyyypPPPp..
.OyyyypPPPPPP.
.OyyyyPPkPPkP.
.OyyyyPPkPPkP.
.OOyyyPPPPPPX.
..OOyypPPPPp..
...OOOyyyO....
"""
BODY = """
...OyyYyyyO...
..OOyyYyyyyO..
..OOyyYyyyyO..
..OOOyyyyyOO..
"""
BACK = """
.....YYYY.....
...YYyyyyyO...
..YyyyyyyyyO..
..YyyyyyyyyO..
..yyyyyyyyyO.P
..yyyyyyyyyOyy
..OyyyyyyyOOyy
..OOyyyyyOOOy.
...OOOOOOOOO..
..OyyyOyyyO...
.yyyyyOyyyyO..
.OyyyyyyyyyO..
.POOyyyyyyOO..
...OOOOOOOO...
"""
LEGS = {
    "stand": "...nnn.nnn.... ...bbb.bbb.... ...BBc.BBc.... ..............",
    "step 1": "...nnn..nnn... ..bbb....bbc.. ..Bc......BBc. ..............",
    "pass 1": "....nnnnn..... ...nnbbb...... ...BBBBBc..... ..............",
    "step 2": "....nnnnnn.... ..bbbb..nbb... ..BBc....BBc.. ..............",
    "pass 2": ".....nnnn..... .....bbbnn.... .....BBcBB.... ..............",
    "jump": "...nnnn.nnn... ..bbbn...bbc.. ..BBc....BBc.. ..............",
    "fall": "..nnn....nnn.. ..bbb....bbb.. ..BBc....BBc.. ..............",
    "climb": "....nnn.nn.... ....bbb.bb.... ....BBB.bb.... ........BB....",
}
ARM = {
    "down": "OO yy yy PP",
    "fore": "OOy. .yyP ..PP",
    "back": ".OO Oyy PP.",
    "up": ".PP .yy Oy. O..",
}

BLOB = """
.....XXXX.....
...XXwXXXXx...
..XwwXXXXXXx..
..XwXXXXXXXx..
.XXXXwkXXwkXx.
.XXXXkkXXkkXx.
.XXXXkkXXkkxx.
.xXXXXXXXXXxx.
.xxXXXkkkXxxm.
..xxxxxxxxxm..
"""
BLOB_FLAT = """
..............
....XXXXXX....
..XXwwXXXXXx..
.XXwXXXXXXXXx.
XXXXXwkXXwkXXx
XXXXXkkXXkkXXx
XXXXXkkXXkkXxx
xXXXXXXXXXXxxx
xxXXXXkkkXxxxm
.xxxxxxxxxxxm.
"""
BEETLE = """
.....VVVVV....
...VVuUUuVVV..
..VuUUuVVVVVV.
.VuUuVVVVVkVVi
.VuVVVVVVkiiik
VVVVVVVVVkiwki
VVVVVVVVvkikki
vVVVVVVvvkiiih
.vvvvvvvvvkhh.
"""
BEETLE_LEGS = ("..hh..hh.hh... ..H...H...H...", "...hh.hh..hh.. ...H...H..H...")
KEY = """
.yyyy.........
yYyyyO........
yy..yyyyyyyyyy
yy..OyOOOOyOyO
yyyyO.....y.y.
.OOO......O.O.
"""
SPIKE = """
...w.....w...
...w.....w...
..iwH...iwH..
..iwH...iwH..
..iiH...iiH..
.iwiHH.iwiHH.
.iiiHHHiiiHH.
iiiiHHiiiiHHH
hhhhhhhhhhhhh
"""
LADDER = """
.op........op.
.op........op.
.op........op.
.op........op.
.rpppppppppro.
.roooooooooro.
.rr........rr.
.ro........ro.
.op........op.
.op........op.
.op........op.
.op........op.
.rpppppppppro.
.roooooooooro.
.rr........rr.
.ro........ro.
"""
DOOR = """
......oooooo......
....oopppppprr....
...oprroooorrpr...
..oprooooooooror..
.opropoororoororr.
.oroopoororooorar.
.orooroororooorrr.
.oroorooooooooorr.
.oroorooroooooorr.
.oroorooroooyyorr.
.oroorooroooyOorr.
.oroorooroooOOorr.
.oroorooroooooorr.
.oroorooroooooorr.
.oroorooroooooorr.
.oroorooroooooorr.
.orrrrrrrrrrrrrrr.
.oroorooroooooorr.
.oroorooroooooorr.
.oroorooroooooorr.
.oroorooroooooorr.
.oroorooroooooorr.
""".replace("a", "r")
GEM = """
..cccc..
.cCwCCB.
cCwCCBBb
cccBBBbb
.cBBBbb.
..BBbb..
...Bb...
"""


def _platform(left: bool, right: bool, high: int, seed: int) -> RGBA:
    """A grass-topped piece of earth, `high` rows, its left or right end rounded off."""
    rng = random.Random(seed)
    image = np.zeros((high, TILE, 4), np.uint8)
    image[..., 3] = 255
    image[..., :3] = rgb("r")
    image[high - 2 :, :, :3] = rgb("d")
    for _ in range(high // 2):
        x, y = rng.randrange(1, TILE - 4), rng.randrange(5, high - 2)
        image[y, x : x + rng.randint(2, 3), :3] = rgb("o")
        image[y + 1, x : x + 2, :3] = rgb("d")
    for x in range(TILE):
        depth = 4 + (0, 1, 1, 0, -1, 0, 1, 0)[(x + seed) % 8]
        image[:depth, x, :3] = rgb("G")
        image[depth - 1, x, :3] = rgb("g")
        image[1, x, :3] = rgb("L" if (x * 5 + seed) % 7 < 3 else "l")
        image[2, x, :3] = rgb("l" if (x * 3 + seed) % 5 < 3 else "G")
    image[0, :, :3] = image[-1, :, :3] = rgb("k")
    for end, column, inner in ((left, 0, 1), (right, TILE - 1, TILE - 2)):
        if end:
            image[:, column, :3] = rgb("k")
            image[[0, -1], column] = 0
            image[1, inner, :3] = rgb("l")
    return image


@cache
def pictures() -> dict[str, RGBA]:
    """All pictures of the game, by name; those that walk face right."""
    head, body = picture(HEAD), picture(BODY)
    legs = {name: picture(art) for name, art in LEGS.items()}
    arm = {name: picture(art) for name, art in ARM.items()}

    def hero(stance: str, arms: str, x: int, y: int) -> RGBA:
        return outlined(over(stacked(head, body, legs[stance]), arm[arms], x, y))

    door = outlined(picture(DOOR))
    ajar = over(door, outlined(picture("\n".join(["nnnnnnnnnn"] * 18), {"n": "k"})), 3, 5)
    ajar[5:, 5:8, :3] = np.where(ajar[5:, 5:8, 3:] > 0, rgb("v"), 0)
    shell = picture(BEETLE)
    made = {
        "stand": hero("stand", "down", 5, 10),
        "walk 0": hero("step 1", "fore", 6, 10),
        "walk 1": hero("pass 1", "down", 5, 10),
        "walk 2": hero("step 2", "back", 3, 10),
        "walk 3": hero("pass 2", "down", 5, 10),
        "jump": hero("jump", "up", 9, 7),
        "fall": hero("fall", "fore", 6, 9),
        "climb": outlined(stacked(picture(BACK), legs["climb"])),
        "blob": outlined(picture(BLOB)),
        "blob flat": outlined(picture(BLOB_FLAT)),
        "key": outlined(picture(KEY)),
        "gem": outlined(picture(GEM)),
        "spike": outlined(picture(SPIKE)),
        "ladder": outlined(picture(LADDER))[1:-1],
        "door": door[:-1],
        "door ajar": ajar[:-1],
    }
    for i, legs_art in enumerate(BEETLE_LEGS):
        made[f"beetle {i}"] = outlined(stacked(shell, picture(legs_art)))
    for left, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
        for seed in range(2):
            made[f"platform {left}{right}{seed}"] = _platform(bool(left), bool(right), 11, seed)
    for seed in range(3):
        made[f"ground {seed}"] = _platform(False, False, TILE, seed + 5)
    return made
