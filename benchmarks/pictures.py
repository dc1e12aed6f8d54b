"""The pictures of README.md and docs/scene.md, drawn from clips that are encoded for them.

    python -m benchmarks.pictures                # into docs/images
    python -m benchmarks.pictures --out FOLDER

Encodes the drawn clips losslessly with the preset fast (into benchmarks/cache/pictures), opens
the files, and draws what they hold: a frame separated into its layers, the tracks over a frame,
the dictionary, the background, and the bytes over time. Where there is Chromium, also the page
that `spritecodec page` makes, as it looks in it.
"""

from __future__ import annotations

import colorsys
import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import spritecodec
from benchmarks.clips.registry import CACHE, clip_file, spec_of
from spritecodec.formats import sheet
from spritecodec.formats.spr.chunks import pack_pictures, pack_sections
from spritecodec.formats.spr.pictures import Palette
from spritecodec.reader import Reader
from spritecodec.render import Renderer
from spritecodec.scene import Residual, Scene, Tracks
from spritecodec.web.page import page_html
from tests.browser import Browser, find_chromium

IMAGES = Path(__file__).parent.parent / "docs" / "images"
FILES = CACHE / "pictures"

# Clip, the frame that is shown, and the factor by which it is enlarged.
SHOWN = (("sprite-game", 1330, 3), ("platformer", 612, 2))

TAIL = 90  # previous frames of which a track's path is drawn
GROUND, INK, QUIET, GRID = (24, 24, 28), (236, 236, 240), (150, 150, 160), (52, 52, 60)
GAP, CAPTION = 14, 30
STREAMS = {
    "dictionary": (94, 170, 255),
    "background": (98, 206, 140),
    "tracks": (255, 190, 70),
    "pan": (200, 140, 255),
    "residual": (240, 96, 110),
    "recolouring": (120, 220, 220),
    "timing": (150, 150, 160),
}

Rgb = NDArray[np.uint8]


def encoded(name: str) -> Path:
    """The clip's lossless .spr file, encoded now."""
    file = FILES / f"{name}.spr"
    FILES.mkdir(parents=True, exist_ok=True)
    click.echo(f"encoding {name}")
    source = clip_file(spec_of(name))
    spritecodec.encode(source, file, quality="lossless", preset="fast", overwrite=True)
    return file


# --- what is drawn ------------------------------------------------------------------------


def enlarged(picture: Rgb, scale: int) -> Rgb:
    """A picture enlarged by an integer factor, nearest neighbour."""
    return picture.repeat(scale, axis=0).repeat(scale, axis=1)


def on_board(rgba: NDArray[np.uint8]) -> Rgb:
    """A picture over a checkerboard that shows where it is clear."""
    rows, columns = np.indices(rgba.shape[:2]) // 8
    light = ((rows + columns) % 2 == 0)[..., None]
    board = np.where(light, sheet.LIGHT, sheet.DARK).astype(np.uint16)
    alpha = rgba[..., 3:].astype(np.uint16)
    return ((alpha * rgba[..., :3] + (255 - alpha) * board + 127) // 255).astype(np.uint8)


def bare(scene: Scene) -> Scene:
    """The scene's layers without backgrounds, tracks and residual."""
    layers = tuple(dataclasses.replace(x, textures=x.textures[:0]) for x in scene.layers)
    return dataclasses.replace(scene, layers=layers, tracks=Tracks.none(), residual=Residual.none())


def layered(scene: Scene, t: int) -> list[tuple[str, Rgb]]:
    """Frame t built up: backgrounds, then sprites, then the residual."""
    drawn = {"background": dataclasses.replace(bare(scene), layers=scene.layers)}
    drawn["with sprites"] = dataclasses.replace(drawn["background"], tracks=scene.tracks)
    drawn["with residual"] = scene
    return [(words, Renderer(part).frame(t)) for words, part in drawn.items()]


def alive(scene: Scene, t: int) -> list[int]:
    """Numbers of the tracks that have a placement at frame t."""
    tracks = scene.tracks
    inside = (tracks.start <= t) & (t < tracks.start + tracks.length)
    return [int(i) for i in np.flatnonzero(inside)]


def colour_of(number: int) -> tuple[int, int, int]:
    """One of many colours that are easy to distinguish."""
    r, g, b = colorsys.hsv_to_rgb(number * 0.381966 % 1, 0.55, 1)
    return round(255 * r), round(255 * g), round(255 * b)


def tracks_over(scene: Scene, t: int, scale: int) -> Image.Image:
    """Frame t, dimmed where there is no track; every track's box, and its path up to t."""
    frame = Renderer(scene).frame(t)
    still = Renderer(dataclasses.replace(scene, tracks=Tracks.none())).frame(t)
    grey = np.broadcast_to(frame.mean(axis=2, keepdims=True) * 0.35 + 12, frame.shape)
    moving = (frame != still).any(axis=2, keepdims=True)
    dim = np.where(moving, frame * 0.8 + 12, grey).astype(np.uint8)
    picture = Image.fromarray(enlarged(dim, scale))
    draw = ImageDraw.Draw(picture)
    tracks = scene.tracks
    for number, i in enumerate(alive(scene, t)):
        colour = colour_of(number)
        first, start = int(tracks.first[i]), int(tracks.start[i])
        pan = scene.layers[int(tracks.layer[i])].pan[t]
        path = []
        for p in range(first + max(0, t - start - TAIL), first + t - start + 1):
            height, width = scene.sprites[int(tracks.sprite[p])].shape[:2]
            middle = (tracks.x[p] - pan[0] + width / 2, tracks.y[p] - pan[1] + height / 2)
            path.append((float(middle[0]) * scale, float(middle[1]) * scale))
        if len(set(path)) > 1:
            draw.line(path, fill=colour, width=2)
        x, y = int(tracks.x[p] - pan[0]) * scale, int(tracks.y[p] - pan[1]) * scale
        draw.rectangle((x, y, x + width * scale - 1, y + height * scale - 1), outline=colour)
    return picture


def world(scene: Scene, t: int) -> list[Rgb]:
    """The backgrounds of every layer, the screen of frame t marked on those that scroll."""
    pictures = []
    for layer in scene.layers:
        for texture, x, y in layer.textures.tolist():
            picture = on_board(scene.textures[texture])
            if (layer.pan != layer.pan[0]).any():
                left, top = (int(v) for v in layer.pan[t] - (x, y))
                right, bottom = left + scene.width - 1, top + scene.height - 1
                marked = Image.fromarray(picture)
                ImageDraw.Draw(marked).rectangle((left, top, right, bottom), outline="white")
                picture = np.asarray(marked)
            pictures.append(side_by_side(picture, scene.height))
    return pictures


def side_by_side(picture: Rgb, height: int) -> Rgb:
    """A picture much taller than wide, cut into pieces of that height."""
    if picture.shape[0] < 2 * picture.shape[1]:
        return picture
    pieces = []
    for top in range(0, picture.shape[0], height):
        piece = np.full((height, picture.shape[1] + 4, 3), GROUND, np.uint8)
        part = picture[top : top + height]
        piece[: len(part), :-4] = part
        pieces.append(piece)
    return np.concatenate(pieces, axis=1)[:, :-4]


def dictionary(reader: Reader) -> Rgb:
    """All sprites that any frame shows, similar ones side by side."""
    scenes = (reader.scene(i) for i in range(len(reader.segments)))
    sprites = [reader.sprites[i] for i in sheet.used_sprites(scenes).tolist()]
    order = sheet.order_by_similarity(sheet.look(sprites)).tolist()
    return sheet.draw_sheet([sprites[i] for i in order])


# --- bytes over time ----------------------------------------------------------------------


def cut(scene: Scene, count: int) -> Scene:
    """The scene's first `count` frames, with the pictures that they use."""
    tracks, residual, recolouring = scene.tracks, scene.residual, scene.recolouring
    kept = np.flatnonzero(tracks.start < count)
    length = np.minimum(tracks.length[kept], count - tracks.start[kept])
    places = np.concatenate(
        [np.zeros(0, np.int64)]
        + [np.arange(a, a + n) for a, n in zip(tracks.first[kept], length, strict=True)]
    )
    used, sprite = np.unique(tracks.sprite[places], return_inverse=True)
    runs = int(np.searchsorted(recolouring.start, count))
    patches = int(np.searchsorted(residual.start, count))
    last = int(residual.first[patches])
    return dataclasses.replace(
        scene,
        pts=scene.pts[:count],
        backdrop=scene.backdrop[:count],
        sprites=tuple(scene.sprites[i] for i in used.tolist()),
        layers=tuple(dataclasses.replace(x, pan=x.pan[:count]) for x in scene.layers),
        tracks=Tracks(
            tracks.layer[kept],
            tracks.z[kept],
            tracks.start[kept],
            np.append(0, np.cumsum(length)).astype(np.int64),
            sprite.astype(np.int32),
            tracks.x[places],
            tracks.y[places],
            tracks.flip[places],
        ),
        residual=Residual(
            residual.start[:patches],
            np.minimum(residual.length[:patches], count - residual.start[:patches]),
            residual.layer[:patches],
            residual.x[:patches],
            residual.y[:patches],
            residual.width[:patches],
            residual.height[:patches],
            residual.first[: patches + 1],
            residual.pixels[:last],
        ),
        recolouring=dataclasses.replace(
            recolouring,
            start=recolouring.start[:runs],
            length=np.minimum(recolouring.length[:runs], count - recolouring.start[:runs]),
            table=recolouring.table[:runs],
        ),
    )


def sizes(scene: Scene) -> dict[str, int]:
    """Bytes of each stream when the scene is packed."""
    palette = Palette()
    found = {
        "dictionary": len(pack_pictures(scene.sprites, palette)),
        "background": len(pack_pictures(scene.textures, palette)),
    }
    return found | {k: len(v) for k, v in pack_sections(scene, palette).items()}


def bytes_over_time(scene: Scene, title: str, steps: int = 20) -> Image.Image:
    """Plot the bytes of the scene's first frames over their number, stream above stream."""
    counts = sorted({round(len(scene) * i / steps) for i in range(1, steps + 1)} - {0})
    found = [sizes(cut(scene, n)) for n in counts]
    width, height, left, right, top, bottom = 960, 460, 80, 170, 50, 50
    picture = Image.new("RGB", (width, height), GROUND)
    draw = ImageDraw.Draw(picture)
    most = max(sum(f.values()) for f in found)
    step = 10 ** (len(str(most)) - 1)
    step = step if most > 4 * step else step // 2 if most > 2 * step else step // 5

    def place(frames: float, size: float) -> tuple[float, float]:
        across = left + frames / counts[-1] * (width - left - right)
        return across, height - bottom - size / most * (height - top - bottom)

    text(draw, (left, 14), title, INK, 18)
    under = [0] * len(counts)
    for stream, colour in STREAMS.items():
        above = [u + f[stream] for u, f in zip(under, found, strict=True)]
        edge = [place(n, s) for n, s in zip(counts, above, strict=True)]
        back = [place(n, s) for n, s in zip(counts, under, strict=True)]
        draw.polygon([*edge, *reversed(back)], fill=colour)
        under = above
    for size in range(0, most + 1, step):
        x, y = place(0, size)
        draw.line((x, y, width - right, y), fill=GRID)
        text(draw, (x - 10, y - 8), f"{size:,}", QUIET, 13, "ra")
    for share in (0.25, 0.5, 0.75, 1):
        x, y = place(counts[-1] * share, 0)
        text(draw, (x, y + 8), f"{counts[-1] * share:,.0f}", QUIET, 13, "ma")
    text(draw, ((left + width - right) / 2, height - 18), "frames", QUIET, 13, "ma")
    for i, (stream, colour) in enumerate(reversed(STREAMS.items())):
        y = top + 22 * i
        draw.rectangle((width - right + 16, y, width - right + 28, y + 12), fill=colour)
        words = f"{stream} {found[-1][stream]:,}"
        text(draw, (width - right + 36, y - 2), words, INK, 13)
    return picture


# --- putting pictures together ------------------------------------------------------------


def text(
    draw: ImageDraw.ImageDraw,
    at: tuple[float, float],
    words: str,
    colour: tuple[int, int, int],
    size: int,
    anchor: str = "la",
) -> None:
    """Write with the font that comes with Pillow."""
    draw.text(at, words, fill=colour, font=ImageFont.load_default(size), anchor=anchor)


def fitted(picture: Rgb, width: int, height: int) -> Image.Image:
    """A picture enlarged by the largest integer factor that fits, or reduced to fit."""
    h, w = picture.shape[:2]
    factor = min(width / w, height / h)
    if factor >= 1:
        return Image.fromarray(enlarged(picture, int(factor)))
    size = (max(1, round(w * factor)), max(1, round(h * factor)))
    return Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS)


def row(panels: Sequence[tuple[str, Image.Image]]) -> Image.Image:
    """Pictures side by side, each with its caption below."""
    width = sum(p.width for _, p in panels) + GAP * (len(panels) + 1)
    height = max(p.height for _, p in panels) + GAP + CAPTION
    out = Image.new("RGB", (width, height), GROUND)
    draw, x = ImageDraw.Draw(out), GAP
    for words, panel in panels:
        out.paste(panel, (x, GAP))
        text(draw, (x, GAP + panel.height + 7), words, INK, 15)
        x += panel.width + GAP
    return out


def stacked(pictures: Sequence[Image.Image]) -> Image.Image:
    """Pictures one below another."""
    height = sum(p.height for p in pictures)
    out = Image.new("RGB", (max(p.width for p in pictures), height), GROUND)
    y = 0
    for picture in pictures:
        out.paste(picture, (0, y))
        y += picture.height
    return out


def overview(reader: Reader, t: int, scale: int) -> Image.Image:
    """A frame, its tracks, the dictionary and the background in one picture."""
    scene = reader.scene(0)
    frame = Image.fromarray(enlarged(reader[t], scale))
    over = tracks_over(scene, t, scale)
    sprites = fitted(dictionary(reader), frame.width, frame.height)
    first = row(
        [
            (f"frame {t:,} of {len(reader):,}", frame),
            (f"{len(alive(scene, t))} of {len(scene.tracks):,} tracks, and their paths", over),
            (f"dictionary: {len(reader.sprites)} sprites", sprites),
        ]
    )
    canvas = max(world(scene, t), key=lambda picture: picture.size)
    places = fitted(canvas, first.width - 2 * GAP, frame.height)
    return stacked([first, row([("the world, stored once; the screen in white", places)])])


def save(picture: Image.Image, file: Path) -> None:
    """Save with 256 colours, because the pictures are kept in git."""
    picture.convert("P", palette=Image.Palette.ADAPTIVE, colors=256).save(file, optimize=True)
    click.echo(f"{file} ({file.stat().st_size:,} bytes)")


def draw_clip(name: str, t: int, scale: int, out: Path) -> None:
    """All pictures of one clip."""
    with spritecodec.open(encoded(name)) as reader:
        scene = reader.scene(0)
        t = min(t, len(scene) - 1)
        save(overview(reader, t, scale), out / f"{name}.png")
        parts = [(words, fitted(p, 420, 420)) for words, p in layered(scene, t)]
        save(row(parts), out / f"{name}-layers.png")
        save(tracks_over(scene, t, scale), out / f"{name}-tracks.png")
        save(fitted(dictionary(reader), 1100, 1400), out / f"{name}-dictionary.png")
        canvases = [row([("", fitted(p, 1100, 500))]) for p in world(scene, t)]
        save(stacked(canvases), out / f"{name}-world.png")
        title = f"{name}: bytes of the first frames, lossless ({reader.size:,} in all)"
        save(bytes_over_time(scene, title), out / f"{name}-bytes.png")


def draw_page(file: Path, t: int, out: Path) -> None:
    """The page of a file, light and dark, with the tracks over frame t."""
    executable = find_chromium()
    if executable is None:
        click.echo("there is no chromium to open the page with")
        return
    page_file = file.with_suffix(".html")
    page_file.write_text(page_html(file.read_bytes(), file.name), encoding="utf-8")
    with Browser(executable) as browser, browser.page(page_file.as_uri(), 1280, 900) as page:
        page.until("document.getElementById('sprites').children.length > 0")
        page.evaluate(f"video.frame = {t}; null")
        page.press("t")
        page.until(f"video.frame === {t} && !video.seeking")
        for scheme, name in (("light", ""), ("dark", "-dark")):
            page.media(prefers_color_scheme=scheme)
            page.evaluate("new Promise((done) => setTimeout(done, 500))")
            picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            save(picture, out / f"{file.stem}-page{name}.png")


@click.command()
@click.argument("names", nargs=-1, metavar="[CLIP]...")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=IMAGES)
def main(names: tuple[str, ...], out: Path) -> None:
    """Draw the pictures of CLIPs (of all that the documents show, where none is named)."""
    out.mkdir(parents=True, exist_ok=True)
    for name, t, scale in SHOWN:
        if not names or name in names:
            draw_clip(name, t, scale, out)
            draw_page(FILES / f"{name}.spr", t, out)


if __name__ == "__main__":
    main()
