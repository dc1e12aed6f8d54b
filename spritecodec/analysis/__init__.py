"""Rate and quality: what a clip costs with us and with other codecs, measured alike."""

from spritecodec.analysis.bd import Delta, bd_psnr, bd_rate, rate_at_quality

__all__ = ["Delta", "bd_psnr", "bd_rate", "rate_at_quality"]
