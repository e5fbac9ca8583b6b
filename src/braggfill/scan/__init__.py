"""A scan as it comes from a file: its counts, its mask, and what of it was not measured."""
