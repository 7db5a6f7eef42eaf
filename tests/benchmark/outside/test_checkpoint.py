"""Checkpoints from elsewhere: what fits is read as it was trained; what does not, is said."""

import argparse
import zipfile
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models import ResNet, resnet18, resnet34, vit_b_16
from torchvision.transforms.functional import normalize

from benchmark.errors import DataError
from benchmark.method import build_backbone
from benchmark.models import normalise
from benchmark.outside import Outside, load_outside

State = dict[str, Any]

Under = Callable[..., State]


@pytest.mark.parametrize(
    "kind", ["old", "old with classes", "half", "bfloat16", "double", "no counters"]
)
def test_older_formats_and_other_precisions(
    kind: str, net: ResNet, same: Callable[[Outside], None], saved: Callable[..., Path]
) -> None:
    state: State = OrderedDict(net.state_dict())
    if kind.startswith("old"):
        content = {"state_dict": state}
        if kind != "old":
            content["args"] = argparse.Namespace(a={"b": Path("x")}, c=defaultdict(dict))
        path = saved(content, _use_new_zipfile_serialization=False)
        assert not zipfile.is_zipfile(path)
        same(load_outside(path, "resnet18"))
        return
    if kind == "no counters":
        path = saved({k: v for k, v in state.items() if "num_batches" not in k})
        same(load_outside(path, "resnet18"))
        return
    dtype = getattr(torch, kind if kind != "half" else "float16")
    rounded = {k: v.to(dtype) if v.is_floating_point() else v for k, v in state.items()}
    outside = load_outside(saved(rounded), "resnet18")
    for key, value in outside.backbone.net.state_dict().items():
        assert value.dtype == state[key].dtype
        assert torch.equal(value, rounded[key].to(value.dtype))


def test_safetensors(net: ResNet, same: Callable[[Outside], None], tmp_path: Path) -> None:
    save_file(net.state_dict(), tmp_path / "theirs.safetensors")
    same(load_outside(tmp_path / "theirs.safetensors", "resnet18"))


def test_headwaters_own_checkpoint_is_read_as_it_was_trained(
    under: Under, images: Tensor, saved: Callable[..., Path]
) -> None:
    own = build_backbone("resnet_nano").eval()
    state = {
        **under("objective.backbone.", own.state_dict()),
        "objective.projector.0.weight": torch.ones(2, 2),
        "strategy.importance.0": torch.ones(2),
        **under("backbone.", own.state_dict()),
    }
    outside = load_outside(saved({"method": state, "kept": torch.zeros(3)}), "resnet_nano")
    assert outside.dropped == ("objective", "strategy", "kept")
    with torch.no_grad():
        assert torch.equal(outside.backbone(normalise(images)), own(normalise(images)))
    outside = load_outside(
        saved({"method": under("backbone.", resnet18().state_dict())}), "resnet18"
    )
    assert outside.backbone.normalisation.name == "headwater"
    outside = load_outside(
        saved({"method": under("backbone.", resnet18().state_dict())}),
        "resnet18",
        normalisation="unit",
    )
    assert outside.backbone.normalisation.name == "unit"


def test_a_vision_transformer(images: Tensor, saved: Callable[..., Path]) -> None:
    theirs = vit_b_16().eval()
    outside = load_outside(saved(theirs.state_dict()), "vit_b_16")
    assert outside.dropped == ("heads",)
    theirs.heads = nn.Identity()
    images = images.repeat(1, 1, 4, 4)[..., :224, :224]
    inputs = normalize(images / 255, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    with torch.no_grad():
        torch.testing.assert_close(
            outside.backbone(normalise(images)), theirs(inputs), rtol=1e-5, atol=1e-5
        )


def test_timms_own_checkpoint(saved: Callable[..., Path]) -> None:
    timm = pytest.importorskip("timm")
    theirs = timm.create_model("vit_tiny_patch16_224", pretrained=False)
    outside = load_outside(saved({"state_dict": theirs.state_dict()}), "timm:vit_tiny_patch16_224")
    assert outside.dropped == ("head",)
    assert torch.equal(
        outside.backbone.net.blocks[3].mlp.fc1.weight, theirs.blocks[3].mlp.fc1.weight
    )


def changed(state: State, how: str) -> State:
    state = dict(state)
    if how == "extra":
        state |= {f"surprise{k}.weight": torch.ones(1) for k in range(7)}
    elif how == "missing":
        del state["layer4.1.bn2.weight"]
    elif how == "shape":
        state["conv1.weight"] = torch.ones(64, 3, 3, 3)
    elif how == "kind":
        state["conv1.weight"] = torch.ones(64, 3, 7, 7, dtype=torch.int8)
    elif how in ("nan", "inf"):
        state["layer1.0.conv1.weight"] = torch.full((64, 64, 3, 3), float(how))
    return state


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (
            "extra",
            r": unexpected: surprise0.weight, surprise1.weight, surprise2.weight, "
            r"surprise3.weight, surprise4.weight and 2 more$",
        ),
        ("missing", r"resnet18: missing: layer4.1.bn2.weight$"),
        ("shape", r"of another form: conv1.weight is \(64, 3, 3, 3\), not \(64, 3, 7, 7\)$"),
        ("kind", r"conv1.weight is \(64, 3, 7, 7\) int8, not \(64, 3, 7, 7\)$"),
        ("nan", "weights that are no finite numbers, the first in layer1.0.conv1.weight"),
        ("inf", "weights that are no finite numbers"),
    ],
)
def test_a_state_that_does_not_fit(
    how: str, message: str, net: ResNet, saved: Callable[..., Path]
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        load_outside(saved(changed(net.state_dict(), how)), "resnet18")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("asked", ["resnet34", "resnet50", "vit_b_16", "resnet_nano"])
def test_the_architecture_that_would_fit_is_named(
    asked: str, net: ResNet, under: Under, saved: Callable[..., Path]
) -> None:
    with pytest.raises(DataError, match=f"not fit {asked}: .*; the shapes are those of resnet18$"):
        load_outside(saved({"state_dict": under("module.encoder_q.", net.state_dict())}), asked)


def test_a_bigger_network_is_not_cut_to_size(saved: Callable[..., Path]) -> None:
    # Every weight of resnet18 is in resnet34, under the same name and with the same shape.
    with pytest.raises(DataError, match=r"unexpected: .*the shapes are those of resnet34$"):
        load_outside(saved(resnet34().state_dict()), "resnet18")
