"""Without boundaries: neighbouring chunks overlap, and the method is not told where one ends.

Two neighbours both deliver a fifth of a chunk: the last tenth of the one and the first tenth of the
next. Optimiser, schedule and method run on from chunk to chunk; `begin_chunk` comes once, at the
start of the stream. The chunks that are blurred are those of the instance and the random-class
stream, so that the two can be compared.

Source: ours; for class-incremental streams with blurry boundaries see Bang et al., CVPR 2021.
"""

from benchmark.protocols._tiers import FULL, NANO, SMOKE, register

OVERLAP = {"overlap": 0.2}

for _stream in ("blurred-instance", "blurred-class"):
    register(_stream, *(tier | OVERLAP for tier in (SMOKE, NANO, FULL)))
