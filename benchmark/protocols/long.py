"""Four times the budget: is what the small tier shows a matter of how little it trains?

The chunks are those of the distant-class stream, where the paper finds the largest gap.

Source: ours, to look into where nano and Hu et al., ICLR 2022, disagree.
"""

from benchmark.protocol import Budget
from benchmark.protocols._tiers import FULL, NANO, SMOKE, register

for _tier in (SMOKE, NANO, FULL):
    _budget = Budget(image_visits=4 * _tier["budget"].image_visits)
    register("long-distant-class", _tier | {"budget": _budget})
