"""What places show again and again."""
