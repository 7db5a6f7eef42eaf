"""Instance-incremental: images split at random into equal chunks, all alike.

Source: Hu et al., ICLR 2022; four chunks.
"""

from benchmark.protocols._tiers import FULL, NANO, SMOKE, register

register("instance", SMOKE, NANO, FULL)
