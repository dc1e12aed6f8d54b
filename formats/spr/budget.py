"""What reading a file may cost (SPEC.md, section 10).

A few bytes can ask for any number of values, pictures or pixels. So each part of a file has a
*budget*, from the frames that the part holds and from its own size. Every parser draws on it
before it allocates or loops, and what exceeds it is refused. A reader of any machine and any
order of access refuses the same files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from spritecodec.errors import FormatError

BYTES_CEILING = 1 << 31
"""Bytes that a part may take at most, whatever the file says."""

OBJECT_BYTES = 512
PICTURE_PIXEL_BYTES = 12
PLACEMENT_BYTES = 160
LAYER_FRAME_BYTES = 64
FRAME_BYTES = 256
"""Bytes beside its stream values that each takes in memory: an object, a pixel of a picture, a
placement, a frame in a layer, a frame."""

RANKS_PER_OBJECT = 256
"""Steps down a list of followers that take as long as one object."""

DRAW_PIXELS = 512
"""Pixels that take as long as the overhead of drawing one picture."""
RECOLOUR_PIXELS = 4
"""Drawn pixels that take as long as recolouring one."""

_WORDS = {
    "memory": "bytes of memory",
    "objects": "objects",
    "pixels": "drawn pixels",
}


@dataclass(frozen=True)
class Limits:
    """What a file may cost its reader; None stands for the limits of the specification.

    Each limit holds for the dictionary with all backgrounds, for each segment, and for all
    audio. Without limits of your own, they follow from the size of the file and of its video,
    and no file of an encoder meets them.

    Attributes
    ----------
    memory : int or None
        Bytes while it is read.
    objects : int or None
        Pictures, tracks, packets and others that are gone through one by one.
    pixels : int or None
        Drawn, in all frames together.
    """

    memory: int | None = None
    objects: int | None = None
    pixels: int | None = None

    def derive(self, payload: int, frames: int, area: int) -> dict[str, int]:
        """The limits of one part of a file, each that is not set by the rule.

        Parameters
        ----------
        payload : int
            Bytes of the part's payloads.
        frames, area : int
            Frames that it makes, and pixels of each.
        """
        shown = frames * area
        memory = min(1 << 25, payload << 14) + (payload << 8) + (shown << 5)
        rule = {
            "memory": min(memory, BYTES_CEILING),
            "objects": 16 * payload + shown // 16,
            "pixels": 4096 * payload + 32 * frames * (area + 64),
        }
        own = {name: getattr(self, name) for name in rule}
        return {name: rule[name] if own[name] is None else own[name] for name in rule}


@dataclass
class Budget:
    """What one part of a file may still cost.

    Attributes
    ----------
    part : str
        For messages.
    limits : mapping of str to int
        By the names of `Limits`; one that is missing is no limit.
    spent : dict of str to int
    """

    part: str = "the data"
    limits: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    spent: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_WORDS, 0))

    def take(self, memory: int = 0, *, objects: int = 0, pixels: int = 0) -> None:
        """Draw on the budget; an object takes memory, too.

        Raises
        ------
        FormatError
            The budget does not hold so much; the message names the limit.
        """
        costs = {
            "memory": memory + OBJECT_BYTES * objects,
            "objects": objects,
            "pixels": pixels,
        }
        for name, cost in costs.items():
            self.spent[name] += cost
            limit = self.limits.get(name)
            if limit is not None and self.spent[name] > limit:
                raise FormatError(
                    f"{self.part} takes more than {limit:,} {_WORDS[name]}, the limit for its "
                    f"size; if you trust the file, open it with a larger limit of {name}"
                )

    def copy(self) -> Budget:
        """An independent budget with the same left."""
        return Budget(self.part, self.limits, dict(self.spent))
