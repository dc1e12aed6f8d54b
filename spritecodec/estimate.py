"""How large a GIF, an APNG or a WebP will be, from a few short parts of it."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from spritecodec.errors import SettingsError

if TYPE_CHECKING:
    from spritecodec.decode import Plan
    from spritecodec.reader import Reader, Size
    from spritecodec.span import Moment

PARTS, PART_FRAMES = 4, 12
"""Runs of frames that are written to see how large they become, and frames in each."""


def estimate_size(
    source: str | os.PathLike[str],
    format: str,
    *,
    fps: float | Fraction | None = None,
    size: Size = "auto",
    scale: int = 1,
    start: Moment | None = None,
    stop: Moment | None = None,
) -> int:
    """About how many bytes `spritecodec.decode` will write, without writing all of it.

    Some short runs of frames are written to temporary files: the first frame of a run says what
    a whole picture takes, the others what each change takes.

    Parameters
    ----------
    source : path
        The .spr file.
    format : str
        ``"gif"``, ``"apng"`` or ``"webp"``, whose frames depend on the previous one alone.
    fps, size, scale, start, stop
        As for `spritecodec.decode`.

    Returns
    -------
    int
        Bytes.

    Raises
    ------
    SettingsError
        Another format, or impossible options.
    InputError, FormatError, OutputError
        As for `spritecodec.decode`.
    """
    from spritecodec.decode import Plan
    from spritecodec.formats.atomic import temporary
    from spritecodec.formats.video.timing import ANIMATIONS
    from spritecodec.reader import open as open_reader

    if format not in ANIMATIONS:
        raise SettingsError(
            f"the size of {format} cannot be estimated, only that of {', '.join(ANIMATIONS)}"
        )
    with open_reader(source, size) as reader, temporary("no estimate", folder=True) as folder:
        plan = Plan.of(reader, format, start, stop, fps)
        count = len(plan)
        if count <= PARTS * PART_FRAMES:
            return _written(reader, plan, format, scale, folder.path)
        firsts = [i * (count - PART_FRAMES) // (PARTS - 1) for i in range(PARTS)]
        whole, changes = 0, 0
        for first in firsts:
            one = _written(reader, plan.part(first, first + 1), format, scale, folder.path)
            run = plan.part(first, first + PART_FRAMES)
            changes += _written(reader, run, format, scale, folder.path) - one
            whole = whole or one
        return whole + changes * (count - 1) // (PARTS * (PART_FRAMES - 1))


def _written(reader: Reader, plan: Plan, format: str, scale: int, folder: Path) -> int:
    """Bytes of a file of some frames."""
    from spritecodec.formats.video.video_out import open_writer

    target = folder / f"part.{format}"
    with open_writer(
        target, plan.video(reader), format=format, scale=scale, overwrite=True
    ) as writer:
        for frames, pts in plan.pieces(reader):
            writer.write(frames, pts)
    return target.stat().st_size
