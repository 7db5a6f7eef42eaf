"""What `headwater show overlap` tells: images of a stream that are test images of a task."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmark.canonical import write_whole
from benchmark.cli.output import print_json, print_rows

if TYPE_CHECKING:
    from benchmark.data.imageset import ImageSet
    from benchmark.overlap import Match, Prints
    from benchmark.protocol import ProtocolSpec

#: Images of the stream that are read at a time: at 256 px, 200 MB.
_BATCH = 1024
#: Pairs in the picture and in the table at most; `--json` has all.
_SHOWN = 40


@dataclass(frozen=True)
class Found:
    """What one task's test images have in common with the stream.

    Args:
        task: its name.
        test: its image set.
        rows: of the set, the test images; `Match.test` counts these.
        matches: the duplicates, exact ones and then the nearest first; `Match.stream` is a row of
            the pool.
        refused: the nearest pair that is no duplicate, if the hash proposed any.
    """

    task: str
    test: "ImageSet"
    rows: NDArray[np.int64]
    matches: "list[Match]"
    refused: "Match | None"

    def test_id(self, match: "Match") -> str:
        """Id of a match's test image."""
        return self.test.ids[int(self.rows[match.test])]


@dataclass(frozen=True)
class Overlap:
    """What a protocol's stream and the test images of its tasks have in common.

    Args:
        protocol: its id.
        pool: that the stream is drawn from.
        chunk_of: for each row of the pool that is streamed, the first chunk that delivers it.
        tasks: in the order of the protocol.
    """

    protocol: str
    pool: "ImageSet"
    chunk_of: dict[int, int]
    tasks: list[Found]


def show_overlap(name: str, picture: Path | None, as_json: bool) -> None:
    """Print the report for a protocol, and write the picture if one is wanted.

    Raises:
        UsageError: no such protocol, or the picture's path cannot be written.
        DataError: the pool or a task is not prepared.
    """
    from benchmark.resolve import protocol_named
    from benchmark.streams.picture import require_png

    spec = protocol_named(name)
    if picture is not None:
        require_png(picture)
    overlap = find_overlap(spec)
    if picture is not None:
        write_pairs(overlap, picture)
    document = overlap_document(overlap)
    if as_json:
        return print_json(document)
    _print(document)
    if picture is not None:
        print(f"\nthe picture: {picture}")


def _print(document: dict[str, Any]) -> None:
    """A table of the tasks, one of pairs, and the rule in words."""
    rows, pairs, others = [], [], []
    for task in document["tasks"]:
        counts = {f"{key} images": f"{count:,}" for key, count in task["compared"].items()}
        rows.append(
            {"task": task["task"]}
            | counts
            | {"exact": task["exact"], "perceptual": task["perceptual"]}
        )
        pairs += [_row(task, pair, "exact" if pair["exact"] else "alike") for pair in task["pairs"]]
        others += [_row(task, task["nearest"], "no")] if task["nearest"] else []
    print_rows(rows, False)
    print("\nduplicates, and of each task the nearest pair that is none:")
    print_rows([*pairs[:_SHOWN], *others], False)
    if len(pairs) > _SHOWN:
        print(f"{len(pairs) - _SHOWN:,} duplicates more: --json lists all")
    rule = document["rule"]
    print(
        "\norder: duplicates by task, exact ones first, then the nearest; then the rest\n"
        f"nearest: by the larger of rms / {rule['rms']:g} and (1 - correlation) / "
        f"{1 - rule['correlation']:g}\n"
        "bits: of the hash, certain in both images, that differ\n"
        f"rms: root mean square difference at {rule['pixel_side']} px, in grey levels (of 255), "
        "when\n     brightness and contrast are brought together\n"
        f"exact: equal source bytes, or equal pixels at {rule['hash_side']} px\n"
        f"perceptual: bits <= {rule['hamming']}, rms <= {rule['rms']:g}, "
        f"correlation >= {rule['correlation']:g}"
    )


def _row(task: dict[str, Any], pair: dict[str, Any], verdict: str) -> dict[str, Any]:
    """A pair for people; its ids are one above the other, since they are long."""
    return {
        "task": task["task"],
        "same": verdict,
        "bits": pair["hamming"],
        "rms": pair["rms"],
        "correlation": f"{pair['correlation']:.3f}",
        "stream, then test": f"{pair['stream']}\n{pair['test']}",
    }


def find_overlap(spec: "ProtocolSpec") -> Overlap:
    """Compare every image that a protocol streams with every test image of its tasks.

    The stream is read once, in batches; what is held are the prints of the test images. Whole
    images are compared: one that is pasted into a larger picture is not found there.

    Args:
        spec: the protocol.

    Raises:
        DataError: the pool or a task is not prepared.
    """
    from rich.console import Console
    from rich.progress import track

    from benchmark.overlap import compare, prints
    from benchmark.pools import load_pool

    pool, manifest = load_pool(spec), spec.manifest
    listed, first = np.unique(np.concatenate(manifest.chunks), return_index=True)
    chunks = np.repeat(np.arange(1, spec.chunks + 1), manifest.sizes)[first]
    rows = manifest.rows_in(pool.ids)[listed]
    order = np.argsort(rows)  # files are read in the order in which they lie
    rows, listed, chunks = rows[order], listed[order], chunks[order]
    tests = [_test_prints(name) for name in spec.task_names]
    tasks = [found for found, _ in tests]
    console = Console(stderr=True)
    for part in track(
        list(_parts(np.arange(len(rows)))),
        f"comparing {len(rows):,} images",
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ):
        images = np.asarray(pool.images[rows[part]])
        stream = prints(images, [manifest.sha256[row].tobytes() for row in listed[part]])
        for number, (_, test) in enumerate(tests):
            matches = compare(stream, test)
            told = [replace(match, stream=int(rows[part[match.stream]])) for match in matches]
            tasks[number] = _with(tasks[number], told)
    return Overlap(spec.id, pool, dict(zip(rows.tolist(), chunks.tolist(), strict=True)), tasks)


def _test_prints(task: str) -> "tuple[Found, Prints]":
    """A task's test images, of which nothing is found yet, and their prints."""
    from benchmark.overlap import Prints, prints
    from benchmark.registry import TASKS

    data = TASKS.get(task)().data()
    rows, sources = data.indices("test"), _sources(data)
    parts = [
        prints(np.asarray(data.images[part]), [sources[row] for row in part])
        for part in _parts(rows)
    ]
    joined = Prints(
        sources=[key for part in parts for key in part.sources],
        pixels=[key for part in parts for key in part.pixels],
        bits=np.concatenate([part.bits for part in parts]),
        mirrored=np.concatenate([part.mirrored for part in parts]),
        thumbs=np.concatenate([part.thumbs for part in parts]),
    )
    return Found(task, data, rows, [], None), joined


def _sources(data: "ImageSet") -> Sequence[bytes]:
    """Hash of each sample's source bytes; at the full tier the listing has them."""
    if data.source_sha256:
        return [bytes.fromhex(text) for text in data.source_sha256]
    from benchmark.data.listing import listing_path, read_listing

    hashes = read_listing(listing_path(data.name.removeprefix("full/"))).sha256
    return [row.tobytes() for row in hashes]


def _with(found: Found, matches: "list[Match]") -> Found:
    """What was found, with the matches of one more batch."""
    both = sorted([*found.matches, *matches], key=lambda match: match.place)
    refused = [match for match in [found.refused, *both] if match and not match.duplicate]
    return replace(
        found,
        matches=[match for match in both if match.duplicate],
        refused=min(refused, key=lambda match: match.place, default=None),
    )


def _parts(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(rows), _BATCH):
        yield rows[start : start + _BATCH]


def overlap_document(overlap: Overlap) -> dict[str, Any]:
    """The report: the rule; for each task counts, all duplicates, and the nearest other pair."""
    from benchmark import overlap as rules

    def told(match: "Match", found: Found) -> dict[str, Any]:
        return {
            "stream": overlap.pool.ids[match.stream],
            "test": found.test_id(match),
            "chunk": overlap.chunk_of[match.stream],
            "exact": match.exact,
            "mirrored": match.mirrored,
            "hamming": match.hamming,
            "rms": round(match.rms, 1),
            "correlation": round(match.correlation, 3),
        }

    names = ("hash_side", "certain", "common", "hamming", "pixel_side", "rms", "correlation")
    tasks = [
        {
            "task": found.task,
            "compared": {"stream": len(overlap.chunk_of), "test": len(found.rows)},
            "exact": sum(match.exact for match in found.matches),
            "perceptual": sum(not match.exact for match in found.matches),
            "pairs": [told(match, found) for match in found.matches],
            "nearest": told(found.refused, found) if found.refused else None,
        }
        for found in overlap.tasks
    ]
    rule = {name: getattr(rules, name.upper()) for name in names}
    return {"protocol": overlap.protocol, "rule": rule, "tasks": tasks}


def write_pairs(overlap: Overlap, path: Path) -> None:
    """Write a PNG with a pair in each row, the stream's image left: duplicates, then others.

    The others are each task's nearest pair that is no duplicate, so that a reader sees where the
    line is drawn. The same input gives the same bytes.
    """
    from PIL import Image, ImageDraw, ImageFont

    pairs = [(match, found) for found in overlap.tasks for match in found.matches]
    others = [(found.refused, found) for found in overlap.tasks if found.refused]
    shown = pairs[:_SHOWN] + sorted(others, key=lambda pair: pair[0].place)
    side, gap = 96, 8
    sheet = Image.new("RGB", (2 * side + 3 * gap + 380, (side + gap) * len(shown) + 64), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    few = f" ({_SHOWN} shown)" if len(pairs) > _SHOWN else ""
    pen.text((gap, 8), f"{overlap.protocol}: stream left, test right", "black", font)
    pen.text((gap, 30), f"duplicates: {len(pairs):,}{few}; then the nearest others", "black", font)
    for number, (match, found) in enumerate(shown):
        top = 64 + (side + gap) * number
        images = overlap.pool.images, found.test.images
        for place, row in enumerate((match.stream, int(found.rows[match.test]))):
            pixels = np.asarray(images[place][row]).transpose(1, 2, 0)
            image = Image.fromarray(np.ascontiguousarray(pixels))
            image = image.resize((side, side), Image.Resampling.BICUBIC)
            sheet.paste(image, (gap + place * (side + gap), top))
        verdict = "exact" if match.exact else "duplicate" if match.duplicate else "no duplicate"
        lines = (
            f"{found.task}: {verdict}{', mirrored' if match.mirrored else ''}",
            f"{overlap.pool.ids[match.stream]}, chunk {overlap.chunk_of[match.stream]}",
            found.test_id(match),
            f"hamming {match.hamming}, rms {match.rms:.1f}, correlation {match.correlation:.3f}",
        )
        for line, text in enumerate(lines):
            pen.text((2 * side + 3 * gap, top + 6 + 22 * line), text, "black", font)
    content = io.BytesIO()
    sheet.save(content, "PNG")
    write_whole(path, content.getvalue())
