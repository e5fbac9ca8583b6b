"""The network that fills: its portions, its weights, and how it learns from the scan at hand."""
