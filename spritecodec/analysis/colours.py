"""One colour a codec, the same in the page and in the plot: a hue for each family."""

from __future__ import annotations

from collections.abc import Iterable

PEER_COLOURS = {
    "x264-420": "#74c0fc", "x264-444": "#1c7ed6", "x264-rgb": "#1864ab",
    "x265-444": "#0ca678", "x265-rgb": "#087f5b",
    "vp9-444": "#74b816", "vp9-rgb": "#5c940d",
    "svt-av1-420": "#b197fc", "aom-444": "#7048e8", "aom-rgb": "#5f3dc4",
    "ffv1": "#868e96", "utvideo": "#adb5bd",
    "zmbv": "#f76707", "zmbv-palette": "#d9480f",
    "gif": "#8d6e63", "apng": "#a1887f", "apng-rgb": "#c0a080",
    "webp": "#fcc419", "webp-lossless": "#e67700",
}  # fmt: skip
OWN_COLOURS = ("#d6336c", "#f06595", "#a61e4d", "#faa2c1")
OTHER_COLOURS = ("#15aabf", "#82c91e", "#be4bdb", "#5c5f66")


def codec_colours(codecs: Iterable[str], own: Iterable[str]) -> dict[str, str]:
    """A colour as ``#rrggbb`` for each codec; `own` are those that are ours."""
    ours = list(dict.fromkeys(own))
    found: dict[str, str] = {}
    others = 0
    for codec in codecs:
        if codec in ours:
            found[codec] = OWN_COLOURS[ours.index(codec) % len(OWN_COLOURS)]
        elif codec in PEER_COLOURS:
            found[codec] = PEER_COLOURS[codec]
        elif codec not in found:
            found[codec] = OTHER_COLOURS[others % len(OTHER_COLOURS)]
            others += 1
    return found
