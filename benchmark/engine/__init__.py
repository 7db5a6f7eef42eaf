"""The engine: the graph of cells, and who computes them."""
