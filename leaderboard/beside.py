"""Work that goes on in a second process, with all that this one has in memory."""

import os
import sys
import warnings
from collections.abc import Callable

from benchmark.doctor.machine import cores


def beside(work: Callable[[], None]) -> Callable[[], None]:
    """Begin some work in a fork of this process; where none is to be had, it is done here.

    Args:
        work: writes files, by no more than Python and numpy; what it changes in memory is lost.

    Returns:
        What waits for its end. If it fails there, it is done again here, so that it tells why.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     wait = beside(lambda: Path(folder, "a").touch())
        ...     wait()
        ...     os.listdir(folder)
        ['a']
    """
    if cores() < 2 or sys.platform != "linux":  # other systems' libraries do not expect a fork
        work()
        return lambda: None
    with warnings.catch_warnings():
        # Python 3.12 warns where there are threads; those of numpy and torch wait for work
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)  # without what this process would do at its end

    def wait() -> None:
        if os.waitpid(child, 0)[1]:
            work()

    return wait
