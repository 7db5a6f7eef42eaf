"""How alike two sets of features of the same images are: centred kernel alignment."""

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import UsageError

Features = NDArray[np.float32] | NDArray[np.float64]

#: Share of the features' energy under which what is left after centring is rounding.
_ROUNDING = 1e-12


def linear_cka(x: Features, y: Features) -> float:
    """Linear CKA with the bias taken out: 1 if y is x turned and scaled, 0 if they share nothing.

    With the kernels' diagonals in, as the measure was first written, unrelated features of a few
    hundred images look alike, the more so the wider they are. This is the ratio of the unbiased
    estimates of HSIC, which have the expectation 0 there:

        H(x, y) = sum_ij (x_.i . y_.j)^2 - n / (n - 2) sum_k r_k s_k
                  + (sum_k r_k) (sum_k s_k) / ((n - 1) (n - 2))
        CKA     = H(x, y) / sqrt(H(x, x) H(y, y))

    for centred features, where r_k and s_k are the squared lengths of the rows of x and y. No
    matrix of n x n is made.

    Args:
        x: (n, D) features of n images, n >= 4.
        y: (n, E) features of the same images in the same order.

    Returns:
        At most 1; slightly below 0 by chance where nothing is shared. 0 where one of the two does
        not vary, from which nothing of the other can be told.

    Raises:
        UsageError: the shapes do not agree, or there are fewer than four images.

    Source:
        Kornblith et al., Similarity of Neural Network Representations Revisited (ICML 2019),
        section 3, for CKA and its form in features; Song et al., Feature Selection via Dependence
        Maximization (JMLR 2012), equation 5, for the unbiased HSIC, put into features by us.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 3))
        >>> round(linear_cka(x, 5 * x[:, [2, 0, 1]] + 1), 6)
        1.0
    """
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or len(x) < 4:
        raise UsageError(
            f"features have shapes {x.shape} and {y.shape}; wanted (n, D) and (n, E) with n >= 4"
        )
    one, other = _centred(x), _centred(y)
    alone = _hsic(one, one) * _hsic(other, other)
    return float(_hsic(one, other) / np.sqrt(alone)) if alone > 0 else 0.0


def _centred(x: Features) -> NDArray[np.float64]:
    """Features around their mean, as large as 1 on average; 0 where only rounding is left."""
    exact = np.asarray(x, np.float64)
    centred = exact - exact.mean(0)
    energy = np.square(centred).sum()
    if energy <= _ROUNDING * np.square(exact).sum():
        return np.zeros_like(centred)
    scaled: NDArray[np.float64] = centred * np.sqrt(len(x) / energy)
    return scaled


def _hsic(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """n (n - 3) times the unbiased estimate of HSIC, of centred features."""
    n = len(x)
    r, s = np.square(x).sum(1), np.square(y).sum(1)
    shared = np.square(x.T @ y).sum() - n / (n - 2) * (r @ s)
    return float(shared + r.sum() * s.sum() / ((n - 1) * (n - 2)))
