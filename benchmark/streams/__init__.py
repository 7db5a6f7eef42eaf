"""Streams: how chunks are drawn, the files that fix them, and the reader that serves them."""
