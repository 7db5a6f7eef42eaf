"""Which versions are installed, by what they say of themselves: nothing is imported."""

import platform
from importlib.metadata import (
    PackageNotFoundError,
    metadata,
    packages_distributions,
    requires,
    version,
)
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from benchmark.doctor.finding import Finding

#: Import names of OpenMMLab's three, and the distributions that Headwater declares for them.
OPENMMLAB = {"mmengine": "mmengine", "mmdet": "mmdet", "mmcv": "mmcv-lite"}
LOCK = Path(__file__).parents[2] / "requirements.lock"


def python(running: str = platform.python_version()) -> Finding:
    """Whether Headwater supports this version of Python.

    Example:
        >>> python("3.9.18").state, python("3.12.1").state
        ('problem', 'ok')
    """
    wanted = metadata("headwater")["Requires-Python"]
    fits = SpecifierSet(wanted).contains(running, prereleases=True)
    remedy = f"Install Headwater in an environment with Python {wanted}."
    return Finding.of("python", running, problem="" if fits else remedy)


def packages() -> Finding:
    """Whether all that Headwater declares is there, but for what has a check of its own."""
    declared = [one for one in _declared() if one.name not in OPENMMLAB.values()]
    if faults := list(filter(None, map(_fault, declared))):
        remedy = "Install them: pip install -e . in the checkout, or pip install headwater"
        return Finding.of("packages", ", ".join(faults), problem=remedy)
    return Finding.of("packages", f"all {len(declared)} that Headwater needs, OpenMMLab's aside")


def openmmlab() -> Finding:
    """Versions of mmengine, mmdet and mmcv, originals or continuations, one of each."""
    providers = packages_distributions()
    declared = {wanted.name: wanted.specifier for wanted in _declared()}
    told: list[str] = []
    remedies: list[str] = []
    for module, usual in OPENMMLAB.items():
        found = sorted(set(providers.get(module, ())))
        told += [f"{name} {version(name)}" for name in found] or [f"no {module}"]
        # Two of them write the same files, whoever came last. Continuations (onedl-*) count their
        # versions in their own way.
        right = len(found) == 1 and (
            found[0] not in (module, usual) or version(found[0]) in declared[usual]
        )
        if not right:
            away = f"pip uninstall {' '.join(found)}, then " if found else ""
            remedies.append(f"{away}pip install '{usual}{declared[usual]}'")
    return Finding.of("openmmlab", ", ".join(told), problem="; ".join(remedies))


def lock(path: Path = LOCK) -> Finding:
    """Whether what is installed has the locked versions; only a checkout has a lock.

    Args:
        path: the lock; what it names but is not installed does not count.

    Example:
        >>> lock(Path("nowhere")).found
        'none, for this is no checkout'
    """
    if not path.is_file():
        return Finding.of("lock", "none, for this is no checkout")
    lines = path.read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line.rstrip(" \\")) for line in lines if line[:1].isalnum()]
    pins = [pin for pin in pins if pin.marker is None or pin.marker.evaluate()]
    others = [told for pin in pins if (told := _fault(pin)) and not told.startswith("no ")]
    if not others:
        return Finding.of("lock", "what is installed has the locked versions")
    more = f", and {len(others) - 3} more" if len(others) > 3 else ""
    remedy = f"For the locked ones: pip install --no-deps --require-hashes -r {path}"
    return Finding.of("lock", ", ".join(others[:3]) + more, warning=remedy)


def _declared() -> list[Requirement]:
    """What the installed headwater requires on this machine, extras aside."""
    every = map(Requirement, requires("headwater") or ())
    return [one for one in every if one.marker is None or one.marker.evaluate({"extra": ""})]


def _fault(wanted: Requirement) -> str:
    """What is wrong with the installed distribution; empty if nothing is."""
    try:
        found = version(wanted.name)
    except PackageNotFoundError:
        return f"no {wanted.name}"
    fits = wanted.specifier.contains(found, prereleases=True)
    return "" if fits else f"{wanted.name} {found} is not {wanted.specifier}"
