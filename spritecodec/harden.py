"""From a discovery to a Scene: trimmed sprites, tracks through time, layers with a pan.

The Scene draws exactly the pictures that the discovery describes. A placement that stands
still in the world goes to a layer that pans with the background, one that stands still on
the screen (a status line) to a layer that does not.
"""

from __future__ import annotations

from fractions import Fraction

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
    sprites, index, dx, dy = _trim(discovery)
    pan = discovery.pan
    depth = _depths(discovery)
    x = discovery.x + dx[discovery.sprite]
    y = discovery.y + dy[discovery.sprite]
    chains = _link(discovery, depth, x, y)
    layers = [Layer(pan, np.zeros((0, 3), np.int32))]
    textures: tuple[NDArray[np.uint8], ...] = ()
    if discovery.background is not None:
        opaque = np.full((*discovery.background.shape[:2], 1), 255, np.uint8)
        textures = (np.concatenate([discovery.background, opaque], axis=2),)
        layers[0] = Layer(pan, np.zeros((1, 3), np.int32))
    none = np.zeros((0, 3), np.int32)
    for _ in range(int(depth.max(initial=-1)) + 1):
        layers += [Layer(pan, none), Layer(np.zeros_like(pan), none)]
    world_x, world_y = x + pan[discovery.frame_index, 0], y + pan[discovery.frame_index, 1]
    layer, start, first, rows, out_x, out_y = [], [], [0], [], [], []
    for chain in chains:
        moves_world = np.abs(np.diff(world_x[chain])) + np.abs(np.diff(world_y[chain]))
        moves_screen = np.abs(np.diff(x[chain])) + np.abs(np.diff(y[chain]))
        on_screen = np.count_nonzero(moves_screen) < np.count_nonzero(moves_world)
        layer.append(1 + 2 * int(depth[chain[0]]) + int(on_screen))
        start.append(int(discovery.frame_index[chain[0]]))
        first.append(first[-1] + len(chain))
        rows.append(chain)
        out_x.append(x[chain] if on_screen else world_x[chain])
        out_y.append(y[chain] if on_screen else world_y[chain])
    tracks = Tracks.none()
    if chains:
        order = np.concatenate(rows)
        tracks = Tracks(
            layer=np.array(layer, np.int32),
            z=np.zeros(len(chains), np.int32),
            start=np.array(start, np.int32),
            first=np.array(first, np.int64),
            sprite=index[discovery.sprite[order]].astype(np.int32),
            x=np.concatenate(out_x).astype(np.int32),
            y=np.concatenate(out_y).astype(np.int32),
            flip=np.zeros(len(order), np.uint8),
        )
    return Scene(
        width=width,
        height=height,
        pts=np.asarray(pts, dtype=np.int64),
        time_base=time_base,
        backdrop=np.broadcast_to(discovery.colour, (count, 3)).copy(),
        sprites=sprites,
        textures=textures,
        layers=tuple(layers),
        tracks=tracks,
        residual=Residual.none(),
    )


def _trim(
    discovery: Discovery,
) -> tuple[tuple[NDArray[np.uint8], ...], NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """Used sprites without clear border, each one's new index, and where its corner went."""
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
    return tuple(sprites), index, box[:, 2], box[:, 0]


def _depths(discovery: Discovery) -> NDArray[np.int32]:
    """Depth of each placement: one above everything earlier that it overlaps in its frame."""
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
    previous: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for t in range(len(discovery.frames)):
        moved = discovery.pan[t] - discovery.pan[max(t - 1, 0)]
        current: dict[tuple[int, int], list[tuple[int, int]]] = {}
        groups: dict[tuple[int, int], list[int]] = {}
        for j in range(ends[t], ends[t + 1]):
            groups.setdefault((int(discovery.sprite[j]), int(depth[j])), []).append(j)
        for key, members in groups.items():
            pairs = []
            for j in members:
                for chain, i in previous.get(key, []):
                    dx, dy = int(x[j]) - int(x[i]), int(y[j]) - int(y[i])
                    screen = abs(dx) + abs(dy)
                    world = abs(dx + int(moved[0])) + abs(dy + int(moved[1]))
                    if min(screen, world) <= reach:
                        pairs.append((min(screen, world), chain, j))
            taken: set[int] = set()
            linked: dict[int, int] = {}
            for _, chain, j in sorted(pairs):
                if chain not in taken and j not in linked:
                    taken.add(chain)
                    linked[j] = chain
            for j in members:
                chain = linked.get(j, len(chains))
                if chain == len(chains):
                    chains.append([])
                chains[chain].append(j)
                current.setdefault(key, []).append((chain, j))
        previous = current
    return [np.array(chain, dtype=np.int64) for chain in chains]
