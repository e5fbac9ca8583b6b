"""Scan files, one module for each family of formats; ``braggfill.io`` is the door to them."""
