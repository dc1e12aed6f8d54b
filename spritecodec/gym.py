"""Record Gymnasium environments as .spr files: ``sc.gym.RecordSpr(env, "run.spr")``.

Needs the extra ``[gym]``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, SupportsFloat

import gymnasium
import numpy as np

from spritecodec.errors import InputError
from spritecodec.frame_encoder import Encoder
from spritecodec.frame_sources import Rate


class RecordSpr(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Records what an environment renders, one .spr file an episode.

    Parameters
    ----------
    env : gymnasium.Env
        Made with ``render_mode="rgb_array"``.
    target : path
        The first episode's file; later ones are ``run-1.spr``, ``run-2.spr``, ...
    frame_rate : int, float, str or Fraction, optional
        Frames a second; what the environment says (``render_fps``), or 60, when left out.
    **options
        Arguments of `spritecodec.encode`, for example ``preset="fast"``.

    Raises
    ------
    InputError
        The environment renders no arrays.
    """

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        target: str | os.PathLike[str],
        frame_rate: Rate | None = None,
        **options: Any,
    ) -> None:
        super().__init__(env)
        if env.render_mode != "rgb_array":
            raise InputError(
                f"the environment's render_mode is {env.render_mode!r}; make it with "
                'render_mode="rgb_array"'
            )
        self._target, self._options = Path(target), options
        self._rate = frame_rate or env.metadata.get("render_fps") or 60
        self._episode = 0
        self._encoder: Encoder | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode, and its file."""
        self._finish()
        result = self.env.reset(seed=seed, options=options)
        name = self._target
        if self._episode:
            name = name.with_stem(f"{name.stem}-{self._episode}")
        self._episode += 1
        self._encoder = Encoder(name, frame_rate=self._rate, **self._options)
        self._record()
        return result

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Step, and record the frame that it leads to; the file is made when the episode ends."""
        result = self.env.step(action)
        self._record()
        if result[2] or result[3]:
            self._finish()
        return result

    def close(self) -> None:
        """Make the last file and close the environment."""
        self._finish()
        self.env.close()

    def _record(self) -> None:
        if self._encoder is not None:
            self._encoder.write(np.asarray(self.env.render()))

    def _finish(self) -> None:
        encoder, self._encoder = self._encoder, None
        if encoder is not None:
            encoder.close()
