"""What a person knows of a recording: its native size, kernel, palette and matrix."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from spritecodec.degradation import KERNELS
from spritecodec.errors import InputError, SettingsError
from spritecodec.restore.console_palettes import CONSOLES

Bytes = NDArray[np.uint8]

MATRICES = ("bt601", "bt709")
MAX_COLOURS = 254
"""Of a palette: labels are bytes."""

_HEX = re.compile(r"#?([0-9a-fA-F]{6})\b")
_DECIMAL = re.compile(r"\s*(\d{1,3})\s+(\d{1,3})\s+(\d{1,3})\b")


class Known(NamedTuple):
    """What is known of a recording; None where it is to be found.

    Attributes
    ----------
    native : tuple of int
        Width and height of the game's own frames.
    kernel : str
        One of `KERNELS`.
    palette : ndarray, shape (k, 3), uint8
        RGB colours of which the game's are some; k from 2 to `MAX_COLOURS`.
    matrix : str
        ``"bt601"`` or ``"bt709"``.
    """

    native: tuple[int, int] | None = None
    kernel: str | None = None
    palette: Bytes | None = None
    matrix: str | None = None

    @property
    def anything(self) -> bool:
        """Whether anything but the native size is known."""
        return self.kernel is not None or self.palette is not None or self.matrix is not None

    @staticmethod
    def of(
        native: tuple[int, int] | None,
        kernel: str | None,
        palette: str | Path | Bytes | None,
        matrix: str | None,
    ) -> Known:
        """Check what a person gives, and read the palette.

        Raises
        ------
        SettingsError
            A name is not known, or a kernel comes without the native size.
        InputError
            The palette's file cannot be read.
        """
        if kernel is not None and kernel not in KERNELS:
            raise SettingsError(f"there is no kernel {kernel!r}; choose from {', '.join(KERNELS)}")
        if kernel is not None and native is None:
            raise SettingsError("a kernel says nothing without the native size; give both")
        if matrix is not None and matrix not in MATRICES:
            raise SettingsError(f"there is no matrix {matrix!r}; choose from {', '.join(MATRICES)}")
        if palette is None:
            return Known(native, kernel, None, matrix)
        if isinstance(palette, np.ndarray):
            return Known(native, kernel, _checked(palette, "the palette"), matrix)
        return Known(native, kernel, read_palette(palette), matrix)


def read_palette(name: str | Path) -> Bytes:
    """The colours of a console, or of a file.

    Parameters
    ----------
    name : str or path
        A name in `CONSOLES`; or a file: a picture that shows the colours, a list of hexadecimal
        numbers (``.hex``), of decimal ones (GIMP's ``.gpl``, JASC's ``.pal``), or 64 or more
        triples of bytes (``.pal`` of NES emulators).

    Returns
    -------
    ndarray, shape (k, 3), uint8
        RGB, without repetition.

    Raises
    ------
    InputError
        There is no such console or file, or the file holds no palette.
    """
    if str(name) in CONSOLES:
        return _checked(CONSOLES[str(name)], str(name))
    file = Path(name)
    if not file.is_file():
        raise InputError(
            f"{name} is neither a file nor a known palette; known are {', '.join(CONSOLES)}"
        )
    try:
        with Image.open(file) as picture:
            pixels = np.asarray(picture.convert("RGBA")).reshape(-1, 4)
        return _checked(pixels[pixels[:, 3] > 0, :3], file.name)
    except UnidentifiedImageError:
        return _checked(_from_bytes(file.read_bytes()), file.name)


def _from_bytes(data: bytes) -> Bytes:
    """The colours in a file that is no picture."""
    try:
        lines = data.decode("ascii").splitlines()
    except UnicodeDecodeError:
        whole = len(data) // 3 * 3
        return np.frombuffer(data[:whole], np.uint8).reshape(-1, 3)
    rows: list[tuple[int, ...]] = []
    for line in lines:
        if found := _DECIMAL.match(line):
            rows.append(tuple(min(int(number), 255) for number in found.groups()))
        elif found := _HEX.match(line):
            rows.append(tuple(bytes.fromhex(found.group(1))))
    return np.array(rows, np.uint8).reshape(-1, 3)


def _checked(colours: Bytes, name: str) -> Bytes:
    if colours.ndim != 2 or colours.shape[1] != 3 or colours.dtype != np.uint8:
        raise SettingsError(
            f"a palette must be a uint8 array of shape (k, 3), not {colours.dtype} of shape "
            f"{colours.shape}"
        )
    unique: Bytes = np.unique(colours, axis=0)
    if not 2 <= len(unique) <= MAX_COLOURS:
        raise InputError(
            f"{name} holds {len(unique)} colours, but a palette needs 2 to {MAX_COLOURS}"
        )
    return unique
