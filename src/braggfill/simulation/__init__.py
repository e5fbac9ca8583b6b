"""Scans made from scratch: relaxed crystals, their diffraction, and what a measurement does to it."""
