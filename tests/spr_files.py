"""Small .spr files with a bit of everything, for the tests of reading and of bad input."""

from __future__ import annotations

import io
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from spritecodec.clip import AudioStream
from spritecodec.formats.spr.chunks import Head, pack_audio, pack_head, pack_pictures, pack_segment
from spritecodec.formats.spr.container import Writer
from spritecodec.formats.spr.pictures import Palette
from spritecodec.render import Renderer
from spritecodec.scene import Layer, Recolouring, Residual, Scene, Tracks

WIDTH, HEIGHT = 24, 16
FRAMES = (7, 5)  # of the two segments


def pictures() -> tuple[tuple[NDArray[np.uint8], ...], tuple[NDArray[np.uint8], ...]]:
    """Four sprites, one of them never used, and one background."""
    rng = np.random.default_rng(5)
    colours = rng.integers(0, 256, (6, 4), np.uint8)
    colours[:, 3] = (255, 255, 255, 255, 128, 0)
    sprites = tuple(colours[rng.integers(0, 6, size)] for size in ((5, 4), (3, 6), (1, 1), (2, 2)))
    background = colours[rng.integers(0, 3, (HEIGHT, 2 * WIDTH))]
    return sprites, (background,)


def scenes() -> list[Scene]:
    """Two segments; what moves, scrolls, flips, is translucent, corrected or clipped."""
    sprites, textures = pictures()
    out = []
    start = 0
    for number, n in enumerate(FRAMES):
        t = np.arange(n)
        pan = np.stack([t + start, np.zeros(n)], 1).astype(np.int32)
        still = np.zeros((n, 2), np.int32)
        layers = (
            Layer(pan, np.array([[0, 0, 0]], np.int32)),
            Layer(still, np.zeros((0, 3), np.int32)),
        )
        length = np.array([n, n - 2, 2])
        first = np.append(0, np.cumsum(length)).astype(np.int64)
        step = np.concatenate([np.arange(k) for k in length])
        tracks = Tracks(
            layer=np.array([0, 0, 1], np.int32),
            z=np.array([0, 1, 0], np.int32),
            start=np.array([0, 1, n - 2], np.int32),
            first=first,
            sprite=np.array([0] * n + [i % 2 for i in range(n - 2)] + [number] * 2, np.int32),
            x=(3 + 2 * step + start).astype(np.int32),
            y=(np.repeat([2, 12, -1], length) + step // 2).astype(np.int32),
            flip=(step % 4).astype(np.uint8),
        )
        pixels = np.array([[9, 8, 7, 255], [0, 0, 0, 0], [200, number, 1, 255], [4, 4, 4, 255]])
        residual = Residual(
            start=np.array([1, 2], np.int32),
            length=np.array([2, 1], np.int32),
            layer=np.array([number - 1, -1], np.int32),
            x=np.array([20, 0], np.int32),
            y=np.array([10, 15], np.int32),
            width=np.array([3, 1], np.int32),
            height=np.array([1, 1], np.int32),
            first=np.array([0, 3, 4], np.int64),
            pixels=pixels.astype(np.uint8),
        )
        recolouring = Recolouring.none()
        if number:
            drawn = np.unique(textures[0][..., :3].reshape(-1, 3), axis=0)
            recolouring = Recolouring(
                start=np.array([0, 2, 4], np.int32),
                length=np.array([1, 2, 1], np.int32),
                table=np.array([1, 0, 1], np.int32),
                source=drawn,
                target=np.stack([drawn // 2, np.full_like(drawn, 250)]),
            )
        out.append(
            Scene(
                width=WIDTH,
                height=HEIGHT,
                pts=(t + start) * 2 + number,
                time_base=Fraction(1, 60),
                backdrop=np.tile(np.array([[10, 20, 30 + number]], np.uint8), (n, 1)),
                sprites=sprites[: 2 + 2 * number],
                textures=textures,
                layers=layers,
                tracks=tracks,
                residual=residual,
                recolouring=recolouring,
            )
        )
        start += n
    return out


def frames() -> NDArray[np.uint8]:
    """What the file shows, shape (12, 16, 24, 3)."""
    return np.stack([f for scene in scenes() for f in Renderer(scene).frames()])


def pts() -> NDArray[np.int64]:
    """When, in ticks of 1/60 s."""
    return np.concatenate([scene.pts for scene in scenes()])


def audio() -> AudioStream:
    """Three packets of raw PCM."""
    times = np.array([0, 160, 320], np.int64)
    return AudioStream(
        codec="pcm_s16le",
        sample_rate=8000,
        channels=1,
        layout="mono",
        extradata=b"",
        time_base=Fraction(1, 8000),
        pts=times,
        dts=times,
        duration=np.full(3, 160, np.int64),
        packets=tuple(bytes([i]) * 320 for i in range(3)),
    )


def head(**changes: object) -> Head:
    """The head of the small file."""
    values: dict[str, object] = {
        "width": WIDTH,
        "height": HEIGHT,
        "frames": sum(FRAMES),
        "time_base": Fraction(1, 60),
        "frame_rate": Fraction(30),
        "quality": float("inf"),
        "lossless": True,
        "encoder": "test 1",
    }
    return Head(**(values | changes))  # type: ignore[arg-type]


def chunks(*, with_audio: bool = False) -> list[tuple[str, bytes, int]]:
    """Kind, payload and frames of all chunks; the dictionary grows between segments."""
    sprites, textures = pictures()
    one, two = scenes()
    palette = Palette()
    out = [
        ("HEAD", pack_head(head()), 0),
        ("DICT", pack_pictures(sprites[:2], palette), 0),
        ("TEXT", pack_pictures(textures, palette), 0),
        ("SEGM", pack_segment(one, palette), len(one)),
        ("DICT", pack_pictures(sprites[2:], palette), 0),
        ("SEGM", pack_segment(two, palette), len(two)),
    ]
    if with_audio:
        out.append(("AUDI", pack_audio(audio()), 0))
    return [*out, ("meta", b"a title", 0)]


def join(parts: list[tuple[str, bytes, int]]) -> bytes:
    """A file of these chunks."""
    stream = io.BytesIO()
    writer = Writer(stream)
    for kind, payload, count in parts:
        writer.add(kind, payload, count)
    writer.finish()
    return stream.getvalue()


def small_file(*, with_audio: bool = False) -> bytes:
    """The whole file."""
    return join(chunks(with_audio=with_audio))


def file_of(scene: Scene, *extra: tuple[str, bytes, int]) -> bytes:
    """A file of one segment, which shows a scene, and of more chunks."""
    palette = Palette()
    changes = {"width": scene.width, "height": scene.height, "frames": len(scene)}
    parts = [
        ("HEAD", pack_head(head(**changes, time_base=scene.time_base)), 0),
        ("DICT", pack_pictures(scene.sprites, palette), 0),
        ("TEXT", pack_pictures(scene.textures, palette), 0),
        ("SEGM", pack_segment(scene, palette), len(scene)),
    ]
    return join([*parts, *extra])
