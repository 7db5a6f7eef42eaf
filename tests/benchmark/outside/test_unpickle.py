"""Strangers' files: harm is refused and not run, damage is told in one sentence."""

import argparse
import contextlib
import importlib
import os
import pickle
import sys
import zipfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from benchmark.errors import DataError, UsageError
from benchmark.outside import load_outside
from benchmark.outside.unpickle import is_placeholder, read_checkpoint

STATE = {"a.weight": torch.ones(3000), "a.bias": torch.zeros(3)}


@pytest.mark.parametrize("zipped", [True, False])
def test_a_strangers_objects_are_placeholders(
    zipped: bool, strangers: Any, saved: Callable[..., Path]
) -> None:
    anything, mapped, listed = strangers
    content = {
        "state_dict": STATE,
        "args": argparse.Namespace(inner=mapped(deep=mapped(x=anything()))),
        "more": listed([1, mapped()]),
        "most": defaultdict(dict),
        "kind": argparse.Namespace,
    }
    read = read_checkpoint(saved(content, _use_new_zipfile_serialization=zipped))
    assert read.keys() == content.keys()
    assert all(torch.equal(read["state_dict"][key], STATE[key]) for key in STATE)
    assert is_placeholder(read["args"]) and is_placeholder(read["kind"])
    assert not hasattr(read["args"], "inner")


class Harm:
    """What a pickle may ask for: any call at all."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize("wrapping", ["zip", "old", "raw"])
@pytest.mark.parametrize("kind", ["system", "exec", "open", "import"])
def test_a_malicious_pickle_is_refused_and_not_run(
    kind: str, wrapping: str, saved: Callable[..., Path], tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    harm = {
        "system": Harm(os.system, f"touch {trace}"),
        "exec": Harm(exec, f"open({str(trace)!r}, 'w')"),
        "open": Harm(open, str(trace), "w"),
        "import": Harm(importlib.import_module, "antigravity"),
    }[kind]
    content = {"state_dict": STATE, "hyper_parameters": harm}
    if wrapping == "raw":
        path = tmp_path / "theirs.pth"
        path.write_bytes(pickle.dumps({"hyper_parameters": harm}, protocol=2))
        message = "is no checkpoint"
    else:
        path = saved(content, _use_new_zipfile_serialization=wrapping == "zip")
        message = "refused .*: it asks for .*, which no weights need, and nothing of it was run"
    with pytest.raises(DataError, match=message):
        read_checkpoint(path)
    assert not trace.exists()


def test_harm_by_a_class_that_is_known_to_torch_in_this_program(
    strangers: Any, saved: Callable[..., Path]
) -> None:
    # Another part of the program may have allowed a class; a stranger's file is not given it.
    allowed = torch.serialization.get_safe_globals()
    with torch.serialization.safe_globals([strangers.anything]):
        path = saved({"state_dict": STATE, "other": strangers.anything()})
        read_checkpoint(path)
        assert strangers.anything in torch.serialization.get_safe_globals()
    assert set(torch.serialization.get_safe_globals()) == set(allowed)


def test_a_whole_pickled_network_is_not_built(saved: Callable[..., Path]) -> None:
    for content in (nn.Linear(2, 2), {"model": nn.Linear(2, 2)}):
        with pytest.raises(DataError, match="holds a network as an object"):
            load_outside(saved(content), "resnet_nano")


def test_torchscript_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "script.pt"
    with zipfile.ZipFile(path, "w") as archive:  # the members that torch.jit.save writes
        for name in ("data.pkl", "constants.pkl", "version"):
            archive.writestr(f"script/{name}", b"\x80\x02}.")
    with pytest.raises(DataError, match="it is a TorchScript program"):
        read_checkpoint(path)


def test_pickle_protocol_4_is_refused_in_one_sentence(saved: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="of another protocol than 2"):
        read_checkpoint(saved(STATE, pickle_protocol=4))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.999])
def test_a_file_cut_short(share: float, zipped: bool, saved: Callable[..., Path]) -> None:
    path = saved(STATE, _use_new_zipfile_serialization=zipped)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match="is damaged or cut short") as caught:
        read_checkpoint(path)
    assert "weights_only" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"once upon a time\n" * 100, "is no checkpoint"),
        (b"PK\x03\x04 and no more", "is damaged or cut short"),
        (b"\x80\x02}q\x00.", "is no checkpoint"),
    ],
)
def test_files_that_are_no_checkpoints(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "theirs.pth"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_checkpoint(path)


def test_a_zip_that_is_no_checkpoint(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.pt", "w") as archive:
        archive.writestr("notes.txt", "hello")
    with pytest.raises(DataError, match="is a zip archive but no checkpoint"):
        read_checkpoint(tmp_path / "x.pt")


@pytest.mark.parametrize("content", [[], {}, {"epoch": 3}, torch.zeros(3), {"state_dict": 5}, None])
def test_checkpoints_without_a_state_dict(content: Any, saved: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="holds no state dict"):
        load_outside(saved(content), "resnet_nano")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        read_checkpoint(tmp_path / "x.pt")
    with pytest.raises(UsageError, match="there is no file"):
        read_checkpoint(tmp_path)


def test_damage_anywhere_is_an_error_of_ours_or_none(
    saved: Callable[..., Path], tmp_path: Path
) -> None:
    generator = torch.Generator().manual_seed(0)
    content = {"state_dict": {"a": torch.ones(3)}, "hyper_parameters": argparse.Namespace(x=[1])}
    for zipped in (True, False):
        whole = saved(content, _use_new_zipfile_serialization=zipped).read_bytes()
        for place in torch.randint(0, len(whole), (150,), generator=generator).tolist():
            damaged = bytearray(whole)
            damaged[place] ^= 1 << (place % 8)
            (tmp_path / "damaged.pth").write_bytes(damaged)
            with contextlib.suppress(DataError):
                read_checkpoint(tmp_path / "damaged.pth")


def test_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "theirs.safetensors"
    save_file(STATE, path)
    assert torch.equal(read_checkpoint(path)["a.weight"], STATE["a.weight"])
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match="is damaged, or no file of safetensors"):
        read_checkpoint(path)


def test_safetensors_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"anything")
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    with pytest.raises(UsageError, match="pip install safetensors"):
        read_checkpoint(tmp_path / "x.safetensors")
