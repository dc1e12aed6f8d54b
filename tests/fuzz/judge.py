"""What is wrong with how a case is read; most have nothing wrong."""

from __future__ import annotations

import io
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import numpy as np
from PIL import Image, UnidentifiedImageError

import spritecodec as sc
import spritecodec.pillow_plugin
from tests import spec_decoder
from tests.fuzz.mutate import Case

MAX_SECONDS = 2.0  # of the processor: others may keep it busy meanwhile
HOPELESS_SECONDS = 20  # by the clock
MAX_COMPARED = 40_000  # pixels of all frames, above which the slow decoder is not asked


class Hangs(BaseException):
    """Reading takes too long; no error, so that nothing catches it."""


@contextmanager
def deadline() -> Iterator[None]:
    """Stop what hangs."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Hangs

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(HOPELESS_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def judge(case: Case) -> tuple[str, str | None]:
    """Read a case in every way.

    Returns
    -------
    verdict : "accepted" or "refused"
    fault : str or None
        What went wrong.
    """
    began = time.process_time()
    try:
        with deadline():
            reader, md5, fault = _read(case)
    except Hangs:
        return "refused", "hangs"
    seconds = time.process_time() - began
    if fault is None and seconds > MAX_SECONDS:
        fault = f"takes {seconds:.1f} s"
    if fault is None and not case.repaired and reader is not None and md5 != _md5(case.base):
        fault = "a damaged file shows wrong frames"
    if fault is None and case.repaired:
        try:
            with deadline():
                fault = _compare(case, reader) or _pillow(case, reader)
        except Hangs:
            fault = None  # the slow decoder, which nobody uses
    return "refused" if reader is None else "accepted", fault


def _md5(data: bytes) -> str:
    return sc.open(io.BytesIO(data)).verify().md5


def _read(case: Case) -> tuple[sc.Reader | None, str, str | None]:
    """A reader that has verified the file, the MD5 of all frames, and what went wrong."""
    try:
        reader = sc.open(io.BytesIO(case.data))
        found = reader.verify()
    except sc.FormatError as e:
        words = str(e)
        if "cannot be decoded: " in words or "\n" in words or not words.isprintable():
            return None, "", f"an error that nobody foresaw: {words}"
        return None, "", None
    except Exception as e:
        return None, "", f"a foreign exception: {type(e).__name__}: {e}"
    return reader, found.md5, None


def _compare(case: Case, reader: sc.Reader | None) -> str | None:
    """Ask the specification's decoder; the reader is that of an accepted file."""
    if reader is not None and len(reader) * reader.width * reader.height > MAX_COMPARED:
        return None
    try:
        video = spec_decoder.decode(case.data)
    except Exception as e:
        if reader is None:
            return None
        return f"only the specification's decoder refuses it: {type(e).__name__}: {e}"
    if reader is None:
        return "only the specification's decoder accepts it"
    if video.pts != reader.pts.tolist():
        return "time stamps differ from those of the specification's decoder"
    shape = (len(reader), reader.height, reader.width, 3)
    if not np.array_equal(np.array(video.frames, np.uint8).reshape(shape), reader[:]):
        return "frames differ from those of the specification's decoder"
    return None


def _pillow(case: Case, reader: sc.Reader | None) -> str | None:
    """Read it as a picture."""
    try:
        with Image.open(io.BytesIO(case.data), formats=["SPR"]) as image:
            for number in range(50):
                image.seek(number)
                image.load()
    except EOFError:
        return None  # there are no more frames
    except (UnidentifiedImageError, OSError):
        # Audio and chunks that no frame needs are not read.
        return None if reader is None else "Pillow refuses a sound file"
    except Exception as e:
        return f"Pillow lets a foreign exception out: {type(e).__name__}: {e}"
    return None
