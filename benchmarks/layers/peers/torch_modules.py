"""Ours and `torch.nn`'s: plain, packed, and the two ways to live with padding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from benchmarks.layers.grid import Case
from benchmarks.layers.peers.peer import Peer
from benchmarks.layers.problem import Arrays, Problem, named_outputs
from rnnkit import cells


class Plain(nn.Module):
    """`torch.nn`'s layer, where all lengths are equal."""

    library: Any = nn

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.ragged = case.ragged
        self.layer = _layer(self.library, case, bidirectional=case.directions == 2)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Any]:  # noqa: ARG002
        return self.layer(x)


class Ours(Plain):
    """rnnkit's layer, as a user calls it."""

    library = cells

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Any]:
        return self.layer(x, lengths=lengths) if self.ragged else self.layer(x)


class PackedSequences(Plain):
    """Packed for `torch.nn` and padded again."""

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Any]:
        output, state = self.layer(pack_padded_sequence(x, lengths, enforce_sorted=False))
        return pad_packed_sequence(output, total_length=len(x))[0], state


class Padded(Plain):
    """Padding is computed too, and the last valid h is picked out: right in one direction only.

    c_n, and h_n of the layers below, cannot be had in this way.
    """

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Any]:
        output, _ = self.layer(x)
        return output, _last(output, lengths)


class ReversedByLength(nn.Module):
    """A layer for each direction; the second reads each sequence from its own last step."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.forwards = _layer(nn, case, bidirectional=False)
        self.backwards = _layer(nn, case, bidirectional=False)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Any]:
        rows = _reversed_rows(lengths, x.shape[0])
        output, _ = self.forwards(x)
        reversed_output, _ = self.backwards(_pick(x, rows))
        h_n = torch.stack([_last(output, lengths)[0], _last(reversed_output, lengths)[0]])
        return torch.cat([output, _pick(reversed_output, rows)], dim=-1), h_n


class TorchPeer(Peer):
    """A module that takes x and lengths and returns the output and last states."""

    def __init__(self, name: str, problem: Problem, module: type[Any], *, onednn: bool) -> None:
        self.name, self.module, self.onednn = name, module(problem.case), onednn
        self.tolerance = 1e-5 if module is Ours else Peer.tolerance
        self.x = problem.x.clone().requires_grad_()
        self.lengths, self.loss_weight = problem.lengths, problem.loss_weight
        self.parameters = {_original(n): p for n, p in self.module.named_parameters()}
        with torch.no_grad():
            for parameter_name, parameter in self.parameters.items():
                parameter.copy_(problem.weights[parameter_name])

    def call(self, task: str) -> Callable[[], Any]:
        return self._train if task == "training" else self._infer

    def read(self, task: str, results: Any) -> Arrays:
        if task == "inference":
            return named_outputs(*results)
        names = ["x", *self.parameters]
        return {name: grad.numpy() for name, grad in zip(names, results, strict=True)}

    def within(self, task: str) -> ExitStack:
        self.module.train(task == "training")
        stack = ExitStack()
        stack.enter_context(torch.set_grad_enabled(task == "training"))
        stack.enter_context(onednn(self.onednn))
        return stack

    def _infer(self) -> Any:
        return self.module(self.x, self.lengths)

    def _train(self) -> tuple[Tensor, ...]:
        output, _ = self.module(self.x, self.lengths)
        loss = (output * self.loss_weight).sum()
        return torch.autograd.grad(loss, [self.x, *self.parameters.values()])


def peers_of(problem: Problem) -> Iterator[tuple[str, Callable[[], Peer]]]:
    """Ours, then `torch.nn` in every way that is right for the case, with and without oneDNN."""
    yield "rnnkit", partial(TorchPeer, "rnnkit", problem, Ours, onednn=True)
    for way, module in _ways(problem.case).items():
        for name, onednn in ((f"{way} oneDNN", True), (f"{way} plain", False)):
            yield name, partial(TorchPeer, name, problem, module, onednn=onednn)


@contextmanager
def onednn(enabled: bool) -> Iterator[None]:
    """Let torch use oneDNN inside, or not (`mkldnn.flags` warns of graphics cards)."""
    before = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.enabled = enabled
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = before


def _ways(case: Case) -> dict[str, type[nn.Module]]:
    if not case.ragged:
        return {"torch": Plain}
    if case.directions == 2:
        return {"torch packed": PackedSequences, "torch reversed": ReversedByLength}
    return {"torch packed": PackedSequences, "torch padded": Padded}


def _layer(library: Any, case: Case, *, bidirectional: bool) -> nn.Module:
    kind = getattr(library, case.cell)
    return kind(case.hidden, case.hidden, case.layers, bidirectional=bidirectional)


def _original(name: str) -> str:
    """A parameter's name inside a module above, as one bidirectional layer would call it."""
    layer, parameter = name.split(".")
    return parameter + "_reverse" if layer == "backwards" else parameter


def _last(output: Tensor, lengths: Tensor) -> Tensor:
    """(T, B, H) -> (1, B, H): each sequence's last valid step."""
    batch = output.shape[1]
    rows = (lengths - 1) * batch + torch.arange(batch)
    return output.flatten(0, 1).index_select(0, rows).unsqueeze(0)


def _reversed_rows(lengths: Tensor, steps: int) -> Tensor:
    """(T*B,) which row stands where once every sequence is reversed in place."""
    batch = len(lengths)
    step = torch.arange(steps).unsqueeze(1)
    mirrored = torch.where(step < lengths, lengths - 1 - step, step)
    return (mirrored * batch + torch.arange(batch)).flatten()


def _pick(x: Tensor, rows: Tensor) -> Tensor:
    return x.flatten(0, 1).index_select(0, rows).view_as(x)
