"""Separate Python environments for the games, whose requirements conflict with the project's."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.clips.spec import Frame
from spritecodec.errors import InputError

_REQUIREMENTS = Path(__file__).resolve().parent.parent
_PLAYERS = Path(__file__).resolve().parent


def environment(name: str, cache: Path) -> Path:
    """The interpreter with ``requirements-games-<name>.txt``, installed at first use.

    Raises
    ------
    InputError
        pip could not install the requirements.
    """
    requirements = _REQUIREMENTS / f"requirements-games-{name}.txt"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    folder = cache / f"env-{name}"
    stamp = folder / "requirements.sha256"
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    if stamp.is_file() and stamp.read_text() == wanted:
        return python
    print(f"installing {requirements.name} into {folder}", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    result = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--requirement", requirements],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    if result.returncode:
        raise InputError(
            f"pip could not install {requirements.name} into {folder}: {_last_line(result.stderr)}"
        )
    stamp.write_text(wanted)
    return python


def frames_from(
    name: str, cache: Path, options: Sequence[str], width: int, height: int
) -> Iterator[Frame]:
    """Frames that ``play_<name>.py`` writes, run in its environment.

    Yields
    ------
    ndarray, shape (height, width, 3), uint8
        RGB.

    Raises
    ------
    InputError
        The player stopped with an error, or in the middle of a frame.
    """
    player = _PLAYERS / f"play_{name}.py"
    log_path = cache / f"play-{name}.log"
    size = width * height * 3
    command = [str(environment(name, cache)), str(player), *options]
    with (
        log_path.open("w+") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log) as process,
    ):
        assert process.stdout is not None
        while len(raw := process.stdout.read(size)) == size:
            yield np.frombuffer(raw, np.uint8).reshape(height, width, 3)
        code = process.wait()
        if code or raw:
            log.seek(0)
            raise InputError(
                f"{player.name} stopped with exit code {code}; "
                f"the last line of {log_path} says: {_last_line(log.read())}"
            )


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "nothing"
