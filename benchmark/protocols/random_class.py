"""Random-class-incremental: classes split at random into chunks of equal number.

Source: Hu et al., ICLR 2022; four chunks, 250 classes of ImageNet each.
"""

from benchmark.protocols._tiers import FULL, NANO, SMOKE, register

register("random-class", SMOKE, NANO, FULL)
