"""What the engine does for a selection: gives it what it may see, keeps what it chose."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.data.imageset import ImageSet
from benchmark.encoder import Encoder
from benchmark.method import Composed, Method
from benchmark.protocol import ProtocolSpec, SelectionSpec
from benchmark.result import Chosen, Seeds
from benchmark.seeds import seed_for
from benchmark.select import material as _material
from benchmark.select import select as _select
from benchmark.selection import Rows, Selection
from benchmark.streams.manifest import Manifest

#: The pool's features of the extractor that was used last, which the targets of a process share.
_LAST: dict[str, dict[str, NDArray[np.float32]]] = {}


def select(
    protocol: ProtocolSpec,
    method: Method,
    pool: ImageSet,
    encoder: Encoder | None,
    key: str | None,
    seeds: Seeds,
) -> tuple[Chosen, Mapping[str, NDArray[Any]]]:
    """As `benchmark.select.select`; `key` is that of the extractor's cell."""
    assert isinstance(protocol, SelectionSpec)
    if key is not None and key not in _LAST:
        _LAST.clear()
        _LAST[key] = {}
    # the same for all shares and targets, so that a smaller sample is part of a larger one
    seed = seed_for("selection", protocol.id, seeds.replicate)
    memo = _LAST[key] if key is not None else {}
    return _select(protocol, selection_of(method), pool, encoder, seed, memo)


def material(method: Method, pool: ImageSet, rows: Rows) -> tuple[ImageSet, Manifest]:
    """As `benchmark.select.material`."""
    return _material(selection_of(method), pool, rows)


def selection_of(method: Method) -> Selection:
    """The selection that a method is pre-trained on the choice of."""
    assert isinstance(method, Composed) and isinstance(method.strategy, Selection)
    return method.strategy
