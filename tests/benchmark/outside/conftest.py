"""A network of torchvision's, its features, layouts and strangers to save it with, and where to."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import ResNet, resnet18
from torchvision.transforms.functional import convert_image_dtype, normalize

from benchmark.models import normalise
from benchmark.outside import Outside

State = dict[str, Any]

IMAGES = torch.randint(
    0, 256, (2, 3, 64, 64), generator=torch.Generator().manual_seed(1), dtype=torch.uint8
)


class Anything:
    """A class of a stranger's program, whose settings a checkpoint may hold."""

    def __init__(self) -> None:
        self.inner = {"a": 1}

    def __setstate__(self, state: object) -> None:
        raise AssertionError("a stranger's class was used")


class Mapped(dict[str, Any]):
    """A dictionary of a stranger's kind, as Lightning's AttributeDict is."""


class Listed(list[Any]):
    """A list of a stranger's kind."""


class Strangers(NamedTuple):
    """Classes of a stranger's program."""

    anything: type[Anything] = Anything
    mapped: type[Mapped] = Mapped
    listed: type[Listed] = Listed


@pytest.fixture
def strangers() -> Strangers:
    return Strangers()


@pytest.fixture
def images() -> Tensor:
    return IMAGES


@pytest.fixture
def under() -> Callable[..., State]:
    """Names as another project has them."""

    def rename(prefix: str, state: State, *, fc: str | None = "fc.") -> State:
        """The same state under a prefix, its classifier under another name or left out."""
        named = {}
        for key, value in state.items():
            if not key.startswith("fc."):
                named[prefix + key] = value
            elif fc is not None:
                named[prefix + fc + key.removeprefix("fc.")] = value
        return named

    return rename


@pytest.fixture(scope="module")
def net() -> ResNet:
    """torchvision's own network, with statistics that a fresh one has not."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        made = resnet18().eval()
        for module in made.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.running_mean, 0, 0.1)
                nn.init.uniform_(module.running_var, 0.5, 1.5)
    return made


@pytest.fixture(scope="module")
def features(net: ResNet) -> Tensor:
    """Of that network with its fc removed, on pictures normalised by torchvision."""
    bare = copy.deepcopy(net)
    bare.fc = nn.Identity()
    inputs = normalize(
        convert_image_dtype(IMAGES, torch.float32), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    )
    with torch.no_grad():
        found: Tensor = bare(inputs)
    return found


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    def save(content: Any, name: str = "theirs.pth", **options: Any) -> Path:
        torch.save(content, tmp_path / name, **options)
        return tmp_path / name

    return save


@pytest.fixture
def same(features: Tensor) -> Callable[[Outside], None]:
    """Whether a backbone that was read has those features."""

    def compare(outside: Outside) -> None:
        assert not outside.backbone.training
        with torch.no_grad():
            ours = outside.backbone(normalise(IMAGES))
        torch.testing.assert_close(ours, features, rtol=1e-5, atol=1e-5)

    return compare
