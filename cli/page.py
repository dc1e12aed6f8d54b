"""``spritecodec page``."""

from __future__ import annotations

from pathlib import Path

import click

from spritecodec.cli.common import OVERWRITE, warn

EPILOG = """\b
Examples:
  spritecodec page game.spr                     # writes game.html
  spritecodec page game.spr -o to-send.html
"""


@click.command(epilog=EPILOG, short_help="Make one HTML file that plays a .spr file.")
@click.argument("source", metavar="FILE.spr", type=click.Path())
@click.option("-o", "--output", "target", metavar="PAGE.html", type=click.Path())
@OVERWRITE
def command(source: str, target: str | None, overwrite: bool) -> None:
    """Make one HTML file that plays FILE.spr offline and shows what it is made of.

    The page holds the file, a player, the dictionary, a map of the world, and where the bytes go.
    It needs no network and asks for nothing. PAGE.html is FILE.html where none is named.
    """
    from spritecodec.formats.atomic import check_target, create

    target = target or str(Path(source).with_suffix(".html"))
    check_target(target, overwrite, source)
    page = read_page(source)
    with create(target, overwrite) as stream:
        stream.write(page)
    click.echo(f"{target}: {len(page):,} bytes, one file that any browser opens")


def read_page(source: str) -> bytes:
    """The page of a file, which must be sound enough to be opened.

    Raises
    ------
    InputError, FormatError
        It cannot be read.
    """
    from spritecodec.reader import open as open_reader
    from spritecodec.web.page import page_html

    with open_reader(source) as reader:
        if reader.truncated:
            warn("the file is cut short or damaged at its end; this is what precedes that")
    data = Path(source).read_bytes()
    return page_html(data, Path(source).name).encode()
