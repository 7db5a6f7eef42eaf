"""Tiny copies of ImageNet and DomainNet in their original layouts."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def photo(number: int, size: tuple[int, int] = (40, 30), kind: str = "JPEG") -> bytes:
    """A smooth picture of its own."""
    rng = np.random.default_rng(number)
    small = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
    buffer = io.BytesIO()
    small.resize(size, Image.Resampling.BICUBIC).save(buffer, kind)
    return buffer.getvalue()


def put(path: Path, content: bytes | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


SYNSETS = [f"n0000000{c}" for c in range(4)]


@pytest.fixture
def imagenet(tmp_path: Path) -> Path:
    """Four classes of 6 training and 2 validation images."""
    root = tmp_path / "imagenet"
    for c, synset in enumerate(SYNSETS):
        for k in range(6):
            put(root / "train" / synset / f"{synset}_{10 * k}.JPEG", photo(100 * c + k))
        for k in range(2):
            name = f"ILSVRC2012_val_{2 * c + k:08d}.JPEG"
            put(root / "val" / synset / name, photo(100 * c + 50 + k))
    return root


@pytest.fixture
def domainnet(tmp_path: Path) -> Path:
    """Three classes in five domains; sketch has 9 training images, the others 6, all 3 to test."""
    root = tmp_path / "domainnet"
    seed = 0
    for domain in ("sketch", "real", "painting", "quickdraw", "clipart"):
        for split, count in (("train", 3 if domain == "sketch" else 2), ("test", 1)):
            lines = []
            for c, name in enumerate(("ant", "bee", "cow")):
                for k in range(count):
                    path = f"{domain}/{name}/{domain}_{split}_{c}_{k}.jpg"
                    put(root / path, photo(seed := seed + 1))
                    lines.append(f"{path} {c}")
            put(root / f"{domain}_{split}.txt", "\n".join(lines))
    return root
