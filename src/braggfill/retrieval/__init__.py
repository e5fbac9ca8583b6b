"""From a diffraction pattern to the crystal: phase retrieval with every way of treating the gaps."""
