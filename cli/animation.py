"""GIF, APNG and WebP on the command line: how large they will be."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import click

from spritecodec.cli.common import tell, write_json


def tell_size(
    source: str,
    target: str,
    format: str | None,
    shown: Mapping[str, Any],
    only: bool,
    overwrite: bool,
    as_json: bool,
) -> bool:
    """Say about how large a GIF, an APNG or a WebP will be; whether nothing more is to be done.

    Parameters
    ----------
    source, target : str
    format : str or None
        As for `spritecodec.decode`.
    shown : mapping
        Options of `spritecodec.estimate_size`.
    only : bool
        The estimate is all that was asked for; then any other format is a SettingsError.
    overwrite, as_json : bool
    """
    from spritecodec.estimate import estimate_size
    from spritecodec.formats.video.timing import ANIMATIONS
    from spritecodec.formats.video.video_out import format_of

    name = format_of(target, format)
    # Standard input can be read only once.
    if not only and (name not in ANIMATIONS or source == "-" or as_json):
        return False
    if not only and not overwrite and os.path.exists(target):
        return False  # decoding will refuse it
    about = estimate_size(source, name, **shown)
    if not only:
        tell(f"{target} will take about {kilobytes(about)}")
        return False
    if as_json:
        write_json({"format": name, "estimated_size": about})
    else:
        click.echo(f"{name}: about {kilobytes(about)}")
    return True


def kilobytes(size: int) -> str:
    """Bytes for people, two digits."""
    if size < 1000:
        return f"{size} bytes"
    unit, scale = ("kB", 1e3) if size < 1e6 else ("MB", 1e6)
    return f"{size / scale:.2g} {unit}" if size / scale < 10 else f"{size / scale:.0f} {unit}"
