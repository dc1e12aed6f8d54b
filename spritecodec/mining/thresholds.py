"""Every threshold of mining: `EVIDENCE` for all stages, then one record a stage.

A threshold decides what is seen, or how long something is looked for where that moves bytes or
time on ordinary clips. What only bounds the time or memory of unusual ones is a limit
(`spritecodec.mining.limits`). Each field says its unit, what it means, and what happens at half
and at double of it; where that was measured, and on which clips, stands in
``benchmarks/results/thresholds.md`` (``python -m benchmarks.thresholds``). The records are
NamedTuples, so that compiled kernels can take them as arguments; as globals they would be frozen
into numba's cache.
"""

from __future__ import annotations

from typing import NamedTuple

# --- shared by stages -----------------------------------------------------------------


class Evidence(NamedTuple):
    """What counts as evidence, in all stages."""

    majority: float = 0.5
    """Share that is more than the rest: of the pixels seen of a place, of what changed, of a
    sprite's pixels, of the frame that a cut replaces.
    Half: translucency -2.4 %, animation -2.0 %; double: animation +1387 %, translucency +704 %.
    """

    most: float = 0.75
    """Share that must agree where something else may interfere: what passes in front, what is
    animated, an object that looks the same.
    Half: animation +3.7 %, translucency -2.1 %; double: animation +1.8 %, translucency -0.6 %.
    """

    nearly_all: float = 0.98
    """Share that must agree where hardly anything may interfere, for no other explanation to be
    looked for.
    Half: animation +42 %; double: no effect.
    """

    few: float = 0.05
    """Share that may be chance, noise or a detail: of a screen's pixels, of frames, of a
    sprite's pixels, of bytes.
    Half: translucency +3.3 %; double: animation +3.5 %, translucency -0.5 %.
    """

    min_changed: float = 0.01
    """Share of the screen that must change at once for an event: a change of colours, or a
    switch to another room. Views that differ in less are one.
    No effect at half or double on 3 clips.
    """

    min_frames: int = 8
    """Frames of a stretch that is worth a room, a background or an overlay, and in which what
    is still counts as still.
    Half: animation +0.5 %, sprite-game-small +0.3 %; double: sprite-game-small -1.9 %.
    """

    min_pixels: int = 8
    """Pixels of a thing, or places that are animated alike. Fewer are noise, or slivers.
    Half: animation +0.3 %; double: no effect.
    """

    min_times: int = 2
    """Times that something must be seen, in other frames or at other places: once may be
    chance.
    Half: animation +9.4 %, sprite-game-small +7.8 %, translucency +7.1 %; double: animation +25 %,
    translucency -4.1 %, sprite-game-small +0.5 %.
    """

    near: int = 3
    """Pixels within which something is sought that is beside something else, or has moved a
    little.
    Half: sprite-game-small -1.4 %, translucency -0.4 %, animation -0.4 %; double: translucency +3.9
    %, sprite-game-small -0.7 %, animation -0.1 %.
    """


EVIDENCE = Evidence()

# --- restore: upscale, simplify, survey -----------------------------------------------


class UpscaleThresholds(NamedTuple):
    """Detecting that a source is an enlargement (`restore.upscale`). What is wrongly detected
    changes no pixel, because every frame is checked; bits say how little a fit can be chance."""

    min_bits: float = 20.0
    """Bits that must speak for a scale: one in a million fits by accident.
    No effect at half or double on 2 clips.
    """

    min_seen_share: float = 0.5
    """Share of the seams between native pixels that must have been seen, where these are not
    all of one width. With few seams, a wrong size fits.
    No effect at half or double on 2 clips.
    """

    known_bits: float = 16.0
    """Bits by which a scale that gives a console's size is preferred to others that fit.
    No effect at half or double on 2 clips.
    """

    square_bits: float = 4.0
    """Bits by which the same scale along both axes is preferred.
    No effect at half or double on 2 clips.
    """

    border_bits: float = 6.0
    """Bits by which a border that is even on both sides is preferred to dark native columns,
    and these to an uneven border.
    No effect at half or double on 2 clips.
    """


UPSCALE = UpscaleThresholds()


class SurveyThresholds(NamedTuple):
    """Camera and background of a clip that is not pixel-exact (`restore.survey`)."""

    max_difference: int = 12
    """Levels of luma by which two pixels may differ and still show the same thing. Flatter
    pixels do not distinguish displacements.
    Half: lossy +32 %; double: lossy -1.1 %.
    """

    max_deviation: float = 48.0
    """Levels of a channel. A value farther from the mean belongs to something else.
    Half: no effect; double: lossy +7.0 %.
    """


SURVEY = SurveyThresholds()


class SimplifyThresholds(NamedTuple):
    """Frames in few colours, of repeating parts (`restore.simplify`). A tolerance is a distance
    in RGB; shares of its square are mean squared errors."""

    table_bits: int = 6
    """Bits of each channel that address the table from colours to the palette.
    Half: lossy +3788 %; double: fails on lossy, fails on sprite-game-small@38.
    """

    min_colours: int = 16
    """Colours of the palette that are tried first; their number is doubled from there.
    Half: lossy -2.2 %; double: lossy -4.2 %.
    """

    palette_pixels: int = 60_000
    """Pixels from which the palette is computed.
    Half: lossy -3.5 %; double: lossy +434 %.
    """

    lloyd_steps: int = 5
    """Steps of Lloyd's algorithm (k-means) for each size of the palette.
    Half: lossy +26 %; double: lossy -1.3 %.
    """

    part_share: float = 0.15
    """Share of the allowed mean squared error that the palette may cause; also share of the
    squared tolerance by which a tile may differ from one that it repeats.
    Half: lossy +112 %; double: lossy +11 %.
    """

    tile: int = 8
    """Pixels; side of the background's tiles that may repeat.
    Half: lossy -8.8 %; double: lossy +60 %.
    """

    object_share: float = 2.0
    """Share of the squared tolerance by which a region may differ from an earlier object. A
    pixel that differs from the background by more stands out by itself.
    Half: lossy +3.2 %; double: lossy +10 %.
    """

    min_company: int = 3
    """Pixels that differ in the 3 x 3 around a pixel, itself included, for it to stand out
    with them.
    Half: lossy +1.0 %; double: lossy +0.2 %.
    """

    max_shift: int = 1
    """Pixels by which height and width of a region may differ from an earlier object's, and by
    which that is shifted past the region's edges when compared.
    No effect at double on 2 clips.
    """

    min_tolerance: float = 0.5
    """The smallest tolerance that is tried, in levels.
    Half: lossy +0.3 %; double: lossy +0.1 %.
    """

    max_excess: float = 0.3
    """Decibels above the target that are near enough to it.
    No effect at half or double on 2 clips.
    """


SIMPLIFY = SimplifyThresholds()

# --- camera: pan, rooms, parallax -----------------------------------------------------


class CameraThresholds(NamedTuple):
    """Windows and keyframes, the same for all searches for a camera (`camera`)."""

    window: int = 8
    """Pixels; side of the windows that are looked up in another frame.
    No effect at half or double on 3 clips.
    """

    cells: int = 8
    """Rows and columns of cells into which the screen is divided to see how widely a
    displacement is voted for.
    No effect at half or double on 2 clips.
    """

    keys_per_screen: int = 3
    """A frame becomes a keyframe where none of its room lies within the screen's size divided
    by this.
    No effect at half or double on 2 clips.
    """

    min_votes: int = 20
    """Windows that must vote for a displacement for it to be one of the background.
    No effect at half or double on 2 clips.
    """

    min_cells: int = 3
    """Cells of the screen that must vote for such a displacement.
    No effect at half or double on 2 clips.
    """


CAMERA = CameraThresholds()


class PanThresholds(NamedTuple):
    """Following one camera (`camera.pan`). The drawn pixels are those of any colour but the
    frame's commonest."""

    min_agreement: float = 0.8
    """Share of the drawn pixels that must agree with a displacement from the previous frame, or
    from a keyframe, for it to be taken at once.
    No effect at half or double on 2 clips.
    """

    overlay_period: int = 5
    """Frames; the overlay is sought in every so many-th pair of frames.
    Half: pan-rooms +29 %; double: pan-rooms +17 %.
    """

    min_overlay_frames: int = 3
    """Pairs of frames that must show that a pixel stands still, or that it scrolls.
    Half: pan-rooms +70 %; double: pan-rooms +59 %.
    """

    overlay_margin: int = 4
    """Pixels by which the overlay is grown.
    Half: pan-rooms +20 %; double: pan-rooms -0.4 %.
    """

    key_displacements: int = 2
    """Displacements from each keyframe that are tried, beside standing still.
    No effect at half or double on 2 clips.
    """


PAN = PanThresholds()


class RoomsThresholds(NamedTuple):
    """Distinguishing rooms that differ in a few places (`camera.rooms`)."""

    min_stretch: int = 24
    """Frames between two switches.
    No effect at half or double on 2 clips.
    """


ROOMS = RoomsThresholds()


class ParallaxThresholds(NamedTuple):
    """Finding planes at several depths (`camera.parallax`)."""

    baseline: int = 16
    """Frames between the two of a pair: in that time planes move apart.
    Measured earlier: no effect at half or double on 1 clip.
    No effect at half or double on 1 clip.
    """

    min_plane_share: float = 0.03
    """Share of all votes that a plane must have.
    Measured earlier: no effect at half or double on 1 clip.
    No effect at half or double on 1 clip.
    """

    max_denominator: int = 16
    """Of the shares that are tried: games divide the camera's position by small numbers.
    Measured earlier: no effect at half or double on 1 clip.
    No effect at half or double on 1 clip.
    """

    near_share: float = 1 / 24
    """Share of the camera's motion. Shares so close to the one found are tried against the
    whole path.
    Measured earlier: no effect at half or double on 1 clip.
    No effect at half or double on 1 clip.
    """

    min_windows: int = 64
    """Windows that occur once in a frame, for it to show where it is.
    Measured earlier: no effect at half or double on 1 clip.
    No effect at half or double on 1 clip.
    """

    min_key_matched: float = 0.25
    """Share of these windows that must vote for a displacement from a keyframe, for the place
    to be one seen before.
    Measured earlier: no effect at half or double on 1 clip.
    No effect at half or double on 1 clip.
    """

    max_cuts: float = 1 / 8
    """Share of the frames that may follow a cut. With more there is no camera to follow.
    Measured earlier: no effect at half or double on 1 clip.
    No effect at half or double on 1 clip.
    """


PARALLAX = ParallaxThresholds()

# --- background: world, planes, materials ---------------------------------------------


class BackgroundThresholds(NamedTuple):
    """Choosing between backgrounds (`solve`)."""

    min_unexplained: float = 0.1
    """Share of all pixels that a background leaves unexplained. From here on, another camera
    and several planes are tried.
    No effect at half or double on 2 clips.
    """

    max_remaining: float = 0.7
    """Share of the unexplained pixels that another background may leave and still be taken.
    No effect at half or double on 2 clips.
    """

    max_opaque_colours: int = 255
    """Colours of a clip. Clips with no more are not searched for materials, because every
    blend is another colour.
    No effect at half or double on 2 clips.
    """

    max_unexplained_share: float = 0.2
    """Share of the pixels of a frame. Where the background leaves more unexplained, the
    background is wrong there: such a frame is not searched for materials or sprites.
    No effect at half or double on 2 clips.
    """


BACKGROUND = BackgroundThresholds()


class WorldThresholds(NamedTuple):
    """Voting for a background of one plane (`background.world`, `background.world_votes`)."""

    overlay_passes: int = 2
    """Times that canvas and overlay are solved for in turn.
    Half: pan-rooms -9.3 %, sprite-game-small -3.4 %; double: no effect.
    """

    min_restless_changes: int = 6
    """Changes of what a place shows. From here on, the place may be plain with something
    drawn on it, for example the digits of a score.
    Half: pan-rooms +9.8 %, sprite-game-small -3.2 %; double: pan-rooms -18 %, sprite-game-small
    -0.2 %.
    """

    min_plain_share: float = 0.1
    """Share of the frames in which such a place must show the plain value.
    Half: pan-rooms +204 %, sprite-game-small -1.0 %; double: pan-rooms -27 %, sprite-game-small
    +0.4 %.
    """


WORLD = WorldThresholds()


class PlaneThresholds(NamedTuple):
    """Solving for planes of known positions (`background.planes`, `background.plane_votes`)."""

    hit_weight: int = 10
    """What a pixel counts that a place explains; the unit of all votes.
    Measured earlier: half: translucency -10 %, animation -0.1 %; double: translucency -3.7 %,
    animation +0.3 %.
    Half: translucency -9.1 %; double: translucency -13 %.
    """

    veiled_hit_weight: int = 9
    """What a pixel counts that a place explains through some material. Less than
    ``hit_weight``, so that of equals the plain explanation is chosen.
    Measured earlier: half: translucency -3.7 %, animation +0.3 %; double: translucency -10 %,
    animation -0.1 %.
    Half: translucency -11 %, animation +0.6 %; double: translucency -9.1 %.
    """

    max_chance_hits: int = 2
    """Pixels added to those seen of a place before the first claim, because what is seen in
    few frames agrees by chance.
    Measured earlier: half: animation +1.2 %, translucency -0.2 %; double: translucency -0.4 %.
    Half: animation +0.9 %, translucency +0.2 %; double: animation +1.5 %, translucency -0.1 %.
    """

    min_object: int = 12
    """Pixels of a connected region that differs from the background. From here on it is an
    object, and does not vote.
    Measured earlier: half: translucency -3.2 %; double: translucency -3.3 %.
    Half: animation +3.9 %, translucency -0.1 %; double: translucency -5.7 %, animation -1.9 %.
    """

    min_changes: float = 0.0002
    """Share of all places. The rounds end when no more than that change.
    Measured earlier: no effect at half or double on 2 clips.
    No effect at half or double on 2 clips.
    """


PLANES = PlaneThresholds()


class UnmixThresholds(NamedTuple):
    """Separating what planes always show through a material (`background.unmix`)."""

    min_steady_share: float = 0.8
    """Share of the pixels seen of a place that a material must explain to replace a blend
    there.
    Half: translucency +4.9 %; double: translucency -2.4 %.
    """

    min_colour_share: float = 0.03
    """Share of the pixels seen of a place that must show a colour for it to count.
    Measured earlier: no effect at half or double on 2 clips.
    No effect at half or double on 2 clips.
    """

    min_taken: float = 0.2
    """Places where the material replaces the blend, for each place of planes behind that
    changes.
    Measured earlier: half: no effect; double: translucency -3.2 %.
    Half: no effect; double: translucency -2.4 %.
    """

    min_certain: float = 0.2
    """Share of those places where no plain colour explains as much.
    Measured earlier: no effect at half or double on 2 clips.
    No effect at half or double on 2 clips.
    """


UNMIX = UnmixThresholds()


class MaterialThresholds(NamedTuple):
    """Detecting translucent materials (`background.find_materials`, `background.fit_material`)."""

    min_distance: float = 20
    """RGB distance between two backgrounds that give an alpha.
    Half: no effect; double: translucency +0.3 %.
    """

    min_alpha: float = 0.03
    """Share by which a guessed material must differ from opaque and from clear.
    No effect at half or double on 2 clips.
    """

    max_error: float = 1.01
    """Colour values by which rounding may move a blend.
    Measured earlier: no effect at half or double on 1 clip.
    No effect at half or double on 2 clips.
    """

    colour_margin: float = 8
    """Colour values by which the estimated colour of a guess may leave 0 to 255.
    No effect at half or double on 2 clips.
    """

    steps: int = 50
    """Steps from opaque to clear, and from 0 to 255 of a colour. Guesses within one step are
    one guess.
    Half: translucency -3.8 %; double: no effect.
    """

    margin: int = 3
    """Values of alpha and of colour on either side of a fit that are tried exactly, and by which
    a pixel that takes part in the fit may be off. Where rounding leaves more in doubt, more are
    tried.
    Half: no effect; double: translucency -1.7 %.
    """

    max_guesses: int = 400
    """Guesses that are fitted, those of the most pixels first.
    Measured earlier: no effect at half or double on 1 clip.
    No effect at half or double on 2 clips.
    """

    max_kin: int = 20
    """Guesses that share an alpha or a colour with one known material.
    Measured earlier: no effect at half or double on 1 clip.
    No effect at half or double on 2 clips.
    """

    fit_rounds: int = 4
    """Rounds of least squares by which a guess is refined.
    Half: translucency +0.5 %; double: no effect.
    """

    min_pixels: int = 30
    """Pixels that a material must explain.
    Measured earlier: half: no effect; double: translucency -3.7 %.
    Half: no effect; double: translucency -2.4 %.
    """

    min_backgrounds: int = 3
    """Colours of the background over which a material must explain pixels.
    Measured earlier: half: no effect; double: translucency -3.7 %.
    Half: animation +0.7 %; double: translucency -2.4 %.
    """

    min_exact_share: float = 0.7
    """Share of the pixels near a fit, or of their pairs of colours, that the material must
    explain exactly.
    Measured earlier: half: translucency -11 %; double: translucency -4.5 %.
    Half: translucency -10 %; double: translucency +1.9 %.
    """

    max_difference: int = 20
    """Values of alpha and of colour between the first fit and others that explain the same.
    Measured earlier: no effect at half or double on 1 clip.
    No effect at half or double on 2 clips.
    """


MATERIALS = MaterialThresholds()

# --- animation ------------------------------------------------------------------------


class CycleThresholds(NamedTuple):
    """Detecting periods (`animation.cycles`)."""

    min_wrong_frames: int = 6
    """Frames in which the plane is wrong at a place. From here on the place may be animated.
    Measured earlier: half: animation +1.4 %; double: animation +7.0 %.
    Half: animation +1.5 %; double: animation +4.0 %.
    """

    min_error_reduction: float = 0.4
    """Share of the frames where the plane is wrong that a cycle must explain besides.
    Measured earlier: half: no effect; double: animation +6.1 %.
    Half: no effect; double: animation +6.0 %.
    """


CYCLES = CycleThresholds()


class AnimationThresholds(NamedTuple):
    """Choosing animations (`animation.animations`)."""

    min_gain_a_pixel: int = 4
    """Pixels of all frames that an animation must explain for each pixel of its pictures.
    Measured earlier: half: no effect; double: animation +16 %.
    Half: no effect; double: animation +17 %.
    """

    min_gain: int = 100
    """Pixels of all frames that an animation must explain beyond ``min_gain_a_pixel``.
    No effect at half or double on 2 clips.
    """

    max_loss_a_pixel: int = 2
    """Pixels of all frames that a template may explain less than the animations which it
    replaces, for each pixel of its pictures: shared pictures cost less.
    Measured earlier: no effect at half or double on 1 clip.
    No effect at half or double on 2 clips.
    """


ANIMATIONS = AnimationThresholds()


# --- mine -----------------------------------------------------------------------------


class MineThresholds(NamedTuple):
    """Mining once (`mine`)."""

    min_region: int = 6
    """Pixels of a region that becomes a sprite of its own. Smaller ones are sparks, or slivers
    of something: as tracks they cost more than as residual, unless they turn out to belong to
    something.
    Half: sprite-game-small -0.7 %, animation +0.4 %, pan-rooms -0.2 %; double: animation -0.5 %.
    """


MINE = MineThresholds()

# --- sprites --------------------------------------------------------------------------


class SeedThresholds(NamedTuple):
    """Making the trained model's sprites exact (`model_seeds`)."""

    min_alpha: int = 128
    """Alpha, 0 to 255, from which a pixel of the model's sprite is part of it.
    No effect at half or double on 3 clips.
    """


SEEDS = SeedThresholds()


class ShapeThresholds(NamedTuple):
    """Learning sprites from regions that recur (`sprites.shapes`)."""

    max_share: float = 0.25
    """Share of the pixels of a frame. Larger regions (a flash, a fade, noise) are no objects;
    they become no sprites, neither here nor while objects are followed.
    No effect at half or double on 3 clips.
    """


SHAPES = ShapeThresholds()


class CoverThresholds(NamedTuple):
    """Searching for the sprites that explain a region (`sprites.explain`)."""

    min_gain: int = 3
    """Open pixels that a sprite must explain to be placed where no track leads.
    Half: pan-rooms +40 %, sprite-game-small -0.6 %, animation -0.6 %; double: animation +1.1 %,
    pan-rooms -0.7 %, sprite-game-small -0.6 %.
    """

    min_partial_gain: int = 12
    """Open pixels that a sprite must explain to be placed partly; also the smallest region
    where that is tried.
    Half: animation -0.3 %; double: no effect.
    """

    min_votes: int = 6
    """Votes that a place needs to be weighed for a partial placement.
    No effect at half or double on 3 clips.
    """

    max_rounds: int = 3
    """Rounds. What something covers may fit in the next round, when its cover is placed.
    Half: pan-rooms +3.1 %, animation +3.1 %, sprite-game-small +2.5 %; double: no effect.
    """

    max_failures: int = 24
    """Pixels of a region, in one round, that no sprite covers. Then the round ends.
    Half: no effect; double: pan-rooms -0.6 %.
    """

    max_candidates: int = 50_000
    """Sprite pixels that may vote for the places of partial placements in one region.
    No effect at half or double on 3 clips.
    """


COVER = CoverThresholds()


class MergeThresholds(NamedTuple):
    """Merging sprites that are always seen together (`sprites.merge`)."""

    max_gap: int = 4
    """Pixels between the bounding boxes of sprites that may belong together.
    Half: pan-rooms -2.8 %, animation -0.1 %; double: pan-rooms +3.1 %, sprite-game-small +0.2 %.
    """

    min_agreement: float = 0.8
    """Share of a sprite's placements where another must fit to be merged with it. Not all: a
    placement may be covered, or be another object that looks the same.
    Half: pan-rooms +8.1 %, sprite-game-small +0.5 %, animation -0.1 %; double: pan-rooms +1.9 %,
    sprite-game-small -0.3 %.
    """

    min_together_share: float = 0.02
    """Share of a sprite's placements at which the other must be placed. A low share, because a
    sprite may seldom need its neighbour drawn.
    No effect at half or double on 3 clips.
    """


MERGE = MergeThresholds()

# --- tracks, residual -----------------------------------------------------------------


class FollowThresholds(NamedTuple):
    """Following objects from frame to frame (`tracks.follow`)."""

    successor_radius: int = 4
    """Pixels around its expected place where a sprite that followed the track's is searched
    for.
    Half: pan-rooms -0.3 %; double: pan-rooms +2.5 %.
    """

    max_link_distance: float = 14.0
    """Pixels between where a lost track was expected and where a sprite was found.
    Half: pan-rooms -0.6 %; double: pan-rooms -1.8 %, sprite-game-small -0.5 %, animation -0.1 %.
    """

    size_weight: float = 0.5
    """What a pixel of difference in height or width adds to that distance, in pixels.
    Half: pan-rooms -0.1 %, animation -0.1 %; double: pan-rooms -0.8 %.
    """

    successor_bonus: float = 4.0
    """Pixels subtracted from that distance where the sprite followed the track's earlier.
    No effect at half or double on 3 clips.
    """

    refit_period: int = 4
    """Frames. So often, where something is translucent, regions with many fragments are
    covered afresh.
    No effect at half or double on 3 clips.
    """

    refit_budget: int = 5_000_000
    """Pixel comparisons spent on covering one region afresh.
    No effect at half or double on 3 clips.
    """

    min_fragments: int = 4
    """Tracks expected in a region that is covered afresh.
    Half: animation -0.4 %; double: no effect.
    """


FOLLOW = FollowThresholds()


class LayerThresholds(NamedTuple):
    """Choosing a layer for each track (`tracks.scene_builder`)."""

    change_cost: float = 2.0
    """What a step of a coordinate costs that is not 0 and differs from the previous step. The
    track lies in the world or on the screen, whichever costs less.
    No effect at half or double on 3 clips.
    """

    step_cost: float = 0.1
    """What any step of a coordinate costs that is not 0.
    No effect at half or double on 3 clips.
    """


LAYERS = LayerThresholds()


class ResidualThresholds(NamedTuple):
    """Patches of the residual (`tracks.residual`)."""

    max_rest: int = 16
    """Frames for which a patch stays alive though no frame needs it.
    No effect at half or double on 2 clips.
    """


RESIDUAL = ResidualThresholds()

# --- search ---------------------------------------------------------------------------


class SearchThresholds(NamedTuple):
    """Searching for the smallest Scene of a segment (`search`)."""

    patience: int = 2
    """Minings in a row that save no bytes. Then the chain ends.
    No effect at half or double on 3 clips.
    """

    translucent_patience: int = 1
    """The same, where something is translucent: mining takes long there, and gains little by
    being repeated.
    No effect at double on 3 clips.
    """

    abort_ratio: float = 1.2
    """Bytes of a mining over the fewest bytes of the chain so far. Above it, the chain ends.
    Half: pan-rooms +8.7 %, sprite-game-small +0.5 %; double: no effect.
    """

    prune_ratio: float = 1.5
    """Bytes of a run's first mining over those of the best run. Above it, no chain continues
    for the run: few chains end with less than two thirds of the bytes they begin with.
    Half: sprite-game-small +25 %, pan-rooms +12 %, animation +0.6 %; double: no effect.
    """


SEARCH = SearchThresholds()
