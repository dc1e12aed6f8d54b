"""What is fixed in the world: pictures of planes, and translucent materials."""
