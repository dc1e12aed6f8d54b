"""Clips to measure on, and the measurements."""
