"""Sources that are not pixel-exact: what stands still, and what a pixel may be."""
