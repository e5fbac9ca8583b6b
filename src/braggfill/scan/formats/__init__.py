"""Scan files, one module for each family of formats; ``braggfill.scan.files`` is the door to them."""
