"""What a record says in words: its command, texts and times, which a stranger wrote."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import Any

from benchmark.cli.run import chosen
from benchmark.errors import UsageError
from benchmark.evaluations import STREAM_TASK
from benchmark.resolve import protocol_named
from benchmark.result import Provenance, Record
from leaderboard.bounds import MOST

#: How the command of every record begins, which the page offers to be copied.
_COMMAND = ("headwater", "run")
#: Its options that say what is computed, to what each is about; where and how is its reader's.
_OPTIONS = {
    **{f"--{about}": about for about in ("protocol", "method", "seed", "seeds", "set", "shares")},
    **{f"--{about}": about for about in ("tasks", "evaluations")},
    "-p": "protocol",
    "-m": "method",
}
_FLAG, _NONE = "--every-chunk", "no name"
#: Longest word of a command, which may be a path, and most words.
_WORD, _WORDS = 1000, 100
#: Longest text elsewhere, and most parts of a method's options and how deep they may lie.
_TEXT, _PARTS, _DEPTH = 200, 300, 4
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\+00:00|Z)", re.ASCII)
#: A clock that is behind does not make what Headwater comes with one of the future.
_CLOCK = datetime(2026, 12, 1, tzinfo=timezone.utc)


def of_command(record: Record) -> Iterator[str]:
    """What is wrong with the command that a record says it came from, which a page offers."""
    argv = record.provenance.argv
    if tuple(argv[:2]) != _COMMAND:
        yield f"its command is not {' '.join(_COMMAND)}"
    elif not all(word.isprintable() for word in argv):
        yield "its command holds what cannot be printed"
    elif len(argv) > _WORDS or any(len(word) > _WORD for word in argv):
        yield f"its command has more than {_WORDS} words, or one of more than {_WORD:,} characters"
    else:
        try:
            yield from _others(_told(argv), record)
        except UsageError as error:
            yield str(error)


def _told(argv: Sequence[str]) -> dict[str, list[str]]:
    """What the options of a command say, by what each is about.

    Raises:
        UsageError: one of them says nothing of what is computed, or has no value.

    Example:
        >>> _told(["headwater", "run", "-m", "byol/joint", "--seed=2", "--every-chunk"])
        {'method': ['byol/joint'], 'seed': ['2']}
    """
    told: dict[str, list[str]] = {}
    words = iter(argv[len(_COMMAND) :])
    for word in words:
        if word == _FLAG:
            continue
        name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if name not in _OPTIONS:
            raise UsageError(f"its command has {word!r}, which does not say what is computed")
        given = value if equals else next(words, None)
        if given is None:
            raise UsageError(f"its command says {word} of nothing")
        told.setdefault(_OPTIONS[name], []).append(given)
    return told


def _others(told: Mapping[str, Sequence[str]], record: Record) -> Iterator[str]:
    """What a command computes that is not what the record is of."""
    protocol = told.get("protocol", [_NONE])[-1]
    if _newest(protocol) != record.protocol.id:
        yield f"its command is of protocol {protocol}, and it is of {record.protocol.id}"
    name, methods = record.method.name, told.get("method", [_NONE])
    options = sorted(told.get("set", ()), key=lambda option: option.partition("=")[0])
    if name not in {"+".join([one.rpartition(":")[2], *options]) for one in methods}:
        named = "+".join([", ".join(methods), *options])
        yield f"its command is of method {named}, and it is of {name}"
    seed, seeds = told.get("seed", ["0"])[-1], told.get("seeds", [""])[-1]
    covered = range(_number(seeds)) if seeds else [_number(seed)]
    if record.seeds.replicate not in covered:
        named = f"the first {seeds} seeds" if seeds else f"seed {seed}"
        yield f"its command is of {named}, and it is of seed {record.seeds.replicate}"
    task = record.task
    for about, own in {"tasks": task.name, "evaluations": task.evaluation}.items() if task else ():
        names = chosen(told.get(about, [""])[-1], [own])
        if names and own not in (*names, STREAM_TASK):  # which every run has
            yield f"its command is of {about} {', '.join(names)}, and it is of {own}"


def _newest(protocol: str) -> str:
    """Id of a protocol, which may be named without its version."""
    try:
        return protocol_named(protocol).id
    except UsageError:
        return protocol


def _number(text: str) -> int:
    """A number of seeds; -1 where it is none that could be of any.

    Example:
        >>> _number("2"), _number("two"), _number("9" * 5000)
        (2, -1, -1)
    """
    return int(text) if re.fullmatch("[0-9]{1,6}", text) else -1


def of_texts(record: Record) -> Iterator[str]:
    """Texts of a record that are not plain and short, and options without end."""
    texts = record.environment.model_dump() | record.provenance.model_dump(exclude={"argv"})
    texts["target"] = record.selection.target if record.selection else ""
    for name, text in texts.items():
        if not _is_plain(text):
            yield f"{name} is not plain text of at most {_TEXT} characters"
    parts = [*islice(_parts(record.method.config), _PARTS + 1)]
    if len(parts) > _PARTS or not all(map(_is_plain, parts)):
        yield (
            f"its options are more than {_PARTS}, lie more than {_DEPTH} deep, or hold what is not "
            f"plain, or longer than {_TEXT} characters"
        )


def _parts(value: Any, depth: int = _DEPTH) -> Iterator[Any]:
    """What options consist of, names too, down to a depth.

    Example:
        >>> list(_parts({"lr": 0.1, "sizes": [1, 2]}))
        ['lr', 'sizes', 0.1, 1, 2]
    """
    if isinstance(value, (dict, list)) and value and depth:
        for part in [*value, *value.values()] if isinstance(value, dict) else value:
            yield from _parts(part, depth - 1)
    else:
        yield value


def _is_plain(value: Any) -> bool:
    """Whether a value is none that a page or a terminal would act on, or that has no end.

    Example:
        >>> [_is_plain(value) for value in ("cpu", chr(27) + "[2J", "a" * 300, 0.1, 10**300, [9])]
        [True, False, False, True, False, False]
    """
    if isinstance(value, str):
        return len(value) <= _TEXT and value.isprintable()
    if isinstance(value, int):
        return abs(value) <= MOST
    return not (isinstance(value, (dict, list)) and value)


def of_times(provenance: Provenance) -> Iterator[str]:
    """What is wrong with the times of a record, by which the newest is told."""
    moments = []
    for name in ("started", "ended"):
        text = getattr(provenance, name)
        try:
            if not _TIME.fullmatch(text):
                raise ValueError
            moments.append(datetime.fromisoformat(text.replace("Z", "+00:00")))
        except ValueError:
            yield f"{name} is {text!r}, and no time in UTC such as 2026-11-28T09:00:00+00:00"
    if len(moments) == 2 and moments[1] < moments[0]:
        yield f"it ended at {provenance.ended}, before it started at {provenance.started}"
    latest = max(datetime.now(timezone.utc), _CLOCK) + timedelta(days=1)
    if any(moment > latest for moment in moments):
        yield f"it is of {provenance.ended}, which has not come yet"
