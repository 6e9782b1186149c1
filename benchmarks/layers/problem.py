"""A case as numbers: input, weights, and what `torch.nn` in float64 makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from benchmarks.layers.grid import Case

Arrays = Mapping[str, np.ndarray]
"""Results by name, in torch's shapes: "output", "h_n", "c_n", "x" and the parameters' names."""


@dataclass(frozen=True)
class Problem:
    """float32 numbers of a case; everything that a peer gets.

    x: (T, B, I), nowhere zero, also past `lengths`. loss_weight: (T, B, D*H), zero past `lengths`,
    so that padded steps do not count whatever a library puts there.
    """

    case: Case
    x: Tensor
    lengths: Tensor
    loss_weight: Tensor
    weights: Mapping[str, Tensor]

    @classmethod
    def make(cls, case: Case) -> Problem:
        """Seeded, so that a case is the same in every run."""
        torch.manual_seed(0)
        x = torch.randn(case.steps, case.batch, case.hidden)
        output = torch.randn(case.steps, case.batch, case.hidden * case.directions)
        lengths = case.lengths()
        weights = _module(case).state_dict()
        problem = cls(case, x, lengths, output, weights)
        output *= problem.valid.unsqueeze(-1)
        return problem

    @property
    def valid(self) -> Tensor:
        """(T, B) whether a step counts."""
        return torch.arange(self.case.steps).unsqueeze(1) < self.lengths

    @property
    def mode(self) -> str:
        """The cell's name in `rnnkit.kernels`."""
        return "RNN_TANH" if self.case.cell == "RNN" else self.case.cell

    @cached_property
    @torch.enable_grad()
    def reference(self) -> dict[str, Arrays]:
        """The results of each task in float64, by packing, which is exact in both directions."""
        module = _module(self.case).double()
        module.load_state_dict(self.weights)
        x = self.x.double().requires_grad_()
        packed = pack_padded_sequence(x, self.lengths, enforce_sorted=False)
        output, state = module(packed)
        output, _ = pad_packed_sequence(output, total_length=self.case.steps)
        gradients = torch.autograd.grad(
            (output * self.loss_weight).sum(), [x, *module.parameters()]
        )
        names = ["x", *dict(module.named_parameters())]
        return {
            "inference": named_outputs(output, state),
            "training": {n: g.numpy() for n, g in zip(names, gradients, strict=True)},
        }

    def check(self, task: str, results: Arrays, tolerance: float) -> None:
        """Raise WrongError unless all results agree: |ours - reference| <= tolerance * |reference|.

        Norms are over a whole array; output is compared where steps are valid. A peer may leave out
        last states that padding hides (c_n, and those of lower layers), but no output or gradient.
        """
        expected = self.reference[task]
        needed = {"output"} if task == "inference" else set(expected)
        if missing := needed - set(results):
            raise WrongError(f"{', '.join(sorted(missing))} missing")
        for name, array in results.items():
            reference = expected[name]
            if name in ("h_n", "c_n"):
                reference = reference[-len(array) :]
            if name == "output":
                array = array * self.valid.unsqueeze(-1).numpy()
            if array.shape != reference.shape:
                raise WrongError(f"{name} has shape {array.shape}, not {reference.shape}")
            error = np.linalg.norm(array - reference) / np.linalg.norm(reference)
            if not error <= tolerance:
                raise WrongError(f"{name} is off by {error:.1e}")


class WrongError(Exception):
    """A library's results are not those of the reference."""


def named_outputs(output: Tensor, state: Tensor | tuple[Tensor, ...]) -> Arrays:
    """What a layer of torch's interface returned, by name."""
    state = state if isinstance(state, tuple) else (state,)
    names = ("output", "h_n", "c_n")
    return {n: t.detach().numpy() for n, t in zip(names, (output, *state), strict=False)}


def _module(case: Case) -> nn.RNNBase:
    kind: Callable[..., nn.RNNBase] = getattr(nn, case.cell)
    return kind(case.hidden, case.hidden, case.layers, bidirectional=case.directions == 2)
