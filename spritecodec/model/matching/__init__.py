"""The engine of the preset `default`: sprites by matching, without gradients."""
