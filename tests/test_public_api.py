"""The public surface, pinned: whoever adds or removes a name changes this list too."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from importlib.metadata import version

import pytest

import spritecodec as sc

SURFACE = [
    "ArrayClip", "AudioStream", "BatchReport", "BatchRow", "Clip", "DecodeReport", "EncodeReport",
    "Encoder", "FormatError", "InputError", "Labels", "Layer", "Limits", "MissingExtraError",
    "OutputError", "Piece", "Reader", "RearrangeReport", "Recolouring", "Renderer", "Residual",
    "Scene", "SettingsError", "SpritecodecError", "Tracks", "TrainingError", "Verification",
    "VersionError", "__version__", "cut", "decode", "encode", "encode_many", "estimate_size",
    "join", "labels", "ms_ssim", "open", "open_clip", "psnr", "segment", "ssim",
]  # fmt: skip


def test_the_surface_is_exactly_this() -> None:
    assert sc.__all__ == SURFACE
    assert dir(sc) == sorted(SURFACE)


@pytest.mark.parametrize("name", SURFACE)
def test_every_public_name_is_there_and_described(name: str) -> None:
    value = getattr(sc, name)
    if name != "__version__":
        assert inspect.getdoc(value)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = sc.nonsense


def test_the_version_is_that_of_the_distribution() -> None:
    assert sc.__version__ == version("spritecodec")


@pytest.mark.parametrize("name", ["encode", "decode", "labels"])
def test_importing_the_module_does_not_hide_the_function(name: str) -> None:
    module = importlib.import_module(f"spritecodec.{name}")
    assert inspect.ismodule(module)
    code = f"import spritecodec.{name}, spritecodec; assert callable(spritecodec.{name})"
    subprocess.run([sys.executable, "-P", "-c", code], check=True)
    assert getattr(sc, name) is getattr(module, name)


def test_the_exception_tree() -> None:
    codes = {
        sc.SpritecodecError: 1,
        sc.SettingsError: 2,
        sc.InputError: 3,
        sc.OutputError: 4,
        sc.MissingExtraError: 5,
        sc.TrainingError: 6,
        sc.FormatError: 7,
        sc.VersionError: 7,
    }
    for error, code in codes.items():
        assert issubclass(error, sc.SpritecodecError)
        assert error.exit_code == code
    assert issubclass(sc.VersionError, sc.FormatError)
