"""`instance/nano@1`: emoji of six designs, split at random into four chunks."""

from benchmark.data.pool import POOL, POOL_SHA256
from benchmark.protocol import Budget, ProtocolSpec
from benchmark.registry import PROTOCOLS

INSTANCE_NANO = ProtocolSpec(
    stream="instance",
    tier="nano",
    version=1,
    pool=POOL,
    pool_sha256=POOL_SHA256,
    classes=652,
    chunks=4,
    budget=Budget(image_visits=98_304),
    arch="resnet_nano",
    view_size=32,
    tasks=(
        "objects@1",
        "faces@1",
        "flags@1",
        "health@1",
        "interface@1",
        "letters@1",
        "scripts@1",
        "mnist@1",
        "digits@1",
        "silhouettes@1",
        "solar@1",
        "scenes@1",
    ),
)
PROTOCOLS.register(INSTANCE_NANO.id)(INSTANCE_NANO)
