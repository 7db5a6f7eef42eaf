"""Fine-tuning: the whole network is trained on the task, by one fixed recipe a tier."""

import copy
import math
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmark.augment import Augmentation, augment
from benchmark.encoder import Encoder
from benchmark.method import channels_last
from benchmark.models import normalise
from benchmark.seeds import seed_for
from tasks.probes.linear import measure
from tasks.task import Task, TaskResult


@dataclass(frozen=True)
class Recipe:
    """How a network is fine-tuned: SGD with Nesterov momentum, the rate falling along a cosine.

    Args:
        steps: of the optimiser.
        batch_size: images a step.
        lr: learning rate of the first step.
        weight_decay: of all weights.
        view: how training images are cropped and mirrored; never recoloured.
    """

    steps: int
    batch_size: int
    lr: float
    weight_decay: float
    view: Augmentation = field(
        default_factory=lambda: Augmentation(scale=(0.6, 1.0), jitter_share=0.0, grey_share=0.0)
    )


#: Steps, batch and momentum of `full` are those of linusericsson/ssl-transfer, whose grid of rates
#: this does without; the rates are our choice, nano's by the validation images. At nano nothing is
#: mirrored: a mirrored letter is another one, or none.
RECIPES = {
    "smoke": Recipe(steps=40, batch_size=32, lr=0.05, weight_decay=1e-4),
    "nano": Recipe(steps=300, batch_size=64, lr=0.15, weight_decay=5e-4),
    "full": Recipe(
        steps=5000,
        batch_size=64,
        lr=0.01,
        weight_decay=1e-4,
        view=Augmentation(scale=(0.08, 1.0), flip=0.5, jitter_share=0.0, grey_share=0.0),
    ),
}


def evaluate_finetune(task: Task, encoder: Encoder, seed: int) -> TaskResult:
    """Train backbone and a new classifier on train and val, test once.

    Args:
        task: as for `evaluate_linear`.
        encoder: its backbone is copied, not changed.
        seed: of the order of the images, their crops, and the classifier's start.

    Returns:
        Metrics and predictions as `evaluate_linear` gives them, `weight` left out.

    Source:
        Kornblith et al., Do Better ImageNet Models Transfer Better? (CVPR 2019), section A.3, for
        optimiser and schedule.
    """
    return finetune(task, encoder, seed, RECIPES[task.spec.tier])


def finetune(
    task: Task,
    encoder: Encoder,
    seed: int,
    recipe: Recipe,
    *,
    train_on: tuple[str, ...] = ("train", "val"),
    test_on: str = "test",
) -> TaskResult:
    """`evaluate_finetune` by any recipe, and on other splits, so that recipes can be compared."""
    images, several = task.data(), task.spec.metric == "map11"
    rows = np.concatenate([images.indices(split) for split in train_on])
    test = images.indices(test_on)
    device = next(encoder.backbone.parameters()).device
    backbone = copy.deepcopy(encoder.backbone).requires_grad_(True).train()
    generator = torch.Generator().manual_seed(seed_for("finetune", seed) % 2**63)
    head = nn.Linear(backbone.width, task.n_classes())
    nn.init.normal_(head.weight, std=0.01, generator=generator)
    nn.init.zeros_(head.bias)
    net = nn.Sequential(backbone, head.to(device))
    optimiser = torch.optim.SGD(
        net.parameters(), recipe.lr, 0.9, weight_decay=recipe.weight_decay, nesterov=True
    )
    size = images.images.shape[2]
    order: list[int] = []
    for step in range(recipe.steps):
        if len(order) < recipe.batch_size:
            order += torch.randperm(len(rows), generator=generator).tolist()
        taken, order = rows[order[: recipe.batch_size]], order[recipe.batch_size :]
        pixels = torch.from_numpy(np.asarray(images.images[taken])).to(device)
        (view,) = augment(pixels, [recipe.view], size=size, seed=seed_for("crop", seed, step))
        labels = torch.from_numpy(images.labels[taken]).to(device)
        for group in optimiser.param_groups:
            group["lr"] = recipe.lr * 0.5 * (1 + math.cos(math.pi * step / recipe.steps))
        optimiser.zero_grad(set_to_none=True)
        lost = _loss(net(view), labels, several)
        lost.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    net.eval()
    answers = []
    with torch.no_grad():
        for some in np.array_split(test, max(1, len(test) // 256)):
            pixels = torch.from_numpy(np.asarray(images.images[some])).to(device)
            scores = net(channels_last(normalise(pixels)))
            answers.append((scores if several else scores.argmax(1)).cpu())
    answer = torch.cat(answers).numpy()
    labels_of_test = images.labels[test]
    name = "score" if several else "prediction"
    return TaskResult(
        measure(task.spec.metric, labels_of_test, answer),
        {"index": test, "label": labels_of_test, name: answer},
    )


def _loss(scores: Tensor, labels: Tensor, several: bool) -> Tensor:
    if several:
        return functional.binary_cross_entropy_with_logits(scores, labels.float())
    return functional.cross_entropy(scores, labels)
