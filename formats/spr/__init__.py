"""The .spr file: container, chunks, and the streams inside."""
