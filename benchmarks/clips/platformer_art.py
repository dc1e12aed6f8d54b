"""The pictures of ``platformer``: hero, enemies, coins, translucent effects, figures."""

from __future__ import annotations

from functools import cache

import numpy as np

from benchmarks.clips.pixel_art import (
    RGBA,
    disc,
    faded,
    glow,
    outlined,
    paste,
    picture,
    ramp,
    rgb,
    stacked,
)

HEAD = """
...r.......r..
..rOo.....oOr.
..OXOo...oOXO.
..OOOOOOOOOOO.
.OOyyOOOOOyOO.
.OOOOOOOOOOOO.
.OOOOOkOOOkOO.
.oOOOOkOOOkOO.
.PPoOOOOOOPPPk
.PPPPOOOPPPPP.
..oPPPPPPPP...
"""
BLINK = "OOO OOO kOO"
BODY = """
...bBBcBBB....
...bBBBBBb....
...oOOPPPO....
...oOOPPPO....
...oOOOPPo....
"""
TAIL = (
    "..yOO.. .yOOOO. yOOOOO. POOOOO. PPOOOOO .PPPOOO ...PPO.",
    "....... .yyOO.. yOOOOO. OOOOOO. PPOOOOO PPPPOOO .PPPOO.",
)
SCARF = ("....b bBBBB BBb..", "bB... BBBbb ..BBB")
# N is the near leg, F the far one; the other half of the cycle swaps their colours.
LEGS = {
    "run 0": "...FFF.NNN.... ..FFF...NNNr.. .rFF.....rrr.. .rr...........",
    "run 1": "...FFFNNN..... ..rFFF.NNN.... ..rr...rrr.... ..............",
    "run 2": "....NNNNF..... ....NNNFFr.... ....rrr.r..... ..............",
    "stand": "...NNN.FFF.... ...NNN.FFF.... ...rrr.rrr.... ..............",
    "jump": "..FFF..NNN.... .FFF....NNNr.. rFF....rrrr... rr............",
    "fall": "..FFF...NNN... .rFF.....NNr.. .rr.......rr.. ..............",
}
MUSHROOM = """
....xxxxxx....
..xxXXwwwXxx..
.xXXXwwwwXXXx.
.xwwXXwwXXwwx.
xXwwXXXXXXwwXx
xXXXXXXXXXXXXx
mxxXXXXXXXXxxm
.mmxxxxxxxxmm.
..PPPPPPPPPP..
..PPPkPPPkPP..
..PPPkPPPkPP..
..pPPPPPPPPp..
...ppPPPPpp...
"""
MUSHROOM_FEET = ("..rrr...rrr... ..rrrr..rrrr..", "....rrrrrr.... ...rrrr.rrrr..")
BEE = """
....kkyykyy...
..yykkyykyyyy.
.kyykkyykyywky
kkyykkyykyykky
.kyykkyykyyyyO
..yykkyykyyyO.
....kkOOkOO...
"""
WINGS = ("..CCC. .CwwwC CwwwC. CCCC.. .CC...", "...... ...... CCCC.. CwwwCC .CCwwC")
BAT = (
    """
vv..............vv
vVv............vVv
vVVv..V....V..vVVv
vVVVv.VV..VV.vVVVv
.vVVVvVuVVVVvVVVv.
..vVVVVVVVVVVVVv..
...vVvYkVVYkvVv...
....vvYYVVYYvv....
.....vVVVVVVv.....
......vwVVwv......
.......vvvv.......
""",
    """
......V....V......
......VV..VV......
......VuVVVV......
..vvvVVVVVVVVvvv..
.vVVVVYkVVYkVVVVv.
vVVVVVYYVVYYVVVVVv
vVVvvVVVVVVVVvvVVv
vVv..vvwVVwvv..vVv
vv....vvvvvv....vv
v................v
""",
)
GHOST = """
.....CCCCCC.....
...CCwwwwwwCC...
..CwwwwwwwwwwC..
..CwwwwwwwwwwC..
.CwwwwwwwwwwwwC.
.CwwwkkwwwkkwwC.
.CwwwkkwwwkkwwC.
.CwwwkkwwwkkwwC.
.CwwwwwwwwwwwwC.
.CwwuwwkkkwwuwC.
.CwwwwwwkwwwwwC.
CCwwwwwwwwwwwwCC
CwwwwwwwwwwwwwwC
CwwwwwwwwwwwwwwC
"""
HEMS = ("CwwCCwwwwCCwwwwC .CC..CwwC..CwwC. ......CC....CC..",
        "CwwwwCCwwwwCCwwC .CwwC..CwwC..CC. ..CC....CC......")  # fmt: skip
JELLY = """
.....llllll.....
...llLLLllllll..
..lLLwwLllllllG.
..lLwwLlllllllG.
.lLLLlllllllllGG
.llllkkllllkklGG
.lllkkkkllkkkkGG
llllkkkkllkkkkGG
lGllllllllllllGg
lGGlllkkkkllGGGg
.gGGGGGGGGGGGgg.
"""
JELLY_FLAT = """
....llllllllll....
..llLLLllllllllG..
.lLLwwwLllllllllG.
lLLLlkkllllkklllGG
llllkkkkllkkkkllGG
lGllkkkkllkkkkllGg
lGGGllllkklllGGGGg
.gGGGGGGGGGGGGGgg.
"""
HEART = """
.xx.xx.
xXwxXXx
xXXXXXx
xXXXXXm
.xXXXm.
..xXm..
...m...
"""
DIGITS = (
    ".www. ww.ww ww.ww ww.ww ww.ww iiiii .iii.",
    "..ww. .www. ..ww. ..ww. ..ww. ..ii. .iiii",
    "wwww. ...ww ...ww .www. ww... iiiii iiiii",
    "wwww. ...ww ..ww. ...ww ...ww iiiii iiii.",
    "...ww ..www .wwww ww.ww wwwww ...ii ...ii",
    "wwwww ww... wwww. ...ww ...ww iiiii iiii.",
    ".www. ww... wwww. ww.ww ww.ww iiiii .iii.",
    "wwwww ...ww ..ww. ..ww. .ww.. .ii.. .ii..",
    ".www. ww.ww .www. ww.ww ww.ww iiiii .iii.",
    ".www. ww.ww ww.ww .wwww ...ww iiiii .iii.",
)


def _fox(legs: str, lift: int, tail: int, near: bool = True, blink: bool = False) -> RGBA:
    """The hero facing right, 22 x 23, head and body `lift` pixels up."""
    head = picture(HEAD)
    if blink:
        for x in (5, 9):
            paste(head, picture(BLINK), x, 6)
    coat = {"N": "O", "F": "o"} if near else {"N": "o", "F": "O"}
    image = np.zeros((21, 20, 4), np.uint8)
    paste(image, picture(TAIL[tail]), 0, 11 - lift)
    paste(image, picture(LEGS[legs], coat), 6, 17)
    paste(image, stacked(head, picture(BODY)), 6, 1 - lift + 1)
    paste(image, picture(SCARF[tail]), 4, 12 - lift)
    return outlined(image)


def _coin(width: int) -> RGBA:
    """A coin 10 high, turned so that it looks `width` wide."""
    image = np.zeros((10, 10, 4), np.uint8)
    for y in range(10):
        for x in range(10):
            dx, dy = (2 * x - 9) * 10, (2 * y - 9) * width
            if dx * dx + dy * dy <= (10 * width) ** 2:
                lit = 2 * x - 9 < -width // 3
                image[y, x] = (*rgb("Y" if lit and y < 6 else "y"), 255)
                if 2 * x - 9 > width // 2 or y > 7:
                    image[y, x, :3] = rgb("O")
    if width > 6:
        image[3:7, 4:6, :3] = rgb("O")
        image[3:7, 4, :3] = rgb("Y")
    return outlined(image)


def _bee(wings: int) -> RGBA:
    base = np.pad(outlined(picture(BEE)), ((4, 0), (0, 0), (0, 0)))
    wing = faded(picture(WINGS[wings]), 150)
    image = np.zeros_like(base)
    paste(image, wing, 3, 0)
    paste(image, base, 0, 0)
    return image


def _ghost(hem: int) -> RGBA:
    image = stacked(picture(GHOST), picture(HEMS[hem]))
    solid = image[..., 3] > 0
    dark = (image[..., :3] == rgb("k")).all(-1)
    image[..., 3] = np.where(dark, 215, np.where(solid, 148, 0))
    rim = (image[..., :3] == rgb("C")).all(-1) & solid
    image[rim, 3] = 96
    return image


def _water(phase: int, surface: bool, colours: tuple[str, str, str]) -> RGBA:
    """A 16 x 16 tile of translucent water; the surface tile has a wavy, foamy top."""
    foam, light, deep = colours
    image = np.zeros((16, 16, 4), np.uint8)
    image[:] = (*rgb(deep), 152)
    for x in range(16):
        at = (x + 4 * phase) % 16
        if surface:
            top = 3 + (0, 0, 0, 1, 1, 2, 2, 2, 2, 2, 2, 1, 1, 0, 0, 0)[at]
            image[:top, x] = 0
            image[top, x] = (*rgb(foam), 220)
            image[top + 1 : top + 3, x] = (*rgb(light), 170)
        for y, start in ((8, 2), (12, 9)):
            if (at - start) % 16 < 4 and (surface or y == 12):
                image[y, x] = (*rgb(light), 160)
    return image


def _puff(radius: int, alpha: int) -> RGBA:
    ball = disc(radius, ramp("p", "P", "w"))
    return np.pad(faded(ball, alpha), ((7 - radius,) * 2, (7 - radius,) * 2, (0, 0)))


def _sparkle(step: int) -> RGBA:
    image = np.zeros((15, 15, 4), np.uint8)
    for reach in range(step, step + 5):
        for dx, dy in ((reach, 0), (-reach, 0), (0, reach), (0, -reach)):
            if max(abs(dx), abs(dy)) <= 7:
                image[7 + dy, 7 + dx] = (*rgb("Y"), 230 - 40 * step)
    for dx in (-step - 1, step + 1):
        for dy in (-step - 1, step + 1):
            image[7 + dy, 7 + dx] = (*rgb("w"), 200 - 40 * step)
    return image


def _splash(step: int) -> RGBA:
    image = np.zeros((20, 22, 4), np.uint8)
    for side in (-1, 1):
        for i, (dx, up) in enumerate(((2, 9), (5, 7), (8, 3))):
            x = 11 + side * (dx + step)
            y = 16 - up - 2 * step + step * step
            size = 3 - (step + i) // 2
            if size > 0 and 0 <= y < 18 and 0 <= x < 20:
                image[y : y + size, x : x + max(size - 1, 1)] = (*rgb("C"), 190 - 25 * step)
    return image


def _crystal() -> RGBA:
    """A cluster of crystals, 20 x 18."""
    image = np.zeros((18, 20, 4), np.uint8)
    for left, width, high in ((2, 5, 9), (13, 5, 8), (6, 8, 17)):
        for y in range(18 - high, 18):
            narrow = max(0, width // 2 - (y - (18 - high)))
            for x in range(left + narrow, left + width - narrow):
                part = (x - left) * 3 // width
                image[y, x] = (*rgb("CcB"[part]), 255)
        image[18 - high + 2 : 16, left + width // 3, :3] = rgb("w")
    image[..., :3] *= image[..., 3:] > 0
    return outlined(image, "n")


@cache
def pictures() -> dict[str, RGBA]:
    """All moving pictures of the game, by name."""
    made = {
        "run 0": _fox("run 0", 0, 0),
        "run 1": _fox("run 1", 1, 0),
        "run 2": _fox("run 2", 1, 1),
        "run 3": _fox("run 0", 0, 1, near=False),
        "run 4": _fox("run 1", 1, 1, near=False),
        "run 5": _fox("run 2", 1, 0, near=False),
        "idle 0": _fox("stand", 1, 0),
        "idle 1": _fox("stand", 0, 1),
        "idle 2": _fox("stand", 0, 1, blink=True),
        "jump": _fox("jump", 1, 1),
        "fall": _fox("fall", 1, 0),
        "crystal": _crystal(),
        "heart": outlined(picture(HEART)),
        "no heart": outlined(picture(HEART, {"x": "v", "X": "n", "w": "n", "m": "v"})),
        "mushroom flat": outlined(picture(MUSHROOM)[[0, 1, 3, 4, 7, 9, 12]]),
    }
    for i in range(2):
        made[f"mushroom {i}"] = outlined(stacked(picture(MUSHROOM), picture(MUSHROOM_FEET[i])))
        made[f"bee {i}"] = _bee(i)
        made[f"bat {i}"] = outlined(picture(BAT[i]))
        made[f"ghost {i}"] = _ghost(i)
        made[f"light {i}"] = glow(15 + i, "c", (40, 80, 120))
        made[f"firefly {i}"] = glow(4 + i, "L", (90, 160, 250))
    for i, art in enumerate((JELLY, JELLY_FLAT)):
        jelly = picture(art)
        dark = (jelly[..., :3] == rgb("k")).all(-1)
        made[f"jelly {i}"] = outlined(np.where(dark[..., None], jelly, faded(jelly, 205)))
    for i, width in enumerate((10, 8, 4, 2, 4, 8)):
        coin = _coin(width)
        made[f"coin {i}"] = coin if i < 4 else coin[:, ::-1].copy()
    for i, (radius, alpha) in enumerate(((3, 190), (4, 160), (5, 120), (6, 70))):
        made[f"puff {i}"] = _puff(radius, alpha)
        made[f"sparkle {i}"] = _sparkle(i)
        made[f"splash {i}"] = _splash(i)
    for i in range(4):
        for zone, colours in enumerate((("w", "c", "B"), ("U", "V", "b"))):
            made[f"water {zone}{i}"] = _water(i, True, colours)
            made[f"deep {zone}{i}"] = _water(i, False, colours)
    for digit in range(10):
        made[f"digit {digit}"] = outlined(picture(DIGITS[digit]))
    return made
