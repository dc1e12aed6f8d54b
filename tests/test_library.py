"""What a file has so far, and what a segment adds to it."""

from __future__ import annotations

import spr_files

from spritecodec.formats.spr.chunks import segment_sections
from spritecodec.formats.spr.library import Library


def test_a_packed_segment_carries_the_sizes_of_its_parts() -> None:
    library = Library()
    for scene in spr_files.scenes():
        packed = library.pack(scene)
        payloads = {kind: payload for kind, payload, _ in packed.chunks}
        sections = segment_sections(payloads["SEGM"])
        assert {name: packed.sizes[name] for name in sections} == sections
        assert packed.sizes["dictionary"] == len(payloads.get("DICT", b""))
        assert packed.sizes["background"] == len(payloads.get("TEXT", b""))
        assert packed.size == sum(map(len, payloads.values()))
        library = packed.library


def test_what_the_file_has_already_is_not_written_again() -> None:
    scene = spr_files.scenes()[0]
    again = Library().pack(scene).library.pack(scene)
    assert [kind for kind, _, _ in again.chunks] == ["SEGM"]
    assert again.sizes["dictionary"] == again.sizes["background"] == 0
