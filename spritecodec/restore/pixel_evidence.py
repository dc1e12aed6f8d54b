"""What the recorded planes say of each pixel of each sprite.

A pixel of a sprite is seen in many frames. What all of them say of its colour is quadratic in the
colour, so a few sums hold it for every colour there is.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spritecodec.mining.arrays import Longs
from spritecodec.mining.indexed import pack_rgb
from spritecodec.render import Renderer
from spritecodec.restore.labels import LabelDecoder, Model, Planes, State, chroma_pull
from spritecodec.restore.numbered import number_sprites
from spritecodec.scene import Scene

Doubles = NDArray[np.float64]


@njit(cache=True, nogil=True)
def _add(model: Model, state: State, shown: Longs, sums: Doubles) -> None:
    """Add one frame. `shown` is 1 + the number of the sprite's pixel that each shows, or 0."""
    for i in range(shown.shape[0]):
        for j in range(shown.shape[1]):
            p = shown[i, j] - 1
            if p < 0:
                continue
            now = state.labels[i, j]
            weight, u, v = chroma_pull(model, state, i, j)
            trust = state.luma_trust[i, j]
            luma = state.planes.y[i, j]
            u += weight * model.ycc[now, 1]
            v += weight * model.ycc[now, 2]
            best = 1e30
            for k in range(len(model.ycc)):
                other = model.ycc[k]
                cost = trust * (other[0] - 2 * luma) * other[0]
                cost += weight * (other[1] * other[1] + other[2] * other[2])
                best = min(best, cost - 2 * (u * other[1] + v * other[2]))
            sums[p, 0] += trust
            sums[p, 1] += trust * luma
            sums[p, 2] += weight
            sums[p, 3] += u
            sums[p, 4] += v


def sprite_evidence(
    scene: Scene, planes: Mapping[int, Planes], decoder: LabelDecoder, number: NDArray[np.uint8]
) -> list[Doubles]:
    """What some frames say of each pixel of each sprite, others kept as they are.

    Parameters
    ----------
    scene : Scene
    planes : mapping of int to Planes
        Of the frames, by number.
    decoder : LabelDecoder
    number : ndarray, shape (2^24,), uint8
        The label of each colour of the scene.

    Returns
    -------
    list of ndarray, each shape (h, w, 6), float64
        Of each sprite: summed trust in luma, trust times luma, trust in chroma as far as the pixel
        has a share in it, and that times the Cb and the Cr that the pixel should have. Last, what
        the decoder's colours cost where each sight has the one that suits it best; as
        `colour_costs` counts.
    """
    areas = [sprite.shape[0] * sprite.shape[1] for sprite in scene.sprites]
    first = np.concatenate([[0], np.cumsum(areas)]).astype(np.int64)
    sums = np.zeros((int(first[-1]), 6))
    numbers = [
        1 + begin + np.arange(area).reshape(sprite.shape[:2])
        for sprite, area, begin in zip(scene.sprites, areas, first[:-1].tolist(), strict=True)
    ]
    numbered = Renderer(number_sprites(scene, numbers))
    drawn = Renderer(scene, residual=False)
    for t in sorted(planes):
        shown = pack_rgb(numbered.frame(t)).astype(np.int64)
        model, state = decoder.explain(planes[t], number[pack_rgb(drawn.frame(t))])
        _add(model, state, shown, sums)
    return [
        sums[a:b].reshape(*sprite.shape[:2], 6)
        for sprite, a, b in zip(scene.sprites, first[:-1], first[1:], strict=True)
    ]


def colour_costs(evidence: Doubles, colours: Doubles) -> Doubles:
    """What each colour costs at each pixel, in nats, but for a constant of the pixel.

    Parameters
    ----------
    evidence : ndarray, shape (..., 6), float64
        Of `sprite_evidence`.
    colours : ndarray, shape (m, 3), float64
        Y, Cb, Cr.

    Returns
    -------
    ndarray, shape (..., m), float64
    """
    y, u, v = colours.T
    features = np.stack([y * y, -2 * y, u * u + v * v, -2 * u, -2 * v])
    costs: Doubles = evidence[..., :5] @ features
    return costs
