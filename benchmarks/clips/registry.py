"""All benchmark clips by name, and their files in the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import av

from benchmarks.clips.drawn import DRAWN
from benchmarks.clips.games import GAMES
from benchmarks.clips.spec import ClipSpec, Frame
from benchmarks.clips.video import frames_hash, read_frames, write_video
from spritecodec.errors import InputError, SettingsError

CACHE = Path(__file__).resolve().parent.parent / "cache"

CLIPS: dict[str, ClipSpec] = {**GAMES, **DRAWN}


def spec_of(name: str) -> ClipSpec:
    """The clip of that name.

    Raises
    ------
    SettingsError
        There is none.
    """
    if name not in CLIPS:
        raise SettingsError(f"there is no clip {name!r}; the clips are: {', '.join(CLIPS)}")
    return CLIPS[name]


def clip_file(spec: ClipSpec, folder: Path = CACHE, cache: Path = CACHE) -> Path:
    """The clip's video file in `folder`, made where it is missing or damaged.

    Parameters
    ----------
    spec : ClipSpec
    folder : Path
        Where the file is; created if missing.
    cache : Path
        Where recipes keep what they install.

    Returns
    -------
    Path
        ``<folder>/<name>.mp4``, whose decoded RGB frames have been checked against the
        registry's hash in this call.

    Raises
    ------
    InputError
        The recipe's frames differ from those registered.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cache.mkdir(parents=True, exist_ok=True)
    path = folder / f"{spec.name}.mp4"
    if path.is_file() and _file_hash(path) == spec.sha256:
        return path
    part = path.with_suffix(".mp4.part")
    try:
        write_video(part, _checked(spec, cache), spec.width, spec.height, spec.fps)
        if _file_hash(part) != spec.sha256:
            raise InputError(f"clip {spec.name}: the video does not give back the frames written")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _checked(spec: ClipSpec, cache: Path) -> Iterator[Frame]:
    """The frames of the recipe; raises after the last one if they are not those registered."""
    digest = hashlib.sha256()
    count = 0
    for pixels in spec.make(cache):
        if pixels.shape != (spec.height, spec.width, 3):
            raise InputError(
                f"clip {spec.name}: frame {count} is {pixels.shape[1]}x{pixels.shape[0]}, "
                f"but the registry says {spec.width}x{spec.height}"
            )
        digest.update(pixels.tobytes())
        count += 1
        yield pixels
    if count != spec.frames or digest.hexdigest() != spec.sha256:
        raise InputError(
            f"clip {spec.name}: its recipe gave {count} frames with SHA-256 "
            f"{digest.hexdigest()}, but the registry says {spec.frames} frames with "
            f"{spec.sha256}; its recipe, or a library that it needs, has changed"
        )


def _file_hash(path: Path) -> str | None:
    """The hash of a file's frames; None where it is not a readable video."""
    try:
        return frames_hash(read_frames(path))
    except (av.FFmpegError, IndexError):
        return None
