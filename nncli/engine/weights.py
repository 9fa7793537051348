"""Row weights: a row may count more in the loss than another, or not at all.

The loss of a batch of n rows becomes C = 1/n · Σ_i w_i·L_i, its gradient dC/dP_i = w_i/n · dL_i/dP_i, with w_i ≥ 0.
The weights of all rows of a set are brought to a mean of 1 beforehand (``to_mean_one``), so that C over the set is the
weighted mean Σ w_i·L_i / Σ w_i, and no learning rate has to be chosen anew. A batch is divided by its rows, not by its
own weights: how much a row moves the parameters does not depend on who else is in its batch, and the batches' gradients
add up to that of the set. Keras does the same, but takes the weights as they are given. PyTorch's CrossEntropyLoss
(``weight``) and scikit-learn's MLPs divide each batch by the weights in it. Over a whole set, scikit-learn's
``log_loss`` is the C of here.
"""

from __future__ import annotations

import numpy as np

from nncli.engine.buffers import Array, Buffers, Step


def weighted(forward: Step, backward: Step, L: Array, D: Array, w: Array, buffers: Buffers) -> tuple[Step, Step]:
    """Return a loss's (forward, backward), weighted: ``L`` (..., n) holds w_i·L_i, ``D`` (..., n, k) its gradient.

    A row of weight 0 may have an infinite loss or slope; it is left out, as 0·∞ is no number.
    """
    idle = buffers.keep(w.shape, bool)
    w_of_row, idle_row = w[:, np.newaxis], idle[:, np.newaxis]

    def weighted_forward() -> None:
        forward()
        np.equal(w, 0, out=idle)
        np.copyto(L, 0, where=idle)
        np.multiply(L, w, out=L)

    def weighted_backward() -> None:
        backward()
        np.copyto(D, 0, where=idle_row)
        np.multiply(D, w_of_row, out=D)

    return weighted_forward, weighted_backward


def to_mean_one(w: Array) -> Array:
    """Weights (n,) in proportion to ``w``, which are finite, not negative and not all 0, with a mean of 1.

    >>> to_mean_one(np.array([1.0, 3.0])).tolist()
    [0.5, 1.5]
    """
    w = w / w.max()  # the largest numbers there are have no sum
    mean_one: Array = w / w.mean()
    return mean_one


def balanced(codes: Array, k: int) -> Array:
    """Class weights (k,) with which every class counts the same: n/(k·n_c), n_c the rows of class c.

    So scikit-learn's ``class_weight="balanced"`` (King & Zeng 2001). Every class needs a row.

    >>> balanced(np.array([0, 0, 0, 1]), 2).round(3).tolist()
    [0.667, 2.0]
    """
    weights: Array = len(codes) / (k * np.bincount(codes, minlength=k))
    return weights
