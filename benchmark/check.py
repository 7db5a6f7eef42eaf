"""The contract of a method, checked: every rule is tried, whatever became of the others."""

import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.rehearsal import BATCH
from benchmark.resolve import resolve
from benchmark.rules import RULES, RULES_UNTRAINED, Broken, Subject
from benchmark.selection_rules import RULES_SELECTION, Choosing


@dataclass(frozen=True)
class Finding:
    """What became of one rule.

    Args:
        rule: its name.
        passed: whether the method keeps it.
        expected: what the rule asks for.
        seen: where it is broken, the values that do not go together.
    """

    rule: str
    passed: bool
    expected: str
    seen: tuple[str, ...] = ()

    def __str__(self) -> str:
        told = f"{self.rule}: {self.expected}"
        return told if self.passed else f"{told}; but: {' against '.join(self.seen)}"


def check(name: str, options: Mapping[str, Any] | None = None) -> Iterator[Finding]:
    """Try a method against every rule of the contract, one after the other.

    Args:
        name: of the method, or `path/to/file.py:Class`.
        options: replacements for fields of its configuration.

    Raises:
        UsageError: as `resolve` does, or the method sets no backbone.

    Example:
        >>> all(finding.passed for finding in check("random_init"))
        True
    """
    method = resolve(name, {"batch_size": BATCH} | dict(options or {}))
    if method.selects:
        yield from _tried(RULES_SELECTION, Choosing(method))
        return
    subject = Subject(method)
    yield from _tried(RULES if subject.phases else RULES_UNTRAINED, subject)


def _tried(rules: Iterable[Callable[[Any], None]], subject: Any) -> Iterator[Finding]:
    causes: dict[str, str] = {}  # errors, with the rule that they were met under first
    for rule in rules:
        expected = " ".join((rule.__doc__ or "").split()).rstrip(".")
        told = rule.__name__.strip("_").replace("_", " ")
        try:
            rule(subject)
        except Broken as broken:
            yield Finding(told, False, expected, tuple(map(str, broken.args)))
        except Exception as error:
            cause = _cause(error)
            first = causes.setdefault(cause, told)
            yield Finding(
                told, False, expected, (cause if first == told else f"the error of {first!r}",)
            )
        else:
            yield Finding(told, True, expected)


def _cause(error: Exception) -> str:
    """What an error says, and the line of the method that it comes from."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = (str(Path(__file__).parent), "site-packages")
    own = [frame for frame in frames if not any(part in frame.filename for part in ours)]
    where = (own or frames)[-1]
    return f"{type(error).__name__}: {error} ({where.filename}, line {where.lineno})"
