"""Data selection: which images of an unlabelled pool are worth pre-training on, for a target.

A selection sees the pool's images and a target's few training images. A fresh model is then
pre-trained on what was chosen, always for the same number of image visits, and evaluated on that
target: by a linear probe and by fine-tuning with the same few labels, by few-shot episodes, and by
detection where the target has it.

Source: after Lin et al., SEPT (AAAI 2023), whose pool, budgets and schedules are not published in
full; shares, shots and visits are our choice.
"""

from benchmark.protocol import SELECTION, Budget, SelectionSpec
from benchmark.protocols._tiers import FULL, NANO, SMOKE
from benchmark.registry import PROTOCOLS

#: A quarter of what a stream's methods may spend at nano, since there is a run for every target;
#: half of it at the full tier: 100 epochs of the whole pool.
VISITS = {"smoke": 1024, "nano": 24_576, "full": 100 * 1_281_167}

for _tier in (SMOKE, NANO, FULL):
    _own = {"chunks": 1, "budget": Budget(image_visits=VISITS[_tier["tier"]])}
    _spec = SelectionSpec(stream=SELECTION, version=1, **(_tier | _own))
    PROTOCOLS.register(_spec.id)(_spec)
