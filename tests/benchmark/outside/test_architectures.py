"""Architectures from elsewhere: features are those of the authors' own network and transforms."""

import sys

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torchvision.transforms import v2

from benchmark.errors import UsageError
from benchmark.method import build_backbone
from benchmark.models import normalise
from benchmark.outside import NORMALISATIONS, outside_backbone, outside_names

models = torchvision.models


def pictures(side: int, n: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (n, 3, side, side), generator=generator, dtype=torch.uint8)


def torchvisions_own_input(images: Tensor) -> Tensor:
    preset = models.ResNet18_Weights.IMAGENET1K_V1.transforms()
    to_input = v2.Compose(
        [v2.ToDtype(torch.float32, scale=True), v2.Normalize(preset.mean, preset.std)]
    )
    return to_input(images)


def alive(net: nn.Module) -> nn.Module:
    """Statistics and scales that a fresh network has not, so that no difference hides in zeros."""
    generator = torch.Generator().manual_seed(7)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
        if hasattr(module, "layer_scale"):
            module.layer_scale.data.fill_(0.5)
    return net.eval()


def close(ours: Tensor, theirs: Tensor) -> None:
    assert ours.shape == theirs.shape
    assert theirs.std() > 0
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5 * float(theirs.abs().max()))


@pytest.mark.parametrize(
    ("name", "place", "side"),
    [
        ("resnet18", "fc", 64),
        ("resnet50", "fc", 64),
        ("wide_resnet50_2", "fc", 64),
        ("regnet_y_400mf", "fc", 64),
        ("shufflenet_v2_x0_5", "fc", 64),
        ("convnext_tiny", "classifier.2", 64),
        ("efficientnet_b0", "classifier.1", 64),
        ("mobilenet_v3_large", "classifier.3", 64),
        ("mnasnet0_5", "classifier.1", 64),
        ("densenet121", "classifier", 64),
        ("swin_t", "head", 64),
        ("vit_b_16", "heads.head", 224),
    ],
)
@torch.no_grad()
def test_features_are_what_torchvisions_classifier_is_given(
    name: str, place: str, side: int
) -> None:
    theirs = alive(models.get_model(name, weights=None))
    given: list[Tensor] = []
    theirs.get_submodule(place).register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    theirs(torchvisions_own_input(pictures(side)))
    ours = outside_backbone(name).eval()
    kept = theirs.state_dict()
    for key in [key for key in kept if key.startswith(place + ".")]:
        del kept[key]
    ours.net.load_state_dict(kept, strict=True)
    features = ours(normalise(pictures(side)))
    assert features.shape == (2, ours.width)
    close(features, given[0])


@torch.no_grad()
def test_our_own_backbone_is_called_as_it_was_trained() -> None:
    ours = outside_backbone("resnet_nano").eval()
    own = build_backbone("resnet_nano").eval()
    own.load_state_dict(ours.net.state_dict())
    images = normalise(pictures(32))
    assert ours.width == 256
    assert torch.equal(ours(images), own(images))
    for mine, expected in zip(ours.maps(images), own.maps(images), strict=True):
        assert torch.equal(mine, expected)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("headwater", -2.0, 2.0), ("symmetric", -1.0, 1.0), ("unit", 0.0, 1.0)],
)
def test_a_normalisation_by_name_maps_black_and_white(name: str, low: float, high: float) -> None:
    backbone = outside_backbone("resnet18", name)
    backbone.net = nn.Identity()
    ends = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 3, 1, 1)
    seen = backbone(normalise(ends))
    torch.testing.assert_close(seen[0], torch.full((3, 1, 1), low))
    torch.testing.assert_close(seen[1], torch.full((3, 1, 1), high))
    assert backbone.normalisation is NORMALISATIONS[name]


def test_the_normalisation_is_in_no_checkpoint() -> None:
    names = set(outside_backbone("resnet18").net.state_dict())
    assert {f"net.{name}" for name in names} == set(outside_backbone("resnet18").state_dict())


@pytest.mark.parametrize(
    ("name", "strides"),
    [
        ("resnet34", [4, 8, 16, 32]),
        ("convnext_tiny", [4, 8, 16, 32]),
        ("swin_t", [4, 8, 16, 32]),
        ("regnet_y_400mf", [2, 4, 8, 16, 32]),
        ("mobilenet_v3_large", [2, 4, 8, 16, 32]),
    ],
)
@torch.no_grad()
def test_maps_go_from_fine_to_coarse_and_end_where_the_features_begin(
    name: str, strides: list[int]
) -> None:
    backbone = outside_backbone(name).eval()
    images = normalise(pictures(64, 1))
    maps = backbone.maps(images)
    assert [64 // m.shape[2] for m in maps] == [64 // m.shape[3] for m in maps] == strides
    if isinstance(backbone.net, models.ResNet):
        torch.testing.assert_close(maps[-1].mean((2, 3)), backbone(images))


def test_what_has_no_stages_says_so() -> None:
    with pytest.raises(NotImplementedError, match="vit_b_16 gives no maps"):
        outside_backbone("vit_b_16").maps(torch.zeros(1, 3, 224, 224))


def test_a_fixed_size_is_said_before_the_network_fails() -> None:
    backbone = outside_backbone("vit_b_16")
    assert backbone.image_size == 224
    with pytest.raises(UsageError, match=r"pictures of 224 x 224 pixels only.* 32 x 32"):
        backbone(torch.zeros(1, 3, 32, 32))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet51", "no architecture is called 'resnet51'; nearest: resnet"),
        ("inception_v3", "inception_v3 has no well-defined features here"),
        ("squeezenet1_0", "its classifier ends in no linear layer"),
        ("fasterrcnn_resnet50_fpn", "no architecture is called"),
    ],
)
def test_names_that_are_not_there(name: str, message: str) -> None:
    assert name not in outside_names()
    with pytest.raises(UsageError, match=message):
        outside_backbone(name)


def test_an_unknown_normalisation() -> None:
    with pytest.raises(UsageError, match="no normalisation is called 'imagnet'; there are: head"):
        outside_backbone("resnet18", "imagnet")


def test_timm_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UsageError, match=r"timm:resnet18 needs timm.*: pip install timm"):
        outside_backbone("timm:resnet18")


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("resnet18.a1_in1k", 64),
        ("convnext_atto", 64),
        ("mobilenetv3_small_050", 64),
        ("regnety_002", 64),
        ("vit_tiny_patch16_224", 224),
    ],
)
@torch.no_grad()
def test_timm_features_are_those_before_timms_own_head(name: str, side: int) -> None:
    timm = pytest.importorskip("timm")
    theirs = alive(timm.create_model(name, pretrained=False))
    config = timm.data.resolve_model_data_config(theirs)
    transform = v2.Compose(
        [v2.ToDtype(torch.float32, scale=True), v2.Normalize(config["mean"], config["std"])]
    )
    expected = theirs.forward_head(
        theirs.forward_features(transform(pictures(side))), pre_logits=True
    )
    ours = outside_backbone(f"timm:{name}").eval()
    ours.net.load_state_dict({k: theirs.state_dict()[k] for k in ours.net.state_dict()})
    features = ours(normalise(pictures(side)))
    assert features.shape == (2, ours.width)
    close(features, expected)


@torch.no_grad()
def test_timm_maps() -> None:
    pytest.importorskip("timm")
    maps = outside_backbone("timm:convnext_atto").eval().maps(torch.zeros(1, 3, 64, 64))
    assert [tuple(m.shape[1:]) for m in maps] == [
        (40, 16, 16), (80, 8, 8), (160, 4, 4), (320, 2, 2),
    ]  # fmt: skip
    with pytest.raises(NotImplementedError):
        outside_backbone("timm:vit_tiny_patch16_224").maps(torch.zeros(1, 3, 224, 224))


@pytest.mark.parametrize("name", ["timm:resnet81", "timm:hf-hub:timm/resnet18.a1_in1k", "timm:"])
def test_timm_names_that_are_not_there_and_nothing_is_fetched(name: str) -> None:
    pytest.importorskip("timm")
    with pytest.raises(UsageError, match="timm has no model called"):
        outside_backbone(name)
