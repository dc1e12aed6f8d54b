"""Folders of numbered pictures and animated WebP, through Pillow."""

from __future__ import annotations

import re
import struct
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spritecodec.clip import AudioStream, Piece
from spritecodec.errors import InputError
from spritecodec.formats.video.colour import over_black

_LOSSLESS_SUFFIXES = (".png", ".bmp", ".gif", ".tga", ".ppm", ".pgm")
SUFFIXES = (*_LOSSLESS_SUFFIXES, ".webp", ".jpg", ".jpeg", ".tif", ".tiff")
FOLDER_RATE = Fraction(60)

# Python keeps one list of warning filters for all threads; one thread at a time changes it.
_WARNINGS = threading.Lock()


def natural_key(name: str) -> list[tuple[int, str]]:
    """A sort key in which runs of digits count as numbers: ``f2.png``, then ``f10.png``."""
    parts = re.split(r"(\d+)", name.lower())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def picture_pixels(picture: Image.Image) -> NDArray[np.uint8]:
    """A Pillow picture as RGB; transparency over black, 16-bit grey cut to 8.

    Returns
    -------
    ndarray, shape (h, w, 3), uint8
    """
    if picture.mode.startswith("I"):
        grey: NDArray[np.uint8] = (np.asarray(picture).astype(np.int64) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if picture.has_transparency_data:
        return over_black(np.asarray(picture.convert("RGBA")))
    return np.array(picture.convert("RGB"))


def _open_picture(path: Path) -> Image.Image:
    try:
        with _WARNINGS, warnings.catch_warnings():
            # Pillow first warns of very large pictures, then refuses them; one error is enough.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(path)
    except (OSError, ValueError, Image.DecompressionBombError, Warning) as error:
        raise InputError(f"{path} is not a picture that can be read: {error}") from error


@dataclass(frozen=True)
class FolderClip:
    """The pictures of a folder, one a frame, in natural order of their names.

    Build it with `open_folder`.
    """

    paths: tuple[Path, ...]
    width: int
    height: int
    frame_rate: Fraction
    name: str
    audio: tuple[AudioStream, ...] = ()

    @property
    def time_base(self) -> Fraction:
        return 1 / self.frame_rate

    @property
    def frame_count(self) -> int:
        return len(self.paths)

    @property
    def pixel_exact(self) -> bool:
        return all(
            path.suffix.lower() in _LOSSLESS_SUFFIXES
            or (path.suffix.lower() == ".webp" and webp_is_lossless(path))
            for path in self.paths
        )

    def pieces(self, size: int = 64) -> Iterator[Piece]:
        """See `spritecodec.clip.Clip.pieces`.

        Raises
        ------
        InputError
            A picture is damaged or has another size than the first.
        """
        for start in range(0, len(self.paths), size):
            frames = [self._frame(path) for path in self.paths[start : start + size]]
            pts = np.arange(start, start + len(frames), dtype=np.int64)
            yield Piece(np.stack(frames), pts)

    def _frame(self, path: Path) -> NDArray[np.uint8]:
        with _open_picture(path) as picture:
            if picture.size != (self.width, self.height):
                raise InputError(
                    f"{path} is {picture.width}x{picture.height}, but the earlier pictures are "
                    f"{self.width}x{self.height}; all must have one size"
                )
            try:
                return picture_pixels(picture)
            except (OSError, ValueError, SyntaxError) as error:
                raise InputError(f"{path} is damaged: {error}") from error


def open_folder(folder: Path, frame_rate: Fraction | None = None) -> FolderClip:
    """A folder of pictures as a clip.

    Parameters
    ----------
    folder : Path
    frame_rate : Fraction, optional
        Pictures carry no time; 60 frames a second when left out.

    Raises
    ------
    InputError
        No pictures in the folder, or the first cannot be read.
    """
    found = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    ]
    if not found:
        raise InputError(f"{folder} is a folder without pictures (png, bmp, webp, gif, jpg, ...)")
    found.sort(key=lambda path: natural_key(path.name))
    with _open_picture(found[0]) as first:
        width, height = first.size
    return FolderClip(tuple(found), width, height, frame_rate or FOLDER_RATE, str(folder))


@dataclass(frozen=True)
class WebpClip:
    """A WebP file, animated or still, which FFmpeg's demuxer does not read.

    Build it with `open_webp`. Timestamps are in milliseconds.
    """

    path: Path
    width: int
    height: int
    frame_count: int
    frame_rate: Fraction
    pixel_exact: bool
    audio: tuple[AudioStream, ...] = ()
    time_base: Fraction = Fraction(1, 1000)

    @property
    def name(self) -> str:
        return str(self.path)

    def pieces(self, size: int = 64) -> Iterator[Piece]:
        """See `spritecodec.clip.Clip.pieces`.

        Raises
        ------
        InputError
            The file is damaged.
        """
        last = -1
        with _open_picture(self.path) as picture:
            for start in range(0, self.frame_count, size):
                frames, pts = [], []
                for index in range(start, min(start + size, self.frame_count)):
                    try:
                        picture.seek(index)
                        frames.append(picture_pixels(picture))
                    except (OSError, EOFError, ValueError, SyntaxError) as error:
                        raise InputError(
                            f"{self.path} is damaged at frame {index}: {error}"
                        ) from error
                    # Frames of no length share a timestamp; those after the first get the next.
                    last = max(int(picture.info.get("timestamp", 0)), last + 1)
                    pts.append(last)
                yield Piece(np.stack(frames), np.array(pts, np.int64))


def open_webp(path: Path) -> WebpClip:
    """A WebP file as a clip.

    Raises
    ------
    InputError
        The file is damaged or cut short.
    """
    lossless = webp_is_lossless(path)
    with _open_picture(path) as picture:
        count = int(getattr(picture, "n_frames", 1))
        try:
            picture.seek(count - 1)
            picture.load()
        except (OSError, EOFError, ValueError, SyntaxError) as error:
            raise InputError(f"{path} is damaged or cut short: {error}") from error
        shown = int(picture.info.get("timestamp", 0))
        rate = Fraction(1000 * (count - 1), shown) if shown else FOLDER_RATE
        return WebpClip(path, picture.width, picture.height, count, rate, lossless)


def webp_is_lossless(path: Path) -> bool:
    """Whether every picture in a WebP file is a lossless ``VP8L`` bitstream.

    Walks the chunks (WebP container specification, "RIFF file format" and
    "Animation"); an ``ANMF`` chunk holds 16 bytes and then chunks of its own.

    Raises
    ------
    InputError
        The file ends inside a chunk.
    """
    with path.open("rb") as file:
        end = path.stat().st_size
        file.seek(12)
        while len(head := file.read(8)) == 8:
            kind, size = struct.unpack("<4sI", head)
            if file.tell() + size > end:
                raise InputError(f"{path} is cut short: a part of it needs {size} bytes more")
            if kind == b"VP8 ":
                return False
            skip = 16 if kind == b"ANMF" else size + size % 2
            file.seek(skip, 1)
    return True
