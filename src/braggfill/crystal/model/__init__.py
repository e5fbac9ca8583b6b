"""What counts are expected of one finite object in partially coherent light, and the fit of both to a scan's counts."""
