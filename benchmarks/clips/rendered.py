"""A rendered scene: a turning, textured cube above a floor, with shading and a shadow.

There is no game of few colours behind it, so nothing may be restored.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.clips.spec import Frame
from benchmarks.clips.video import write_video

WIDTH, HEIGHT, FRAMES, FPS = 320, 240, 120, 30
NAME = "rendered-cube"

_Floats = NDArray[np.float64]
_HALF = 0.5  # of the cube's side
_LIGHT = np.array([0.5, 0.8, -0.35]) / np.linalg.norm([0.5, 0.8, -0.35])


def rendered_file(folder: Path) -> Path:
    """The lossless video of the scene, drawn where it is missing."""
    file = folder / f"{NAME}.mp4"
    if not file.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".mp4.part")
        write_video(part, rendered(), WIDTH, HEIGHT, FPS)
        part.replace(file)
    return file


def rendered() -> Iterator[Frame]:
    """All frames, each (HEIGHT, WIDTH, 3) uint8 RGB."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    rays = np.stack([(x - WIDTH / 2) / HEIGHT, (HEIGHT / 2 - y) / HEIGHT, np.full_like(x, 0.9)], -1)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    for t in range(FRAMES):
        eye = np.array([0.4 * np.sin(t / 40), 0.35 + 0.1 * np.sin(t / 25), -2.2])
        yield _drawn(eye, rays, _turn(t / 30, t / 47))


def _turn(a: float, b: float) -> _Floats:
    """World to cube: a turn about the vertical axis, then one about the horizontal."""
    ca, sa, cb, sb = np.cos(a), np.sin(a), np.cos(b), np.sin(b)
    about_y = np.array([[ca, 0, sa], [0, 1, 0], [-sa, 0, ca]])
    about_x = np.array([[1, 0, 0], [0, cb, -sb], [0, sb, cb]])
    return np.asarray(about_x @ about_y)


def _drawn(eye: _Floats, rays: _Floats, turn: _Floats) -> Frame:
    sky = np.stack([0.35 + 0.5 * (1 - rays[..., 1]) * c for c in (0.6, 0.8, 1.0)], -1)
    down = np.where(rays[..., 1] < -1e-6, (-0.9 - eye[1]) / np.minimum(rays[..., 1], -1e-6), np.inf)
    near, normal = _cube(eye @ turn.T, rays @ turn.T)
    floor = eye + rays * np.where(np.isfinite(down), down, 0)[..., None]
    shadow, _ = _cube(floor @ turn.T, np.broadcast_to(_LIGHT @ turn.T, rays.shape))
    haze = np.exp(-0.12 * np.where(np.isfinite(down), down, 1e3))[..., None]
    lit = np.where(np.isfinite(shadow), 0.45, 1.0)[..., None]
    ground = haze * lit * _marble(floor * 1.7, (0.75, 0.65, 0.5)) + (1 - haze) * sky
    point = (eye + rays * np.where(np.isfinite(near), near, 0)[..., None]) @ turn.T
    bright = 0.25 + 0.75 * np.clip((normal @ turn) @ _LIGHT, 0, 1)
    cube = bright[..., None] * _marble(point * 4, (0.9, 0.55, 0.35))
    colour = np.where(
        (near < down)[..., None], cube, np.where(np.isfinite(down)[..., None], ground, sky)
    )
    return np.asarray(np.rint(255 * np.clip(colour, 0, 1)), np.uint8)


def _cube(start: _Floats, rays: _Floats) -> tuple[_Floats, _Floats]:
    """How far along each ray the cube is (inf where it is not), and the face's normal."""
    safe = np.where(np.abs(rays) < 1e-9, 1e-9, rays)
    one, other = (-_HALF - start) / safe, (_HALF - start) / safe
    into, out = np.minimum(one, other), np.maximum(one, other).min(-1)
    axis = into.argmax(-1)
    enters = into.max(-1)
    normal = -np.sign(safe) * (np.arange(3) == axis[..., None])
    return np.where((enters < out) & (enters > 1e-6), enters, np.inf), normal


def _marble(point: _Floats, colour: tuple[float, float, float]) -> _Floats:
    """A smooth texture in space."""
    x, y, z = np.moveaxis(point, -1, 0)
    veins = np.sin(3 * x + 2 * np.sin(2 * y + z)) * np.sin(2.3 * z + 1.7 * np.sin(1.9 * x - y))
    fine = np.sin(11 * x + 5 * np.sin(7 * z)) * np.sin(13 * y + 9 * z)
    tone = 0.65 + 0.25 * veins + 0.1 * fine
    return np.asarray(tone[..., None] * np.array(colour))
