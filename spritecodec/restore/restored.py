"""Restored: the game behind a lossy recording, as a clip of its own.

    recording -> how it was scaled -> native planes -> palette and chroma filter
    -> labels, frame by frame -> [mining finds what the frames have in common]
    -> labels again, with what mining expects

`find_restoration` looks at a sample of the recording and decides whether a game of few colours
explains it. A `RestoredClip` then gives the native frames with their doubts, and mining uses
it as it uses any clip.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from spritecodec.clip import AudioStream, Clip, Doubt, Misfit, Piece
from spritecodec.degradation import Axis, Degradation
from spritecodec.formats.video.planes import StoredPlanes
from spritecodec.metrics import psnr_from_mse, squared_error
from spritecodec.mining.indexed import pack_rgb
from spritecodec.render import Renderer
from spritecodec.restore.chroma import KNOWN_TAPS, ChromaFilter, block_means, make_filter
from spritecodec.restore.clusters import cluster_colours
from spritecodec.restore.consensus import agree, telling_frames
from spritecodec.restore.known import Known
from spritecodec.restore.labels import NO_LABEL, LabelDecoder, Planes, as_doubt, label_table
from spritecodec.restore.native import AxisScale, NativeGrid, find_grid, grid_of_size
from spritecodec.restore.object_colours import object_colours
from spritecodec.restore.palette import (
    MAX_COLOURS,
    Hints,
    RestoredPalette,
    find_palette,
    name_colours,
)
from spritecodec.restore.shrinking import Shrinking, native_planes
from spritecodec.restore.soft import SOFT, core_colours
from spritecodec.restore.surprises import drop_unlikely
from spritecodec.scene import Scene

Floats = NDArray[np.float32]
Frame = NDArray[np.uint8]

_FINE = 16
"""Parts of half a source pixel in which a scale's phase is stored."""


class RestoreThresholds(NamedTuple):
    """What is looked at before a recording is restored."""

    grid_frames: int = 12
    """Frames that show how the recording was scaled, evenly spread."""

    palette_frames: int = 40
    """Frames that show the palette, evenly spread."""

    missed: float = 12.0
    """Levels of luma by which a label misses a pixel."""

    max_misfit: float = 0.005
    """Share of the pixels that labels may miss. Of games it is below 0.002 at usual qualities."""

    max_colours: int = 128
    """Colours of a game that is restored. With more, its content is soft."""

    few_pixels: int = 8
    """Pixels of these frames that must show a colour, and can show no other."""

    palette_pixels: int = 3_000_000
    """Pixels of these frames; of more, every other frame is left out, and so on."""

    guess_step: int = 4
    """Of these frames, every so many are looked at for guesses of colours. With all of them, three
    games get the same colours or a wrong one more, and all that precedes mining takes 1.5 times as
    long."""

    colour_rounds: int = 2
    """How often the colours are looked for once more, where objects are known."""

    sample_span: int = 1 << 12
    """Frames from the beginning of the recording that the samples are taken from."""


RESTORE = RestoreThresholds()
NOTHING = Known()


@runtime_checkable
class Recording(Clip, Protocol):
    """A clip whose stored planes can be read."""

    def planes(self) -> Iterator[tuple[StoredPlanes, int]]:
        """The planes of every frame as stored, and its timestamp, from the first frame."""
        ...

    def shown(self) -> Iterator[ShownFrame]:
        """Every frame, to be looked at before the next is asked for."""
        ...


class ShownFrame(Protocol):
    """A decoded frame; both ways to see it take long."""

    def rgb(self) -> Frame:
        """As players show it, shape (H, W, 3), uint8."""
        ...

    def planes(self) -> StoredPlanes:
        """As the file stores it."""
        ...


@dataclass(frozen=True)
class Restoration:
    """How a recording was made, and what it was made of.

    Attributes
    ----------
    grid : NativeGrid
    palette : RestoredPalette
    chroma : ChromaFilter
    shrinking : Shrinking or None
    decoder : LabelDecoder
    soft : bool
        Frames have more colours than the palette.
    """

    grid: NativeGrid
    palette: RestoredPalette
    chroma: ChromaFilter
    shrinking: Shrinking | None
    decoder: LabelDecoder
    soft: bool

    @cached_property
    def degradation(self) -> Degradation:
        """How the recording shows the native frames, as a file stores it."""
        axes = (_axis(self.grid.x), _axis(self.grid.y))
        facts: dict[str, int | str] = {"matrix": self.palette.matrix}
        return Degradation(*axes, kernel=self.grid.kernel, restored=True, facts=facts)

    def sentence(self) -> str:
        """What was found, in a few words."""
        colours = f"{len(self.palette.rgb)} colours"
        if self.soft:
            return f"{self.degradation}, soft, in the {colours} that most of it shows"
        if self.palette.console:
            colours += f" of the {self.palette.console} palette"
        return f"{self.degradation}, {colours}"


def _axis(scale: AxisScale) -> Axis:
    """An axis by its middles: native pixel ``(j + 0.5) * native / inside + phase``."""
    if scale.native == scale.size:
        return Axis.plain(scale.size)
    shift = round(_FINE * (scale.native + 2 * scale.inside * scale.phase))
    rule = (2 * _FINE * scale.native, max(shift, 0), 2 * _FINE * scale.inside)
    step, phase, unit = (number // math.gcd(*rule) for number in rule)
    return Axis(scale.size, scale.native, scale.left, scale.right, step, phase, unit)


def find_restoration(clip: Recording, known: Known = NOTHING) -> Restoration | None:
    """Find out how a recording was made.

    Parameters
    ----------
    clip : Recording
    known : Known
        What need not be found.

    Returns
    -------
    Restoration or None
        None where no game of few colours explains the recording.
    """
    sample = _sample(clip, RESTORE.palette_frames)
    if not sample:
        return None
    step = max(1, len(sample) // RESTORE.grid_frames)
    luma = np.stack([s.y for s in sample[::step]]).astype(np.float32)
    native_size = known.native
    grid = grid_of_size(luma, native_size, known.kernel) if native_size else find_grid(luma)
    if grid is None:
        return None
    shrinking = Shrinking.of(grid, sample[0].u.shape)
    native = [native_planes(s, shrinking) for s in sample]
    matrix, full = known.matrix or sample[0].matrix, sample[0].full_range
    for soft in (False, True):
        found = _colours(native, known, (matrix, full), soft)
        made = found and _with_labels(grid, shrinking, native, *found, soft)
        if made:
            return made
    return None


def _colours(
    native: list[Planes], known: Known, coded: tuple[str | None, bool | None], soft: bool
) -> tuple[RestoredPalette, ChromaFilter] | None:
    """The colours of some native frames, and how their chroma was made.

    Parameters
    ----------
    native : list of Planes
    known : Known
    coded : (str or None, bool or None)
        Matrix and range, as far as the recording says.
    soft : bool
        The content is: find the colours that most pixels show.
    """
    thinned = native[:: -(-len(native) * native[0].y.size // RESTORE.palette_pixels)]
    y, u, v = (np.stack([p[c] for p in thinned]) for c in range(3))
    matrix, full = coded
    # Halved chroma is taken for the means of pixels until it is known better.
    chroma = make_filter(KNOWN_TAPS[0], KNOWN_TAPS[0], y.shape[1:], u.shape[1:])
    core = None
    if soft or u.shape != y.shape:
        core = core_colours(thinned if soft else thinned[:: RESTORE.guess_step], chroma)
    if soft and core is None:
        return None
    if u.shape != y.shape:
        return find_palette(
            y, u, v, matrix=matrix, full_range=full, table=known.palette,
            hints=Hints(seeds=core) if soft else Hints(guesses=core),
            max_colours=SOFT.max_colours + 1 if soft else MAX_COLOURS,
        )  # fmt: skip
    ycc = core if soft else cluster_colours(y, u, v, RESTORE.max_colours)
    if ycc is None:
        return None
    return name_colours(ycc, matrix, full, y.shape[1], known.palette), chroma


def _with_labels(
    grid: NativeGrid,
    shrinking: Shrinking | None,
    native: list[Planes],
    palette: RestoredPalette,
    chroma: ChromaFilter,
    soft: bool,
) -> Restoration | None:
    """What labels in some colours make of native frames; None where they miss too much of them."""
    decoder = LabelDecoder(palette.ycc, chroma)
    decoder.learn(native[::4])
    used = _used(decoder, len(palette.rgb), native[::2])
    if not used.any():
        return None
    if not used.all():
        palette = palette.part(used)
        decoder = LabelDecoder(palette.ycc, chroma)
        decoder.learn(native[::4])
    missed, luma = _misfit(decoder, palette, native)
    if luma < SOFT.min_luma if soft else missed > RESTORE.max_misfit:
        return None
    return Restoration(grid, palette, chroma, shrinking, decoder, soft)


def _used(decoder: LabelDecoder, colours: int, sample: list[Planes]) -> NDArray[np.bool_]:
    """Which colours some frames show in a few pixels that cannot be another; shape (colours,)."""
    count = np.zeros(colours, np.int64)
    for planes in sample:
        labels, others = decoder.decode(planes)
        count += np.bincount(labels[others[..., 0] == NO_LABEL], minlength=colours)
    used: NDArray[np.bool_] = count >= RESTORE.few_pixels
    return used


def _misfit(
    decoder: LabelDecoder, palette: RestoredPalette, sample: list[Planes]
) -> tuple[float, float]:
    """The share of the pixels of some frames whose luma their label misses; PSNR of luma in dB."""
    off = np.stack([planes.y - palette.ycc[decoder.decode(planes)[0], 0] for planes in sample[::4]])
    error = float(np.square(off).mean(dtype=np.float64))
    return float((np.abs(off) > RESTORE.missed).mean()), psnr_from_mse(error)


def _sample(clip: Recording, count: int) -> list[StoredPlanes]:
    """Some frames, evenly spread over the beginning of a recording."""
    total = min(clip.frame_count or RESTORE.sample_span, RESTORE.sample_span)
    chosen = set(np.linspace(0, total - 1, min(count, total)).astype(int).tolist())
    out = []
    for t, (stored, _) in enumerate(clip.planes()):
        if t in chosen:
            out.append(stored)
        if t == max(chosen):
            break
    return out


class RestoredClip:
    """The native frames behind a recording; see `spritecodec.clip.Restored`.

    Parameters
    ----------
    source : Recording
    restoration : Restoration
    """

    def __init__(self, source: Recording, restoration: Restoration) -> None:
        self.source = source
        self.width = restoration.grid.x.native
        self.height = restoration.grid.y.native
        self.time_base = source.time_base
        self.frame_rate = source.frame_rate
        self.pixel_exact = True
        self.name = source.name
        self._first_colours = restoration.palette.ycc
        self._take(restoration)
        self._seen: dict[int, Planes] = {}
        self._agreeing: Iterator[tuple[int, tuple[StoredPlanes, int]]] | None = None
        self._again: Iterator[tuple[StoredPlanes, int]] | None = None
        self._at_last: Iterator[tuple[int, tuple[StoredPlanes, int]]] | None = None

    def _take(self, restoration: Restoration) -> None:
        """Label frames with this from now on."""
        self.restoration = restoration
        self._rgb = restoration.palette.rgb
        self._packed = pack_rgb(self._rgb)
        self._number = label_table(self._rgb)

    @property
    def frame_count(self) -> int | None:
        return self.source.frame_count

    @property
    def audio(self) -> tuple[AudioStream, ...]:
        return self.source.audio

    def pieces(self, size: int = 64) -> Iterator[Piece]:
        """See `spritecodec.clip.Clip.pieces`."""
        frames: list[Frame] = []
        doubts: list[Doubt] = []
        pts: list[int] = []
        for stored, time in self.source.planes():
            frame, doubt = self._restore(stored, None)
            frames.append(frame)
            doubts.append(doubt)
            pts.append(time)
            if len(frames) == size:
                yield Piece(np.stack(frames), np.array(pts, np.int64), tuple(doubts))
                frames, doubts, pts = [], [], []
        if frames:
            yield Piece(np.stack(frames), np.array(pts, np.int64), tuple(doubts))

    def agree(self, scene: Scene, start: int) -> Scene:
        """See `spritecodec.clip.Restored.agree`."""
        telling = telling_frames(scene, len(self._rgb))
        # Where colours are missing, more evidence for others is no better.
        if self.restoration.soft or not self._has_labels(scene, telling):
            return scene
        if self._agreeing is None:
            self._agreeing = enumerate(self.source.planes())
        seen: dict[int, Planes] = {}
        for t, (stored, _) in self._agreeing if telling else ():
            if t - start in telling:
                seen[t - start] = native_planes(stored, self.restoration.shrinking)
            if t - start == max(telling):
                break
        for _ in range(RESTORE.colour_rounds if seen else 0):
            scene = agree(scene, seen, self.restoration.decoder, self._rgb)
            before = self._rgb
            scene = self._recolour(scene, seen)
            if np.array_equal(before, self._rgb):
                break
        self._seen = {start + t: planes for t, planes in seen.items()}
        return agree(scene, seen, self.restoration.decoder, self._rgb)

    def agree_again(self, scene: Scene, start: int) -> Scene:
        """See `spritecodec.clip.Restored.agree_again`."""
        seen = {t - start: planes for t, planes in self._seen.items()}
        seen = {t: planes for t, planes in seen.items() if 0 <= t < len(scene)}
        made = self.restoration
        if self._at_last is None:
            self._at_last = enumerate(self.source.planes())
        planes = (
            native_planes(stored, made.shrinking) for t, (stored, _) in self._at_last if t >= start
        )
        scene = drop_unlikely(scene, planes, made.decoder, self._number)
        if self.restoration.soft or not self._has_labels(scene, seen):
            return scene
        return agree(scene, seen, self.restoration.decoder, self._rgb)

    def _has_labels(self, scene: Scene, frames: Iterable[int]) -> bool:
        """Whether every pixel of these frames shows a colour of the clip.

        Where no layer covers it, it shows the backdrop, which need be none.
        """
        drawn = Renderer(scene, residual=False)
        return all((self._number[pack_rgb(drawn.frame(t))] != NO_LABEL).all() for t in frames)

    def _recolour(self, scene: Scene, seen: dict[int, Planes]) -> Scene:
        """The scene in the colours that its objects show; they become those of the clip."""
        made = self.restoration
        palette, scene = object_colours(
            scene, seen, made.decoder, made.palette, made.chroma, self._first_colours
        )
        decoder = LabelDecoder(palette.ycc, made.chroma)
        self._take(replace(made, palette=palette, decoder=decoder))
        number, drawn = self._number, Renderer(scene, residual=False)
        decoder.learn_from([number[pack_rgb(drawn.frame(t))] for t in sorted(seen)])
        return scene

    def again(self, expected: Iterable[Frame]) -> Iterator[tuple[Frame, Doubt]]:
        """See `spritecodec.clip.Restored.again`."""
        if self._again is None:
            self._again = self.source.planes()
        # The expected frames end first, so that no more of the source's are taken.
        for frame, (stored, _) in zip(expected, self._again, strict=False):
            yield self._restore(stored, self._number[pack_rgb(frame)])

    def compare(self) -> Iterator[Callable[[Frame], Misfit]]:
        """See `spritecodec.clip.Restored.compare`."""
        for shown in self.source.shown():
            yield partial(self._misfit, shown)

    def _misfit(self, shown: ShownFrame, frame: Frame) -> Misfit:
        """How a native frame differs from one of the recording."""
        large = self.restoration.degradation.enlarge(frame)
        stored = shown.planes()
        drawn = self._degraded(frame, stored)
        errors = [
            np.square(a.astype(np.float32) - b).sum(dtype=np.float64)
            for a, b in zip((stored.y, stored.u, stored.v), drawn, strict=True)
        ]
        near = np.abs(stored.y.astype(np.float32) - drawn.y) <= RESTORE.missed
        return Misfit(
            squared_error(large, shown.rgb()),
            large.size,
            float(sum(errors)),
            stored.y.size + stored.u.size + stored.v.size,
            int(near.sum()),
            near.size,
        )

    def _degraded(self, frame: Frame, like: StoredPlanes) -> Planes:
        """The planes of a native frame, enlarged and with chroma as small as the recording's.

        The chroma of an enlarged frame is taken as the mean of the pixels of a sample.
        """
        made = self.restoration
        planes = np.rint(made.palette.ycc)[self._number[pack_rgb(frame)]]
        if made.shrinking is None:
            y, u, v = (np.ascontiguousarray(p) for p in planes.transpose(2, 0, 1))
            return Planes(y, *(made.chroma.rows @ c @ made.chroma.columns.T for c in (u, v)))
        black = 0 if made.palette.full_range else 16
        scale = replace(made.degradation, border=(black, 128, 128))
        large = scale.enlarge(np.clip(planes, 0, 255).astype(np.uint8)).astype(np.float32)
        u, v = block_means(large[..., 1:], like.u.shape).transpose(2, 0, 1)
        return Planes(large[..., 0], u, v)

    def _restore(
        self, stored: StoredPlanes, expected: NDArray[np.uint8] | None
    ) -> tuple[Frame, Doubt]:
        planes = native_planes(stored, self.restoration.shrinking)
        labels, others = self.restoration.decoder.decode(planes, expected)
        return self._rgb[labels], as_doubt(others, self._packed)
