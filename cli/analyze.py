"""``spritecodec analyze``."""

from __future__ import annotations

from pathlib import Path

import click

from spritecodec.analysis import Row, Table, codec_names, open_source, rate_distortion
from spritecodec.analysis.peers import US, Target, parse_target
from spritecodec.analysis.plot import save_plot
from spritecodec.analysis.report import report_html
from spritecodec.analysis.summary import summary_markdown
from spritecodec.errors import SettingsError
from spritecodec.formats.atomic import check_target, create

EPILOG = """\b
Examples:
  spritecodec analyze game.mp4 --report report.html
  spritecodec analyze game.mp4 game.spr --codecs x264-444,aom-444,zmbv --report report.html
  spritecodec analyze game.mp4 --codecs spritecodec,x264-444 \\
      --targets lossless,35,40 --targets x264-444=12,24,36 --csv figures.csv
"""

PATH = click.Path(dir_okay=False, path_type=Path)


# More than eight arguments: click hands each option over as one.
@click.command(epilog=EPILOG, short_help="Measure us and other codecs on a video; a report.")
@click.argument("source", type=click.Path(exists=True))
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False))
@click.option("--report", type=PATH, help="One HTML page that opens offline.")
@click.option("--json", "json_file", type=PATH, help="Everything, as JSON.")
@click.option("--csv", "csv_file", type=PATH, help="One line a row.")
@click.option("--plot", "plot_file", type=PATH, help="The rate-distortion plot, as PNG.")
@click.option("--codecs", help="Names with commas between; all of them when left out.")
@click.option(
    "--targets",
    multiple=True,
    help="Ours: dB, base or lossless, with commas between. CODEC=... sets a codec's own.",
)
@click.option("--frames", type=click.IntRange(1), help="Only the first so many frames.")
@click.option("--preset", default="default", show_default=True, help="Of our own encoder.")
@click.option("--jobs", type=click.IntRange(1), help="Processes at a time; one a processor.")
@click.option("--timeout", type=click.FloatRange(0), help="Give a row up after so many seconds.")
@click.option("--cache", type=click.Path(file_okay=False, path_type=Path), help="Finished rows.")
def command(
    source: str,
    files: tuple[str, ...],
    report: Path | None,
    json_file: Path | None,
    csv_file: Path | None,
    plot_file: Path | None,
    codecs: str | None,
    targets: tuple[str, ...],
    frames: int | None,
    preset: str,
    jobs: int | None,
    timeout: float | None,
    cache: Path | None,
) -> None:
    """Measure this codec and others on SOURCE, and FILES that were made from it.

    Finished rows are cached: an interrupted run goes on where it stopped. A codec that is
    missing here or fails is a row that says so. Wall-clock seconds compare with --jobs 1. The
    --report is there at once and reloads itself in the browser while rows are still measured.
    """
    for written in (report, json_file, csv_file, plot_file):
        for read in (source, *files):
            if written is not None:
                check_target(written, True, read)
    table = rate_distortion(
        source,
        codecs.split(",") if codecs is not None else codec_names(),
        parse_targets(targets),
        files=files,
        frames=frames,
        preset=preset,
        jobs=jobs,
        timeout=timeout,
        cache=cache,
        progress=_say,
        partial=None if report is None else lambda table: _report(report, table, source, frames),
    )
    click.echo(summary_markdown(table), nl=False)
    _write(json_file, table.to_json() + "\n")
    _write(csv_file, table.to_csv())
    if plot_file is not None:
        save_plot(table, plot_file)
    if report is not None:
        _report(report, table, source, frames)


def parse_targets(words: tuple[str, ...]) -> dict[str, list[Target]] | None:
    """``("35,lossless", "x264-444=12,24")`` as targets per codec.

    Raises
    ------
    SettingsError
        A codec is given targets twice, or an empty list.
    """
    found: dict[str, list[Target]] = {}
    for word in words:
        codec, equals, listed = word.partition("=")
        name, listed = (codec, listed) if equals else (US, word)
        values = [parse_target(text.strip()) for text in listed.split(",") if text.strip()]
        if name in found or not values:
            raise SettingsError(f"--targets {word} gives {name} no targets, or for a second time")
        found[name] = values
    return found or None


def _report(path: Path, table: Table, source: str, frames: int | None) -> None:
    """Write the page, also while rows are still to be measured."""
    with open_source(source, frames) as clip:
        _write(path, report_html(table, clip))


def _say(done: int, total: int, row: Row) -> None:
    if row.bytes is None or row.psnr is None:
        what = f"{row.status}: {row.note}"
    else:
        what = f"{row.bytes:,} bytes, " + ("exact" if row.lossless else f"{row.psnr:.2f} dB")
    click.echo(f"[{done}/{total}] {row.label}: {what}", err=True)


def _write(path: Path | None, text: str) -> None:
    if path is None:
        return
    with create(path, overwrite=True) as stream:
        stream.write(text.encode())
