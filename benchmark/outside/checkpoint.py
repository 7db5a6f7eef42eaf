"""A backbone out of a checkpoint from elsewhere: whole, or a sentence that says what it lacks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.data.home import sha256_file
from benchmark.errors import DataError
from benchmark.outside.architectures import (
    HEADWATER,
    Normalisation,
    OutsideBackbone,
    known_resnets,
    outside_backbone,
)
from benchmark.outside.keys import OWN, PLACES, Candidate, candidates, states_in
from benchmark.outside.unpickle import is_placeholder, read_checkpoint

#: Most keys that an error lists of one kind.
_MOST = 5


@dataclass(frozen=True)
class Outside:
    """A backbone from elsewhere, and what of its file was used.

    Args:
        backbone: with the file's weights, float32, on the CPU, in evaluation mode.
        source: which keys of the file they are, and which other copy was passed over.
        dropped: beginnings of the keys that were left out, as the file spells them.
        sha256: of the file, hexadecimal.
    """

    backbone: OutsideBackbone
    source: str
    dropped: tuple[str, ...]
    sha256: str


def load_outside(
    path: Path | str, name: str, *, normalisation: str | Normalisation | None = None
) -> Outside:
    """Read a backbone from a checkpoint that somebody else wrote; nothing in the file is run.

    It knows plain state dicts, and those of DistributedDataParallel, Lightning, MoCo, DINO,
    SimSiam, Barlow Twins, lightly, solo-learn, mmselfsup, VISSL and Headwater. Every weight of the
    backbone must be there with its shape, finite; what is left over must be known as a head, a
    projector, a momentum copy or a queue. Only a batch norm's counter may be missing.

    Args:
        path: written by `torch.save` (.pth, .pt, .ckpt, .tar), or .safetensors.
        name: of the architecture, as `outside_backbone` takes it.
        normalisation: of the network's input, as `outside_backbone` takes it; None for the
            architecture's, and for `headwater` in a checkpoint of Headwater's own.

    Raises:
        UsageError: unknown architecture, no such file, or a library that is not installed.
        DataError: the file is damaged, asks for what no weights need, or does not fit.

    Example:
        >>> import tempfile
        >>> from torchvision.models import resnet18
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "mine.pth")
        ...     torch.save({"state_dict": resnet18().state_dict()}, path)
        ...     outside = load_outside(path, "resnet18")
        >>> outside.source, outside.dropped, outside.backbone.width
        ('120 keys: * in state_dict', ('fc',), 512)
    """
    path = Path(path)
    backbone = outside_backbone(name, normalisation)
    content = read_checkpoint(path)
    states = dict(states_in(content))
    if not states:
        raise DataError(_nothing_in(path, content))
    ways = list(candidates(states, backbone.net))
    whole = sorted((way for way in ways if way.whole), key=lambda way: bool(way.unknown))
    best = whole[0] if whole else max(ways, key=_agreement, default=None)
    if best is None or not best.whole or best.unknown:
        raise DataError(_misfit(path, name, states, best, backbone.net))
    _fill(path, backbone.net, states[best.place], best.found)
    if best.place == OWN and normalisation is None:
        backbone.expect(HEADWATER)
    others = [str(each) for each in whole[1:] if each.found != best.found]
    passed = f", preferred to {', '.join(others)}" if others else ""
    elsewhere = [] if not best.place else _other_entries(content, best.place)
    return Outside(
        backbone.eval(),
        f"{len(best.found)} keys: {best}{passed}",
        (*best.dropped, *elsewhere),
        sha256_file(path),
    )


def _other_entries(content: Mapping[Any, Any], place: str) -> list[str]:
    """What a file holds beside the state dict that was used, and is no plain number or text."""
    return [
        str(key)
        for key, value in content.items()
        if key != place.partition(".")[0]
        and (isinstance(value, Tensor) or (isinstance(value, Mapping | list) and value))
    ]


def _agreement(candidate: Candidate) -> tuple[int, int]:
    return len(candidate.found) - len(candidate.wrong), len(candidate.found)


def _fill(
    path: Path, net: nn.Module, state: Mapping[str, Tensor], found: Mapping[str, str]
) -> None:
    """Copy what was found into a network, as float32; the batch norms' counters may stay."""
    values = net.state_dict()  # with the versions that some networks ask for
    for key, theirs in found.items():
        value = state[theirs].detach().to(values[key].dtype)
        if not bool(torch.isfinite(value).all()):
            raise DataError(
                f"{path} holds weights that are no finite numbers, the first in {theirs}: its "
                "training diverged; take an earlier checkpoint"
            )
        values[key] = value
    net.load_state_dict(values, strict=True)


def _nothing_in(path: Path, content: Any) -> str:
    entries = content.values() if isinstance(content, Mapping) else [content]
    if any(is_placeholder(entry) for entry in entries):
        return (
            f"{path} holds a network as an object, which would have to be run; save its "
            "state_dict() by torch.save"
        )
    return f"{path} holds no state dict: no tensors under names, nor under {_some(_place_names())}"


def _place_names() -> list[str]:
    return [".".join(place) for place in PLACES if place]


def _misfit(
    path: Path,
    name: str,
    states: Mapping[str, Mapping[str, Tensor]],
    best: Candidate | None,
    net: nn.Module,
) -> str:
    """Why a file does not fit, and what would."""
    reasons = []
    if best is None:
        keys = [key for state in states.values() for key in state]
        reasons.append(f"none of its weights is there, but {_some(keys)}")
    else:
        state, expected = states[best.place], net.state_dict()
        forms = [
            f"{key} is {_form(state[best.found[key]])}, not {_form(expected[key])}"
            for key in best.wrong
        ]
        for what, names in (
            ("missing", best.missing),
            ("of another form", forms),
            ("unexpected", best.unknown),
        ):
            if names:
                reasons.append(f"{what}: {_some(names)}")
    for other, resnet in known_resnets().items():
        if any(each.whole and not each.unknown for each in candidates(states, resnet.net)):
            reasons.append(f"the shapes are those of {other}")
            break
    return f"{path} does not fit {name}: {'; '.join(reasons)}"


def _form(tensor: Tensor) -> str:
    kind = "" if tensor.is_floating_point() else f" {str(tensor.dtype).removeprefix('torch.')}"
    return f"({', '.join(str(side) for side in tensor.shape)}){kind}"


def _some(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more
