"""Duplicates between two sets of images: equal ones, and alike ones by hash, then by pixels."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.fft import dctn

#: Sides in pixels at which images are hashed, and at which a pair that the hash proposes is judged.
HASH_SIDE, PIXEL_SIDE = 32, 16

#: A bit is certain if its coefficient is this far from the median: a wave of 0.6 grey levels RMS.
#: Symmetric drawings have many coefficients that are nought but for rounding, and the bits of these
#: are a matter of chance: among the nano stream's 5,119 images, saved as JPEG of quality 75, one in
#: a hundred differs from itself in 16 bits or more, none in a certain bit.
CERTAIN = 20.0

#: The hash proposes a pair that has at least this many certain bits in common ...
COMMON = 8
#: ... and differs in at most this many of them.
HAMMING = 2

#: A proposed pair is a duplicate up to this RMS difference in grey levels (of 255) ...
#: The nano stream's images differ from their copies by up to 4.0 at 32 px and up to 8.6 as JPEG of
#: quality 75, 3 of 5,119 by more than 8; of all their pairs with test images the nearest, a rhombus
#: of two designs and hearts of one, by 9.6 and 12.4.
RMS = 8.0
#: ... from this correlation on, without which any two nearly blank images would be duplicates.
CORRELATION = 0.9

#: Proposed pairs that are judged at a time, for memory's sake.
_BATCH = 2048
_GREY = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601

Bits = NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Prints:
    """What is kept of N images in order to find them again; rows correspond.

    Args:
        sources: hash of the bytes that each was made from.
        pixels: hash of each one's pixels, `HASH_SIDE` wide and high.
        bits: (N, 64) of -1, 1, and 0 for uncertain: see `perceptual_bits`.
        mirrored: (N, 64), the bits of the images with left and right exchanged.
        thumbs: (N, 3, PIXEL_SIDE, PIXEL_SIDE) uint8.
    """

    sources: Sequence[bytes]
    pixels: Sequence[bytes]
    bits: Bits
    mirrored: Bits
    thumbs: NDArray[np.uint8]


@dataclass(frozen=True)
class Match:
    """Two images, how alike they are, and whether they count as duplicates.

    Args:
        stream, test: rows of the two.
        exact: their source bytes, or their pixels at `HASH_SIDE`, are equal.
        mirrored: one is compared with the other's mirror image.
        hamming: number of bits, certain in both, that differ.
        rms, correlation: see `likeness`.
    """

    stream: int
    test: int
    exact: bool
    mirrored: bool
    hamming: int
    rms: float
    correlation: float

    @property
    def distance(self) -> float:
        """How far apart in units of what is allowed: up to 1, they are duplicates."""
        return distance(self.rms, self.correlation)

    @property
    def duplicate(self) -> bool:
        """Whether they are the same image."""
        return self.exact or (self.hamming <= HAMMING and self.distance <= 1)

    @property
    def place(self) -> tuple[bool, float, int, int]:
        """Sorts matches: exact ones, then the nearest, first."""
        return not self.exact, self.distance, self.stream, self.test


def prints(images: NDArray[np.uint8], sources: Sequence[bytes]) -> Prints:
    """Prints of images.

    Args:
        images: (N, 3, S, S) uint8, S any.
        sources: N hashes of the bytes that they were made from.
    """
    small = shrink(images, HASH_SIDE)
    waves = _waves(small)
    # the mirror image of a wave with an odd number of half periods across is its negative
    turned = waves * np.where(np.arange(8) % 2, -1.0, 1.0)
    return Prints(
        sources=sources,
        pixels=[hashlib.sha256(image.tobytes()).digest() for image in small],
        bits=_certain_signs(waves),
        mirrored=_certain_signs(turned),
        thumbs=shrink(small, PIXEL_SIDE),
    )


def shrink(images: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Images resized with antialiasing, as those of the full tier are when they are read.

    Args:
        images: (N, 3, S, S) uint8.
        side: in pixels.

    Returns:
        (N, 3, side, side) uint8.
    """
    if images.shape[2:] == (side, side):
        return np.ascontiguousarray(images)
    whole = torch.from_numpy(np.require(images, requirements=("C", "W")))
    small = F.interpolate(whole, size=(side, side), mode="bilinear", antialias=True)
    return np.asarray(small, np.uint8)


def perceptual_bits(images: NDArray[np.uint8]) -> Bits:
    """The 64-bit DCT hash of images, with its uncertain bits set aside.

    A bit is whether one of the 8 x 8 lowest frequencies of the grey image, 32 by 32, is above their
    median; the first is the mean, always above, and tells nothing.

    Args:
        images: (N, 3, S, S) uint8.

    Returns:
        (N, 64) int8: 1 above, -1 below, 0 closer to the median than `CERTAIN`.

    Source:
        Hash: Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010; with
        the mean kept, as in the package `imagehash`, whose bits the certain ones equal. Median:
        Coskun and Sankur, Robust Video Hash Extraction, 2004. Setting aside bits whose value lies
        near the threshold: Hollingsworth, Bowyer and Flynn, The Best Bits in an Iris Code, 2009.

    Example:
        >>> ramp = np.broadcast_to(np.arange(0, 256, 8, dtype=np.uint8), (1, 3, 32, 32))
        >>> perceptual_bits(ramp)[0, :4].tolist()
        [1, -1, 0, -1]
        >>> np.count_nonzero(perceptual_bits(ramp))  # nothing varies from top to bottom
        5
    """
    return _certain_signs(_waves(shrink(images, HASH_SIDE)))


def _waves(small: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N, 8, 8): the lowest frequencies of (N, 3, 32, 32); noise of one grey level gives 1."""
    grey = np.einsum("nchw,c->nhw", small, _GREY / (2 * HASH_SIDE))
    lowest = dctn(grey, axes=(1, 2))[:, :8, :8]
    return np.asarray(lowest, np.float64)


def _certain_signs(waves: NDArray[np.float64]) -> Bits:
    flat = waves.reshape(len(waves), 64)
    above = flat - np.median(flat, axis=1, keepdims=True)
    signs: Bits = np.sign(above).astype(np.int8)
    signs[np.abs(above) < CERTAIN] = 0
    return signs


def hamming(a: Bits, b: Bits) -> NDArray[np.float32]:
    """Of each of N and each of M hashes, the number of bits, certain in both, that differ.

    Args:
        a: (N, 64) of -1, 0, 1.
        b: (M, 64) of -1, 0, 1.

    Returns:
        (N, M) whole numbers.

    Example:
        >>> hamming(np.array([[1, 1, 0, -1]]), np.array([[1, -1, -1, 1], [1, 0, 0, -1]])).tolist()
        [[2.0, 0.0]]
    """
    # a product of matrices: bits certain in both, less those that agree, plus those that differ,
    # halved; exact in float32
    x = np.concatenate([np.abs(a), -a], axis=1).astype(np.float32)
    y = np.concatenate([np.abs(b), b], axis=1).astype(np.float32) / 2
    differ: NDArray[np.float32] = x @ y.T
    return differ


def likeness(
    a: NDArray[np.uint8], b: NDArray[np.uint8]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How alike the pixels of pairs are, once brightness and contrast are brought together.

    With standard deviations s and t of all values of the two images, and their correlation c, the
    RMS of what the best straight line from one to the other leaves is s sqrt(1 - c^2) or
    t sqrt(1 - c^2); the larger of the two.

    Args:
        a: (N, ...) uint8, all channels count alike.
        b: (N, ...) uint8.

    Returns:
        RMS difference in grey levels, (N,), and correlation, (N,), which is 0 where an image is of
        one colour.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> image = rng.integers(40, 160, (1, 3, 8, 8), dtype=np.uint8)
        >>> [round(abs(value.item()), 2) for value in likeness(image, image + 50)]
        [0.0, 1.0]
    """
    x, y = (_centred(part) for part in (a, b))
    s, t = (np.sqrt(np.einsum("nd,nd->n", part, part) / part.shape[1]) for part in (x, y))
    product = np.einsum("nd,nd->n", x, y) / x.shape[1]
    scale = s * t
    correlation = np.where(scale > 0, product / np.where(scale > 0, scale, 1), 0.0)
    unexplained = np.sqrt(np.maximum(0.0, 1 - correlation**2))
    return np.maximum(s, t) * unexplained, correlation


def _centred(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    flat = images.reshape(len(images), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    return flat


def distance(rms: float, correlation: float) -> float:
    """The larger of the two measures in units of what is allowed.

    Example:
        >>> round(distance(4.0, 0.92), 3), distance(16.0, 1.0)
        (0.8, 2.0)
    """
    return float(max(rms / RMS, (1 - correlation) / (1 - CORRELATION)))


def compare(stream: Prints, test: Prints) -> list[Match]:
    """Duplicates between two sets, and the nearest pair that the hash proposes but pixels refuse.

    Args:
        stream: N images, a thousand at a time: memory goes with N times M.
        test: M images.

    Returns:
        All duplicates, each pair once, and at most one pair more; the nearest first.
    """
    found = {(match.stream, match.test): match for match in _equal(stream, test)}
    refused: list[Match] = []
    for mirrored in (False, True):
        for match in _alike(stream, test, mirrored):
            if match.duplicate:
                found.setdefault((match.stream, match.test), match)
            else:
                refused.append(match)
    others = [match for match in refused if (match.stream, match.test) not in found]
    nearest = sorted(others, key=lambda match: match.place)[:1]
    return sorted([*found.values(), *nearest], key=lambda match: match.place)


def _equal(stream: Prints, test: Prints) -> Iterator[Match]:
    """Pairs with equal sources or equal pixels; a pair may come twice."""
    for ours, theirs in ((stream.sources, test.sources), (stream.pixels, test.pixels)):
        rows = defaultdict(list)
        for row, key in enumerate(theirs):
            rows[key].append(row)
        for i, key in enumerate(ours):
            for j in rows.get(key, ()):
                one, other = slice(i, i + 1), slice(j, j + 1)
                rms, correlation = likeness(stream.thumbs[one], test.thumbs[other])
                differ = int(hamming(stream.bits[one], test.bits[other]).item())
                yield Match(i, j, True, False, differ, rms.item(), correlation.item())


def _alike(stream: Prints, test: Prints, mirrored: bool) -> Iterator[Match]:
    """Pairs that the hash proposes: duplicates, and of each batch's others the nearest."""
    bits = test.mirrored if mirrored else test.bits
    differ = hamming(stream.bits, bits)
    rows, columns = np.nonzero(differ <= HAMMING)
    common = np.count_nonzero(stream.bits[rows] & bits[columns], axis=1)  # -1 and 1 share a 1
    rows, columns = rows[common >= COMMON], columns[common >= COMMON]
    thumbs = test.thumbs[..., ::-1] if mirrored else test.thumbs
    for start in range(0, len(rows), _BATCH):
        i, j = rows[start : start + _BATCH], columns[start : start + _BATCH]
        rms, correlation = likeness(stream.thumbs[i], thumbs[j])
        far = np.maximum(rms / RMS, (1 - correlation) / (1 - CORRELATION))
        nearest = np.flatnonzero(far == far[far > 1].min(initial=np.inf))[:1]
        for k in (*np.flatnonzero(far <= 1), *nearest):
            known = int(differ[i[k], j[k]]), float(rms[k]), float(correlation[k])
            yield Match(int(i[k]), int(j[k]), False, mirrored, *known)
