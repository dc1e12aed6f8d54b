"""Where mining starts: frames, background, and shapes that stand out from it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from spritecodec.mining.background.find_materials import number_materials
from spritecodec.mining.background.materials import Materials
from spritecodec.mining.background.world import World, draw_world, mark_explained
from spritecodec.mining.indexed import Indexed
from spritecodec.mining.pixel_state import View, draw_background, forgive
from spritecodec.mining.solve import Background, solve_background
from spritecodec.mining.sprites.shapes import Shape, collect_shapes


@dataclass(frozen=True)
class Setting:
    """What is known of a run of frames when its objects are not yet.

    Attributes
    ----------
    shown : Indexed
        The run as colour numbers.
    frames : Indexed
        The same, translucent pixels numbered by material, where there are any.
    world : World
        The background.
    materials : Materials
        What is translucent, and what it does to the clip's colours.
    shapes : list of Shape
        What stands out from the background in any frame: the first sprites to be tried.
    """

    shown: Indexed
    frames: Indexed
    world: World
    materials: Materials
    shapes: list[Shape]

    @staticmethod
    def of(shown: Indexed, background: Background) -> Setting:
        """The setting that a background gives a run of frames."""
        world, materials = background.world, background.materials
        frames = number_materials(shown, world, materials) if len(materials) else shown
        bare = Setting(shown, frames, world, materials, [])
        return replace(bare, shapes=collect_shapes(bare.frames, bare.look))

    @property
    def translucent(self) -> bool:
        """Whether something translucent was found."""
        return len(self.materials) > 0

    def look(self, t: int) -> View:
        """Frame t, and what the background leaves unexplained of it."""
        world, frame = self.world, self.shown[t]
        screen = frame.shape if self.translucent else (1, 1)
        view = View(
            frame,
            np.empty(frame.shape, np.uint8),
            np.empty(screen, np.uint16),
            np.empty(screen, np.uint16),
            self.materials.over,
            self.materials.under,
            self.shown.others(t),
        )
        if self.translucent:
            draw_world(world, t, view.behind)
            draw_background(frame, view.behind, 0, 0, world.overlay, view.state)
        else:
            mark_explained(world, self.shown, t, view.state)
        if view.doubted:
            drawn = np.empty(frame.shape, np.uint16)
            draw_world(world, t, drawn)
            forgive(view, drawn, world.overlay)
        return view


def find_settings(frames: Indexed) -> list[Setting]:
    """The settings that the backgrounds found in a run of frames give it."""
    return [Setting.of(frames, background) for background in solve_background(frames)]
