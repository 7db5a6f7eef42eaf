"""What several objectives are made of: heads, momentum encoders, and losses in full precision."""

import functools
import itertools
from collections.abc import Callable
from contextlib import nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def mlp(*widths: int) -> nn.Sequential:
    """Linear layers of these widths; batch norm and ReLU follow all but the last.

    Example:
        >>> mlp(8, 16, 4)(torch.zeros(2, 8)).shape
        torch.Size([2, 4])
    """
    layers: list[nn.Module] = []
    for number, (inside, outside) in enumerate(itertools.pairwise(widths)):
        if number:
            layers += [nn.BatchNorm1d(inside), nn.ReLU(inplace=True)]
        last = number == len(widths) - 2
        layers.append(nn.Linear(inside, outside, bias=last))
    return nn.Sequential(*layers)


@torch.no_grad()
def follow(target: nn.Module, source: nn.Module, momentum: float) -> None:
    """Move the weights of a momentum encoder towards those of its source, (1 - m) of the way.

    Source: He et al., Momentum Contrast, CVPR 2020, equation 2.
    """
    torch._foreach_lerp_([*target.parameters()], [*source.parameters()], 1 - momentum)


def full_precision(loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Decorator of a loss: its tensors become float32, and autocast leaves it alone."""

    @functools.wraps(loss)
    def exact(*tensors: Tensor, **options: float) -> Tensor:
        kind = tensors[0].device.type
        able = torch.amp.is_autocast_available(kind)
        with torch.autocast(kind, enabled=False) if able else nullcontext():
            return loss(*(tensor.float() for tensor in tensors), **options)

    return exact


@full_precision
def info_nce(query: Tensor, key: Tensor, queue: Tensor, *, temperature: float) -> Tensor:
    """InfoNCE of each query against its own key and a queue of other keys.

    Args:
        query: (N, D), unit length, with gradient.
        key: (N, D), unit length; row i is the positive of query i.
        queue: (K, D), unit length; the negatives.
        temperature: above 0.

    Returns:
        Mean over the batch of -log exp(q.k/t) / (exp(q.k/t) + sum_j exp(q.queue_j/t)), shape ().

    Source: He et al., Momentum Contrast, CVPR 2020, equation 1.

    Example:
        >>> q = torch.tensor([[1.0, 0.0]])
        >>> loss = info_nce(q, q, torch.tensor([[0.0, 1.0]]), temperature=1.0)
        >>> round(float(loss), 4)  # ln(1 + 1/e)
        0.3133
    """
    query = query / temperature
    logits = torch.cat([(query * key).sum(1, keepdim=True), query @ queue.T], 1)
    return F.cross_entropy(logits, logits.new_zeros(len(logits), dtype=torch.long))


@full_precision
def contrast(one: Tensor, other: Tensor, *, temperature: float) -> Tensor:
    """InfoNCE of each row against the same row of another batch, whose other rows are negatives.

    Args:
        one, other: (N, D); they are brought to unit length.
        temperature: above 0.

    Returns:
        Shape (). It is the contrastive distillation of CaSSLe.

    Example:
        >>> e = torch.eye(2)
        >>> round(float(contrast(e, e, temperature=1.0)), 4)
        0.3133
    """
    logits = F.normalize(one, dim=1) @ F.normalize(other, dim=1).T / temperature
    return F.cross_entropy(logits, torch.arange(len(logits), device=logits.device))
