"""Fills that need no training: interpolation, regression, kriging, each in log(1 + counts)."""
