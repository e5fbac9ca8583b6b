"""From random phases on a coarse level to an object on the whole pattern that explains its counts."""
