"""Reading the arrays of an npz file, which may be a stranger's: nothing is unpickled."""

import io
import math
import zipfile
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import DataError

#: Most bytes that the arrays of one file unfold to, and most arrays.
_UNFOLDED, _ARRAYS = 2**30, 64
#: What every entry of an archive's directory begins with.
_ENTRY = b"PK\1\2"
#: The two ways of numpy, of which zipfile unfolds no more than it is asked for.
_BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read_arrays(content: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of an npz file, without ever unpickling or unfolding more than a gigabyte.

    Raises:
        DataError: it is no such file, or holds what it should not; says what.

    Example:
        >>> buffer = io.BytesIO()
        >>> np.savez_compressed(buffer, a=np.arange(3))
        >>> read_arrays(buffer.getvalue())["a"].tolist()
        [0, 1, 2]
    """
    arrays: dict[str, NDArray[Any]] = {}
    left = _UNFOLDED
    try:
        if (count := content.count(_ENTRY)) > _ARRAYS:  # zipfile takes memory for all of them
            raise DataError(f"it holds {count:,} arrays, and may hold {_ARRAYS}")
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.infolist():
                name, _, kind = member.filename.rpartition(".")
                if not name.isidentifier() or kind != "npy" or name in arrays:
                    raise DataError("it holds something that is no array, or one twice")
                if member.compress_type not in _BOUNDED or member.flag_bits & 1:
                    raise DataError("it is compressed or encrypted in another way than by numpy")
                left -= member.file_size
                if left < 0:
                    raise DataError(f"it unfolds to more than {_UNFOLDED:,} bytes")
                arrays[name] = _array(_unfolded(archive, member))
    except DataError:
        raise
    except Exception as error:  # zipfile, zlib and numpy's reader of headers raise many kinds
        raise DataError(f"it is damaged, or no npz file ({type(error).__name__})") from error
    return arrays


def _unfolded(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """A member's bytes, and never more than it announces."""
    with archive.open(member) as file:
        return file.read(member.file_size)


def _array(content: bytes) -> NDArray[Any]:
    """One array, whose header must announce as many bytes as there are."""
    start = 10 + int.from_bytes(content[8:10], "little")
    shape, fortran, dtype = _header(content[:start])
    count = math.prod(shape)
    if start + count * dtype.itemsize != len(content) or count < 0:
        raise DataError("an array is longer or shorter than it says")
    data = np.frombuffer(content, dtype=dtype, count=count, offset=start)
    array: NDArray[Any] = data.reshape(shape, order="F" if fortran else "C")
    return array


@lru_cache(maxsize=1024)  # reading one takes longer than the array, and runs share them
def _header(content: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and kind of an array, from all that is before its numbers."""
    file = io.BytesIO(content)
    if np.lib.format.read_magic(file) != (1, 0):  # type: ignore[no-untyped-call]
        raise DataError("an array is in a format of its own")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)  # type: ignore[no-untyped-call]
    if dtype.hasobject or dtype.kind not in "biufU":
        raise DataError(f"an array is of {dtype}, and may hold numbers and text only")
    return shape, fortran, dtype
