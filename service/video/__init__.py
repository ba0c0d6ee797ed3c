"""Videos: read, analysed, written as lines."""
