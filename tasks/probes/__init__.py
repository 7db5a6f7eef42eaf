"""Probes: pure functions of features that say how good a representation is."""
