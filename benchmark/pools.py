"""Where a protocol's pool comes from, tier by tier."""

import numpy as np

from benchmark.data.home import home
from benchmark.data.imageset import ImageSet, load_image_set
from benchmark.data.listing import SPLITS, IdTable, Listing
from benchmark.data.procedural import smoke_set
from benchmark.protocol import ProtocolSpec

#: Side in pixels to which the full tier's images are decoded; views are cropped from it.
FULL_SIZE = 256


def load_pool(protocol: ProtocolSpec) -> ImageSet:
    """The images that the protocol's stream is drawn from.

    Raises:
        DataError: not prepared, damaged, or not what the protocol was declared with.
    """
    if protocol.tier == "full":
        from benchmark.data.files.load import load_full

        return load_full(protocol.pool, FULL_SIZE)
    assert protocol.pool_sha256 is not None
    if protocol.tier == "smoke":
        return smoke_set(protocol.pool, 40, protocol.pool_sha256)
    root = home() / protocol.tier
    return load_image_set(protocol.pool, expected_sha256=protocol.pool_sha256, root=root)


def pool_listing(images: ImageSet) -> Listing:
    """An image set as a listing: what a stream is drawn from."""
    domains = images.extra.get("domain")
    names = () if domains is None else tuple(np.unique(domains).tolist())
    return Listing(
        ids=IdTable.of(images.ids),
        sha256=np.array([list(bytes.fromhex(text)) for text in images.source_sha256], np.uint8),
        labels=images.labels,
        splits=np.array([SPLITS.index(split) for split in images.splits], np.uint8),
        class_names=images.class_names,
        domains=None if domains is None else np.searchsorted(names, domains).astype(np.uint8),
        domain_names=names,
    )
