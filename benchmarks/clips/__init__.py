"""The benchmark clips: each made by one command, deterministic, checked by hash."""
