"""Can this machine run Headwater? Each check gives one finding; `examine` lets none of them raise.

Nothing heavy is imported before a check needs it, so that a broken package is a finding, too.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmark.data.home import home
from benchmark.doctor import compiled, data, disks, machine, packages
from benchmark.doctor.finding import Finding, words

__all__ = ["Finding", "examine"]


def examine(store: Path, *, offline: bool = False, everything: bool = False) -> Iterator[Finding]:
    """Run the checks one after the other.

    Args:
        store: folder of the records, which need not be there yet.
        offline: leave the registries out.
        everything: import mmdet, too, which takes up to 20 s.

    Returns:
        A finding for each check; of one that raised, a problem with the error's words.
    """
    checks: dict[str, Callable[[], Finding]] = {
        "python": packages.python,
        "packages": packages.packages,
        "openmmlab": packages.openmmlab,
        "lock": packages.lock,
        "torch": compiled.torch_pair,
        "gpu": compiled.gpu,
        "operators": compiled.operators,
        "threads": machine.threads,
        "memory": machine.memory,
        "cache disk": lambda: disks.space("cache disk", home(), "HEADWATER_HOME"),
        "store disk": partial(disks.space, "store disk", store, "--store DIR"),
        "store": partial(disks.store, store),
        "nano data": data.nano,
    }
    if everything:
        checks["mmdet"] = compiled.mmdet
    if not offline:
        checks["npm"] = lambda: data.registry(data.first_source("npm"))
        checks["pip"] = lambda: data.registry(data.first_source("pypi"))
    for name, check in checks.items():
        try:
            yield check()
        except Exception as error:
            remedy = "Repair what the error names, then ask again."
            yield Finding.of(name, words(error), problem=remedy)
