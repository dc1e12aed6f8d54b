"""spritecodec: a video codec and file format (.spr) for sprite-based video.

    import spritecodec as sc

    sc.encode("in.mp4", "out.spr")
    with sc.open("out.spr") as frames:
        print(len(frames), frames[0].shape)
    sc.decode("out.spr", "out.mp4")

Names are imported when they are first used, so that importing the package is quick and
never needs what only encoding needs. Importing it also lets Pillow open .spr files.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from spritecodec.clip import ArrayClip, AudioStream, Clip, Piece
    from spritecodec.decode import DecodeReport, decode
    from spritecodec.encode import EncodeReport, encode
    from spritecodec.formats.video.video_in import open_clip
    from spritecodec.labels import Segmentation, segment
    from spritecodec.metrics import ms_ssim, psnr, ssim
    from spritecodec.reader import Reader, Verification, open
    from spritecodec.render import Renderer
    from spritecodec.scene import Layer, Recolouring, Residual, Scene, Tracks

__version__ = "0.1.0"

_HOMES = {
    "spritecodec.clip": ("ArrayClip", "AudioStream", "Clip", "Piece"),
    "spritecodec.decode": ("DecodeReport", "decode"),
    "spritecodec.encode": ("EncodeReport", "encode"),
    "spritecodec.formats.video.video_in": ("open_clip",),
    "spritecodec.metrics": ("ms_ssim", "psnr", "ssim"),
    "spritecodec.reader": ("Reader", "Verification", "open"),
    "spritecodec.render": ("Renderer",),
    "spritecodec.scene": ("Layer", "Recolouring", "Residual", "Scene", "Tracks"),
    "spritecodec.labels": ("Segmentation", "segment"),
}
_LAZY = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "ArrayClip",
    "AudioStream",
    "Clip",
    "DecodeReport",
    "EncodeReport",
    "FormatError",
    "InputError",
    "Layer",
    "MissingExtraError",
    "OutputError",
    "Piece",
    "Reader",
    "Recolouring",
    "Renderer",
    "Residual",
    "Scene",
    "Segmentation",
    "SettingsError",
    "SpritecodecError",
    "Tracks",
    "TrainingError",
    "Verification",
    "VersionError",
    "__version__",
    "decode",
    "encode",
    "ms_ssim",
    "open",
    "open_clip",
    "psnr",
    "segment",
    "ssim",
]


def __getattr__(name: str) -> Any:
    if name == "analysis":
        return import_module("spritecodec.analysis")
    if name not in _LAZY:
        raise AttributeError(f"module 'spritecodec' has no attribute {name!r}")
    value = getattr(import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


class _Package(ModuleType):
    """Keeps `encode` and `decode` the functions, though submodules have the same names.

    Importing a submodule makes it an attribute of its package; here that would hide the
    function.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (isinstance(value, ModuleType) and name in _LAZY):
            super().__setattr__(name, value)


class _PillowsTurn:
    """A finder of modules that registers our plugin as soon as Pillow has been imported.

    Importing Pillow here would take five times as long as all the rest of this file.
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "PIL.Image":
            return None
        sys.meta_path.remove(self)
        found = (finder.find_spec(name, path, target) for finder in sys.meta_path)
        spec = next((s for s in found if s is not None), None)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                _register_with_pillow()

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _register_with_pillow() -> None:
    from spritecodec import pillow_plugin

    pillow_plugin.register()


sys.modules[__name__].__class__ = _Package
if "PIL.Image" in sys.modules:
    _register_with_pillow()
else:
    sys.meta_path.insert(0, _PillowsTurn())
