"""What reading a file may cost (SPEC.md, section 10).

A few bytes can ask for any number of values, pictures or pixels. So each part of a file has a
*budget*, from the frames that the part holds and from its own size. Every parser draws on it
before it allocates or loops, and what exceeds it is refused. A reader of any machine and any
order of access refuses the same files.
"""

from __future__ import annotations

from dataclasses import dataclass

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

    def derive(self, payload: int, frames: int, area: int) -> Limits:
        """The limits of one part of a file, each that is not set by the rule.

        Parameters
        ----------
        payload : int
            Bytes of the part's payloads.
        frames, area : int
            Frames that it makes, and pixels of each.
        """
        shown = frames * area
        memory, objects, pixels = self.memory, self.objects, self.pixels
        if memory is None:
            memory = min(1 << 25, payload << 14) + (payload << 8) + (shown << 5)
            memory = min(memory, BYTES_CEILING)
        if objects is None:
            objects = 16 * payload + shown // 16
        if pixels is None:
            pixels = 4096 * payload + 32 * frames * (area + 64)
        return Limits(memory, objects, pixels)


@dataclass
class Budget:
    """What one part of a file may cost, and has cost.

    Attributes
    ----------
    part : str
        For messages.
    limits : Limits
        One that is None is no limit.
    memory, objects, pixels : int
        Spent.
    """

    part: str = "the data"
    limits: Limits = Limits()
    memory: int = 0
    objects: int = 0
    pixels: int = 0

    def take(self, memory: int = 0, *, objects: int = 0, pixels: int = 0) -> None:
        """Draw on the budget; an object takes memory, too.

        Raises
        ------
        FormatError
            The budget does not hold so much; the message names the limit.
        """
        limits = self.limits
        self.memory += memory + OBJECT_BYTES * objects
        if limits.memory is not None and self.memory > limits.memory:
            raise self._exceeded("memory", "bytes of memory", limits.memory)
        self.objects += objects
        if limits.objects is not None and self.objects > limits.objects:
            raise self._exceeded("objects", "objects", limits.objects)
        self.pixels += pixels
        if not self.holds():
            raise self._exceeded("pixels", "drawn pixels", limits.pixels)

    def holds(self, *, pixels: int = 0) -> bool:
        """Whether so many drawn pixels are left."""
        return self.limits.pixels is None or self.pixels + pixels <= self.limits.pixels

    def _exceeded(self, name: str, words: str, limit: int | None) -> FormatError:
        return FormatError(
            f"{self.part} takes more than {limit:,} {words}, the limit for its size; if you trust "
            f"the file, open it with a larger limit of {name}"
        )
