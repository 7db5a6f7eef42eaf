"""The chunk's probes against scikit-learn, and what is made of them along the stream."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from benchmark.encoder import Encoder
from benchmark.pools import load_pool
from benchmark.resolve import protocol_named, resolve
from tasks.probes import stream
from tasks.probes.chunks import UNSEEN, evaluate_chunks
from tasks.probes.discriminant import fit_discriminant
from tasks.probes.knn import knn_predict
from tasks.probes.similarity import linear_cka
from tasks.probes.stream import SHRINKAGES, stream_accuracy
from tasks.stream import Chunks

DRAW = np.random.default_rng(0)
LABELS = np.sort(np.concatenate([np.arange(3, 33), DRAW.integers(3, 33, 120)]))
CENTRES = DRAW.normal(size=(33, 40))
MIX = DRAW.normal(size=(40, 40)) * np.arange(1, 41) ** -0.5


def features(labels: NDArray[np.int64], seed: int) -> torch.Tensor:
    noise = np.random.default_rng(seed).normal(size=(len(labels), 40))
    return torch.from_numpy(((CENTRES[labels] + noise) @ MIX + 3).astype(np.float32))


@pytest.mark.parametrize("shrinkage", [1e-3, 0.1, 0.7, 1.0])
def test_discriminant_is_scikit_learns(shrinkage: float) -> None:
    x, unseen = features(LABELS, 1), features(LABELS, 2)
    ours = fit_discriminant(x, torch.from_numpy(LABELS), (0.5, shrinkage)).predict(unseen, 1)
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage)
    theirs.fit(x.double().numpy(), LABELS)
    assert ours.tolist() == theirs.predict(unseen.double().numpy()).tolist()


def test_features_without_spread_within_classes() -> None:
    x = torch.eye(3).repeat_interleave(2, 0)
    labels = torch.tensor([5, 5, 7, 7, 9, 9])
    assert fit_discriminant(x, labels, (0.1,)).predict(x, 0).tolist() == labels.tolist()


def test_knn_by_hand() -> None:
    train = torch.tensor([[1.0, 0.0], [1.0, 0.2], [0.6, 0.8], [0.0, 5.0]])
    labels = torch.tensor([0, 1, 1, 2])
    query = torch.tensor([[2.0, 0.0]])
    # cosines 1, 0.981, 0.6, 0; at T = 0.07 the sum of class 1 is
    # exp((0.981 - 1) / 0.07) + exp((0.6 - 1) / 0.07) = 0.757 + 0.003 of class 0's weight
    assert knn_predict(train, labels, query, classes=3).tolist() == [0]
    # at T = 1 it is exp(-0.019) + exp(-0.4) = 0.981 + 0.670 of it
    assert knn_predict(train, labels, query, classes=3, temperature=1.0).tolist() == [1]
    # two neighbours: 0.981 of it; the third is not asked
    assert knn_predict(train, labels, query, classes=3, k=2, temperature=1.0).tolist() == [0]


def test_stream_accuracy_counts_and_repeats() -> None:
    train, test = features(LABELS, 1).numpy(), features(LABELS, 2).numpy()
    one, two = (stream_accuracy(train, LABELS, test, LABELS) for _ in range(2))
    assert one.top1 == 100 * np.mean(one.prediction == LABELS)
    assert one.knn_top1 == 100 * np.mean(one.knn_prediction == LABELS)
    assert (one.prediction == two.prediction).all()
    assert one.shrinkage in SHRINKAGES
    # chance is 1 in 30
    assert one.top1 > 50
    assert one.knn_top1 > 30


def test_stream_accuracy_does_not_see_the_held_out_labels() -> None:
    train, test = features(LABELS, 1).numpy(), features(LABELS, 2).numpy()
    shuffled = np.random.default_rng(5).permutation(LABELS)
    with_them = stream_accuracy(train, LABELS, test, LABELS)
    without = stream_accuracy(train, LABELS, test, shuffled)
    assert (with_them.prediction == without.prediction).all()
    assert with_them.shrinkage == without.shrinkage


def test_neighbours_in_blocks_are_those_of_all_at_once(monkeypatch) -> None:
    train, test = features(LABELS, 1).numpy(), features(LABELS, 2).numpy()
    whole = stream_accuracy(train, LABELS, test, LABELS)
    monkeypatch.setattr(stream, "_COSINES", 7 * len(train))
    blocks = stream_accuracy(train, LABELS, test, LABELS)
    assert (whole.knn_prediction == blocks.knn_prediction).all()


def encoder(seen: int, replicate: int = 0, protocol: str = "instance/smoke@1", **more) -> Encoder:
    """An untrained one that says it has seen some chunks."""
    spec = protocol_named(protocol)
    return Encoder(resolve("random_init").build(spec, replicate), spec, chunks_seen=seen, **more)


def test_pooled_accuracy_is_that_of_one_probe_on_the_chunks_seen(own_home) -> None:
    first, both, none = (evaluate_chunks(Chunks(), encoder(seen)) for seen in (1, 2, 0))
    alone = {name for name in both.metrics if not name.startswith(("pooled", "knn_pooled"))}
    assert alone == {"chunk1", "chunk2", "knn_chunk1", "knn_chunk2"}
    assert next(iter(both.metrics)) == "chunk1"
    assert all(first.metrics[name] == both.metrics[name] for name in alone)
    assert set(first.metrics) - alone == {"pooled_chunk1", "knn_pooled_chunk1"}
    # after one chunk the probe is that chunk's own
    for kind in ("", "knn_"):
        assert first.metrics[f"{kind}pooled_chunk1"] == first.metrics[f"{kind}chunk1"]
        column, chunk = first.predictions[f"{kind}pooled_prediction"], first.predictions["chunk"]
        assert (column[chunk == 1] == first.predictions[f"{kind}prediction"][chunk == 1]).all()
        assert (column[chunk == 2] == UNSEEN).all()
    # nothing trained: as after the whole stream
    assert none.metrics == both.metrics

    subject = encoder(2)
    pool, manifest = load_pool(subject.protocol), subject.protocol.manifest
    where, labels = manifest.rows_in(pool.ids), np.asarray(pool.labels, np.int64)
    train, test = (where[np.concatenate(part)] for part in (manifest.chunks, manifest.held_out))
    x, unseen = (subject.features_of(pool.images, rows) for rows in (train, test))
    by_hand = stream_accuracy(x, labels[train], unseen, labels[test])
    saved = both.predictions
    assert (saved["index"] == test).all()
    assert (saved["pooled_prediction"] == by_hand.prediction).all()
    assert (saved["knn_pooled_prediction"] == by_hand.knn_prediction).all()
    for number in (1, 2):
        right = (saved["pooled_prediction"] == saved["label"])[saved["chunk"] == number]
        metric = both.metrics[f"pooled_chunk{number}"]
        assert metric.value == pytest.approx(100 * right.mean())
        assert metric.n == len(right) == manifest.held_out_sizes[number - 1]


def test_an_image_that_two_chunks_share_is_pooled_once(own_home, monkeypatch) -> None:
    sizes = []

    def spy(train, *rest):
        sizes.append(len(train))
        return stream_accuracy(train, *rest)

    monkeypatch.setattr("tasks.probes.chunks.stream_accuracy", spy)
    subject = encoder(2, protocol="blurred-class/smoke@1")
    evaluate_chunks(Chunks(), subject)
    chunks = subject.protocol.manifest.chunks
    assert sizes == [*map(len, chunks), len(set(np.concatenate(chunks).tolist()))]
    assert sizes[2] < sizes[0] + sizes[1]


def test_cka_compares_with_the_encoder_before_the_phase(own_home) -> None:
    asked = []

    def before() -> Encoder:
        asked.append(1)
        return encoder(0, replicate=1)

    subject = encoder(1, before=before)
    assert not asked
    found = evaluate_chunks(Chunks(), subject).metrics
    assert evaluate_chunks(Chunks(), subject).metrics == found and asked == [1]
    pool, manifest = load_pool(subject.protocol), subject.protocol.manifest
    for number in (1, 2):
        rows = manifest.rows_in(pool.ids)[manifest.held_out[number - 1]]
        pair = (each.features_of(pool.images, rows) for each in (encoder(0, replicate=1), subject))
        metric = found[f"cka_chunk{number}"]
        assert metric.value == pytest.approx(100 * linear_cka(*pair), abs=1e-3)
        assert metric.value < 99
        assert (metric.unit, metric.n, metric.standard_error) == ("%", len(rows), None)
    same = evaluate_chunks(Chunks(), encoder(1, before=lambda: encoder(0))).metrics
    assert same["cka_chunk1"].value == pytest.approx(100)
    assert encoder(0).before is None
