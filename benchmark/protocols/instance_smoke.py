"""`instance/smoke@1`: procedural shapes, seconds; for tests and for trying a method, not ranked."""

from benchmark.protocol import Budget, ProtocolSpec
from benchmark.registry import PROTOCOLS

INSTANCE_SMOKE = ProtocolSpec(
    stream="instance",
    tier="smoke",
    version=1,
    pool="pool",
    pool_sha256="828bd8165160bfca2ce17f127b87138b28292efc6e4e24495586d7ad939db36a",
    classes=8,
    chunks=2,
    budget=Budget(image_visits=2048),
    arch="resnet_nano",
    view_size=32,
    tasks=("shapes@1",),
)
PROTOCOLS.register(INSTANCE_SMOKE.id)(INSTANCE_SMOKE)
