"""PyTorch, eager and compiled."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.speed.material import Array, Material, Weights
from benchmarks.speed.peers.base import Learner, Told


class Eager(Learner):
    """The loop of its tutorials, over tensors that are indexed: a DataLoader would be slower by far."""

    def __init__(self, material: Material, threads: int | None) -> None:
        super().__init__(material)
        if threads is not None:
            torch.set_num_threads(threads)
        self.threads = torch.get_num_threads()
        self._X, self._y = map(torch.from_numpy, material.rows)
        self._linear = [nn.Linear(*shape) for shape in self.case.layers]
        with torch.no_grad():
            for layer, (W, b) in zip(self._linear, material.weights, strict=True):
                layer.weight.copy_(torch.from_numpy(W.T))
                layer.bias.copy_(torch.from_numpy(b))
        hidden = [part for layer in self._linear[:-1] for part in (layer, nn.ReLU())]
        self._model = nn.Sequential(*hidden, self._linear[-1])
        kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[self.case.optimizer]
        # fused: one pass over each tensor, the fastest of its implementations on a CPU, and not the default
        self._optimizer = kind(self._model.parameters(), lr=self.case.learning_rate, fused=True)
        self._step = self._optimizer.step

    def _loss(self, X: Tensor, y: Tensor) -> Tensor:
        Z = self._model(X)
        return functional.cross_entropy(Z, y) if self.case.loss == "cross_entropy" else functional.mse_loss(Z[:, 0], y)

    def _epoch(self, order: Tensor) -> float:
        total = torch.zeros(())
        for rows in order.split(self.case.batch):
            loss = self._loss(self._X.index_select(0, rows), self._y.index_select(0, rows))
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self._step()
            total += loss.detach()  # as a tensor: a float for every step would cost more
        return total.item() * self.case.batch / len(order)

    def train(self, epoch_ended: Told) -> None:
        """Shuffled by PyTorch."""
        while True:
            self._epoch(torch.randperm(len(self._X)))
            if not epoch_ended():
                return

    def train_in_order(self, orders: Array) -> None:
        """As said."""
        for order in orders:
            self._epoch(torch.from_numpy(order))

    def weights(self) -> Weights:
        """Transposed: PyTorch keeps (units, inputs)."""
        return [(layer.weight.detach().numpy().T, layer.bias.detach().numpy()) for layer in self._linear]


class Compiled(Eager):
    """The same, network and loss compiled, forward and back; the update, too, if asked for."""

    def __init__(self, material: Material, threads: int | None, *, update: bool = False) -> None:
        super().__init__(material, threads)
        self._loss = torch.compile(self._loss)  # type: ignore[method-assign]
        if update:
            # not the fused one, into which the compiler cannot see; the rate as a tensor, as its manual advises
            rate = torch.tensor(self.case.learning_rate)
            self._optimizer = type(self._optimizer)(self._model.parameters(), lr=rate)
            self._step = torch.compile(self._optimizer.step)
