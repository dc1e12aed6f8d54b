"""spritecodec: a video codec and file format for sprite-based video."""
