"""From a scan and its mask to estimates for every gap: the table of methods, and the result."""
