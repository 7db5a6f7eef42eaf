"""Strategies: what is done about the stream, a file each."""
