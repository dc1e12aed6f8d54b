"""The paper's network, its renderer and its training."""
