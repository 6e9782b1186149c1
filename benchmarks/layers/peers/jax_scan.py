"""A jitted `lax.scan` in JAX, the input's products taken out of the loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.layers.peers.jitted import Jitted
from benchmarks.layers.problem import Arrays, Problem

State = tuple[jax.Array, ...]


class JaxScan(Jitted):
    """As its users write it, on XLA's own pool of threads."""

    name = "JAX scan"

    def __init__(self, problem: Problem) -> None:
        case = problem.case
        self.layers, self.directions = case.layers, case.directions
        self.cell = case.cell
        self.weights = {n: jnp.asarray(w.numpy()) for n, w in problem.weights.items()}
        self.x = jnp.asarray(problem.x.numpy())
        self.valid = jnp.asarray(problem.valid.unsqueeze(-1).numpy()) if case.ragged else None
        self.loss_weight = jnp.asarray(problem.loss_weight.numpy())

    def read(self, task: str, results: Any) -> Arrays:
        if task == "training":
            _, (weights, x) = results
            return {name: np.asarray(array) for name, array in {"x": x, **weights}.items()}
        output, states = results
        named = dict(zip(("h_n", "c_n"), map(np.stack, zip(*states, strict=True)), strict=False))
        return {"output": np.asarray(output), **named}

    def run(self, weights: Any, x: Any, valid: Any) -> tuple[jax.Array, list[State]]:
        states = []
        for layer in range(self.layers):
            outputs = []
            for suffix in ("", "_reverse")[: self.directions]:
                own = {n: weights[f"{n}_l{layer}{suffix}"] for n in _PARAMETERS}
                state, output = scan(self.cell, own, x, valid, reverse=bool(suffix))
                outputs.append(output)
                states.append(state)
            x = jnp.concatenate(outputs, axis=-1)
        return x, states


def scan(
    cell: str, weights: Mapping[str, Any], x: Any, valid: Any, *, reverse: bool
) -> tuple[State, jax.Array]:
    """One layer and direction: the last state and the output (T, B, H).

    valid: (T, B, 1), or None; where it is False the state stays as it is, so that the reverse
    direction comes to each sequence's last step with zeros.
    """
    step = _STEPS[cell]
    hidden = weights["weight_hh"].shape[1]
    zeros = jnp.zeros((x.shape[1], hidden), x.dtype)
    initial = (zeros, zeros) if cell == "LSTM" else (zeros,)

    def body(state: State, inputs: tuple[Any, Any]) -> tuple[State, Any]:
        projected, keep = inputs
        new = step(weights, projected, state)
        if keep is not None:
            new = tuple(jnp.where(keep, n, s) for n, s in zip(new, state, strict=True))
        return new, new[0]

    projected = x @ weights["weight_ih"].T + weights["bias_ih"]
    return lax.scan(body, initial, (projected, valid), reverse=reverse)


def _rnn(weights: Mapping[str, Any], projected: Any, state: State) -> State:
    (h,) = state
    return (jnp.tanh(projected + h @ weights["weight_hh"].T + weights["bias_hh"]),)


def _gru(weights: Mapping[str, Any], projected: Any, state: State) -> State:
    (h,) = state
    r, z, n = jnp.split(projected, 3, axis=-1)
    h_r, h_z, h_n = jnp.split(h @ weights["weight_hh"].T + weights["bias_hh"], 3, axis=-1)
    z = jax.nn.sigmoid(z + h_z)
    return ((1 - z) * jnp.tanh(n + jax.nn.sigmoid(r + h_r) * h_n) + z * h,)


def _lstm(weights: Mapping[str, Any], projected: Any, state: State) -> State:
    h, c = state
    gates = projected + h @ weights["weight_hh"].T + weights["bias_hh"]
    i, f, g, o = jnp.split(gates, 4, axis=-1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


_PARAMETERS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
_STEPS = {"RNN": _rnn, "GRU": _gru, "LSTM": _lstm}
