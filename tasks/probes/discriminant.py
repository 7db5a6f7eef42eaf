"""Linear discriminant analysis with shrinkage: a linear probe in closed form, for few images."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Discriminant:
    """Fitted discriminants, one for each shrinkage.

    Args:
        classes: (C,) int64, those in the labels, ascending.
        axes: (D, D) float64, eigenvectors of the covariance within classes.
        inverse: (S, D), of the shrunken eigenvalues.
        means: (C, D), of the classes, along the axes, from `centre`.
        centre: (D,), mean of the features.
        prior: (C,), logarithm of the classes' shares.
    """

    classes: Tensor
    axes: Tensor
    inverse: Tensor
    means: Tensor
    centre: Tensor
    prior: Tensor

    def predict(self, features: Tensor, which: int) -> Tensor:
        """Classes (m,) of features (m, D), under shrinkage number `which`."""
        along = (features.double() - self.centre) @ self.axes
        weights = self.means * self.inverse[which]
        offset = self.prior - 0.5 * (weights * self.means).sum(1)
        return self.classes[(along @ weights.T + offset).argmax(1)]


def fit_discriminant(
    features: Tensor, labels: Tensor, shrinkages: tuple[float, ...]
) -> Discriminant:
    """Gaussian classes of one covariance S, replaced by (1 - s) S + s trace(S) / D identity.

    Args:
        features: (n, D).
        labels: (n,) int64, any classes.
        shrinkages: s, in (0, 1]; all share one eigen-decomposition.

    Returns:
        The discriminants.

    Source:
        Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, section 4.3.1;
        the shrinkage is that of scikit-learn's LinearDiscriminantAnalysis(solver="lsqr").

    Example:
        >>> x = torch.tensor([[0.0], [1.0], [4.0], [5.0]])
        >>> fit_discriminant(x, torch.tensor([3, 3, 8, 8]), (0.1,)).predict(x, 0).tolist()
        [3, 3, 8, 8]
    """
    classes, place = torch.unique(labels, return_inverse=True)
    exact = features.double()
    centre = exact.mean(0)
    exact = exact - centre
    count = torch.bincount(place).double()
    means = exact.new_zeros(len(classes), exact.shape[1]).index_add_(0, place, exact)
    means /= count[:, None]
    rest = exact - means[place]
    spread, axes = torch.linalg.eigh(rest.T @ rest / len(exact))
    spread = spread.clamp_min(0)
    # features that do not vary within classes at all leave only the class means to tell apart by
    level = spread.mean() if spread.any() else torch.ones_like(spread[0])
    shrink = torch.tensor(shrinkages, dtype=torch.float64, device=features.device)[:, None]
    inverse = 1 / ((1 - shrink) * spread + shrink * level)
    return Discriminant(classes, axes, inverse, means @ axes, centre, (count / len(exact)).log())
