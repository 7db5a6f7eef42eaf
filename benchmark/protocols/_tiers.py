"""What the protocols of a tier have in common: pool, budget, backbone and evaluations."""

from typing import Any

from benchmark.data.pool import POOL, POOL_SHA256
from benchmark.data.styles import DOMAINS
from benchmark.protocol import Budget, ProtocolSpec
from benchmark.registry import PROTOCOLS

#: Procedural shapes, seconds; for tests and for trying a method, never ranked.
SMOKE: dict[str, Any] = {
    "tier": "smoke",
    "pool": "pool",
    "pool_sha256": "5cc45bcda19be25821eafa6fd485b5548fd8a61fea1933af6022efee87b73a6a",
    "pool_images": (256, 192),
    "classes": 8,
    "chunks": 2,
    "budget": Budget(image_visits=2048),
    "arch": "resnet_nano",
    "view_size": 32,
    "tasks": ("shapes@1",),
}

#: Emoji of six designs, CPU minutes. The budget was chosen on validation images and by the time.
NANO: dict[str, Any] = {
    "tier": "nano",
    "pool": POOL,
    "pool_sha256": POOL_SHA256,
    "pool_images": (5119, 1303),
    "classes": 652,
    "chunks": 4,
    "budget": Budget(image_visits=98_304),
    "arch": "resnet_nano",
    "view_size": 32,
    "tasks": (
        *("objects@1", "faces@1", "flags@1", "health@1", "interface@1", "letters@1"),
        *("scripts@1", "mnist@1", "digits@1", "silhouettes@1", "solar@1", "scenes@1"),
    ),
}

#: The papers' scale. ResNet-50 and MoCo v2's 200 epochs on ImageNet (Hu et al., ICLR 2022); that
#: every method, the supervised twin too, has the same visits is our choice.
FULL: dict[str, Any] = {
    "tier": "full",
    "pool": "imagenet",
    "pool_sha256": None,
    "pool_images": (1_281_167, 50_000),
    "classes": 1000,
    "chunks": 4,
    "budget": Budget(image_visits=200 * 1_281_167),
    "arch": "resnet50",
    "view_size": 224,
    "tasks": (
        *("food101@1", "cifar10@1", "cifar100@1", "birdsnap@1", "sun397@1", "cars@1"),
        *("aircraft@1", "voc2007@1", "dtd@1", "pets@1", "caltech101@1", "flowers@1"),
    ),
}

#: Style families of the nano pool, all cut to the size of the smallest. The budget is nano's, up
#: to the next multiple of five batches of 256.
NANO_DOMAINS: dict[str, Any] = {
    "domains": DOMAINS,
    "chunks": len(DOMAINS),
    "budget": Budget(image_visits=98_560),
}

#: DomainNet without infograph, all cut to the size of clipart, the smallest. Order and size are our
#: choice, since the paper's are not known to us.
FULL_DOMAINS: dict[str, Any] = {
    "pool": "domainnet",
    "pool_images": (373_809, 161_161),
    "classes": 345,
    "domains": ("sketch", "real", "painting", "quickdraw", "clipart"),
    "chunks": 5,
    "budget": Budget(image_visits=200 * 5 * 33_525),
}


def register(stream: str, *tiers: dict[str, Any], version: int = 1) -> None:
    """Register a stream's protocols, one for each tier."""
    for tier in tiers:
        spec = ProtocolSpec(stream=stream, version=version, **tier)
        PROTOCOLS.register(spec.id)(spec)
