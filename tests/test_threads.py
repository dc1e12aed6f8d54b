"""Threads of one process encode at the same time, and write what one alone would write."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# In a process of its own: where threads share what they must not, the process crashes.
ENCODE = """
import hashlib, sys, threading
from pathlib import Path
import numpy as np
import spritecodec as sc

folder = Path(sys.argv[1])

def clip(seed):
    rng = np.random.default_rng(seed)
    world = rng.integers(0, 200, (48, 64, 3), np.uint8)
    frames = np.repeat(world[None], 16, axis=0)
    for _ in range(2):
        sprite = rng.integers(200, 256, (7, 6, 3), np.uint8)
        x, y, step = rng.integers(0, 24, 3)
        for t in range(16):
            left = x + t * step // 16
            frames[t, y : y + 7, left : left + 6] = sprite
    return frames

def encode(seed, name):
    sc.encode(clip(seed), folder / name, preset="fast")
    video = folder / f"{name}.mkv"
    sc.decode(folder / name, video, lossless=True)
    (piece,) = sc.open_clip(video).pieces()
    np.testing.assert_array_equal(piece.frames, clip(seed))

def md5(name):
    return hashlib.md5((folder / name).read_bytes()).hexdigest()

encode(0, "alone-0.spr")
encode(1, "alone-1.spr")
for turn in range(2):
    threads = [
        threading.Thread(target=encode, args=(seed, f"{turn}-{seed}.spr")) for seed in (0, 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in (0, 1):
        assert md5(f"{turn}-{seed}.spr") == md5(f"alone-{seed}.spr")
"""


def test_two_threads_encode_at_once(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-X", "faulthandler", "-c", ENCODE, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
