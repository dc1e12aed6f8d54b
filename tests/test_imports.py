"""What is imported when: a light package, and decoding without what only encoding needs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import spr_files

from spritecodec.errors import requirement

ENCODER_ONLY = ("torch", "skimage", "scipy", "numba", "safetensors")

# Makes the encoder's libraries impossible to import, as where they are not installed.
BLOCKER = f"""
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {ENCODER_ONLY!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocker())
"""


def run(code: str, *arguments: str | Path) -> str:
    done = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "statement",
    [
        "import spritecodec",
        "from spritecodec import cli; assert cli.run(['--help']) == 0",
    ],
)
def test_starting_up_imports_nothing_heavy(statement: str) -> None:
    heavy = ("numpy", "av", "zstandard", "PIL", *ENCODER_ONLY)
    code = f"{statement}\nimport sys\nassert not set({heavy!r}) & set(sys.modules)"
    run(code)


@pytest.mark.parametrize("first", ["import spritecodec.pillow_plugin", "from PIL import Image"])
def test_pillow_opens_our_files_with_the_plugin(first: str, tmp_path: Path) -> None:
    source = tmp_path / "small.spr"
    source.write_bytes(spr_files.small_file())
    code = f"{first}\nimport spritecodec.pillow_plugin, sys\nfrom PIL import Image\n"
    code += "with Image.open(sys.argv[1]) as image:\n"
    code += "    assert (image.format, image.n_frames) == ('SPR', int(sys.argv[2]))\n"
    run(code, source, str(len(spr_files.frames())))


def test_the_whole_public_surface_works_without_the_encoders_libraries() -> None:
    run(BLOCKER + "import spritecodec as sc\nfor name in sc.__all__: getattr(sc, name)")


@pytest.mark.parametrize("blocked", [True, False])
def test_decoding_needs_none_of_the_encoders_libraries(tmp_path: Path, blocked: bool) -> None:
    source = tmp_path / "small.spr"
    source.write_bytes(spr_files.small_file(with_audio=True))
    code = f"""
import sys
import numpy as np
import spritecodec as sc
import spritecodec.pillow_plugin
from PIL import Image
from spritecodec import cli

source, folder = sys.argv[1:]
with sc.open(source) as reader:
    reader.verify()
    np.save(folder + "/frames.npy", reader[:])
sc.psnr(reader[:], reader[:]), sc.ssim(reader[0], reader[0])
Image.open(source).load()
for arguments in (
    ["decode", source, folder + "/out.mkv", "--lossless"],
    ["decode", source, folder + "/out.rgb"],
    ["info", source],
    ["verify", source, "--against", folder + "/out.mkv"],
    ["sprites", source, folder + "/sheet.png"],
    ["labels", source, folder + "/labels"],
):
    assert cli.run(arguments) == 0, arguments
assert not set({ENCODER_ONLY!r}) & set(sys.modules)
"""
    run((BLOCKER if blocked else "") + code, source, tmp_path)
    np.testing.assert_array_equal(np.load(tmp_path / "frames.npy"), spr_files.frames())
    raw = np.fromfile(tmp_path / "out.rgb", np.uint8)
    np.testing.assert_array_equal(raw, spr_files.frames().ravel())


# As where only the extra [encode] is installed.
WITHOUT_TORCH = """
import sys
for name in ("torch", "safetensors", "skimage"):
    sys.modules[name] = None
import numpy as np
import spritecodec as sc
from spritecodec.model import training

folder = sys.argv[1]
rng = np.random.default_rng(3)
world = np.repeat(rng.integers(0, 200, (48, 96, 1)).astype(np.uint8), 3, 2)
frames = np.stack([world[:, t : t + 64] for t in range(16)])
frames[:, 5:9, 20:24] = 255
fast = sc.encode(frames, folder + "/fast.spr", preset="fast")
default = sc.encode(frames, folder + "/default.spr")
assert fast.lossless and default.lossless
assert "[train]" not in " ".join(fast.notes + default.notes)
training.MIN_RESIDUAL_SHARE = training.MIN_SPRITE_SHARE = 0.0  # so that training may pay
default = sc.encode(frames, folder + "/more.spr")
assert default.lossless and "[train]'" in default.notes[-1], default.notes
for wanted in ({"preset": "slow"}, {"device": "cuda"}):
    try:
        sc.encode("no such file", folder + "/never.spr", **wanted)
    except sc.MissingExtraError as error:
        assert "needs torch, which is not installed" in str(error) and "[train]'" in str(error)
    else:
        raise AssertionError(wanted)
"""


def test_encoding_needs_nothing_that_only_training_needs(tmp_path: Path) -> None:
    run(WITHOUT_TORCH, tmp_path)
    assert not (tmp_path / "never.spr").exists()


def test_what_is_to_be_installed_is_named_by_where_it_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = tmp_path / "spritecodec-0.1.0-py3-none-any.whl"
    wheel.touch()
    site = tmp_path / "site" / "spritecodec-0.1.0.dist-info"
    site.mkdir(parents=True)
    (site / "METADATA").write_text("Metadata-Version: 2.1\nName: spritecodec\nVersion: 0.1.0\n")
    monkeypatch.syspath_prepend(str(site.parent))
    assert requirement("train") == "'spritecodec[train]'"  # from an index
    for origin, wanted in (
        ({"dir_info": {"editable": True}, "url": tmp_path.as_uri()}, f"-e '{tmp_path}[train]'"),
        ({"dir_info": {}, "url": tmp_path.as_uri()}, f"'{tmp_path}[train]'"),
        ({"archive_info": {}, "url": wheel.as_uri()}, f"'{wheel}[train]'"),
        ({"archive_info": {}, "url": (tmp_path / "gone").as_uri()}, "'spritecodec[train]'"),
        (
            {"vcs_info": {"vcs": "git"}, "url": "https://example.org/s.git"},
            "'spritecodec[train] @ git+https://example.org/s.git'",
        ),
    ):
        (site / "direct_url.json").write_text(json.dumps(origin))
        assert requirement("train") == wanted
