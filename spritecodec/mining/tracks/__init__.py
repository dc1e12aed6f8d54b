"""Objects through time, the Scene they make, and its residual."""
