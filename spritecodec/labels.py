"""Labels: which sprite, track or layer shows at each pixel of a .spr file or a Scene.

`labels` gives them all at once, `label_maps.Labels` frame by frame. What needs numpy is imported
when it is first used, so that importing the package stays quick.
"""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spritecodec.label_maps import By, LabelMap
    from spritecodec.reader import Reader
    from spritecodec.scene import Scene
    from spritecodec.span import Moment


def labels(
    source: str | os.PathLike[str] | Reader | Scene,
    by: By = "sprite",
    *,
    tiles: bool = False,
    start: Moment | None = None,
    stop: Moment | None = None,
) -> LabelMap:
    """Label every pixel with what shows there.

    Parameters
    ----------
    source : path, Reader or Scene
        A .spr file, or a scene in memory.
    by : "sprite", "track" or "layer"
        What the labels number: entries of the dictionary, instances (one object through
        time), or depth layers, back to front.
    tiles : bool
        Also label the tiles of the backgrounds. Each background is cut into square tiles
        that recur. A tile's pixels have its label, except those of the ground (the most
        common colour). For scenes on a plain ground whose objects that never move are part
        of the background.
    start, stop : int or str, optional
        Only frames start to stop - 1. Each is a frame number or words: ``"1.5"`` seconds from the
        first frame, ``"0:01.5"``, ``"1:02:03"``, ``"90f"``.

    Returns
    -------
    ndarray, shape (n, h, w), int32
        At the native size, where the source was an enlargement. 0 where a background shows.
        Otherwise, by sprite: 1 + the sprite's index in the dictionary (``Reader.sprites``,
        ``Scene.sprites``), tiles numbered after all
        sprites. By track: 1 + the track's index, counted through all segments of a file;
        each place of a tile in a background is one instance, numbered after all tracks. By
        layer: 1 + the layer's index. Pixels of alpha below 128 are transparent. The residual
        corrects colours and has no label.

    Raises
    ------
    InputError, FormatError
        The file cannot be read, or is damaged.
    SettingsError
        `by` is something else, or no frame is left.
    """
    from spritecodec.label_maps import Labels
    from spritecodec.span import Span

    with Labels(source, by, tiles=tiles) as maps:
        return maps.stack(*maps.between(Span(start, stop)))


def segment(
    source: str | os.PathLike[str] | Reader | Scene,
    by: By = "sprite",
    *,
    tiles: bool = False,
    start: int | None = None,
    stop: int | None = None,
) -> LabelMap:
    """The old name of `labels`; a *segment* is a run of frames."""
    warnings.warn(
        "spritecodec.segment is now called spritecodec.labels", DeprecationWarning, stacklevel=2
    )
    return labels(source, by, tiles=tiles, start=start, stop=stop)
