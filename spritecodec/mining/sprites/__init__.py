"""The dictionary, and where its sprites fit a frame."""
