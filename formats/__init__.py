"""The .spr container and its specification; video in and out; sprite sheets."""
