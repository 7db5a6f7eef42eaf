"""Draws the manifests that are kept as files: `python -m benchmark.streams.draw PROTOCOL`.

Used once for a new protocol; the files are what counts afterwards.
"""

import sys

from benchmark.data.imageset import ImageSet
from benchmark.pools import load_pool
from benchmark.protocol import ProtocolSpec
from benchmark.registry import PROTOCOLS, load_shipped
from benchmark.streams.manifest import Manifest, instance_split, write_manifest


def draw_instance(pool: ImageSet, protocol: ProtocolSpec) -> Manifest:
    """Chunks of equal size at random; the held-out images are shared out in the same way."""
    names = ("stream", protocol.id, protocol.stream_seed)

    def split(part: str) -> tuple[tuple[str, ...], ...]:
        ids = [pool.ids[row] for row in pool.indices(part)]
        chunks = instance_split(ids, protocol.chunks, *names, part)
        return tuple(tuple(chunk) for chunk in chunks)

    return Manifest(chunks=split("train"), held_out=split("test"))


if __name__ == "__main__":
    load_shipped()
    for name in sys.argv[1:]:
        chosen: ProtocolSpec = PROTOCOLS.get(name)
        print(write_manifest(draw_instance(load_pool(chosen), chosen), chosen.folder))
