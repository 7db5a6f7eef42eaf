"""A plan in words: one sentence, and the facts under its table."""

from typing import Any

#: Units of time: seconds of each, its name, and up to how many of it are told.
_TIMES = (
    (1.0, "s", 100.0),
    (60.0, "min", 100.0),
    (3600.0, "h", 72.0),
    (86_400.0, "days", 730.0),
    (31_557_600.0, "years", float("inf")),
)


def summary(document: dict[str, Any]) -> str:
    """A plan in one sentence.

    Args:
        document: what `plan_document` or `plan_paper` gives.
    """
    cells, time = document["cells"], document["time"]
    if not cells["left"]:
        return f"Nothing is left of {cells['total']} cells."
    gpu, fetch = document["declared_gpu"], sum(each["bytes"] for each in document["downloads"])
    here = f"{told_time(time['seconds'])} on this machine"
    if gpu:
        hours = f"{told_number(gpu['gpu_hours'])} {gpu['device']} GPU-hours"
        here = f"about {hours} ({told_time(gpu['days_on_8'] * 86_400)} on 8), or {here}"
    else:
        here = f"about {here} ({told_time(time['low'])} to {told_time(time['high'])})"
    room = told_bytes(document["disk"]["bytes"])
    fetched = f"{told_bytes(fetch)} to fetch" if fetch else "nothing to fetch"
    left = f"{cells['left']:,} of {cells['total']:,} cells are left"
    return f"{left}: {here}, {room} of disk, {fetched}."


def facts(document: dict[str, Any]) -> list[tuple[str, str]]:
    """What stands under a plan's table: headings, and a text for each.

    Args:
        document: what `plan_document` or `plan_paper` gives.
    """
    time, disk, machine = document["time"], document["disk"], document["machine"]
    cells, gpu = document["cells"], document["declared_gpu"]
    failed = f", {cells['failed']:,} failed there and are not tried again"
    told = [
        (
            "Cells",
            f"{cells['total']:,}: {told_count(cells['pretrain'], 'phase')} of pre-training, "
            f"{told_count(cells['evaluation'], 'evaluation')}; {cells['done']:,} of them in "
            f"{document['store']}{failed if cells['failed'] else ''}. Left: "
            f"{told_count(document['image_visits'], 'image visit')} in "
            f"{told_count(document['steps'], 'step')}.",
        )
    ]
    what = f"{machine['device']}, {told_count(machine['threads'], 'thread')}, one worker"
    work = (
        f"{told_number(time['core_hours'])} core-hours"
        if time["core_hours"] is not None
        else f"{told_number(time['gpu_hours'])} GPU-hours"
    )
    told.append(
        (
            "Time here",
            f"{told_time(time['seconds'])} (95 %: {told_time(time['low'])} to "
            f"{told_time(time['high'])}) on {what}; {work}.",
        )
    )
    if gpu:
        told.append(
            (
                "GPU-hours",
                f"{told_number(gpu['gpu_hours'])} (95 %: {told_number(gpu['low'])} to "
                f"{told_number(gpu['high'])}) of a {gpu['device']}, "
                f"{told_number(gpu['gpu_hours_training'])} of them for pre-training; "
                f"{told_time(gpu['days_on_8'] * 86_400)} on 8. Declared, not measured here: "
                f"{gpu['images_per_second']} images a second and GPU for {gpu['of']}; others by "
                f"their forwards and backwards.",
            )
        )
    aside = f"; and up to {told_bytes(disk['aside_while_a_phase_runs'])} more while a phase runs"
    told.append(
        (
            "Disk",
            f"{told_bytes(disk['bytes'])}: checkpoints {told_bytes(disk['checkpoints'])} (with "
            f"--keep last {told_bytes(disk['checkpoints_if_only_last_kept'])}), predictions "
            f"{told_bytes(disk['predictions'] + disk['shared'])}, records "
            f"{told_bytes(disk['records'])}{aside if disk['aside_while_a_phase_runs'] else ''}.",
        )
    )
    told.append(("Downloads", _downloads(document["downloads"])))
    told += [("Rests on", f"{basis}: {text}.") for basis, text in document["bases"].items()]
    told += [("Measured", f"{text}.") for text in document["notes"]]
    told += [("Note", f"{text}.") for text in document["warnings"]]
    return told


def grid_facts(grid: dict[str, Any]) -> list[tuple[str, str]]:
    """How the models of a grid come about, and what as many as the paper's would cost.

    Args:
        grid: of what `plan_paper` gives.
    """
    alike = grid["as_many_as_the_paper"]
    return [
        ("Models", grid["how"]),
        (
            "Grid",
            f"{grid['models']:,} models take {told_number(grid['declared_gpu_hours'])} GPU-hours, "
            f"{told_number(grid['hours_a_model'])} each with its evaluations: "
            f"{told_number(grid['days_on_8'])} days on 8 GPUs. {alike['models']} models like these "
            f"would take {told_number(alike['declared_gpu_hours'])} GPU-hours, "
            f"{told_number(alike['days_on_8'])} days on 8 GPUs, and "
            f"{told_bytes(alike['checkpoint_bytes'])} of checkpoints.",
        ),
    ]


def _downloads(sets: list[dict[str, Any]]) -> str:
    if not sets:
        return "none, all is prepared."
    told = [
        f"{each['name']} {told_bytes(each['bytes'])}{' (assumed)' if each['assumed'] else ''}"
        for each in sets
        if each["bytes"]
    ]
    total = told_bytes(sum(each["bytes"] for each in sets)) if told else "nothing"
    rendered = sum(each["prepared_bytes"] for each in sets)
    more = f", which writes {told_bytes(rendered)} more" if rendered else ""
    full = any(each["tier"] == "full" for each in sets)
    how = "full --set NAME --images DIR" if full else "nano"
    return (
        f"{total} for {told_count(len(sets), 'set')} not prepared yet"
        f"{': ' if told else ''}{', '.join(told)}. Run: headwater prepare {how}{more}."
    )


def told_count(number: int, what: str) -> str:
    """A number of things.

    Example:
        >>> told_count(1, "step"), told_count(1200, "step")
        ('1 step', '1,200 steps')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def told_time(seconds: float) -> str:
    """Seconds in the unit that people would use, to two digits.

    Example:
        >>> [told_time(value) for value in (0.12, 3, 90, 3000, 36e3, 2e6, 1e8)]
        ['0.1 s', '3 s', '90 s', '50 min', '10 h', '23 days', '3.2 years']
    """
    value, unit = next(
        (seconds / size, unit) for size, unit, until in _TIMES if seconds / size < until
    )
    digits = 1 if value < (1 if unit == "s" else 10) else 0
    return f"{value:,.{digits}f} {unit}"


def told_range(low: float, high: float) -> str:
    """Two times, the unit said once where it is the same.

    Example:
        >>> told_range(1, 16), told_range(1, 1), told_range(30, 600)
        ('1-16 s', '1 s', '30 s-10 min')
    """
    one, other = told_time(low), told_time(high)
    if one == other:
        return one
    same = one.partition(" ")[2] == other.partition(" ")[2]
    return f"{one.partition(' ')[0] if same else one}-{other}"


def told_number(value: float) -> str:
    """A number to three digits, without an exponent.

    Example:
        >>> [told_number(value) for value in (51_619, 423.6, 29.83, 0.623, 0.001, 0)]
        ['51,600', '424', '29.8', '0.62', '<0.01', '0']
    """
    if 0 < value < 0.005:
        return "<0.01"
    rounded = float(f"{value:.3g}")
    digits = 0 if rounded >= 100 or not rounded else 1 if rounded >= 10 else 2
    return f"{rounded:,.{digits}f}"


def told_bytes(size: float) -> str:
    """Bytes in decimal units, to two or three digits.

    Example:
        >>> [told_bytes(value) for value in (900, 5_300, 131e6, 1.5e11)]
        ['900 B', '5.3 kB', '131 MB', '150 GB']
    """
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{size:,.{1 if size < 10 and unit != 'B' else 0}f} {unit}"
