"""The graph of cells: what is to be computed, and what can be computed now."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from benchmark.cells import Cell
from benchmark.engine.job import Job
from benchmark.store import Store

State = Literal["done", "failed", "todo", "running", "blocked"]

#: Seconds after which a cell that another process has is asked for again.
BUSY_SECONDS = 1.0


@dataclass
class Node:
    """A cell in the graph.

    Args:
        job: whose it is.
        cell: the unit of work.
        state: `blocked` where one that it starts from failed.
        found: whether it was finished before.
        not_before: time (monotonic) before which it is not asked for.
    """

    job: Job
    cell: Cell
    state: State
    found: bool = False
    not_before: float = 0.0
    children: list["Node"] = field(default_factory=list)


class Graph:
    """The cells of some jobs, each after those that it starts from.

    A phase whose weights are not kept is computed again only if something that is missing needs
    them; so is one whose weights are damaged.

    Args:
        plans: the cells of each job, in order.
        store: what is finished.
        retry_failed: whether cells that failed are computed again.
        keep_all: whether the weights after every phase are kept; if not, those alone that something
            in the graph still needs, and those after the last phase.
        cost: seconds that a cell is expected to take; among evaluations the longest goes first.
    """

    def __init__(
        self,
        plans: Iterable[tuple[Job, Sequence[Cell]]],
        store: Store,
        *,
        retry_failed: bool = False,
        keep_all: bool = True,
        cost: Callable[[Cell], float] = lambda _: 0.0,
    ) -> None:
        self.store, self.keep_all, self.cost = store, keep_all, cost
        self.nodes: dict[str, Node] = {}
        for job, cells in plans:
            for cell in cells:
                if cell.key not in self.nodes:
                    self._add(job, cell, retry_failed)
        self._need_weights()
        self._block()

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes.values())

    def _add(self, job: Job, cell: Cell, retry_failed: bool) -> None:
        told = self.store.state(cell, thorough=cell.kind == "evaluation")
        state: State = "todo"
        if told in ("done", "pruned"):
            state = "done"
            if cell.kind == "pretrain":  # who finished it may have been killed before this
                self.store.clear_steps(cell)
        elif told == "failed" and not retry_failed:
            state = "failed"
        node = Node(job, cell, state, found=state != "todo")
        self.nodes[cell.key] = node
        for parent in cell.sources:
            if parent.key in self.nodes:
                self.nodes[parent.key].children.append(node)

    def _need_weights(self) -> None:
        for node in reversed(self.nodes.values()):
            needed = any(child.state == "todo" for child in node.children)
            needed = needed and node.cell.kind == "pretrain" and node.state == "done"
            if needed and self.store.state(node.cell) != "done":
                node.state, node.found = "todo", False

    def _block(self) -> None:
        for node in self.nodes.values():
            if node.state in ("failed", "blocked"):
                for child in node.children:
                    if child.state == "todo":
                        child.state = "blocked"

    def count(self) -> Counter[str]:
        """How many cells are in which state."""
        return Counter(node.state for node in self.nodes.values())

    @property
    def finished(self) -> bool:
        """Whether nothing is left that could be computed."""
        return not any(node.state in ("todo", "running") for node in self.nodes.values())

    def ready(self) -> Iterator[Node]:
        """What can be computed now, in the order of the plans."""
        now = time.monotonic()
        for node in self.nodes.values():
            if (
                node.state == "todo"
                and node.not_before <= now
                and all(self._is_there(parent) for parent in node.cell.sources)
            ):
                yield node

    def take(self, last: Node | None = None, *, in_order: bool = False) -> Node | None:
        """What a worker should compute now, or None if nothing can be; it counts as running.

        Phases come before evaluations, since more hangs on them; then what shares a method or
        features with what the worker did last; then what takes long.

        Args:
            last: what the worker did last.
            in_order: whether the order of the plans is kept instead, as one worker alone does best.
        """
        if in_order:
            node = next(self.ready(), None)
        else:
            node = min(self.ready(), key=lambda n: self._urgency(n, last), default=None)
        if node is not None:
            node.state = "running"
        return node

    def _urgency(self, node: Node, last: Node | None) -> tuple[bool, bool, float]:
        apart = True
        if last is not None:
            apart = node.job != last.job
            if node.cell.kind == "evaluation":
                apart = (node.cell.parent, node.cell.task) != (last.cell.parent, last.cell.task)
        return node.cell.kind != "pretrain", apart, -self.cost(node.cell)

    def _is_there(self, parent: Cell) -> bool:
        return parent.key not in self.nodes or self.nodes[parent.key].state == "done"

    def end(self, node: Node, status: Literal["ok", "failed", "busy"]) -> None:
        """What came of it; `busy` if another process has it, so that it is asked for later."""
        if status == "busy":
            node.state, node.not_before = "todo", time.monotonic() + BUSY_SECONDS
            return
        node.state = "done" if status == "ok" else "failed"
        if status == "failed":
            self._block()
        if not self.keep_all:
            self._prune()

    def _prune(self) -> None:
        for node in self.nodes.values():
            later = [child for child in node.children if child.cell.kind == "pretrain"]
            if later and node.state == "done" and all(c.state == "done" for c in node.children):
                self.store.prune_checkpoint(node.cell)
