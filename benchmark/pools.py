"""Where a protocol's pool comes from, tier by tier."""

from benchmark.data.home import home
from benchmark.data.imageset import ImageSet, load_image_set
from benchmark.data.procedural import smoke_set
from benchmark.protocol import ProtocolSpec


def load_pool(protocol: ProtocolSpec) -> ImageSet:
    """The images that the protocol's stream is drawn from.

    Raises:
        DataError: not prepared, damaged, or not what the protocol was declared with.
    """
    if protocol.tier == "smoke":
        return smoke_set(protocol.pool, 40, protocol.pool_sha256)
    root = home() / protocol.tier
    return load_image_set(protocol.pool, expected_sha256=protocol.pool_sha256, root=root)
