"""From a discovery to a Scene: trimmed sprites, tracks through time, layers with a pan.

The Scene draws exactly the frames that the discovery describes. A placement that stands still
in the world goes to a layer that pans with the background; one that stands still on the screen
(a status line) goes to a layer that does not.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spritecodec.errors import SettingsError
from spritecodec.model.discovery import Discovery
from spritecodec.model.matching.kernels import boxes, levels
from spritecodec.scene import Layer, Residual, Scene, Tracks


def harden(
    discovery: Discovery,
    *,
    width: int,
    height: int,
    pts: NDArray[np.int64],
    time_base: Fraction,
) -> Scene:
    """Turn a discovery into the Scene of its frames.

    Parameters
    ----------
    width, height : int
        Of the screen, in pixels.
    pts : ndarray, shape (f,), int64
        Presentation times of the discovery's frames.
    time_base : Fraction

    Returns
    -------
    Scene
        Of f frames; sprites that nothing shows are left out.

    Raises
    ------
    SettingsError
        `pts` has not one time for each frame.
    """
    count = len(discovery.frames)
    if len(pts) != count:
        raise SettingsError(f"{count} frames were decomposed, but {len(pts)} times are given")
    trimmed = _trim(discovery)
    depth = _depths(discovery)
    layers, textures = _layers(discovery, int(depth.max(initial=-1)) + 1)
    return Scene(
        width=width,
        height=height,
        pts=np.asarray(pts, dtype=np.int64),
        time_base=time_base,
        backdrop=np.broadcast_to(discovery.colour, (count, 3)).copy(),
        sprites=trimmed.sprites,
        textures=textures,
        layers=layers,
        tracks=_tracks(discovery, depth, trimmed),
        residual=Residual.none(),
    )


def _layers(
    discovery: Discovery, depths: int
) -> tuple[tuple[Layer, ...], tuple[NDArray[np.uint8], ...]]:
    """The background's layer, and two for each depth: one in the world, one on the screen."""
    pan, none = discovery.pan, np.zeros((0, 3), np.int32)
    first = Layer(pan, none)
    textures: tuple[NDArray[np.uint8], ...] = ()
    if discovery.background is not None:
        opaque = np.full((*discovery.background.shape[:2], 1), 255, np.uint8)
        textures = (np.concatenate([discovery.background, opaque], axis=2),)
        first = Layer(pan, np.zeros((1, 3), np.int32))
    pair = (Layer(pan, none), Layer(np.zeros_like(pan), none))
    return (first, *pair * depths), textures


def _tracks(discovery: Discovery, depth: NDArray[np.int32], trimmed: _Trimmed) -> Tracks:
    """One track for each chain, in the layer in which it stands still more often."""
    x = discovery.x + trimmed.dx[discovery.sprite]
    y = discovery.y + trimmed.dy[discovery.sprite]
    chains = _link(discovery, depth, x, y)
    if not chains:
        return Tracks.none()
    pan = discovery.pan[discovery.frame_index]
    world_x, world_y = x + pan[:, 0], y + pan[:, 1]
    layer, out_x, out_y = [], [], []
    for chain in chains:
        moves_world = np.abs(np.diff(world_x[chain])) + np.abs(np.diff(world_y[chain]))
        moves_screen = np.abs(np.diff(x[chain])) + np.abs(np.diff(y[chain]))
        on_screen = np.count_nonzero(moves_screen) < np.count_nonzero(moves_world)
        layer.append(1 + 2 * int(depth[chain[0]]) + int(on_screen))
        out_x.append(x[chain] if on_screen else world_x[chain])
        out_y.append(y[chain] if on_screen else world_y[chain])
    order = np.concatenate(chains)
    lengths = [len(chain) for chain in chains]
    return Tracks(
        layer=np.array(layer, np.int32),
        z=np.zeros(len(chains), np.int32),
        start=discovery.frame_index[[chain[0] for chain in chains]].astype(np.int32),
        first=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        sprite=trimmed.place[discovery.sprite[order]].astype(np.int32),
        x=np.concatenate(out_x).astype(np.int32),
        y=np.concatenate(out_y).astype(np.int32),
        flip=np.zeros(len(order), np.uint8),
    )


class _Trimmed(NamedTuple):
    """Sprites without their clear border.

    Attributes
    ----------
    sprites : tuple of ndarray, each shape (h, w, 4), uint8
        Those in use, each once.
    place : ndarray, shape (m,), int64
        The place in `sprites` of each sprite of the discovery; -1 where nothing shows it.
    dx, dy : ndarray, shape (m,), int32
        Columns and rows cut off at the left and at the top.
    """

    sprites: tuple[NDArray[np.uint8], ...]
    place: NDArray[np.int64]
    dx: NDArray[np.int32]
    dy: NDArray[np.int32]


def _trim(discovery: Discovery) -> _Trimmed:
    """Cut the clear border off the sprites in use; equal ones become one."""
    box = boxes(discovery.sprites)
    index = np.full(len(discovery.sprites), -1, np.int64)
    known: dict[tuple[tuple[int, ...], bytes], int] = {}
    sprites: list[NDArray[np.uint8]] = []
    for s in discovery.used():
        top, bottom, left, right = box[s]
        sprite = discovery.sprites[s, top:bottom, left:right].copy()
        sprite[sprite[..., 3] == 0] = 0
        key = (sprite.shape, sprite.tobytes())
        if key not in known:
            known[key] = len(sprites)
            sprites.append(sprite)
        index[s] = known[key]
    return _Trimmed(tuple(sprites), index, box[:, 2], box[:, 0])


def _depths(discovery: Discovery) -> NDArray[np.int32]:
    """Depth of each placement: one above all earlier placements of its frame that it overlaps."""
    box = boxes(discovery.sprites)
    placed = np.column_stack([discovery.sprite, discovery.x, discovery.y]).astype(np.int32)
    ends = np.searchsorted(discovery.frame_index, np.arange(1, len(discovery.frames)))
    depths = [levels(np.ascontiguousarray(p), box) for p in np.split(placed, ends)]
    return np.concatenate(depths).astype(np.int32)


def _link(
    discovery: Discovery,
    depth: NDArray[np.int32],
    x: NDArray[np.int32],
    y: NDArray[np.int32],
) -> list[NDArray[np.int64]]:
    """Chains of placements through consecutive frames: same sprite, same depth, nearest.

    A link reaches at most the sprite's size, measured in the world or on the screen,
    whichever is nearer.
    """
    reach = discovery.sprites.shape[1]
    ends = np.searchsorted(discovery.frame_index, np.arange(len(discovery.frames) + 1))
    chains: list[list[int]] = []
    previous: dict[tuple[int, int], list[int]] = {}  # numbers of chains
    for t in range(len(discovery.frames)):
        moved = discovery.pan[t] - discovery.pan[max(t - 1, 0)]
        groups: dict[tuple[int, int], list[int]] = {}
        for j in range(ends[t], ends[t + 1]):
            groups.setdefault((int(discovery.sprite[j]), int(depth[j])), []).append(j)
        current: dict[tuple[int, int], list[int]] = {}
        for key, members in groups.items():
            pairs = []
            for j in members:
                for chain in previous.get(key, []):
                    i = chains[chain][-1]
                    dx, dy = int(x[j]) - int(x[i]), int(y[j]) - int(y[i])
                    screen = abs(dx) + abs(dy)
                    world = abs(dx + int(moved[0])) + abs(dy + int(moved[1]))
                    if min(screen, world) <= reach:
                        pairs.append((min(screen, world), chain, j))
            linked = _nearest_first(pairs)
            for j in members:
                if j not in linked:
                    linked[j] = len(chains)
                    chains.append([])
                chains[linked[j]].append(j)
            current[key] = [linked[j] for j in members]
        previous = current
    return [np.array(chain, dtype=np.int64) for chain in chains]


def _nearest_first(pairs: list[tuple[int, int, int]]) -> dict[int, int]:
    """The chain of each placement, from pairs (distance, chain, placement), the nearest first."""
    taken: set[int] = set()
    linked: dict[int, int] = {}
    for _, chain, j in sorted(pairs):
        if chain not in taken and j not in linked:
            taken.add(chain)
            linked[j] = chain
    return linked
