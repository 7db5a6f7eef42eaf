"""Photographs of solar cells (electroluminescence), to be told by how likely they are defective.

The data are CC-BY-NC-SA-4.0: not for commercial use. Each user fetches them from the package
registry; they are never redistributed by this project, and neither are images made from them.

The file lists the cells module by module; the package does not say where a module ends, so blocks
of 60 neighbours of one type (most modules have 60 cells) stay on one side.
"""

from collections.abc import Iterator
from hashlib import sha256

from benchmark.data.imageset import Sample
from benchmark.data.render import render_pictures
from benchmark.data.source import Library, Source
from benchmark.data.split import split_groups
from benchmark.registry import TASKS
from tasks.task import Task, TaskSpec

SOURCE = Source(
    "elpv-dataset",
    "pypi",
    "elpv-dataset",
    "1.0.0.post1",
    "85e31c1126ee9b48e62d3a0232c58f58b2d189b0814a45c13642fa0415af4a4c",
    "CC-BY-NC-SA-4.0",
    "S. Deitsch, C. Buerhop-Lutz et al., ELPV dataset, ZAE Bayern",
    "not for commercial use; fetched by each user, never redistributed",
)

FOLDER = "elpv_dataset/data"
CELLS_A_MODULE = 60


@TASKS.register("solar")
class Solar(Task):
    """How likely a solar cell is defective."""

    spec = TaskSpec(
        name="solar",
        version=1,
        title="how likely a solar cell is defective, in four levels (CC-BY-NC-SA data)",
        metric="mean_per_class",
        classes=("0/3", "1/3", "2/3", "3/3"),
        sources=(SOURCE,),
        data_sha256="9392cab9e4899eff2359705472ed6d2cd30c3883e58ad529a4b257fed36caae6",
    )

    def build(self, library: Library) -> Iterator[Sample]:
        """Yield the cells in the order of the list: path, probability, mono or poly."""
        listed = library.read(SOURCE, f"{FOLDER}/labels.csv").decode()
        rows = [line.split() for line in listed.splitlines()]
        files = [library.read(SOURCE, f"{FOLDER}/{path}") for path, _, _ in rows]
        labels = [round(3 * float(probability)) for _, probability, _ in rows]
        groups = blocks([kind for _, _, kind in rows])
        splits = split_groups("solar", [0] * len(rows), groups, test=0.4)
        images = render_pictures(files, 32)
        for (path, _, kind), file, image, label, split, group in zip(
            rows, files, images, labels, splits, groups, strict=True
        ):
            name = path.removeprefix("images/").removesuffix(".png")
            extra = {"group": group, "kind": kind}
            yield Sample(name, image, label, split, sha256(file).hexdigest(), extra=extra)


def blocks(kinds: list[str]) -> list[str]:
    """Names of the blocks of neighbours of one kind.

    Example:
        >>> blocks(["mono"] * 61 + ["poly"])[59:]
        ['block-0000', 'block-0060', 'block-0061']
    """
    names: list[str] = []
    start = 0
    for n, kind in enumerate(kinds):
        if kind != kinds[start] or n - start == CELLS_A_MODULE:
            start = n
        names.append(f"block-{start:04d}")
    return names
