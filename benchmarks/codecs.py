"""Measure this codec and others on clips, and record the figures.

    python benchmarks/codecs.py benchmarks/cache/mario-1-1.mp4 --codecs x264-444,zmbv

writes ``benchmarks/results/codecs-<clip>.json`` and ``.md``. All measuring is done by
`spritecodec.analysis.rate_distortion`; rows are cached, so an interrupted run continues.
"""

from __future__ import annotations

from pathlib import Path

import click

from spritecodec.analysis import Row, codec_names, rate_distortion
from spritecodec.analysis.summary import summary_markdown
from spritecodec.cli.analyze import parse_targets

RESULTS = Path(__file__).parent / "results"
CACHE = Path(__file__).parent / "cache" / "analysis"


@click.command()
@click.argument("clips", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--codecs", help="Names with commas between; all when left out.")
@click.option("--targets", multiple=True, help="As for ``spritecodec analyze``.")
@click.option("--frames", type=click.IntRange(1), help="Only the first so many frames.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True)
@click.option("--timeout", type=float, help="Give a row up after so many seconds.")
@click.option("--write/--no-write", default=True, help="--no-write: only fill the cache.")
def main(
    clips: tuple[Path, ...],
    codecs: str | None,
    targets: tuple[str, ...],
    frames: int | None,
    jobs: int,
    timeout: float | None,
    write: bool,
) -> None:
    """Measure codecs on CLIPS, one at a time unless --jobs is given, so that times compare."""
    names = codecs.split(",") if codecs else codec_names()

    def progress(done: int, total: int, row: Row) -> None:
        size = row.note if row.bytes is None else f"{row.bytes:,} bytes"
        click.echo(f"  {done}/{total} {row.label}: {size}")

    for clip in clips:
        click.echo(clip.name)
        table = rate_distortion(
            clip,
            names,
            parse_targets(targets),
            frames=frames,
            jobs=jobs,
            timeout=timeout,
            cache=CACHE,
            progress=progress,
        )
        if write:
            stem = RESULTS / f"codecs-{clip.stem}"
            RESULTS.mkdir(exist_ok=True)
            stem.with_suffix(".json").write_text(table.to_json(series=False) + "\n")
            part = f", the first {frames:,} frames" if frames else ""
            stem.with_suffix(".md").write_text(f"# {clip.name}{part}\n\n{summary_markdown(table)}")


if __name__ == "__main__":
    main()
