"""The other codecs and the settings that suit sprite video best, in one table.

Every lossy peer gets one key frame and then inter frames only (sprite clips are short and
nobody seeks while measuring), its slowest preset that is still usable, and its tools for
screens or animation where it has them. Everything runs on one thread: sizes then do not
depend on the machine, and CPU seconds compare. 4:2:0 halves the colour resolution, which
alone keeps pixel art below some 30 dB in RGB, so 4:4:4 or RGB stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from spritecodec.errors import SettingsError

# Lossy RGB -> Y'CbCr: BT.709, all 256 levels used, no short cuts in the scaler.
SCALER = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
TO_YUV = f"scale=in_range=pc:out_range=pc:out_color_matrix=bt709:{SCALER}"
FROM_YUV = f"scale=in_range=pc:out_range=pc:in_color_matrix=bt709:{SCALER}"

US = "spritecodec"
GIVEN = "given"  # a file coded elsewhere, only decoded and compared

Target = str | float


@dataclass(frozen=True)
class Peer:
    """One codec with the settings it is measured at.

    Attributes
    ----------
    name : str
    encoder : str
        FFmpeg's name of the encoder.
    pixel_format : str
        What the encoder is fed, as FFmpeg names it.
    options : mapping of str to str
        Encoder options; ``{target}`` stands for the quality target.
    targets : tuple of float
        Quality targets on the encoder's own scale; empty for a lossless setting.
    through : {"pyav", "ffmpeg", "pillow"}
        The library or program that runs the encoder.
    container : str
        File name ending. NUT holds them all and adds the least, some 5 bytes a frame.
    """

    name: str
    encoder: str
    pixel_format: str
    options: Mapping[str, str]
    targets: tuple[float, ...] = ()
    through: Literal["pyav", "ffmpeg", "pillow"] = "pyav"
    container: str = "nut"

    @property
    def lossless(self) -> bool:
        """Whether the setting has no quality target."""
        return not self.targets

    @property
    def is_yuv(self) -> bool:
        return self.pixel_format.startswith("yuv")

    def options_for(self, target: Target) -> dict[str, str]:
        """The encoder's options at one target."""
        shown = target if isinstance(target, str) else f"{target:g}"
        return {key: value.replace("{target}", shown) for key, value in self.options.items()}


X264 = {"preset": "veryslow", "tune": "animation"}
X264_LONG = "keyint=infinite:min-keyint=1:scenecut=40"
X265 = {"preset": "slower", "tune": "animation"}
X265_LONG = "keyint=-1:tskip=1:pools=none:frame-threads=1:info=0:log-level=error"
VP9 = {
    "deadline": "good", "cpu-used": "0", "b": "0", "g": "9999", "tune-content": "screen",
    "auto-alt-ref": "1", "lag-in-frames": "25", "threads": "1",
}  # fmt: skip
AOM = {
    "cpu-used": "2", "b:v": "0", "g": "9999", "lag-in-frames": "35", "threads": "1",
    "enable-palette": "1", "enable-intrabc": "1", "usage": "good",
}  # fmt: skip
SVT = "scm=1:keyint=-1:lp=1:tune=1"
CRF_264 = (10.0, 18.0, 26.0, 34.0)
CRF_AV1 = (10.0, 30.0, 48.0, 60.0)

PEERS: tuple[Peer, ...] = (
    #    name            encoder        pixels     options                          targets
    Peer("x264-420", "libx264", "yuv420p",
         {**X264, "crf": "{target}", "x264-params": X264_LONG}, CRF_264),
    Peer("x264-444", "libx264", "yuv444p",
         {**X264, "crf": "{target}", "x264-params": X264_LONG}, CRF_264),
    Peer("x264-rgb", "libx264rgb", "rgb24",
         {"preset": "veryslow", "qp": "0", "x264-params": X264_LONG}),
    Peer("x265-444", "libx265", "yuv444p",
         {**X265, "crf": "{target}", "x265-params": X265_LONG}, CRF_264),
    Peer("x265-rgb", "libx265", "gbrp",
         {**X265, "x265-params": f"lossless=1:{X265_LONG}"}),
    Peer("vp9-444", "libvpx-vp9", "yuv444p", {**VP9, "crf": "{target}"}, CRF_AV1),
    Peer("vp9-rgb", "libvpx-vp9", "gbrp", {**VP9, "lossless": "1"}),
    Peer("svt-av1-420", "libsvtav1", "yuv420p",
         {"preset": "1", "crf": "{target}", "svtav1-params": SVT}, CRF_AV1),
    Peer("aom-444", "libaom-av1", "yuv444p",
         {**AOM, "crf": "{target}", "aom-params": "tune-content=screen"}, CRF_AV1, "ffmpeg"),
    Peer("aom-rgb", "libaom-av1", "gbrp",
         {**AOM, "crf": "0", "aom-params": "tune-content=screen:lossless=1"}, (), "ffmpeg"),
    Peer("ffv1", "ffv1", "bgr0",
         {"level": "3", "coder": "1", "context": "1", "g": "9999", "slices": "4"}),
    Peer("zmbv", "zmbv", "bgr0", {"g": "9999"}),
    Peer("zmbv-palette", "zmbv", "pal8", {"g": "9999"}),
    Peer("utvideo", "utvideo", "gbrp", {"pred": "median"}),
    Peer("gif", "gif", "pal8", {}, (), "pyav", "gif"),
    Peer("apng", "apng", "pal8", {"compression_level": "9", "pred": "none"}, (), "pyav", "apng"),
    Peer("apng-rgb", "apng", "rgb24", {"compression_level": "9"}, (), "pyav", "apng"),
    Peer("webp", "libwebp", "rgb24",
         {"quality": "{target}", "method": "4"}, (50.0, 90.0), "pillow", "webp"),
    Peer("webp-lossless", "libwebp", "rgb24",
         {"lossless": "1", "quality": "100", "method": "4"}, (), "pillow", "webp"),
)  # fmt: skip
# WebP's method 6 is 5 % smaller than 4 on animations and takes a hundred times as long.

# Our own targets are not crf: numbers are RGB PSNR in dB.
OUR_TARGETS: tuple[Target, ...] = ("base", 30.0, 35.0, 40.0, "lossless")


def codec_names() -> tuple[str, ...]:
    """Everything `rate_distortion` can run: us first, then the peers of the table."""
    return (US, *(peer.name for peer in PEERS))


def find_peer(name: str) -> Peer:
    """The peer of that name.

    Raises
    ------
    SettingsError
        There is none.
    """
    for peer in PEERS:
        if peer.name == name:
            return peer
    raise SettingsError(f"there is no codec {name!r}; choose among {', '.join(codec_names())}")


def default_targets(name: str) -> tuple[Target, ...]:
    """The targets a codec is measured at when none are asked for."""
    if name == US:
        return OUR_TARGETS
    return find_peer(name).targets or ("lossless",)


def parse_target(text: str) -> Target:
    """``"18"`` as 18.0, ``"lossless"`` as it is."""
    try:
        return float(text)
    except ValueError:
        return text


def ffmpeg_arguments(
    peer: Peer, target: Target, width: int, height: int, rate: str, output: str
) -> list[str]:
    """The ffmpeg command line that encodes raw RGB frames from its standard input.

    Parameters
    ----------
    rate : str
        Frames per second as a fraction, for example ``"60000/1001"``.
    output : str
        The file to write.
    """
    words = ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    words += ["-s", f"{width}x{height}", "-r", rate, "-i", "-"]
    if peer.is_yuv:
        words += ["-vf", TO_YUV, "-color_range", "pc", "-colorspace", "bt709"]
    words += ["-c:v", peer.encoder, "-pix_fmt", peer.pixel_format]
    for key, value in peer.options_for(target).items():
        words += [f"-{key}", value]
    return [*words, output]
