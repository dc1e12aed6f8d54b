"""The clips that are drawn here, whose true scenes are known.

`true_scene` returns a clip's scene; `benchmarks.clips.truth.label_frame` says which of its
sprites shows at each pixel of a frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.clips.platformer import FRAME_RATE as PLATFORMER_RATE
from benchmarks.clips.platformer import platformer_scene
from benchmarks.clips.spec import ClipSpec, Frame
from benchmarks.clips.sprite_game import FRAME_RATE as SPRITE_GAME_RATE
from benchmarks.clips.sprite_game import sprite_game_scene
from spritecodec.errors import SettingsError
from spritecodec.render import Renderer
from spritecodec.scene import Scene

# The seeds are chosen so that the clips show much of the game: levels won and lives lost. The
# few frames of the small clips show a climb, a key and a door; water, a ghost and a crystal.
_SCENES: dict[str, Callable[[], Scene]] = {
    "sprite-game": partial(sprite_game_scene, seed=2),
    "sprite-game-small": partial(sprite_game_scene, frames=90, size=96, seed=21),
    "platformer": platformer_scene,
    "platformer-small": partial(platformer_scene, frames=120, width=128, height=96, seed=23),
}


def true_scene(name: str) -> Scene:
    """The scene that a drawn clip's frames are rendered from.

    Raises
    ------
    SettingsError
        No drawn clip has that name.
    """
    if name not in _SCENES:
        raise SettingsError(
            f"there is no true scene of {name!r}; the drawn clips are: {', '.join(_SCENES)}"
        )
    return _SCENES[name]()


def _frames(name: str, cache: Path) -> Iterator[Frame]:
    """Draw the clip's frames one by one; nothing is kept in `cache`."""
    return Renderer(true_scene(name)).frames()


def _drawn(
    name: str, frames: int, size: tuple[int, int], fps: int, sha256: str, description: str
) -> ClipSpec:
    return ClipSpec(name, partial(_frames, name), frames, *size, fps, sha256, description)


DRAWN: dict[str, ClipSpec] = {
    spec.name: spec
    for spec in (
        _drawn(
            "sprite-game", 2000, (160, 160), SPRITE_GAME_RATE,
            "0fe4d628047ae6c773dc3b868268bf71304a5c21f91dcec3f651862f6f99d47d",
            "climbing game on a solid background, drawn here, with its true scene",
        ),
        _drawn(
            "sprite-game-small", 90, (96, 96), SPRITE_GAME_RATE,
            "16ceae3ffbf24b67ea40cf4916e9189f7d39c6020b1e81bb9413d1ad4df02080",
            "a short, small sprite-game for tests",
        ),
        _drawn(
            "platformer", 1200, (256, 192), PLATFORMER_RATE,
            "9bf134df92c1521117ad3a30bbd47c3f2c9d35674dd9d617674c3aef122e17bc",
            "scrolling game with parallax, translucency and a cut, drawn here, with its true scene",
        ),
        _drawn(
            "platformer-small", 120, (128, 96), PLATFORMER_RATE,
            "d29a22282b1e4215b28f105dead0791779e444401c1bd9308ccae33c0f3dfa87",
            "a short, small platformer for tests and as the sample clip",
        ),
    )
}  # fmt: skip
