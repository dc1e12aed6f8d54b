"""Videos for a purpose: what to ask of `decode` so that others keep the most of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from spritecodec.errors import SettingsError

if TYPE_CHECKING:
    from spritecodec.formats.video.sound_choice import WrittenSound

Purpose = Literal["upload"]
PURPOSES = ("upload",)

UPLOAD_LINES = 1440
"""Lines from which video sites give a video their better codec."""
UPLOAD_COLUMNS = 7680
"""Wider pictures are scaled down by them."""


@dataclass(frozen=True)
class Delivery:
    """How a purpose wants its video.

    Attributes
    ----------
    scale : int
        Nearest neighbour.
    audio : str
        As for `spritecodec.decode`.
    """

    scale: int
    audio: WrittenSound


def upload_scale(width: int, height: int) -> int:
    """The smallest even factor to at least UPLOAD_LINES, 1 where there are so many already.

    With an even factor, the chroma samples of 4:2:0 fall inside the pixels, which keep their
    colours.
    """
    if height >= UPLOAD_LINES:
        return 1
    factor = -(-UPLOAD_LINES // height)
    factor += factor % 2
    widest = UPLOAD_COLUMNS // width // 2 * 2
    return min(max(2, min(factor, widest)), 64)


def delivery_for(purpose: str, width: int, height: int) -> Delivery:
    """What a purpose asks for, for frames of a size.

    Raises
    ------
    SettingsError
        There is no such purpose.
    """
    if purpose not in PURPOSES:
        raise SettingsError(f"there is no purpose {purpose!r}; there is: {', '.join(PURPOSES)}")
    return Delivery(upload_scale(width, height), "aac")
