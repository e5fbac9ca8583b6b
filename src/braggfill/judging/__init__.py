"""How right a fill is: judged on the scan itself, by what becomes of the crystal, and in studies."""
