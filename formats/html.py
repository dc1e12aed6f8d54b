"""What pages of HTML share that open offline: pictures inside them."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray


def data_uri(picture: NDArray[np.uint8]) -> str:
    """A picture as a ``data:`` address that holds all of it, as PNG.

    Parameters
    ----------
    picture : ndarray, shape (h, w, 3) or (h, w, 4), uint8
    """
    from PIL import Image  # takes as long to import as a hundred frames to draw

    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(out, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
