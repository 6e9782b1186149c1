"""What the two peers on JAX have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import jax

from benchmarks.layers.peers.peer import Peer


class Jitted(Peer):
    """Forward, and value with gradients, each compiled once for a case, before the clock starts.

    The subclass's constructor sets what the functions are given: weights, x, valid (None where all
    steps are) and loss_weight.
    """

    weights: Any
    x: jax.Array
    valid: jax.Array | None
    loss_weight: jax.Array

    @abstractmethod
    def run(self, weights: Any, x: Any, valid: Any) -> tuple[Any, list[Any]]:
        """The output, and the last states of each layer and direction."""

    def call(self, task: str) -> Callable[[], Any]:
        inputs = [self.weights, self.x, self.valid]
        function = jax.jit(self.run)
        if task == "training":
            inputs.append(self.loss_weight)
            function = jax.jit(jax.value_and_grad(self._loss, argnums=(0, 1)))
        return lambda: jax.block_until_ready(function(*inputs))

    def _loss(self, weights: Any, x: Any, valid: Any, loss_weight: Any) -> Any:
        output, _ = self.run(weights, x, valid)
        return (output * loss_weight).sum()
