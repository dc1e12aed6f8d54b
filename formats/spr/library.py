"""From a segment's Scene to chunks, without what the file has already."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from spritecodec.formats.spr.chunks import pack_pictures, pack_sections
from spritecodec.formats.spr.pictures import Palette, Picture
from spritecodec.scene import Scene, mirrored

Chunk = tuple[str, bytes, int]  # kind, payload, frames
Key = tuple[tuple[int, ...], bytes]


@dataclass(frozen=True)
class Packed:
    """One segment, ready to be written.

    Attributes
    ----------
    chunks : list of (kind, payload, frames)
        New sprites, new textures, the segment.
    scene : Scene
        As it will be read: its sprites and textures are the file's.
    sizes : dict of str to int
        Bytes of ``"dictionary"`` and ``"background"`` (new sprites and textures) and of each
        of the segment's SECTIONS.
    library : Library
        What the file has after these chunks.
    """

    chunks: list[Chunk]
    scene: Scene
    sizes: dict[str, int]
    library: Library

    @property
    def size(self) -> int:
        """Bytes of all payloads."""
        return sum(self.sizes.values())


@dataclass(frozen=True)
class Library:
    """The sprites, textures and colours that a file has so far."""

    sprites: tuple[Picture, ...] = ()
    textures: tuple[Picture, ...] = ()
    palette: Palette = field(default_factory=Palette)

    def pack(self, scene: Scene) -> Packed:
        """Write a segment that uses this library.

        Sprites that are mirror images of one another become one sprite and flips.

        Parameters
        ----------
        scene : Scene
            With its own sprites and textures.
        """
        palette = self.palette.copy()
        sprites, sprite, flip = _number(self.sprites, scene.sprites, flips=4)
        textures, texture, _ = _number(self.textures, scene.textures, flips=1)
        tracks = dataclasses.replace(
            scene.tracks,
            sprite=sprite[scene.tracks.sprite].astype(np.int32),
            flip=scene.tracks.flip ^ flip[scene.tracks.sprite].astype(np.uint8),
        )
        layers = []
        for layer in scene.layers:
            rows = layer.textures.copy()
            rows[:, 0] = texture[rows[:, 0]]
            layers.append(dataclasses.replace(layer, textures=rows))
        packed = dataclasses.replace(
            scene,
            sprites=(*self.sprites, *sprites),
            textures=(*self.textures, *textures),
            tracks=tracks,
            layers=tuple(layers),
        )
        chunks: list[Chunk] = []
        sizes = {"dictionary": 0, "background": 0}
        for kind, name, new in (("DICT", "dictionary", sprites), ("TEXT", "background", textures)):
            if new:
                payload = pack_pictures(new, palette)
                chunks.append((kind, payload, 0))
                sizes[name] = len(payload)
        sections = pack_sections(packed, palette)
        chunks.append(("SEGM", b"".join(sections.values()), len(scene)))
        sizes |= {name: len(section) for name, section in sections.items()}
        return Packed(chunks, packed, sizes, Library(packed.sprites, packed.textures, palette))


def _number(
    known: tuple[Picture, ...], pictures: tuple[Picture, ...], flips: int
) -> tuple[tuple[Picture, ...], NDArray[np.int64], NDArray[np.int64]]:
    """Pictures that are not known yet, and each picture's number and flip."""
    numbers: dict[Key, int] = {}
    for i, picture in enumerate(known):
        numbers.setdefault(_key(picture), i)
    new: list[Picture] = []
    number, flip = np.zeros(len(pictures), np.int64), np.zeros(len(pictures), np.int64)
    for i, picture in enumerate(pictures):
        for way in range(flips):
            found = numbers.get(_key(mirrored(picture, way)))
            if found is not None:
                number[i], flip[i] = found, way
                break
        else:
            number[i] = numbers[_key(picture)] = len(known) + len(new)
            new.append(picture)
    return tuple(new), number, flip


def _key(picture: Picture) -> Key:
    return picture.shape, hashlib.sha256(np.ascontiguousarray(picture).data).digest()
