"""Everything that is not .spr: video files, pictures, pipes, sound."""
