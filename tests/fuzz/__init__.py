"""Structure-aware fuzzing of the reader, and fuzzing of the encoder."""
