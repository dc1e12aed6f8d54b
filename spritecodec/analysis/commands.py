"""The words that measure a row: for the cache, for running, and for people to run again."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

from spritecodec.analysis.peers import US, find_peer, parse_target

MODULE = "spritecodec.analysis.measure"
AS_GIVEN = "as given"  # the target of a file that was coded elsewhere


def command_line(arguments: Sequence[str]) -> str:
    """The command that prints a row, for a shell."""
    return shlex.join(["python", "-m", MODULE, *arguments])


def measure_arguments(
    source: str, codec: str, target: str, frames: int | None, preset: str
) -> list[str]:
    """What `command_line` needs to measure one codec at one target."""
    words = [_operand(source), "--codec", codec, "--target", target]
    if frames is not None:
        words += ["--frames", str(frames)]
    if codec == US and preset != "default":
        words += ["--preset", preset]
    return words


def _operand(path: str) -> str:
    """A path that cannot be taken for an option, here or in what this command runs."""
    return os.path.abspath(path) if path.startswith("-") else path


def given_arguments(source: str, file: str, frames: int | None) -> list[str]:
    """What `command_line` needs to compare a file that was coded elsewhere."""
    words = [_operand(source), "--given", _operand(file)]
    return words if frames is None else [*words, "--frames", str(frames)]


def settings(codec: str, target: str, preset: str) -> str:
    """A codec's settings at a target, for people and for the cache."""
    if codec == US:
        return f"quality={target} preset={preset}"
    peer = find_peer(codec)
    options = " ".join(f"{k}={v}" for k, v in peer.options_for(parse_target(target)).items())
    return f"{peer.encoder} {peer.pixel_format} {options}".rstrip()
