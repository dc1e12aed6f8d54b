"""From frames to a Scene: camera, background, animations, sprites, tracks."""
