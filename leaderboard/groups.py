"""Groups of methods that cannot be told apart, each named by a letter."""

from collections.abc import Sequence
from string import ascii_lowercase

import numpy as np
from numpy.typing import NDArray


def groups(behind: NDArray[np.bool_]) -> list[tuple[int, ...]]:
    """The groups of each method: two share one if and only if they are not told apart.

    A compact letter display. First come the longest stretches of the ranking within which no two
    methods are told apart; what these leave, since a noisy method may be level with one that its
    neighbours are behind, gets groups of its own, as large as can be.

    Args:
        behind: (M, M) whether the row's method is behind the column's beyond noise; methods in the
            order of the ranking.

    Returns:
        Of each method the numbers of its groups, from 0, in the order of their best members.

    Source:
        Piepho, An algorithm for a letter-based representation of all-pairwise comparisons (Journal
        of Computational and Graphical Statistics 2004), which asks the same of the letters.

    Example:
        >>> groups(np.array([[0, 0, 0], [0, 0, 0], [1, 0, 0]], bool))
        [(0,), (0, 1), (1,)]
    """
    alike = ~(behind | behind.T)
    found = _stretches(alike)
    left = alike.copy()
    for members in found:
        left[np.ix_(members, members)] = False
    while left.any():
        members = [int(place) for place in np.argwhere(left)[0]]
        for place in range(len(alike)):
            if place not in members and alike[place, members].all():
                members.append(place)
        left[np.ix_(members, members)] = False
        found.append(sorted(members))
    kept = sorted(one for one in found if not any(set(one) < set(other) for other in found))
    return [tuple(n for n, one in enumerate(kept) if place in one) for place in range(len(alike))]


def _stretches(alike: NDArray[np.bool_]) -> list[list[int]]:
    """Neighbours in the ranking that are all alike; none of the stretches is part of another."""
    found: list[list[int]] = []
    end = 0
    for start in range(len(alike)):
        before, end = end, max(end, start + 1)
        while end < len(alike) and alike[start:end, end].all():
            end += 1
        if end > before:
            found.append(list(range(start, end)))
    return found


def letters(numbers: Sequence[int]) -> str:
    r"""Groups by letter, three or more in a row by the first and the last.

    Args:
        numbers: of groups, from 0, the least first; after z comes a2.

    Example:
        >>> letters([0, 1]), letters([3, 25, 26]), letters([1, 3, 4, 5]) == "bd\u2013f", letters([])
        ('ab', 'dza2', True, '')
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return "".join(
        f"{_letter(run[0])}\u2013{_letter(run[-1])}" if len(run) > 2 else "".join(map(_letter, run))
        for run in runs
    )


def _letter(number: int) -> str:
    again, place = divmod(number, len(ascii_lowercase))
    return ascii_lowercase[place] + (str(again + 1) if again else "")
