"""How sharp the minimum is that training ended in: random directions, filter by filter."""

import copy
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmark.batch import Batch
from benchmark.data.imageset import ImageSet
from benchmark.encoder import Encoder
from benchmark.errors import HeadwaterError
from benchmark.method import Composed, Method
from benchmark.pools import load_pool
from benchmark.result import Metric
from benchmark.seeds import seed_for
from benchmark.streams.reader import StreamMemory, StreamReader
from benchmark.streams.steps import PhaseSteps, SampleOrder
from tasks.probes.similarity import linear_cka
from tasks.probes.stream import stream_accuracy
from tasks.task import Task, TaskResult

Floats = NDArray[np.float64]

#: Lengths of the steps away from the weights, as shares of each filter's own length.
RADII = (0.1, 0.2, 0.5)
#: The one that the headline is measured at: at the others nothing stands out of the noise at nano.
HEADLINE = 0.5
DIRECTIONS = 10
#: Most images that the probe is fitted on, and those that batch norms are estimated anew from.
GALLERY, ESTIMATED = 10_000, 512


def evaluate_sharpness(task: Task, encoder: Encoder, seed: int = 0) -> TaskResult:
    """Step away from the backbone's weights in random directions and see what is lost.

    The definition is ours; see `filter_direction` for the directions, and RADII for the lengths.
    Three things are measured at each step, and their means over the directions reported.

    Accuracy, which can be compared across objectives: points of top-1 that the linear probe of
    `stream_accuracy` loses on the held-out images of chunk 1, fitted anew on features of the
    chunk's streamed images. Batch norms are estimated anew from 512 of these, at the weights
    themselves too: what a step does to their statistics would otherwise drown what it does to the
    function, and the training loss does not see it either.

    The features themselves, likewise, without any label and with far less noise: how far their
    debiased linear CKA with those at the weights, on the same held-out images, falls short of 1.

    The training loss, of the method's own kind: its rise on one batch of each chunk seen, in
    training mode, the views the same for all. Of an objective under a strategy it is the
    objective's alone: what a strategy adds holds the weights where they are, or replays. There is
    none for what has no training loss or has seen nothing. Momentum encoders and heads stay.

    Args:
        task: not used; the images are those of the encoder's protocol.
        encoder: whose method is measured, on copies.
        seed: fixes directions, batches and views.

    Returns:
        `sharpness`, the loss of accuracy at radius 0.5 in points; `relative_sharpness`, the same
        in % of the accuracy at the weights, where that is not 0; `drop_at_0.1` ... in points;
        `change_at_0.1` ..., 100 (1 - CKA), in %; `loss_rise_at_0.1` ...; n is the number of
        directions. Standard errors are over the directions, those of accuracies over the held-out
        images too, which weigh more at nano: there are 326. Predictions: `radius` (R,); `index` of
        the pool and `label` (m,) of the held-out images, `prediction_at_rest` (m,), `prediction`
        (R, K, m) and `cka` (R, K), K directions; `loss_at_rest` (C,) of the C chunks seen, and
        `loss` (R, K, C).

    Raises:
        HeadwaterError: a training loss is not finite.

    Source:
        Keskar et al., On Large-Batch Training for Deep Learning (ICLR 2017), for sharpness as what
        is lost in a neighbourhood whose size follows that of the weights.
    """
    pool = load_pool(encoder.protocol)
    probe, own = _Probe(encoder, pool, seed), _own_loss(encoder, pool, seed)
    rest = encoder.method
    predicted_at_rest, features_at_rest = probe.look(rest)
    loss_at_rest = own.losses(rest) if own else []
    predicted: list[NDArray[np.int64]] = []
    alike: list[float] = []
    losses: list[list[float]] = []
    directions = [
        filter_direction(rest.backbone, seed_for("sharpness", seed, number))
        for number in range(DIRECTIONS)
    ]
    for radius in RADII:
        for direction in directions:
            method = _moved(rest, direction, radius)
            prediction, features = probe.look(method)
            predicted.append(prediction)
            alike.append(linear_cka(features_at_rest, features))
            losses.append(own.losses(method) if own else [])
    shape = len(RADII), DIRECTIONS, -1
    arrays = {
        "radius": np.array(RADII),
        "index": probe.test,
        "label": probe.labels[probe.test],
        "prediction_at_rest": predicted_at_rest,
        "prediction": np.stack(predicted).reshape(shape),
        "cka": np.reshape(alike, shape[:2]),
    }
    if own:
        arrays |= {"loss_at_rest": np.array(loss_at_rest), "loss": np.array(losses).reshape(shape)}
        if not all(np.isfinite(arrays[name]).all() for name in ("loss_at_rest", "loss")):
            raise HeadwaterError("the training loss near the weights is not finite")
    return TaskResult(metrics=sharpness_metrics(arrays), predictions=arrays)


def sharpness_metrics(arrays: dict[str, NDArray[np.float64]]) -> dict[str, Metric]:
    """The metrics, from the arrays that `evaluate_sharpness` saves.

    Args:
        arrays: with or without the losses.

    Returns:
        The metrics, the headline first.
    """
    known = 100.0 * (arrays["prediction_at_rest"] == arrays["label"])
    drops = known - 100.0 * (arrays["prediction"] == arrays["label"])
    headline = drops[RADII.index(HEADLINE)]
    metrics = {"sharpness": _metric(headline, "points", axes=(0, 1))}
    if known.any():
        share = 100 * headline / known.mean()
        metrics["relative_sharpness"] = _metric(share, "%", axes=(0, 1))
    for radius, values in zip(RADII, drops, strict=True):
        metrics[f"drop_at_{radius}"] = _metric(values, "points", axes=(0, 1))
    for radius, values in zip(RADII, 100 * (1 - arrays["cka"]), strict=True):
        metrics[f"change_at_{radius}"] = _metric(values[:, None], "%", axes=(0,))
    if "loss" in arrays:
        rises = arrays["loss"] - arrays["loss_at_rest"]
        for radius, values in zip(RADII, rises, strict=True):
            metrics[f"loss_rise_at_{radius}"] = _metric(values, "loss", axes=(0,))
    return metrics


def filter_direction(backbone: nn.Module, seed: int) -> dict[str, Tensor]:
    """A random direction in the weights, each filter of it as long as the filter that it moves.

    Weights that a batch norm or a ReLU lets be scaled without changing the function would otherwise
    make a minimum as sharp or as flat as one likes. A filter is all that makes one output of a
    layer; biases and the parameters of norms, which have one axis, are not moved.

    Args:
        backbone: whose parameters are moved.
        seed: of the Gaussian draw, which is the same on every device.

    Returns:
        Name of the parameter to its direction, of the parameter's shape and on its device.

    Source:
        Li et al., Visualizing the Loss Landscape of Neural Nets (NeurIPS 2018), section 4.

    Example:
        >>> layer = nn.Linear(3, 2)
        >>> direction = filter_direction(layer, 0)
        >>> list(direction)
        ['weight']
        >>> bool(torch.allclose(direction["weight"].norm(dim=1), layer.weight.norm(dim=1)))
        True
    """
    generator = torch.Generator().manual_seed(seed)
    direction: dict[str, Tensor] = {}
    for name, weight in backbone.named_parameters():
        if weight.ndim < 2:
            continue
        drawn = torch.randn(weight.shape, generator=generator).to(weight)
        size = weight.detach().flatten(1).norm(dim=1) / drawn.flatten(1).norm(dim=1)
        direction[name] = drawn * size.reshape(-1, *[1] * (weight.ndim - 1))
    return direction


def _moved(method: Method, direction: dict[str, Tensor], radius: float) -> Method:
    """A copy of a method whose backbone lies a step away."""
    moved = copy.deepcopy(method)
    weights = dict(moved.backbone.named_parameters())
    with torch.no_grad():
        for name, step in direction.items():
            weights[name].add_(step, alpha=radius)
    return moved


class _Probe:
    """What a method's features tell of chunk 1."""

    def __init__(self, encoder: Encoder, pool: ImageSet, seed: int) -> None:
        self.protocol, self.pool = encoder.protocol, pool
        manifest = encoder.protocol.manifest
        where = manifest.rows_in(pool.ids)
        draw = np.random.Generator(np.random.PCG64(seed_for("sharpness", "gallery", seed)))
        self.train = draw.permutation(where[manifest.chunks[0]])[:GALLERY]
        self.test = where[manifest.held_out[0]]
        self.labels = np.asarray(pool.labels, np.int64)

    def look(self, method: Method) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Predicted classes (m,) and features (m, D) of the held-out images, by a copy."""
        encoder = Encoder(copy.deepcopy(method), self.protocol)
        norms = [
            m for m in encoder.backbone.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)
        ]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the mean over all batches
            norm.train()
        if norms:
            encoder.features_of(self.pool.images, self.train[:ESTIMATED])
        for norm in norms:
            norm.eval()
        rows = np.concatenate([self.train, self.test])
        features = encoder.features_of(self.pool.images, rows)
        known, asked = np.split(features, [len(self.train)])
        outcome = stream_accuracy(known, self.labels[self.train], asked, self.labels[self.test])
        return outcome.prediction, asked


class _OwnLoss:
    """A method's training loss on a fixed batch of each chunk that it has seen."""

    def __init__(
        self, reader: StreamReader, batches: Sequence[tuple[int, Batch]], trained: frozenset[str]
    ) -> None:
        self.reader, self.batches, self.trained = reader, batches, trained

    def losses(self, method: Method) -> list[float]:
        """One loss a chunk; the method is left as it is: each is a copy's, queue and all."""
        return [self._loss(copy.deepcopy(method), chunk, batch) for chunk, batch in self.batches]

    def _loss(self, method: Method, chunk: int, batch: Batch) -> float:
        for name, parameter in method.named_parameters():
            parameter.requires_grad_(name in self.trained)  # by which penalties know what to hold
        self.reader.kept = self.reader.kept[:0]
        self.reader.open((chunk,))
        method.train().use_memory(StreamMemory(self.reader))
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(batch.seed)
            method.begin_step(1.0)
            if isinstance(method, Composed):
                return float(method.objective.loss(method.objective.views(batch)))
            return float(method.training_step(batch))


def _own_loss(encoder: Encoder, pool: ImageSet, seed: int) -> _OwnLoss | None:
    """What measures the training loss; None for what has none, or has seen nothing."""
    method = encoder.method
    learner = method.objective if isinstance(method, Composed) else method
    if type(method).training_step is Method.training_step or not encoder.chunks_seen:
        return None
    reader = StreamReader(
        pool,
        encoder.protocol.manifest,
        labelled=learner.needs_labels,
        memory_share=method.memory_share,
    )
    device = next(encoder.backbone.parameters()).device
    batches = []
    for chunk in range(1, encoder.chunks_seen + 1):
        rows, names = reader.open((chunk,)), ("sharpness", seed, chunk)
        order = SampleOrder(rows, 1, min(method.config.batch_size, len(rows)), *names)
        batches.append((chunk, PhaseSteps(reader, order, *names)[0].to(device)))
    return _OwnLoss(reader.to(str(device)), batches, encoder.trained)


def _metric(values: Floats, unit: Literal["points", "%", "loss"], axes: tuple[int, ...]) -> Metric:
    """The mean of values (K, units), with the standard error over directions, or units too.

    Each variance holds what the two have in common, so that their sum is rather too large.
    """
    means = (values.mean(1 - axis) for axis in axes)
    variance = sum(float(np.var(mean, ddof=1)) / len(mean) for mean in means)
    return Metric(
        value=float(values.mean()),
        unit=unit,
        higher_is_better=False,
        n=len(values),
        standard_error=variance**0.5,
    )
