"""Reading plain arrays out of a stranger's pickle without letting it do anything else."""

import io
import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import DataError

#: All that an array pickled by protocol 3 or 4 calls; `core` became `_core` in numpy 2.
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): np.ndarray.__reduce__(np.empty(0))[0],
    ("numpy._core.multiarray", "_reconstruct"): np.ndarray.__reduce__(np.empty(0))[0],
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


def _encode(text: str, encoding: str) -> bytes:
    """What protocol 2 writes bytes by; other encodings than this one could do more."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it asks for the encoding {encoding}")
    return text.encode("latin1")


_ALLOWED[("_codecs", "encode")] = _encode


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _ALLOWED[module, name]


def read_pickled_array(content: bytes) -> NDArray[Any]:
    """Unpickle one numeric array; anything else in the pickle is refused before it runs.

    Args:
        content: the pickle.

    Raises:
        DataError: the pickle asks for more than an array needs, or is damaged.

    Example:
        >>> read_pickled_array(pickle.dumps(np.arange(3)))
        array([0, 1, 2])
        >>> read_pickled_array(pickle.dumps(len))
        Traceback (most recent call last):
        benchmark.errors.DataError: refused a pickled file: it asks for builtins.len
    """
    try:
        array = _ArrayUnpickler(io.BytesIO(content)).load()
    except Exception as error:  # a damaged pickle raises almost anything
        raise DataError(f"refused a pickled file: {error}") from error
    if not isinstance(array, np.ndarray) or array.dtype.hasobject:
        raise DataError(f"refused a pickled file: it holds no plain array but {type(array)}")
    return array


def read_pickled_batch(content: bytes) -> dict[bytes, Any]:
    """Unpickle a dictionary of arrays, lists and numbers, as Python 2 wrote it.

    Args:
        content: the pickle.

    Raises:
        DataError: the pickle asks for more than arrays need, or holds something else.

    Example:
        >>> read_pickled_batch(pickle.dumps({b"data": np.arange(2), b"labels": [1, 2]}, 2))
        {b'data': array([0, 1]), b'labels': [1, 2]}
    """
    try:
        batch = _ArrayUnpickler(io.BytesIO(content), encoding="bytes").load()
    except Exception as error:  # a damaged pickle raises almost anything
        raise DataError(f"refused a pickled file: {error}") from error
    if not isinstance(batch, dict):
        raise DataError(f"refused a pickled file: it holds no dictionary but {type(batch)}")
    return batch
