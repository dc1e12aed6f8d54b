"""Rate and quality: what a clip costs with us and with other codecs, measured alike.

from spritecodec.analysis import rate_distortion

table = rate_distortion("clip.mkv", ["spritecodec", "x264-444", "zmbv"])
print(table.to_markdown())
"""

from spritecodec.analysis.bd import Delta, bd_psnr, bd_rate, rate_at_quality
from spritecodec.analysis.peers import PEERS, Peer, codec_names
from spritecodec.analysis.quality import FrameQuality, Quality, compare_frames
from spritecodec.analysis.run import rate_distortion
from spritecodec.analysis.sources import Source, content_hash, open_source
from spritecodec.analysis.table import Row, Table

__all__ = [
    "PEERS",
    "Delta",
    "FrameQuality",
    "Peer",
    "Quality",
    "Row",
    "Source",
    "Table",
    "bd_psnr",
    "bd_rate",
    "codec_names",
    "compare_frames",
    "content_hash",
    "open_source",
    "rate_at_quality",
    "rate_distortion",
]
