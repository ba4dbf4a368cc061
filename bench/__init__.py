"""Measurements: what the console promises, timed on this machine; ratios where machines differ."""
