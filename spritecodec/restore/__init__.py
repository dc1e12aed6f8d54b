"""What a recording did to the frames: exact enlargements are undone, lossy ones simplified."""
