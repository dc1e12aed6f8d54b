"""The matching engine: every sprite at every offset, greedy by true error.

Places that the picture does not explain yet are searched, cell by cell of the anchor grid
(spacing k/2, section 2.2; a sprite moves up to k/2 around its anchor, 2.4), with one
convolution over all sprites and offsets. Candidates are accepted by the error that they
really take away, at a price per placement (the sparse term of Eq. 3), and dropped again when
later ones make them superfluous.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from spritecodec.model.matching import kernels
from spritecodec.model.matching.kernels import Image, Rows

CHUNK_BYTES = 96 << 20
"""Memory that one convolution of the search may take."""
REPLACES = 0.25
"""Share of a placement's price that a new one must take away: it may make an old one
superfluous. What both together are not worth is dropped afterwards."""
PER_CELL = 8
"""Candidate sprites handed on from each searched cell."""
MAX_SAMPLES = 24
"""Places of each sprite that a vote sees."""
MIN_GAIN = 48
"""Squared error (summed over channels) that an opaque pixel must save at each place."""


def parallel(work: Callable[[int], None], count: int) -> None:
    """Run ``work(0) ... work(count - 1)`` on torch's number of threads."""
    threads = torch.get_num_threads()
    if threads == 1 or count < 2:
        for i in range(count):
            work(i)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, range(count)))


def search_type(device: torch.device) -> torch.dtype:
    """bfloat16 where its products are fast: its 8 bits hold colours exactly, and the sums
    are kept in float32; gains are measured again in integers anyway."""
    if device.type == "cuda":
        return torch.bfloat16
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    fast = device.type == "cpu" and capabilities.get("amx_bf16", False)
    return torch.bfloat16 if fast else torch.float32


@dataclass(frozen=True)
class Dictionary:
    """Sprites, made ready to be searched for.

    Attributes
    ----------
    sprites : ndarray, shape (m, k, k, 4), uint8
    device : torch.device
        Where the search runs.
    box : ndarray, shape (m, 4), int32
        Rows and columns that are not clear (`kernels.boxes`).
    weight : tensor, shape (m, 5, k, k)
        The search's kernels (`score`).
    """

    sprites: Image
    device: torch.device
    box: Rows = field(init=False)
    weight: torch.Tensor = field(init=False)

    def __post_init__(self) -> None:
        alpha = self.sprites[..., 3:].astype(np.float32) / 255
        colour = self.sprites[..., :3].astype(np.float32) - 128
        kernel = np.concatenate(
            [alpha * colour, alpha, -alpha * (colour**2).sum(-1, keepdims=True)], axis=-1
        )
        weight = torch.from_numpy(kernel).permute(0, 3, 1, 2)
        weight = weight.to(self.device, search_type(self.device))
        object.__setattr__(self, "box", kernels.boxes(self.sprites))
        object.__setattr__(self, "weight", weight.contiguous(memory_format=torch.channels_last))


def score(
    frames: Sequence[Image],
    drawn: Sequence[Image],
    corners: Rows,
    weight: torch.Tensor,
) -> tuple[NDArray[np.float32], Rows, Rows]:
    """About how much error each sprite can take away near each corner, over all offsets.

    For alpha A, colour C, frame I and drawn picture R this is the sum over pixels of
    A ((I - R)^2 - (I - C)^2), exact for binary alpha up to rounding, and a lower bound
    otherwise; as one convolution with channels (2 I, (I - R)^2 - I^2, 1) and kernels
    (A C, A, -A C^2). Colours are centred on 128 first, which keeps rounding small.

    Parameters
    ----------
    corners : ndarray, shape (n, 3), int32
        Rows (picture, x, y): the sprite's top left corner ranges over
        x .. x + k/2 - 1 and y .. y + k/2 - 1.
    weight : tensor, shape (m, 5, k, k)
        The kernels of a `Dictionary`, or some of them.

    Returns
    -------
    gains : ndarray, shape (n, m), float32
    x, y : ndarray, shape (n, m), int32
        Where the best offset puts the sprite.
    """
    m, _, k, _ = weight.shape
    half = k // 2
    size = k + half - 1
    n = len(corners)
    gains = np.zeros((n, m), np.float32)
    best = np.zeros((n, m), np.int64)
    step = max(1, CHUNK_BYTES // (4 * max(m * half * half, 5 * size * size)))
    for start in range(0, n, step):
        chunk = corners[start : start + step]
        windows = np.zeros((len(chunk), size, size, 5), np.float32)
        for window, (p, x, y) in zip(windows, chunk, strict=True):
            h, w = frames[p].shape[:2]
            y0, y1, x0, x1 = max(0, y), min(h, y + size), max(0, x), min(w, x + size)
            if y1 <= y0 or x1 <= x0:
                continue
            frame = frames[p][y0:y1, x0:x1].astype(np.float32) - 128
            below = drawn[p][y0:y1, x0:x1].astype(np.float32) - 128
            inside = window[y0 - y : y1 - y, x0 - x : x1 - x]
            inside[..., :3] = 2 * frame
            inside[..., 3] = (below * (below - 2 * frame)).sum(-1)
            inside[..., 4] = 1
        tensor = torch.from_numpy(windows).permute(0, 3, 1, 2).to(weight.device, weight.dtype)
        with torch.no_grad():
            found = functional.conv2d(tensor, weight).flatten(2).max(2)
        gains[start : start + step] = found.values.float().cpu().numpy()
        best[start : start + step] = found.indices.cpu().numpy()
    x = corners[:, 1:2] + (best % half).astype(np.int32)
    y = corners[:, 2:3] + (best // half).astype(np.int32)
    return gains, x, y


def bad_cells(
    frame: Image, drawn: Image, k: int, price: float, before: Image | None = None
) -> Rows:
    """Corners (x, y) of the cells around which more than `price` is unexplained.

    Parameters
    ----------
    before : ndarray, shape (h, w, 3), uint8, optional
        What `drawn` was at the last search: cells around which nothing has changed since
        are left out, because nothing was found there then.

    Returns
    -------
    ndarray, shape (cells, 2), int32
        Cells of the anchor grid; a sprite whose centre lies in the cell has its top left
        corner in x .. x + k/2 - 1, y .. y + k/2 - 1.
    """
    error = kernels.squared_difference(frame, drawn)
    bad = _around(error, k // 2, k // 4) > price
    if before is not None:
        bad &= _around(kernels.squared_difference(before, drawn), k // 2, k // 2) > 0
    return (np.argwhere(bad)[:, ::-1] * (k // 2) - k // 2).astype(np.int32)


def _around(values: NDArray[np.int64], half: int, reach: int) -> NDArray[np.int64]:
    """Sum of `values` over each cell of side `half` and `reach` pixels around it."""
    h, w = values.shape
    rows, columns = -(-h // half), -(-w // half)
    spare = (reach, reach + rows * half - h), (reach, reach + columns * half - w)
    total = np.pad(np.pad(values, spare).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    size = half + 2 * reach
    last = total[size::half], total[:-size:half]
    found: NDArray[np.int64] = (
        last[0][:, size::half]
        - last[0][:, :-size:half]
        - last[1][:, size::half]
        + last[1][:, :-size:half]
    )
    return found


@dataclass
class Reconstruction:
    """Some frames with the placements that explain them so far.

    Attributes
    ----------
    frames, back : list of ndarray, shape (h, w, 3), uint8
        What is to be explained, and the background alone.
    k : int
    price : float
    device : torch.device
    drawn : list of ndarray, shape (h, w, 3), uint8
        The background with the placements.
    placed : list of ndarray, shape (p, 3), int32
        Rows (sprite, x, y) in drawing order.
    worth : list of ndarray, shape (p,), int64
        Error that the picture would gain without each placement.
    """

    frames: list[Image]
    back: list[Image]
    k: int
    price: float
    device: torch.device
    drawn: list[Image] = field(init=False)
    placed: list[Rows] = field(init=False)
    worth: list[NDArray[np.int64]] = field(init=False)

    def __post_init__(self) -> None:
        self.drawn = [b.copy() for b in self.back]
        self.placed = [np.zeros((0, 3), np.int32) for _ in self.back]
        self.worth = [np.zeros(0, np.int64) for _ in self.back]

    def explain(
        self, dictionary: Dictionary, only: NDArray[np.int64], *, thoroughly: bool = True
    ) -> None:
        """Search the badly explained cells for the sprites `only` and place what pays.

        Thoroughly: longer, and twice, because dropping what no longer pays uncovers places
        to search again.
        """
        for rounds in (4, 4) if thoroughly else (2,):
            self._search(dictionary, only, rounds)
            self.prune(dictionary)

    def _search(self, dictionary: Dictionary, only: NDArray[np.int64], rounds: int) -> None:
        """At most so many rounds of placing the sprites `only`, of which there may be none."""
        if not len(only):
            return
        active = np.arange(len(self.frames))
        weight = dictionary.weight[torch.from_numpy(only).to(self.device)]
        weight = weight.contiguous(memory_format=torch.channels_last)
        before: dict[int, Image] = {}
        for _ in range(rounds):
            cells = [
                bad_cells(self.frames[i], self.drawn[i], self.k, self.price, before.get(int(i)))
                for i in active
            ]
            before = {int(i): self.drawn[i].copy() for i in active}
            owner = np.repeat(active, [len(c) for c in cells])
            corners = np.column_stack([owner, np.concatenate(cells)]).astype(np.int32)
            gains, x, y = score(self.frames, self.drawn, corners, weight)
            top = np.argsort(-gains, axis=1)[:, :PER_CELL]
            rows = np.arange(len(corners))[:, None]
            candidate = np.stack([only[top].astype(np.int32), x[rows, top], y[rows, top]], axis=-1)
            value = gains[rows, top].astype(np.int64)
            grew = np.zeros(len(self.frames), np.bool_)

            def place(
                i: int,
                owner: NDArray[np.int64] = owner,
                candidate: Rows = candidate,
                value: NDArray[np.int64] = value,
                grew: NDArray[np.bool_] = grew,
            ) -> None:
                mine = owner == i
                grew[i] = self._accept(
                    i, dictionary, candidate[mine].reshape(-1, 3), value[mine].ravel()
                )

            parallel(place, len(self.frames))
            active = np.flatnonzero(grew)
            if not len(active):
                break

    def _accept(
        self, i: int, dictionary: Dictionary, candidates: Rows, gains: NDArray[np.int64]
    ) -> bool:
        least = REPLACES * self.price
        pays = gains > least / 2
        new = kernels.greedy(
            self.frames[i],
            self.drawn[i],
            dictionary.sprites,
            dictionary.box,
            np.ascontiguousarray(candidates[pays]),
            gains[pays],
            int(least),
        )
        self.placed[i] = np.concatenate([self.placed[i], new])
        return len(new) > 0

    def follow(
        self, i: int, dictionary: Dictionary, previous: Rows, shift: tuple[int, int]
    ) -> None:
        """Start picture `i` from another's placements, moved or standing, where they pay."""
        if not len(previous):
            return
        sprites, box = dictionary.sprites, dictionary.box
        candidates = []
        gains = []
        for s, x, y in previous.tolist():
            for dx, dy in {(0, 0), shift}:
                near = kernels.best_near(
                    self.frames[i], self.drawn[i], sprites, box, s, x + dx, y + dy, 3
                )
                gains.append(near[0])
                candidates.append((s, near[1], near[2]))
        self._accept(i, dictionary, np.array(candidates, np.int32), np.array(gains, dtype=np.int64))

    def prune(self, dictionary: Dictionary) -> None:
        """Drop placements that no longer pay, and redraw."""
        sprites, box = dictionary.sprites, dictionary.box

        def one(i: int) -> None:
            self.placed[i], self.worth[i] = kernels.prune(
                self.frames[i], self.back[i], sprites, box, self.placed[i], int(self.price)
            )
            self.drawn[i] = self.back[i].copy()
            kernels.draw_all(self.drawn[i], sprites, box, self.placed[i])

        parallel(one, len(self.frames))

    def sprite_worth(self, m: int) -> NDArray[np.float64]:
        """Error that all frames together would gain without each sprite, shape (m,)."""
        used = np.concatenate([p[:, 0] for p in self.placed])
        worth = np.concatenate(self.worth).astype(np.float64)
        return np.bincount(used, worth, m).astype(np.float64)

    def error(self) -> float:
        """Mean squared error over pixels and channels, 0 to 255 scale."""
        total = sum(
            int(kernels.squared_difference(f, d).sum())
            for f, d in zip(self.frames, self.drawn, strict=True)
        )
        return total / (len(self.frames) * self.frames[0].size)


def vote(reconstruction: Reconstruction, sprites: Image) -> Image:
    """Every sprite re-estimated from the places where it shows (`kernels.vote`).

    Where all places together say that the vote made a sprite worse, it stays as it was.
    """
    m, k = sprites.shape[:2]
    samples = kernels.Samples.none(m, k, MAX_SAMPLES)
    box = kernels.boxes(sprites)
    # Frames in a scattered order, so that full slots still hold samples of the whole clip.
    for i in np.random.default_rng(0).permutation(len(reconstruction.frames)):
        frame, back, placed = (
            reconstruction.frames[i],
            reconstruction.back[i],
            reconstruction.placed[i],
        )
        kernels.gather(frame, back, sprites, box, placed, samples)
    voted: Image = kernels.vote(sprites, samples, MIN_GAIN)
    saved = np.zeros(m, np.int64)
    for frame, back, placed in zip(
        reconstruction.frames, reconstruction.back, reconstruction.placed, strict=True
    ):
        kernels.trial(frame, back, sprites, voted, placed, saved)
    voted[saved <= 0] = sprites[saved <= 0]
    return voted
