"""Pillow's `Image.open` for .spr files: every frame, as an animated picture.

    import spritecodec.pillow_plugin
    from PIL import Image

    Image.open("game.spr")

Importing this module registers the format. Pillow has no way to find plugins by itself.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

from PIL import Image, ImageFile

if TYPE_CHECKING:
    from spritecodec.reader import Reader

# The first bytes of a .spr file; spelled out so that importing this file stays quick.
_SIGNATURE = b"\x89SPR\r\n\x1a\n"


class SprImageFile(ImageFile.ImageFile):
    """A .spr file as Pillow shows it: `seek`, `tell`, `n_frames`, `info["duration"]` (ms)."""

    format = "SPR"
    format_description = "spritecodec video"
    _close_exclusive_fp_after_loading = False
    _number = 0
    _drawn = -1  # the frame whose pixels are in self.im

    def _open(self) -> None:
        from spritecodec.errors import FormatError
        from spritecodec.reader import open as open_reader

        assert self.fp is not None
        file: IO[bytes] = self.fp
        try:
            self._reader: Reader = open_reader(file)
            if len(self._reader) == 0:
                raise FormatError("the file is cut short and has no whole frame")
            self._times = self._reader.pts
        except FormatError as e:
            raise SyntaxError(str(e)) from e  # Pillow's word for "not mine, or damaged"
        self._size = (self._reader.width, self._reader.height)
        self._mode = "RGB"
        self.info["loop"] = 0
        self._show(0)

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self._reader)

    @property
    def is_animated(self) -> bool:
        """Whether there is more than one frame."""
        return self.n_frames > 1

    def seek(self, frame: int) -> None:
        """Go to a frame, 0 to n_frames - 1.

        Raises
        ------
        EOFError
            There is no such frame.
        """
        if not 0 <= frame < self.n_frames:
            raise EOFError(f"there is no frame {frame}")
        if frame != self._number:
            self._show(frame)

    def tell(self) -> int:
        """The number of the current frame."""
        return self._number

    def load(self) -> Any:
        """Draw the current frame, if it is not drawn yet.

        Raises
        ------
        OSError
            The file is damaged.
        """
        from spritecodec.errors import FormatError

        if self._drawn != self._number:
            try:
                frame = self._reader.frame(self._number)
            except FormatError as e:
                raise OSError(str(e)) from e
            self.im = Image.frombytes("RGB", self.size, frame.tobytes()).im
            self._drawn = self._number
        return Image.Image.load(self)

    def _show(self, frame: int) -> None:
        self._number = frame
        pts = self._times
        ticks = (
            (int(pts[frame + 1]) - int(pts[frame])) * self._reader.time_base
            if frame + 1 < len(pts)
            else 1 / self._reader.frame_rate
        )
        self.info["duration"] = float(1000 * ticks)


def _accept(prefix: bytes) -> bool:
    return prefix.startswith(_SIGNATURE)


Image.register_open(SprImageFile.format, SprImageFile, _accept)
Image.register_extension(SprImageFile.format, ".spr")
Image.register_mime(SprImageFile.format, "video/x-spr")
