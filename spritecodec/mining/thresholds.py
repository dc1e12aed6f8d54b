"""Every threshold of restoring and mining: one record a stage, in the order of the data.

Each field says its unit, what it means, and what happens at half and at double of it; where
that was measured, and on which clips, stands in ``benchmarks/results/thresholds.md``
(``python -m benchmarks.thresholds``). The records are NamedTuples, so that compiled kernels
can take them as arguments; as globals they would be frozen into numba's cache.
"""

from __future__ import annotations

from typing import NamedTuple

# --- restore: upscale, simplify, survey -----------------------------------------------


class UpscaleThresholds(NamedTuple):
    """Detecting that a source is an enlargement (`restore.upscale`). What is wrongly detected
    changes no pixel, because every frame is checked; bits say how little a fit can be chance."""

    min_bits: float = 20.0
    """Bits that must speak for a scale: one in a million fits by accident."""

    min_seen_share: float = 0.5
    """Share of the seams between native pixels that must have been seen, where these are not
    all of one width. With few seams, a wrong size fits."""

    known_bits: float = 16.0
    """Bits by which a scale that gives a console's size is preferred to others that fit."""

    square_bits: float = 4.0
    """Bits by which the same scale along both axes is preferred."""

    border_bits: float = 6.0
    """Bits by which a border that is even on both sides is preferred to dark native columns,
    and these to an uneven border."""


UPSCALE = UpscaleThresholds()


class SurveyThresholds(NamedTuple):
    """Camera and background of a clip that is not pixel-exact (`restore.survey`)."""

    max_difference: int = 12
    """Levels of luma by which two pixels may differ and still show the same thing."""

    min_texture: int = 10
    """Levels of luma between a pixel and its neighbours to the right and below. Flatter pixels
    do not distinguish displacements."""

    sure_agreement: float = 0.93
    """Share of the textured pixels that must agree for a likely displacement to be taken
    without phase correlation."""

    rest_margin: float = 0.02
    """Share of the textured pixels by which a displacement must agree better than standing
    still."""

    min_agreement: float = 0.4
    """Share of the textured pixels that agree with the previous frame. Below it there is a
    cut."""

    min_key_agreement: float = 0.6
    """Share of the textured pixels that must agree with a keyframe for a place to be one seen
    before."""

    correlation_peaks: int = 4
    """Peaks of the phase correlation that are tried as displacements."""

    max_keys: int = 64
    """Keyframes in all, the earliest."""

    keys_per_screen: int = 3
    """A frame becomes a keyframe where none of its room lies within the screen's size divided
    by this."""

    min_room: int = 8
    """Frames. Rooms shown for less get no background, and so do places between two cuts that
    are closer together."""

    max_background: int = 1 << 23
    """Pixels of the background of all rooms together."""

    max_deviation: float = 48.0
    """Levels of a channel. A value farther from the mean belongs to something else."""

    max_weight: int = 64
    """Frames that a mean is taken over; with more, it moves as if there were so many."""


SURVEY = SurveyThresholds()


class SimplifyThresholds(NamedTuple):
    """Frames in few colours, of repeating parts (`restore.simplify`). A tolerance is a distance
    in RGB; shares of its square are mean squared errors."""

    table_bits: int = 6
    """Bits of each channel that address the table from colours to the palette."""

    palette_pixels: int = 60_000
    """Pixels from which the palette is computed."""

    min_colours: int = 16
    """Colours of the palette that are tried first; their number is doubled from there."""

    max_colours: int = 4096
    """Colours of the palette."""

    palette_share: float = 0.15
    """Share of the allowed mean squared error that the palette may cause."""

    lloyd_steps: int = 5
    """Steps of Lloyd's algorithm (k-means) for each size of the palette."""

    tile: int = 8
    """Pixels; side of the background's tiles that may repeat."""

    tile_share: float = 0.1
    """Share of the squared tolerance by which a tile may differ from one that it repeats."""

    object_share: float = 2.0
    """Share of the squared tolerance by which a region may differ from an earlier object."""

    lonely: float = 3.0
    """Tolerances by which a pixel must differ from the background to stand out by itself."""

    min_company: int = 4
    """Pixels that differ in the 3 x 3 around a pixel, itself included, for it to stand out
    with them."""

    max_object: float = 0.25
    """Share of the screen. Larger regions are no objects."""

    max_tried: int = 48
    """Earlier objects of like size that a region is compared with, the latest first."""

    max_growth: int = 2
    """Pixels by which height and width of a region may differ from an earlier object's."""

    max_shift: int = 1
    """Pixels by which an earlier object is shifted past the region's edges when compared."""

    min_tolerance: float = 0.5
    """The smallest tolerance that is tried, in levels."""

    max_tolerance: float = 96.0
    """The largest tolerance that is tried, in levels."""

    bisections: int = 7
    """Steps of bisection for the tolerance, on a sample of the frames."""

    max_passes: int = 4
    """Passes over all frames that correct the tolerance found on the sample."""

    max_excess: float = 0.3
    """Decibels above the target that are near enough to it."""

    aimed_excess: float = 0.1
    """Decibels above the target that a corrected tolerance aims at."""

    sample_frames: int = 96
    """Frames in the sample."""

    sample_run: int = 24
    """Consecutive frames in the sample."""


SIMPLIFY = SimplifyThresholds()

# --- recolouring ----------------------------------------------------------------------


class RecolouringThresholds(NamedTuple):
    """Detecting flashes, fades and palette cycling (`recolouring`)."""

    max_colours: int = 1024
    """Colours of a clip. Clips with more have no palette, and are not searched.
    No effect at half or double on 1 clip.
    """

    min_purity: float = 0.8
    """Share of a colour's pixels that must turn into one other colour at once.
    Half: recolouring +3.5 %; double: recolouring -3.6 %.
    """

    min_pixels: int = 8
    """Pixels of a colour in a frame. Colours of fewer do not show what they become.
    Half: recolouring -8.5 %; double: recolouring -1.1 %.
    """

    min_changed: float = 0.01
    """Share of the screen that must change at an event, and that a table must explain.
    Half: recolouring -10 %; double: no effect.
    """

    min_explained: float = 0.5
    """Share of the changed pixels that a table must explain.
    No effect at half on 1 clip.
    """

    min_merging: float = 0.5
    """Share of the explained pixels whose colour several colours become. From here on the
    table merges colours, and must explain ``min_explained_merging``."""

    min_explained_merging: float = 0.9
    """Share of the changed pixels that a table must explain where it merges colours.
    No effect at half or double on 1 clip.
    """

    min_kept: float = 0.5
    """Share of the screen that agrees with the previous frame. Below it, a change that no
    table explains ends the walk: it is a cut.
    No effect at half on 1 clip.
    """

    max_unexplained: float = 0.05
    """Share of the screen that a table may leave unexplained.
    Half: recolouring +110 %; double: no effect.
    """

    known_margin: float = 0.005
    """Share of the screen that a known table may explain less than a new one, and be taken.
    No effect at half or double on 1 clip.
    """

    max_count_ratio: int = 2
    """Times as many pixels that a small thing may have after its change of colour."""

    min_stretch: int = 8
    """Frames. The walks start from longer stretches between events first.
    Half: no effect; double: recolouring -2.1 %.
    """

    neighbourhood: int = 3
    """Pixels around a pixel in which its colour of the previous frame is sought.
    Half: recolouring -0.1 %; double: recolouring +0.2 %.
    """


RECOLOURING = RecolouringThresholds()

# --- camera: pan, rooms, parallax -----------------------------------------------------


class CameraThresholds(NamedTuple):
    """Windows and keyframes, the same for all searches for a camera (`camera`)."""

    window: int = 8
    """Pixels; side of the windows that are looked up in another frame."""

    cells: int = 8
    """Rows and columns of cells into which the screen is divided to see how widely a
    displacement is voted for."""

    max_displacements: int = 6
    """Displacements returned by a vote, those with the most votes first."""

    max_keys: int = 64
    """Keyframes remembered, the latest.
    No effect at half or double on 2 clips.
    """

    keys_per_screen: int = 3
    """A frame becomes a keyframe where none of its room lies within the screen's size divided
    by this."""

    min_room: int = 8
    """Frames. Rooms shown for less are not worth a background.
    No effect at half or double on 1 clip.
    """


CAMERA = CameraThresholds()


class PanThresholds(NamedTuple):
    """Following one camera (`camera.pan`). The drawn pixels are those of any colour but the
    frame's commonest."""

    min_cells: int = 6
    """Cells of the screen that must vote for a displacement to be the camera's.
    Half: no effect; double: river-raid:300 +2.4 %.
    """

    min_votes: int = 60
    """Windows that must vote for a displacement to show the overlay.
    No effect at half or double on 1 clip.
    """

    overlay_period: int = 5
    """Frames; the overlay is sought in every so many-th pair of frames."""

    max_scroll: int = 64
    """Pixels a frame of a displacement that shows the overlay.
    No effect at half or double on 1 clip.
    """

    min_overlay_frames: int = 3
    """Pairs of frames that must show that a pixel stands still, or that it scrolls."""

    overlay_margin: int = 4
    """Pixels by which the overlay is grown."""

    scrolls_ratio: float = 2
    """Times as many pairs of frames that must show a pixel to scroll as to stand still, for it
    to be left out of the grown overlay."""

    sure_agreement: float = 0.98
    """Share of the drawn pixels. From here on a displacement is taken without a vote.
    Half: river-raid:300 +34 %; double: no effect.
    """

    steady_agreement: float = 0.8
    """Share of the drawn pixels that must agree with a displacement like the one before.
    No effect at half or double on 1 clip.
    """

    min_agreement: float = 0.6
    """Share of the drawn pixels that must agree with the best displacement where no keyframe
    does. Below it there is a cut."""

    max_acceleration: int = 3
    """Pixels a frame by which displacements are like the one before.
    No effect at half or double on 1 clip.
    """

    same_ground_agreement: float = 0.9
    """Share of the drawn pixels that must agree where the commonest colour has changed."""

    min_key_agreement: float = 0.8
    """Share of the drawn pixels that must agree with a keyframe, of those that both show."""

    min_overlap: float = 0.1
    """Share of the screen that a frame and a keyframe are taken to have in common at least."""

    key_displacements: int = 2
    """Displacements from each keyframe that are tried, beside standing still."""

    max_key_windows: int = 4096
    """Windows of a keyframe that vote.
    No effect at half or double on 1 clip.
    """

    min_drawn: int = 64
    """Drawn pixels. Fewer neither show a displacement nor a place."""

    min_drawn_share: float = 0.05
    """Share of the screen. Fewer drawn pixels show no cut: some objects on a plain ground
    move.
    No effect at half or double on 1 clip.
    """

    cut_agreement: float = 0.75
    """Share of the drawn pixels that agree with standing still. Below it there may be a cut
    under a camera at rest.
    No effect at half or double on 1 clip.
    """

    cut_share: float = 0.1
    """Share of the screen that must change at such a cut, and be still on both sides of it.
    No effect at half or double on 1 clip.
    """

    cut_frames: int = 4
    """Frames on both sides of such a cut in which these pixels are still.
    No effect at half or double on 1 clip.
    """


PAN = PanThresholds()


class RoomsThresholds(NamedTuple):
    """Distinguishing rooms that differ in a few places (`camera.rooms`)."""

    still_frames: int = 12
    """Frames on both sides of a switch in which the pixels that change are still.
    No effect at half or double on 1 clip.
    """

    min_switched: float = 0.02
    """Share of the screen that must change at a switch.
    No effect at half or double on 1 clip.
    """

    min_stretch: int = 24
    """Frames between two switches.
    No effect at half or double on 1 clip.
    """

    max_difference: float = 0.005
    """Share of the screen in which two views of one room may differ.
    No effect at half or double on 1 clip.
    """

    max_voters: int = 64
    """Frames of a stretch that vote for its view.
    No effect at half or double on 1 clip.
    """


ROOMS = RoomsThresholds()


class ParallaxThresholds(NamedTuple):
    """Finding planes at several depths (`camera.parallax`)."""

    baseline: int = 16
    """Frames between the two of a pair: in that time planes move apart.
    No effect at half or double on 1 clip.
    """

    share_pairs: int = 60
    """Pairs of frames that vote for the planes' shares of the camera's motion.
    No effect at half or double on 1 clip.
    """

    rounding_pairs: int = 300
    """Pairs of frames that vote for how positions are rounded.
    No effect at half or double on 1 clip.
    """

    min_motion: int = 12
    """Pixels that the camera must move over the baseline for a pair to vote for shares.
    No effect at half or double on 1 clip.
    """

    max_motion: int = 100
    """Pixels that the camera may move over the baseline for a pair to vote for shares.
    No effect at half or double on 1 clip.
    """

    max_displacements: int = 12
    """Displacements returned by a vote, those with the most votes first.
    No effect at half or double on 1 clip.
    """

    min_votes: int = 20
    """Windows that must vote for a displacement to be a plane's.
    No effect at half or double on 1 clip.
    """

    min_cells: int = 3
    """Cells of the screen that must vote for a displacement to be a plane's.
    No effect at half or double on 1 clip.
    """

    min_plane_share: float = 0.03
    """Share of all votes that a plane must have.
    No effect at half or double on 1 clip.
    """

    max_denominator: int = 16
    """Of the shares that are tried: games divide the camera's position by small numbers.
    No effect at half or double on 1 clip.
    """

    near_share: float = 1 / 24
    """Share of the camera's motion. Shares so close to the one found are tried against the
    whole path.
    No effect at half or double on 1 clip.
    """

    min_windows: int = 64
    """Windows that occur once in a frame, for it to show where it is.
    No effect at half or double on 1 clip.
    """

    min_matched: float = 0.05
    """Share of these windows that must vote for the best displacement. Below it there is a
    cut.
    No effect at half or double on 1 clip.
    """

    min_key_matched: float = 0.25
    """Share of these windows that must vote for a displacement from a keyframe, for the place
    to be one seen before.
    No effect at half or double on 1 clip.
    """

    max_cuts: float = 1 / 8
    """Share of the frames that may follow a cut. With more there is no camera to follow.
    No effect at half or double on 1 clip.
    """

    max_tables: int = 24
    """Tables of windows kept in memory, the latest."""


PARALLAX = ParallaxThresholds()

# --- background: world, planes, materials ---------------------------------------------


class BackgroundThresholds(NamedTuple):
    """Choosing between backgrounds (`solve`)."""

    min_unexplained: float = 0.1
    """Share of all pixels that a background leaves unexplained. From here on, another camera
    and several planes are tried."""

    max_remaining: float = 0.7
    """Share of the unexplained pixels that another background may leave and still be taken."""

    max_opaque_colours: int = 255
    """Colours of a clip. Clips with no more are not searched for materials, because every
    blend is another colour."""

    max_unexplained_share: float = 0.2
    """Share of the pixels of a frame. Where the background leaves more unexplained, the
    background is wrong there: such a frame is not searched for materials or sprites."""


BACKGROUND = BackgroundThresholds()


class WorldThresholds(NamedTuple):
    """Voting for a background of one plane (`background.world`, `background.world_votes`)."""

    overlay_passes: int = 2
    """Times that canvas and overlay are solved for in turn."""

    min_overlay_votes: int = 8
    """Frames in which a pixel of the screen must show the overlay, and not the canvas."""

    max_counters: int = 1 << 26
    """Counters of 2 bytes each, one for each colour of each place. Where more are needed, each
    place keeps one candidate and its balance (Boyer and Moore's majority vote)."""

    min_restless_changes: int = 6
    """Changes of what a place shows. From here on, the place may be plain with something
    drawn on it, for example the digits of a score."""

    min_plain_share: float = 0.1
    """Share of the frames in which such a place must show the plain value."""


WORLD = WorldThresholds()


class PlaneThresholds(NamedTuple):
    """Solving for planes of known positions (`background.planes`, `background.plane_votes`)."""

    max_colours: int = 1 << 14
    """Colours of a clip. Clips with more are not drawn, and are not searched for planes."""

    sample_frames: int = 300
    """Frames that vote at first, evenly spaced, at least (or all). All vote in the end."""

    hit_weight: int = 10
    """What a pixel counts that a place explains; the unit of all votes.
    Half: translucency -10 %, animation -0.1 %; double: translucency -3.7 %, animation +0.3 %.
    """

    veiled_hit_weight: int = 9
    """What a pixel counts that a place explains through some material. Less than
    ``hit_weight``, so that of equals the plain explanation is chosen.
    Half: translucency -3.7 %, animation +0.3 %; double: translucency -10 %, animation -0.1 %.
    """

    min_steady_share: float = 0.8
    """Share of the pixels seen of a place that must agree for a first claim, and for a
    material that replaces a blend.
    Half: translucency +3.7 %, animation +0.3 %; double: translucency -2.8 %.
    """

    max_chance_hits: int = 2
    """Pixels added to those seen of a place before the first claim, because what is seen in
    few frames agrees by chance.
    Half: animation +1.2 %, translucency -0.2 %; double: translucency -0.4 %.
    """

    min_support: float = 0.5
    """Share of the pixels seen of a place that must show its value. Below it, the place is
    clear.
    Half: translucency -5.1 %, animation -2.0 %.
    """

    min_object: int = 12
    """Pixels of a connected region that differs from the background. From here on it is an
    object, and does not vote.
    Half: translucency -3.2 %; double: translucency -3.3 %.
    """

    max_rounds: int = 6
    """Rounds of improving each plane in turn."""

    min_changes: float = 0.0002
    """Share of all places. The rounds end when no more than that change.
    No effect at half or double on 2 clips.
    """


PLANES = PlaneThresholds()


class UnmixThresholds(NamedTuple):
    """Separating what planes always show through a material (`background.unmix`)."""

    max_colours_a_place: int = 8
    """Colours counted at each place of a plane: the first that it shows.
    No effect at half or double on 2 clips.
    """

    min_colour_share: float = 0.03
    """Share of the pixels seen of a place that must show a colour for it to count.
    No effect at half or double on 2 clips.
    """

    min_blends: int = 2
    """Pairs of colours, with and without a material, that some place must show.
    No effect at half or double on 2 clips.
    """

    max_materials: int = 48
    """Materials tried, those that explain the most places first."""

    min_taken: float = 0.2
    """Places where the material replaces the blend, for each place of planes behind that
    changes.
    Half: no effect; double: translucency -3.2 %.
    """

    min_certain: float = 0.2
    """Share of those places where no plain colour explains as much.
    No effect at half or double on 2 clips.
    """


UNMIX = UnmixThresholds()


class MaterialThresholds(NamedTuple):
    """Detecting translucent materials (`background.find_materials`, `background.fit_material`)."""

    max_neighbours: int = 400_000
    """Pairs of neighbouring pixels from which materials are guessed."""

    max_together: int = 1000
    """Pairs of colours seen at one place that are compared with one another.
    No effect at half or double on 1 clip.
    """

    min_distance: float = 30
    """RGB distance between two backgrounds that give an alpha.
    Half: no effect; double: translucency -1.1 %.
    """

    min_common: int = 200
    """Times that two backgrounds must be seen side by side for ``min_common_distance``.
    No effect at half or double on 1 clip.
    """

    min_common_distance: float = 20
    """RGB distance between two backgrounds that are often seen side by side.
    No effect at half or double on 1 clip.
    """

    max_error: float = 1.01
    """Colour values by which rounding may move a blend.
    No effect at half or double on 1 clip.
    """

    min_left: float = 0.01
    """Share of the background that a guessed material lets through, at least."""

    max_left: float = 0.97
    """Share of the background that a guessed material lets through, at most."""

    colour_margin: float = 8
    """Colour values by which the estimated colour of a guess may leave 0 to 255."""

    max_pair_weight: int = 20
    """Pixels that one pair of colours counts in the mean of a guess."""

    alpha_steps: int = 50
    """Steps from opaque to clear. Guesses within one step are one guess.
    No effect at half or double on 1 clip.
    """

    colour_step: float = 5
    """Colour values. Guesses within one step are one guess.
    No effect at half or double on 1 clip.
    """

    max_guesses: int = 400
    """Guesses that are fitted, those of the most pixels first.
    No effect at half or double on 1 clip.
    """

    max_kin: int = 20
    """Guesses that share an alpha or a colour with one known material.
    No effect at half or double on 1 clip.
    """

    kin_colour_margin: float = 2
    """As ``colour_margin``, for a guess of known alpha."""

    min_kin_alpha: float = 0.02
    """Share by which a guess of known colour must differ from opaque and from clear."""

    fit_rounds: int = 4
    """Rounds of least squares by which a guess is refined."""

    fit_distance: float = 2.5
    """Colour values between a pixel and a guess. Nearer pixels take part in the fit.
    No effect at half or double on 1 clip.
    """

    min_spread: float = 1
    """Weighted sum of squares, in colour values, of the backgrounds of a fit."""

    search_margin: int = 3
    """Values of alpha and of colour, on either side of a fit, that are tried exactly. Where
    rounding leaves more in doubt, more are tried."""

    colour_doubt: int = 200
    """Values of colour tried besides, on either side, divided by alpha: the lower the alpha, the
    less the colour shows."""

    min_pixels: int = 30
    """Pixels that a material must explain.
    Half: no effect; double: translucency -3.7 %.
    """

    min_backgrounds: int = 3
    """Colours of the background over which a material must explain pixels.
    Half: no effect; double: translucency -3.7 %.
    """

    min_pixels_of_two: int = 300
    """Pixels that a material must explain over each of two backgrounds, where it has no more.
    No effect at half or double on 1 clip.
    """

    min_exact_share: float = 0.7
    """Share of the pixels near a fit, or of their pairs of colours, that the material must
    explain exactly.
    Half: translucency -11 %; double: translucency -4.5 %.
    """

    max_ambiguous_backgrounds: int = 8
    """Colours of the background. So few leave more than one material possible.
    No effect at half or double on 1 clip.
    """

    max_common_colours: int = 64
    """Colours of the background, the commonest first, that decide between such materials.
    No effect at half or double on 1 clip.
    """

    max_difference: int = 20
    """Values of alpha and of colour between such materials and the first fit.
    No effect at half or double on 1 clip.
    """

    max_materials: int = 200
    """Materials of a clip.
    No effect at half or double on 1 clip.
    """


MATERIALS = MaterialThresholds()

# --- animation ------------------------------------------------------------------------


class CycleThresholds(NamedTuple):
    """Detecting periods (`animation.cycles`)."""

    min_wrong_frames: int = 6
    """Frames in which the plane is wrong at a place. From here on the place may be animated.
    Half: animation +1.4 %; double: animation +7.0 %.
    """

    min_wrong_share: float = 0.05
    """Share of the frames that show the place in which the plane must be wrong.
    No effect at half or double on 1 clip.
    """

    max_observations: int = 12_000_000
    """Pixels of all frames that are kept; of the places, those that are wrong most often."""

    max_period: int = 128
    """Frames.
    No effect at half or double on 1 clip.
    """

    min_pairs: int = 20
    """Pairs of frames one period apart that show the place.
    No effect at half or double on 1 clip.
    """

    min_agreement: float = 0.93
    """Share of these pairs that must agree.
    Half: animation +37 %; double: no effect.
    """

    max_disagreement: float = 0.85
    """Share of the pairs at some smaller distance that may agree: the place changes in between.
    No effect at half or double on 1 clip.
    """

    min_places: int = 24
    """Places that share a period.
    No effect at half or double on 1 clip.
    """

    min_period_share: float = 0.1
    """Share of the places that return after so many frames whose cycle must explain them.
    No effect at half or double on 1 clip.
    """

    min_change_share: float = 0.05
    """Places that change at a frame of the period, as a share of those that change at the frame
    where most do. Below it, the step goes on.
    No effect at half or double on 1 clip.
    """

    max_steps: int = 32
    """Steps of a period. Each takes memory for the whole plane.
    No effect at half or double on 1 clip.
    """

    min_error_reduction: float = 0.4
    """Share of the frames where the plane is wrong that a cycle must explain besides.
    Half: no effect; double: animation +6.1 %.
    """

    min_coverage: float = 0.5
    """Share of all frames that show the place that a cycle must explain.
    No effect at half on 1 clip.
    """

    min_votes: int = 2
    """Frames that must show a place in a step. Below it, the step shows what the step before
    does."""


CYCLES = CycleThresholds()


class AnimationThresholds(NamedTuple):
    """Choosing animations (`animation.animations`)."""

    min_places: int = 4
    """Connected places of an animation.
    No effect at half or double on 1 clip.
    """

    min_cycles: int = 2
    """Periods in which an animation must be seen.
    Half: animation -0.4 %; double: animation +27 %.
    """

    min_gain_a_pixel: int = 4
    """Pixels of all frames that an animation must explain for each pixel of its pictures.
    Half: no effect; double: animation +16 %.
    """

    min_gain: int = 100
    """Pixels of all frames that an animation must explain beyond ``min_gain_a_pixel``."""

    max_loss_a_pixel: int = 2
    """Pixels of all frames that a template may explain less than the animations which it
    replaces, for each pixel of its pictures: shared pictures cost less.
    No effect at half or double on 1 clip.
    """


ANIMATIONS = AnimationThresholds()


class TemplateThresholds(NamedTuple):
    """Matching animations with one another (`animation.templates`)."""

    min_animations: int = 3
    """Animations from which a template is made.
    Half: animation +9.4 %; double: no effect.
    """

    max_models: int = 48
    """Animations that are compared with all others."""

    min_agreement: float = 0.75
    """Share of a template's pixels that must agree.
    Half: animation +3.1 %; double: no effect.
    """

    margin: int = 2
    """Pixels around an animation that may belong to it.
    No effect at half or double on 1 clip.
    """

    max_comparisons: int = 1 << 30
    """Pixels compared to find a template in one place. Where more are needed, it is not
    looked for there."""


TEMPLATES = TemplateThresholds()


# --- mine -----------------------------------------------------------------------------


class MineThresholds(NamedTuple):
    """Mining once (`mine`)."""

    min_region: int = 6
    """Pixels of a region that becomes a sprite of its own. Smaller ones are sparks, or slivers
    of something: as tracks they cost more than as residual, unless they turn out to belong to
    something."""


MINE = MineThresholds()

# --- sprites --------------------------------------------------------------------------


class SeedThresholds(NamedTuple):
    """Making the trained model's sprites exact (`model_seeds`)."""

    min_alpha: int = 128
    """Alpha, 0 to 255, from which a pixel of the model's sprite is part of it."""

    min_agreement: float = 0.75
    """Share of the placements on the screen that must show a pixel's commonest colour. Below
    it, the pixel is clear."""

    min_placements: int = 2
    """Placements of a sprite, and placements that must show a pixel's commonest colour."""

    max_placements: int = 200
    """Placements that vote, evenly spread over the clip."""

    min_pixels: int = 4
    """Opaque pixels of a sprite. Smaller ones are dropped."""

    min_unexplained_share: float = 0.5
    """Share of the placements on the screen where the background must not explain a pixel.
    Below it, the pixel is the background's."""


SEEDS = SeedThresholds()


class ShapeThresholds(NamedTuple):
    """Learning sprites from regions that recur (`sprites.shapes`)."""

    max_share: float = 0.25
    """Share of the pixels of a frame. Larger regions (a flash, a fade, noise) are no objects;
    they become no sprites, neither here nor while objects are followed."""

    max_shapes: int = 2000
    """Recurring shapes that are learnt, those that show the most pixels in all."""


SHAPES = ShapeThresholds()


class MatchThresholds(NamedTuple):
    """Whether a sprite fits at a place (`sprites.match`, `sprites.cover`, `sprites.partial`)."""

    max_wrong_share: float = 0.06
    """Translucent pixels of a sprite that may contradict the frame, as a share of all its
    pixels and of those that it explains: what lies behind them is not known everywhere."""

    min_kept_share: float = 0.5
    """Share of a sprite's pixels that it must explain where a track continues with it."""

    max_differing_share: float = 0.5
    """Share of a sprite's pixels that may differ from the frame where it is placed partly."""

    max_differing_ratio: float = 1.0
    """Pixels that may differ for each that the sprite explains, where it is placed partly."""

    max_strange_ratio: float = 0.05
    """Pixels that may differ, and that no material makes so, for each that the sprite
    explains, where it is placed partly."""

    min_placements: int = 3
    """Placements of a sprite that may be placed partly."""

    min_alike: int = 2
    """Neighbours of a pixel, of up to four that are known, that must fit a sprite for the pixel
    to vote for a partial placement of it."""


MATCH = MatchThresholds()


class CoverThresholds(NamedTuple):
    """Searching for the sprites that explain a region (`sprites.explain`)."""

    min_gain: int = 3
    """Open pixels that a sprite must explain to be placed where no track leads."""

    min_partial_gain: int = 12
    """Open pixels that a sprite must explain to be placed partly; also the smallest region
    where that is tried."""

    search_budget: int = 20_000_000
    """Pixel comparisons spent on the open regions of one frame."""

    max_failures: int = 24
    """Pixels of a region, in one round, that no sprite covers. Then the round ends."""

    max_rounds: int = 3
    """Rounds. What something covers may fit in the next round, when its cover is placed."""

    max_candidates: int = 50_000
    """Sprite pixels that may vote for the places of partial placements in one region."""

    max_votes: int = 1 << 20
    """Votes for such places in one region, at 8 bytes each."""

    min_votes: int = 6
    """Votes that such a place needs."""

    max_places: int = 64
    """Such places that are weighed in one region, those with the most votes."""


COVER = CoverThresholds()


class MergeThresholds(NamedTuple):
    """Merging sprites that are always seen together (`sprites.merge`)."""

    max_gap: int = 4
    """Pixels between the bounding boxes of sprites that may belong together."""

    min_agreement: float = 0.8
    """Share of a sprite's placements where another must fit to be merged with it. Not all: a
    placement may be covered, or be another object that looks the same."""

    min_together: int = 2
    """Frames in which two sprites must be seen together, and placements of a sprite."""

    min_together_share: float = 0.02
    """Share of a sprite's placements at which the other must be placed. A low share, because a
    sprite may seldom need its neighbour drawn."""

    max_neighbours: int = 48
    """Neighbours that are tried for one sprite, those seen with it most often."""

    max_placements: int = 100
    """Placements of one sprite that vote, evenly spread over the clip."""

    max_in_frame: int = 400
    """Placements in a frame. Frames with more show texture, and have too many pairs."""


MERGE = MergeThresholds()

# --- tracks, residual -----------------------------------------------------------------


class FollowThresholds(NamedTuple):
    """Following objects from frame to frame (`tracks.follow`)."""

    search_radius: int = 3
    """Pixels around its expected place where a track's sprite is searched for."""

    successor_radius: int = 4
    """Pixels around its expected place where a sprite that followed the track's is searched
    for."""

    max_successors: int = 6
    """Sprites that followed a track's sprite earlier and are tried, the latest first."""

    max_link_distance: float = 14.0
    """Pixels between where a lost track was expected and where a sprite was found."""

    size_weight: float = 0.5
    """What a pixel of difference in height or width adds to that distance, in pixels."""

    successor_bonus: float = 4.0
    """Pixels subtracted from that distance where the sprite followed the track's earlier."""

    max_regions: int = 96
    """Open regions of a frame that the dictionary does not explain. More at once are texture
    or noise, and become no sprites."""

    refit_period: int = 4
    """Frames. So often, where something is translucent, regions with many fragments are
    covered afresh."""

    refit_budget: int = 5_000_000
    """Pixel comparisons spent on covering one region afresh."""

    min_fragments: int = 4
    """Tracks expected in a region that is covered afresh."""

    max_fragment_ratio: float = 0.5
    """Sprites of the new cover for each track expected in the region. With more, the tracks
    continue as they are."""


FOLLOW = FollowThresholds()


class LayerThresholds(NamedTuple):
    """Choosing a layer for each track (`tracks.scene_builder`)."""

    change_cost: float = 2.0
    """What a step of a coordinate costs that is not 0 and differs from the previous step. The
    track lies in the world or on the screen, whichever costs less."""

    step_cost: float = 0.1
    """What any step of a coordinate costs that is not 0."""


LAYERS = LayerThresholds()


class ResidualThresholds(NamedTuple):
    """Patches of the residual (`tracks.residual`)."""

    max_rest: int = 16
    """Frames for which a patch stays alive though no frame needs it."""

    patch_reach: int = 3
    """Pixels. Two wrong pixels are in one patch where neither dx nor dy exceeds it, and dx + dy
    exceeds it by 1 at most."""


RESIDUAL = ResidualThresholds()

# --- search ---------------------------------------------------------------------------


class SearchThresholds(NamedTuple):
    """Searching for the smallest Scene of a segment (`search`)."""

    max_turns: int = 4
    """Minings in a chain."""

    patience: int = 2
    """Minings in a row that save no bytes. Then the chain ends."""

    translucent_patience: int = 1
    """The same, where something is translucent: mining takes long there, and gains little by
    being repeated."""

    abort_ratio: float = 1.2
    """Bytes of a mining over the fewest bytes of the chain so far. Above it, the chain ends."""

    prune_ratio: float = 1.5
    """Bytes of a run's first mining over those of the best run. Above it, no chain continues
    for the run: few chains end with less than two thirds of the bytes they begin with."""

    min_sprite_share: float = 0.05
    """Share of the bytes that sprites and tracks take. Below it, merging sprites saves nothing,
    and no chain continues."""

    min_free_colours: int = 4096
    """Colours that the file's palette must have room for before a segment is recoloured. A
    segment has at most 1,024 colours of its own, and each may come in other colours too."""


SEARCH = SearchThresholds()
