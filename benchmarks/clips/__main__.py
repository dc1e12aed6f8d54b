"""``python -m benchmarks.clips``: make the benchmark clips."""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks.clips.registry import CACHE, CLIPS, clip_file, spec_of
from spritecodec.errors import SpritecodecError


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="Make all clips.")
@click.option("--list", "listing", is_flag=True, help="List the clips and make none.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=CACHE,
    help="Folder for the files (default: benchmarks/cache).",
)
def main(names: tuple[str, ...], every: bool, listing: bool, out: Path) -> None:
    """Make benchmark clips as lossless RGB video, and check each against its hash.

    A clip whose file exists and is correct is not made again.
    """
    if listing:
        for spec in CLIPS.values():
            size = f"{spec.width}x{spec.height}"
            click.echo(f"{spec.name:22} {spec.frames:5} {size:8} {spec.fps:3}  {spec.description}")
        return
    if bool(names) == every:
        raise click.UsageError("name clips, or give --all (or --list to see them)")
    try:
        for spec in [spec_of(name) for name in (CLIPS if every else names)]:
            path = clip_file(spec, out)
            click.echo(f"{path} ({path.stat().st_size:,} bytes)")
    except SpritecodecError as error:
        click.echo(f"error: {error}", err=True)
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()
