"""The crystal as the prior: the one finite object, seen by an imperfect instrument, that explains a scan's counts."""
