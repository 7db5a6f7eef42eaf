"""Domain-incremental: one style of the same classes after the other, in equal numbers.

Source: Hu et al., ICLR 2022, five domains of DomainNet; the order and the size are our choice.
"""

from benchmark.data.procedural import DOMAINS
from benchmark.protocols._tiers import FULL, FULL_DOMAINS, NANO, NANO_DOMAINS, SMOKE, register

register("domain", SMOKE | {"domains": DOMAINS}, NANO | NANO_DOMAINS, FULL | FULL_DOMAINS)
