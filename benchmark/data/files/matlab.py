"""Reading the .mat files of some original layouts."""

from pathlib import Path
from typing import Any

from benchmark.errors import DataError


def read_mat(path: Path) -> dict[str, Any]:
    """The variables of a MATLAB file, structures as objects, dimensions of one left out.

    Raises:
        DataError: missing, or not a MATLAB file; names it.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        content: Any = loadmat(path, squeeze_me=True, struct_as_record=False)
    except (OSError, ValueError, TypeError, MatReadError) as error:
        raise DataError(f"cannot read {path}: {error}; fetch it again") from error
    return dict(content)
