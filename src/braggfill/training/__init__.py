"""Where the network learns: random gaps in simulated scans, a stream of portions, the loop."""
