"""Keras' own layers on JAX, jitted as `model.fit` would."""

from __future__ import annotations

import os
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"  # read once, when keras is imported

import jax
import jax.numpy as jnp
import keras
import numpy as np

from benchmarks.layers.peers.jitted import Jitted
from benchmarks.layers.problem import Arrays, Problem
from rnnkit.cells import from_keras, to_keras

_KINDS = {"RNN": keras.layers.SimpleRNN, "GRU": keras.layers.GRU, "LSTM": keras.layers.LSTM}


class KerasJax(Jitted):
    """A Keras layer for each of ours, Bidirectional around it where there are two directions."""

    name = "Keras on JAX"

    def __init__(self, problem: Problem) -> None:
        case = problem.case
        self.mode, self.directions = problem.mode, case.directions
        self.layers = [self._layer(problem, layer) for layer in range(case.layers)]
        self.weights = [[v.value for v in layer.trainable_variables] for layer in self.layers]
        self.fixed = [[v.value for v in layer.non_trainable_variables] for layer in self.layers]
        self.x = _batch_first(problem.x)
        self.valid = _batch_first(problem.valid) if case.ragged else None
        self.loss_weight = _batch_first(problem.loss_weight)

    def read(self, task: str, results: Any) -> Arrays:
        if task == "training":
            _, (weights, x) = results
            return {"x": np.asarray(x).swapaxes(0, 1), **self._read_gradients(weights)}
        output, states = results
        # (h, c) of each direction in turn, for each layer.
        count = 2 if self.mode == "LSTM" else 1
        stacked = [np.stack(states[part::count]) for part in range(count)]
        named = dict(zip(("h_n", "c_n"), stacked, strict=False))
        return {"output": np.asarray(output).swapaxes(0, 1), **named}

    def _layer(self, problem: Problem, layer: int) -> Any:
        case = problem.case
        keras_layer = _KINDS[case.cell](case.hidden, return_sequences=True, return_state=True)
        if case.directions == 2:
            keras_layer = keras.layers.Bidirectional(keras_layer)
        keras_layer.build((case.batch, case.steps, case.hidden))
        values = []
        for suffix in ("", "_reverse")[: case.directions]:
            own = {n: problem.weights[f"{n}_l{layer}{suffix}"] for n in _PARAMETERS}
            values += to_keras(self.mode, own)
        keras_layer.set_weights(values)
        return keras_layer

    def run(self, weights: Any, x: Any, valid: Any) -> tuple[Any, list[Any]]:
        states: list[Any] = []
        for layer, own, fixed in zip(self.layers, weights, self.fixed, strict=True):
            (x, *state), _ = layer.stateless_call(own, fixed, x, mask=valid)
            states += state
        return x, states

    def _read_gradients(self, weights: list[list[Any]]) -> dict[str, np.ndarray]:
        found = {}
        for layer, arrays in enumerate(weights):
            for direction, suffix in enumerate(("", "_reverse")[: self.directions]):
                kernel, recurrent_kernel, bias = map(
                    np.asarray, arrays[3 * direction : 3 * direction + 3]
                )
                ours = from_keras(self.mode, kernel, recurrent_kernel, bias)
                if bias.ndim == 1:  # one bias, where torch has two with the same gradient
                    ours["bias_hh"] = ours["bias_ih"]
                found |= {f"{n}_l{layer}{suffix}": t.numpy() for n, t in ours.items()}
        return found


_PARAMETERS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def _batch_first(tensor: Any) -> jax.Array:
    return jnp.asarray(np.ascontiguousarray(tensor.transpose(0, 1).numpy()))
