"""A stranger's pickle can give an array and do nothing else."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from benchmark.data.pickled import read_pickled_array
from benchmark.errors import DataError


class Malicious:
    """Runs a command when it is unpickled."""

    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize("dtype", ["u1", "<i8", ">f4", "?"])
def test_arrays_come_through(protocol, dtype):
    array = np.arange(12).reshape(3, 4).astype(dtype)
    np.testing.assert_array_equal(read_pickled_array(pickle.dumps(array, protocol)), array)


def test_the_old_name_of_numpys_core_is_known():
    old = pickle.dumps(np.arange(3), 3).replace(b"numpy._core", b"numpy.core")
    assert read_pickled_array(old).tolist() == [0, 1, 2]


@pytest.mark.parametrize("call", [os.system, os.mkdir, eval, exec, np.save, getattr, pickle.loads])
def test_calls_are_refused_before_they_happen(call, tmp_path: Path):
    mark = tmp_path / "mark"
    for nested in (Malicious(call, str(mark)), [Malicious(call, f"open({str(mark)!r}, 'w')")]):
        with pytest.raises(DataError, match="refused a pickled file: it asks for"):
            read_pickled_array(pickle.dumps(nested))
    assert not mark.exists()


def test_calls_inside_an_object_array_are_refused(tmp_path: Path):
    array = np.array([Malicious(os.mkdir, str(tmp_path / "mark"))], dtype=object)
    with pytest.raises(DataError, match="it asks for"):
        read_pickled_array(pickle.dumps(array))
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("harmless", [{"a": 1}, [1, 2], np.array([None, 1], dtype=object)])
def test_only_plain_arrays_are_taken(harmless):
    with pytest.raises(DataError, match="refused a pickled file"):
        read_pickled_array(pickle.dumps(harmless))


@pytest.mark.parametrize("content", [b"", b"\x80", pickle.dumps(np.arange(100))[:-30]])
def test_damage(content):
    with pytest.raises(DataError, match="refused a pickled file"):
        read_pickled_array(content)
