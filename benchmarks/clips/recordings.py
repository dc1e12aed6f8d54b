"""Lossy recordings of a clip: the ways people record games, made by the ``ffmpeg`` executable.

The commands are what people type: ``-vf scale=...`` and ``-pix_fmt yuv420p``, no colour tags.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

import av

from benchmarks.clips.registry import CACHE
from spritecodec.errors import InputError

RECORDINGS = CACHE / "recordings"
_X264 = "-c:v libx264 -crf {} -pix_fmt yuv420p"
_HD = "scale=-2:720:flags=neighbor"


class Truth(NamedTuple):
    """The first frames of a clip, which are recorded.

    Attributes
    ----------
    name : str
    file : Path
        Of the whole clip, exact.
    frames, fps : int
        Frames that are recorded, and the frames a second.
    """

    name: str
    file: Path
    frames: int
    fps: int

    def count(self, step: int) -> int:
        """How many frames every `step`-th one are."""
        return -(-self.frames // step)


class Way(NamedTuple):
    """A way to record a clip.

    Attributes
    ----------
    name : str
    filters : str
        Of ``-vf``; ``{rate}`` stands for half the frame rate. Empty: none.
    codec : str
        The options of the output.
    step : int
        The recording has every so many-th frame.
    suffix : str
        Of the file.
    """

    name: str
    filters: str
    codec: str
    step: int = 1
    suffix: str = ".mp4"

    def options(self, truth: Truth) -> list[str]:
        """What stands between the names of input and output on the command line."""
        filters = self.filters.format(rate=f"{truth.fps / self.step:g}")
        return [
            *(["-vf", filters] if filters else []),
            *("-frames:v", str(truth.count(self.step)), *self.codec.split(), "-threads", "1"),
        ]


def _halved(way: Way) -> Way:
    filters = ",".join(filter(None, ("fps={rate}", way.filters)))
    return way._replace(name=f"{way.name}-half-rate", filters=filters, step=2)


def _gif(name: str, palette: str) -> Way:
    """With one palette of the whole clip, and ffmpeg's usual dithering."""
    filters = f"fps={{rate}},split[a][b];[a]palettegen{palette}[p];[b][p]paletteuse"
    return Way(name, filters, "-c:v gif", 2, ".gif")


_X4 = Way("x4-crf18", "scale=iw*4:ih*4:flags=neighbor", _X264.format(18))
_NATIVE = Way("native-crf18", "", _X264.format(18))
_EVERY = (
    Way("x4-lossless", _X4.filters, "-c:v libx264rgb -qp 0"),
    _X4,
    Way("x3-crf23", "scale=iw*3:ih*3:flags=neighbor", _X264.format(23)),
    _NATIVE,
    Way("native-crf23", "", _X264.format(23)),
    Way("1080p-bilinear-crf20", "scale=-2:1080:flags=bilinear", _X264.format(20)),
    Way(
        "720p-8to7-bicubic-crf20",
        "scale=2*round(iw*8/7*720/ih/2):720:flags=bicubic,setsar=1",
        _X264.format(20),
    ),
    Way(
        "720p60-vp9",
        _HD,
        "-c:v libvpx-vp9 -b:v 1500k -deadline good -cpu-used 2 -pix_fmt yuv420p",
    ),
    Way(
        "720p60-av1",
        _HD,
        "-c:v libsvtav1 -preset 8 -b:v 1500k -svtav1-params lp=1 -pix_fmt yuv420p",
    ),
    _halved(_X4),
    _halved(_NATIVE),
    _gif("gif", ""),
    _gif("gif-8-colours", "=max_colors=8"),
    Way(
        "mjpeg",
        "scale=iw*3:ih*3:flags=neighbor",
        "-c:v mjpeg -q:v 3 -pix_fmt yuvj420p",
    ),
)
WAYS: dict[str, Way] = {way.name: way for way in _EVERY}


def recording_file(truth: Truth, way: Way, folder: Path = RECORDINGS) -> Path:
    """The recording of a clip, made where it is missing.

    Returns
    -------
    Path
        ``<folder>/<clip>-<frames>-<way>.mp4`` (or ``.gif``).

    Raises
    ------
    InputError
        ffmpeg failed, or the recording has another number of frames than was asked for.
    """
    file = folder / f"{truth.name}-{truth.frames}-{way.name}{way.suffix}"
    if not file.is_file():
        run_ffmpeg(truth.file, way.options(truth), file, truth.count(way.step))
    return file


def run_ffmpeg(source: Path, options: list[str], file: Path, frames: int) -> None:
    """Make a video by ffmpeg; it gets its name when it is whole.

    Raises
    ------
    InputError
        ffmpeg is missing or failed, or the video has not this many frames.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"part-{file.name}")
    words = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", str(source), *options, str(part)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise InputError(f"ffmpeg could not make {file.name}: {done.stderr.strip()[-300:]}")
        found = frames_in(part)
        if found != frames:
            raise InputError(f"ffmpeg made {found} frames of {file.name}, not {frames}")
        part.replace(file)
    except FileNotFoundError as error:
        raise InputError("ffmpeg is not installed; recordings are made by it") from error
    finally:
        part.unlink(missing_ok=True)


def frames_in(file: Path) -> int:
    """The frames of a video, counted by decoding."""
    with av.open(file) as container:
        return sum(1 for _ in container.decode(video=0))
