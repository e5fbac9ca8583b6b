"""Hostile cases from a seed, and the one rule that each of them must keep."""
