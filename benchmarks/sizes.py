"""The size gate: does any of a few small clips take more bytes than recorded?

    python -m benchmarks.sizes                  # all clips beside the record
    python -m benchmarks.sizes animation        # one of them
    python -m benchmarks.sizes --update         # write what they take now into the record

The record is ``tests/sizes.json``; ``tests/test_sizes.py`` asks the same of it in each test
run. The clips are those of `benchmarks.clips.gate`, encoded with the preset ``fast``.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
from numpy.typing import NDArray

import spritecodec as sc
from benchmarks.clips.gate import GATE

Frames = NDArray[np.uint8]

RECORD = Path(__file__).resolve().parent.parent / "tests" / "sizes.json"
MAX_INCREASE = 0.01  # of the recorded bytes
UPDATE = "python -m benchmarks.sizes --update"


@dataclass(frozen=True)
class Figures:
    """What is recorded of a clip.

    Attributes
    ----------
    bytes : int
        Of the whole file.
    frames : int
    md5 : str
        Of the RGB bytes of all decoded frames one after another, in hexadecimal.
    quality : "lossless" or float
        What the encoder was asked for; a number is a PSNR in dB.
    """

    bytes: int
    frames: int
    md5: str
    quality: str | float


def encode(name: str, file: Path) -> tuple[Figures, Frames, Frames]:
    """Draw a clip of the gate, encode it, and decode the file.

    Parameters
    ----------
    name : str
        Of `GATE`.
    file : Path
        Where the .spr file is written.

    Returns
    -------
    Figures
    source, decoded : ndarray, shape (n, h, w, 3), uint8
    """
    clip = GATE[name]
    source = clip.draw()
    sc.encode(sc.ArrayClip(source, name=name), file, quality=clip.quality, preset="fast")
    with sc.open(file) as reader:
        decoded = np.asarray(reader[:])
    md5 = hashlib.md5(decoded.tobytes(), usedforsecurity=False).hexdigest()
    return Figures(file.stat().st_size, len(decoded), md5, clip.quality), source, decoded


def problems(now: Figures, recorded: Figures | None) -> list[str]:
    """What keeps a clip from passing the gate; empty where it passes.

    Parameters
    ----------
    now, recorded : Figures
        None where nothing is recorded of the clip.

    Returns
    -------
    list of str
        A sentence each.
    """
    if recorded is None:
        return [f"nothing is recorded; {UPDATE} adds it"]
    found = []
    more = now.bytes - recorded.bytes
    if more > MAX_INCREASE * recorded.bytes:
        found.append(
            f"{now.bytes:,} bytes are {more:,} ({more / recorded.bytes:.1%}) more than the "
            f"{recorded.bytes:,} recorded; if that is worth it, {UPDATE} records it, and the "
            "commit says why"
        )
    told = {"frames": "frames", "md5": "MD5 of the frames", "quality": "quality asked for"}
    for field, words in told.items():
        is_now, was = getattr(now, field), getattr(recorded, field)
        if is_now != was:
            found.append(
                f"{words}: {is_now}, but {was} is recorded; if that is meant, {UPDATE} records "
                "it, and the commit says why"
            )
    return found


def read_record() -> dict[str, Figures]:
    """The recorded figures of each clip; none where there is no record yet."""
    if not RECORD.is_file():
        return {}
    return {name: Figures(**values) for name, values in json.loads(RECORD.read_text()).items()}


def record_text(figures: Mapping[str, Figures]) -> str:
    """The record as it is written: JSON with all keys in order."""
    values = {name: asdict(figures[name]) for name in figures}
    return json.dumps(values, indent=2, sort_keys=True) + "\n"


def _row(name: str, now: Figures, recorded: Figures | None, seconds: float) -> str:
    was = f"{recorded.bytes:,}" if recorded else "-"
    change = f"{now.bytes / recorded.bytes - 1:+.2%}" if recorded else "-"
    quality = now.quality if isinstance(now.quality, str) else f"{now.quality:g} dB"
    return (
        f"{name:18} {quality:>9} {now.frames:6} {now.bytes:8,} {was:>9} {change:>8} {seconds:6.1f}"
    )


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(GATE)), metavar="[NAME]...")
@click.option("--update", is_flag=True, help="Record what the clips take now.")
def main(names: tuple[str, ...], update: bool) -> None:
    """Encode the clips of the size gate, or those named, and compare them with the record."""
    recorded = {name: figures for name, figures in read_record().items() if name in GATE}
    click.echo(
        f"{'clip':18} {'quality':>9} {'frames':>6} {'bytes':>8} {'recorded':>9} {'change':>8} "
        f"{'CPU s':>6}"
    )
    wrong = []
    measured = {}
    with TemporaryDirectory() as folder:
        for name in names or GATE:
            began = time.process_time()
            now, source, decoded = encode(name, Path(folder) / f"{name}.spr")
            seconds = time.process_time() - began
            click.echo(_row(name, now, recorded.get(name), seconds))
            if now.quality == "lossless" and not np.array_equal(decoded, source):
                raise click.ClickException(f"{name}: the decoded frames are not the source's")
            wrong += [f"{name}: {text}" for text in problems(now, recorded.get(name))]
            measured[name] = now
    if update:
        RECORD.write_text(record_text({**recorded, **measured}))
    elif wrong:
        raise click.ClickException("\n".join(wrong))


if __name__ == "__main__":
    main()
