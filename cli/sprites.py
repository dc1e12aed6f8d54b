"""``spritecodec sprites``."""

from __future__ import annotations

import sys

import click

from spritecodec.cli.common import JSON, OVERWRITE, SOURCE_SPR, write_json

EPILOG = """\b
Examples:
  spritecodec sprites game.spr sheet.png
  spritecodec sprites game.spr sheet.png --scale 4
"""


@click.command(epilog=EPILOG, short_help="Draw the dictionary of sprites as one picture.")
@SOURCE_SPR
@click.argument("target", metavar="SHEET.png", type=click.Path(allow_dash=True))
@click.option("--scale", type=click.IntRange(1, 64), default=1, help="Enlarge, nearest neighbour.")
@click.option("--all", "every", is_flag=True, help="Also the sprites that no frame shows.")
@OVERWRITE
@JSON
def command(
    source: str, target: str, scale: int, every: bool, overwrite: bool, as_json: bool
) -> None:
    """Draw the sprites of FILE.spr on a checkerboard, alike ones side by side.

    SHEET.png may be - for standard output.
    """
    from PIL import Image

    from spritecodec.formats import sheet
    from spritecodec.formats.atomic import check_target, create
    from spritecodec.reader import open as open_reader

    if as_json and target == "-":
        raise click.UsageError("--json and the target - both want standard output")
    if target != "-":
        check_target(target, overwrite, source)
    with open_reader(source) as reader:
        sprites = reader.sprites
        scenes = (reader.scene(i) for i in range(len(reader.segments)))
        numbers = set(range(len(sprites)) if every else sheet.used_sprites(scenes).tolist())
    order = sheet.order_by_similarity(sheet.look(sprites)).tolist()
    order = [i for i in order if i in numbers]
    picture = Image.fromarray(sheet.draw_sheet([sprites[i] for i in order], scale))
    if target == "-":
        picture.save(sys.stdout.buffer, "PNG")
        return
    with create(target, overwrite) as stream:
        picture.save(stream, "PNG")
    if as_json:
        write_json({"sprites": order, "width": picture.width, "height": picture.height})
    else:
        click.echo(f"{len(order):,} sprites on {picture.width}x{picture.height} pixels: {target}")
