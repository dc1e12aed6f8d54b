"""The benchmark clips: each is made by one command, deterministic, and checked by its hash."""
