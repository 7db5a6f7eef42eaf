"""Where the weights of a network lie in a checkpoint, and what lies beside them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

#: Where state dicts lie in a checkpoint, the preferred first: DINO is judged by its teacher.
PLACES = (
    (),
    ("state_dict",),
    ("model",),
    ("model_state_dict",),
    ("model_state",),
    ("method",),
    ("teacher",),
    ("student",),
    ("net",),
    ("network",),
    ("backbone",),
    ("encoder",),
    ("classy_state_dict", "base_model", "model", "trunk"),
)
#: What Headwater's own checkpoints call theirs, which may hold anything beside the backbone.
OWN = "method"
#: What stands before a backbone's names, the preferred first, momentum copies last.
_INNER = (
    *("", "backbone.", "encoder_q.", "encoder_q.0.", "base_encoder.", "online_encoder."),
    *("online_net.0.", "online_network.", "encoder.", "teacher_backbone.", "teacher.backbone."),
    *("teacher.", "student_backbone.", "student.backbone.", "student.", "_feature_blocks."),
    *("trunk.", "feature_extractor.", "net.", "network.", "resnet.", "encoder_k.", "encoder_k.0."),
    *("momentum_encoder.", "momentum_backbone.", "backbone_momentum.", "target_encoder."),
    *("target_net.0.", "target_network."),
)
_PREFIXES = (*_INNER, *(f"model.{inner}" for inner in _INNER))
#: What wrappers put anywhere in a name: DistributedDataParallel, torch.compile.
_WRAPPERS = frozenset({"module", "_orig_mod"})
#: Words, between underscores, of what a pre-training holds beside its backbone.
_BESIDE = frozenset(
    {
        *("fc", "head", "heads", "classifier", "classifiers", "linear", "logits", "aux"),
        *("auxlogits", "projector", "projection", "proj", "predictor", "prediction", "neck"),
        *("prototype", "prototypes", "decoder", "queue", "memory", "bank", "center", "centre"),
        *("criterion", "loss", "accuracy", "knn", "probe", "normalize"),
        *("momentum", "ema", "target", "online", "student", "teacher"),
    }
)
#: The same, where it is the whole of a part: MoCo's networks, the end of Barlow Twins' projector.
_BESIDE_WHOLE = frozenset({"encoder_q", "encoder_k", "bn"})
#: A batch norm's count of batches, which old files lack and no feature depends on.
_COUNTER = "num_batches_tracked"


@dataclass(frozen=True)
class Candidate:
    """One way to find a network in a file.

    Args:
        place: where the state dict lies; "" for the file itself.
        prefix: before the network's names, wrappers removed.
        head: the same as the file spells it.
        found: the network's names to the file's.
        wrong: those of the network whose tensors have another form.
        missing: names of the network that are not there.
        dropped: beginnings of what is left over and known.
        unknown: keys that are left over and not known.
    """

    place: str
    prefix: str
    head: str
    found: Mapping[str, str]
    wrong: Sequence[str]
    missing: Sequence[str]
    dropped: Sequence[str]
    unknown: Sequence[str]

    @property
    def whole(self) -> bool:
        """Whether every weight of the network is there."""
        return not self.wrong and not self.missing

    def __str__(self) -> str:
        return f"{self.head}*" + (f" in {self.place}" if self.place else "")


def states_in(content: Any) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """The state dicts of a file, and where each lies."""
    for place in PLACES:
        inner = content
        for key in place:
            inner = inner.get(key) if isinstance(inner, Mapping) else None
        if isinstance(inner, Mapping):
            state = {k: v for k, v in inner.items() if isinstance(k, str) and torch.is_tensor(v)}
            if state:
                yield ".".join(place), state


def candidates(states: Mapping[str, Mapping[str, Tensor]], net: nn.Module) -> Iterator[Candidate]:
    """Every way in which at least one name of a network is found."""
    expected = net.state_dict()
    # nn.Sequential(*net.children()), as lightly's examples build it, numbers what had names.
    numbers = {name: str(number) for number, (name, _) in enumerate(net.named_children())}
    numbered = {
        key: ".".join((numbers.get(key.partition(".")[0], "-"), key.partition(".")[2]))
        for key in expected
    }
    for place, state in states.items():
        keys = {_unwrapped(key): key for key in state}
        for prefix in _PREFIXES:
            for local in ({key: key for key in expected}, numbered):
                found = {
                    key: keys[prefix + mine] for key, mine in local.items() if prefix + mine in keys
                }
                if found:
                    first = next(iter(found))
                    yield _candidate(
                        place,
                        prefix,
                        found[first].removesuffix(local[first]),
                        found,
                        state,
                        expected,
                    )


def _candidate(
    place: str,
    prefix: str,
    head: str,
    found: Mapping[str, str],
    state: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
) -> Candidate:
    wrong = [key for key in found if not _alike(state[found[key]], expected[key])]
    missing = [key for key in expected if key not in found and not key.endswith(_COUNTER)]
    dropped: dict[str, None] = {}
    unknown = []
    used = set(found.values())
    for key in state:
        if key not in used:
            beginning = _known(key, prefix, anything=place == OWN)
            if beginning is None:
                unknown.append(key)
            else:
                dropped[beginning] = None
    return Candidate(place, prefix, head, found, wrong, missing, list(dropped), unknown)


def _unwrapped(key: str) -> str:
    return ".".join(part for part in key.split(".") if part not in _WRAPPERS)


def _known(key: str, prefix: str, anything: bool) -> str | None:
    """The beginning of a key that is left over and known, as the file spells it; else None."""
    name = _unwrapped(key)
    inside = name.startswith(prefix)
    rest = name.removeprefix(prefix) if inside else name.removeprefix("model.")
    part = rest.partition(".")[0]
    words = set(part.lower().rstrip("0123456789").split("_"))
    # A network's last convolution may be called its head, but is none.
    beside = "conv" not in words and bool(words & _BESIDE)
    if beside or part in _BESIDE_WHOLE or (anything and not inside):
        return key[: key.rfind(rest)] + part if rest in key else part
    return None


def _alike(given: Tensor, expected: Tensor) -> bool:
    return (
        given.shape == expected.shape
        and given.layout == torch.strided
        and not given.is_quantized
        and given.device.type == "cpu"
        and given.is_floating_point() == expected.is_floating_point()
    )
