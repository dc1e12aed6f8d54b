"""``python -m spritecodec.cli``: the same as the command ``spritecodec``."""

from spritecodec.cli import main

main()
