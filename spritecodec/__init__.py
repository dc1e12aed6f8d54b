"""spritecodec: a video codec and file format (.spr) for sprite-based video.

    import spritecodec as sc

    sc.encode("in.mp4", "out.spr")
    with sc.open("out.spr") as frames:
        print(len(frames), frames[0].shape)
    sc.decode("out.spr", "out.mp4")

`import spritecodec.pillow_plugin` lets Pillow open .spr files.

Importing the package is quick and never needs what only encoding needs: other names than the
functions below are imported when they are first used, and the functions import what they need
when they are first called.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

# Not when first used, as the names below: the functions have the names of their modules, and
# importing a module makes it an attribute of its package. It does so once, here.
from spritecodec.decode import DecodeReport, decode
from spritecodec.encode import EncodeReport, encode
from spritecodec.errors import (
    FormatError,
    InputError,
    MissingExtraError,
    OutputError,
    SettingsError,
    SpritecodecError,
    TrainingError,
    VersionError,
)
from spritecodec.labels import labels, segment

if TYPE_CHECKING:
    from spritecodec.batch import BatchReport, BatchRow, encode_many
    from spritecodec.clip import ArrayClip, AudioStream, Clip, Piece
    from spritecodec.estimate import estimate_size
    from spritecodec.formats.spr.budget import Limits
    from spritecodec.formats.video.video_in import open_clip
    from spritecodec.frame_encoder import Encoder
    from spritecodec.label_maps import Labels
    from spritecodec.metrics import ms_ssim, psnr, ssim
    from spritecodec.reader import Reader, Verification, open
    from spritecodec.rearrange import RearrangeReport, cut, join
    from spritecodec.render import Renderer
    from spritecodec.scene import Layer, Recolouring, Residual, Scene, Tracks

__version__ = "0.1.0"

# Libraries say nothing unless the program that uses them asks: see docs/python.md.
logging.getLogger("spritecodec").addHandler(logging.NullHandler())

_HOMES = {
    "spritecodec.batch": ("BatchReport", "BatchRow", "encode_many"),
    "spritecodec.clip": ("ArrayClip", "AudioStream", "Clip", "Piece"),
    "spritecodec.estimate": ("estimate_size",),
    "spritecodec.formats.spr.budget": ("Limits",),
    "spritecodec.formats.video.video_in": ("open_clip",),
    "spritecodec.frame_encoder": ("Encoder",),
    "spritecodec.label_maps": ("Labels",),
    "spritecodec.metrics": ("ms_ssim", "psnr", "ssim"),
    "spritecodec.reader": ("Reader", "Verification", "open"),
    "spritecodec.rearrange": ("RearrangeReport", "cut", "join"),
    "spritecodec.render": ("Renderer",),
    "spritecodec.scene": ("Layer", "Recolouring", "Residual", "Scene", "Tracks"),
}
# Modules that are attributes, with the extra that each needs.
_MODULES = {"analysis": "encode", "gym": "gym"}
_LAZY = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "ArrayClip",
    "AudioStream",
    "BatchReport",
    "BatchRow",
    "Clip",
    "DecodeReport",
    "EncodeReport",
    "Encoder",
    "FormatError",
    "InputError",
    "Labels",
    "Layer",
    "Limits",
    "MissingExtraError",
    "OutputError",
    "Piece",
    "Reader",
    "RearrangeReport",
    "Recolouring",
    "Renderer",
    "Residual",
    "Scene",
    "SettingsError",
    "SpritecodecError",
    "Tracks",
    "TrainingError",
    "Verification",
    "VersionError",
    "__version__",
    "cut",
    "decode",
    "encode",
    "encode_many",
    "estimate_size",
    "join",
    "labels",
    "ms_ssim",
    "open",
    "open_clip",
    "psnr",
    "segment",
    "ssim",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        try:
            return import_module(f"spritecodec.{name}")
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                str(error.name), f"spritecodec.{name}", _MODULES[name]
            ) from error
    if name not in _LAZY:
        raise AttributeError(f"module 'spritecodec' has no attribute {name!r}")
    value = getattr(import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
