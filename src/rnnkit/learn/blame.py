"""Where the first value that is not finite began: which layer, which step, forward or back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence
from torch.utils.hooks import RemovableHandle

from rnnkit.bptt import Full
from rnnkit.cells import is_layer, spec_of
from rnnkit.packed import Layout, Packed

__all__ = ["NotFinite", "find_not_finite"]


@dataclass(frozen=True)
class NotFinite:
    """The first nan or infinity of a training step.

    where: "parameter" (before the step), "input" (no layer has made it), "forward" (a layer's
        output), "loss" (what follows the layers), "backward" (a gradient), or "elsewhere" (in
        another process, whose gradients are added to these).
    value: "nan" or "inf".
    layer, kind: the name that `named_modules` gives the layer ("" is the network itself) and its
        class; None where it is no layer's.
    time_step, sequence: where in the batch, from 0, in the caller's order; None where that cannot
        be told. Forward it is the first step, on the way back the last one.
    parameter: the parameter that is not finite, or the first whose gradient is not.
    epoch, step: of the training, from 1.

    >>> NotFinite("forward", "nan", "encoder", "LSTM", time_step=7, sequence=2).describe()
    "The first nan is in the output of 'encoder' (LSTM) at time step 7 of sequence 2 (counted from \
0), although its input is finite."
    """

    where: str
    value: str
    layer: str | None = None
    kind: str | None = None
    time_step: int | None = None
    sequence: int | None = None
    parameter: str | None = None
    epoch: int = 1
    step: int = 1

    def describe(self) -> str:
        """One sentence."""
        whose = f"{self.layer!r} ({self.kind})" if self.layer else f"the network ({self.kind})"
        whose += self._when()
        if self.where == "parameter":
            return f"The parameter {self.parameter!r} was {self.value} before the step already."
        if self.where == "input" and self.layer is None:
            return f"The batch holds a value that is {self.value}."
        if self.where == "input":
            return f"The first {self.value} is in the input of {whose}, and no layer has made it."
        if self.where == "forward":
            return (
                f"The first {self.value} is in the output of {whose}, although its input is finite."
            )
        if self.where == "loss":
            return "Every layer's output is finite, so it began in the loss itself."
        if self.where == "elsewhere":
            return "It began in another process: all is finite in this one."
        if self.layer is None:
            return "Each gradient is finite, but their norm is too large for a float."
        reached = f", and first reaches {self.parameter!r}" if self.parameter else ""
        return f"On the way back the first {self.value} is in {whose}{reached}."

    def _when(self) -> str:
        if self.time_step is None:
            return ""
        sequence = "" if self.sequence is None else f" of sequence {self.sequence}"
        return f" at time step {self.time_step}{sequence} (counted from 0)"


def find_not_finite(
    module: nn.Module, loss: Callable[[], Tensor], batch: object, epoch: int, step: int
) -> NotFinite:
    """Compute a loss once more, with hooks on every layer, and see what stops being finite first.

    loss: the scalar loss of `batch`, with the same random numbers as before. Gradients are left on
    the parameters.
    """
    return replace(_find(module, loss, batch), epoch=epoch, step=step)


def _find(module: nn.Module, loss: Callable[[], Tensor], batch: object) -> NotFinite:
    for name, parameter in module.named_parameters():
        if look := _look(parameter, None):
            return NotFinite("parameter", look.value, parameter=name)
    with _watched(module) as watch:
        value = loss()
        if found := watch.made or watch.read:
            return found
        if look := _look(value, None):
            in_batch = _first_look(_leaves(batch))
            return NotFinite("input" if in_batch else "loss", (in_batch or look).value)
        if value.requires_grad:
            value.backward()  # type: ignore[no-untyped-call]
    return watch.gradient()


# -- what is not finite, and when ---------------------------------------------------------------


class _Rows(NamedTuple):
    """The time step of each row of a tensor, and its sequence in the caller's order."""

    steps: Tensor
    sequences: Tensor | None


class _Look(NamedTuple):
    value: str
    time_step: int | None
    sequence: int | None


_Leaf = tuple[Tensor, _Rows | None]


def _look(tensor: Tensor, rows: _Rows | None, *, latest: bool = False) -> _Look | None:
    """What is not finite in a tensor, at its first step or the latest; None if all is finite."""
    values = tensor.detach().cpu()
    values = values.coalesce().values() if values.is_sparse else values
    if not values.is_floating_point() or bool(values.isfinite().all()):
        return None
    if rows is None:
        return _Look(_name(values), None, None)
    values = values.reshape(len(rows.steps), -1)
    bad = ~values.isfinite().all(dim=1)
    steps = rows.steps[bad]
    step = int(steps.max() if latest else steps.min())
    here = bad & (rows.steps == step)
    sequence = None if rows.sequences is None else int(rows.sequences[here].min())
    return _Look(_name(values[here]), step, sequence)


def _name(values: Tensor) -> str:
    return "nan" if bool(values.isnan().any()) else "inf"


def _first_look(leaves: Iterable[_Leaf]) -> _Look | None:
    looks = (_look(tensor, rows) for tensor, rows in leaves)
    return next((look for look in looks if look is not None), None)


def _leaves(value: object) -> Iterator[_Leaf]:
    """The tensors of what a layer is given or gives, and the time of packed rows."""
    if isinstance(value, Tensor):
        yield value, None
    elif isinstance(value, Packed):
        yield value.data, _packed_rows(value.layout, value.layout.order)
    elif isinstance(value, PackedSequence):
        layout = Layout.from_batch_sizes(value.batch_sizes)
        order = layout.order if value.sorted_indices is None else value.sorted_indices
        yield value.data, _packed_rows(layout, order)
    elif isinstance(value, tuple | list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _leaves(part)


def _packed_rows(layout: Layout, order: Tensor) -> _Rows:
    return _Rows(layout.step_of_row, order[layout.sequence_of_row])


def _padded_rows(part: nn.Module, tensor: Tensor) -> _Rows | None:
    """Of (T, B, F), or (B, T, F) if batch_first, or (T, F)."""
    if tensor.dim() == 2:
        return _Rows(torch.arange(len(tensor)), None)
    if tensor.dim() != 3:
        return None
    first, second = (torch.arange(size) for size in tensor.shape[:2])
    rows = first.repeat_interleave(len(second)), second.repeat(len(first))
    return _Rows(*reversed(rows)) if part.batch_first else _Rows(*rows)


def _timed(part: nn.Module, value: object, call: int, given: _Rows | None = None) -> list[_Leaf]:
    """The tensors of a value with their time.

    call: how often the layer was called before. given: of the packed rows that a layer has read,
    which its output may have too.
    """
    leaves = list(_leaves(value))
    head = value[0] if isinstance(value, tuple) and value else value
    if hasattr(part, "batch_first") and isinstance(head, Tensor) and leaves[0][1] is None:
        leaves[0] = head, _padded_rows(part, head)  # what follows are states
    elif _steps_once(part):
        return [(tensor, _Rows(torch.full(tensor.shape[:1], call), None)) for tensor, _ in leaves]
    if given is None:
        return leaves
    size = len(given.steps)
    return [
        (tensor, given if rows is None and tensor.shape[:1] == (size,) else rows)
        for tensor, rows in leaves
    ]


def _steps_once(part: nn.Module) -> bool:
    """Whether each call of a layer is the next step; other policies run some steps again."""
    is_cell = spec_of(part) is not None and not is_layer(part)
    return is_cell and isinstance(getattr(part, "bptt", Full()), Full)


# -- hooks --------------------------------------------------------------------------------------


class _Watch:
    """What has been seen: made by a layer, read by one, and gradients in backward order."""

    def __init__(self) -> None:
        self.made: NotFinite | None = None
        self.read: NotFinite | None = None
        self.handles: list[RemovableHandle] = []
        self._gradients: list[NotFinite] = []
        self._calls: dict[str, int] = {}

    def before(
        self, part: nn.Module, args: tuple[object, ...], kwargs: dict[str, object]
    ) -> tuple[tuple[object, ...], dict[str, object]] | None:
        """A recurrent layer's input gets a gradient of its own, which tells when one went wrong."""
        if not args or spec_of(part) is None or not torch.is_grad_enabled():
            return None
        if isinstance(args[0], Tensor):
            return (_with_gradient(args[0]), *args[1:]), kwargs
        if isinstance(args[0], Packed):
            return (args[0].with_data(_with_gradient(args[0].data)), *args[1:]), kwargs
        return None

    def after(
        self,
        name: str,
        part: nn.Module,
        args: tuple[object, ...],
        kwargs: dict[str, object],
        output: object,
    ) -> None:
        call = self._calls.get(name, 0)
        self._calls[name] = call + 1
        inputs = _timed(part, (*args, *kwargs.values()), call)
        given = next((rows for _, rows in inputs if rows is not None), None)
        outputs = _timed(part, output, call, given)
        kind = type(part).__name__
        read = _first_look(inputs)
        if read is None and self.made is None:
            if made := _made(part, outputs):
                self.made = NotFinite("forward", made.value, name, kind, *made[1:])
        elif read is not None and self.read is None:
            self.read = NotFinite("input", read.value, name, kind, *read[1:])
        if spec_of(part) is not None:
            # Two directions go through time in opposite ways: their sum does not tell when.
            both = getattr(part, "bidirectional", False)
            outputs += [(tensor, None if both else rows) for tensor, rows in inputs]
        for tensor, rows in outputs:
            if tensor.requires_grad:
                self.watch(tensor, rows, name, kind)

    def watch(
        self,
        tensor: Tensor,
        rows: _Rows | None,
        layer: str,
        kind: str,
        parameter: str | None = None,
    ) -> None:
        def note(gradient: Tensor | None) -> None:
            # A kernel may give none where it is zero.
            if gradient is not None and (look := _look(gradient, rows, latest=True)):
                found = NotFinite("backward", look.value, layer, kind, *look[1:], parameter)
                self._gradients.append(found)

        self.handles.append(tensor.register_hook(note))  # type: ignore[no-untyped-call]

    def gradient(self) -> NotFinite:
        """The first gradient that is not finite, the time that its layer tells, a parameter."""
        if not self._gradients:
            return NotFinite("backward", "inf")
        first = self._gradients[0]
        own = (one for one in self._gradients if one.layer == first.layer)
        timed = next((one for one in own if one.time_step is not None), first)
        parameters = (one.parameter for one in self._gradients if one.parameter)
        return replace(
            first,
            time_step=timed.time_step,
            sequence=timed.sequence,
            parameter=next(parameters, None),
        )


@contextmanager
def _watched(module: nn.Module) -> Iterator[_Watch]:
    """Hooks on every layer and parameter, and none afterwards."""
    watch = _Watch()
    for name, part in module.named_modules():
        watch.handles += [
            part.register_forward_pre_hook(watch.before, with_kwargs=True),
            part.register_forward_hook(partial(watch.after, name), with_kwargs=True),
        ]
        for own, parameter in part.named_parameters(recurse=False):
            if parameter.requires_grad:
                full = f"{name}.{own}" if name else own
                watch.watch(parameter, None, name, type(part).__name__, full)
    try:
        yield watch
    finally:
        for handle in watch.handles:
            handle.remove()


def _with_gradient(tensor: Tensor) -> Tensor:
    """Another tensor of the same values, apart from what the layer before has given."""
    return tensor.view_as(tensor) if tensor.requires_grad else tensor.detach().requires_grad_()


def _made(part: nn.Module, outputs: list[_Leaf]) -> _Look | None:
    """Where a layer's output begins not to be finite."""
    if spec_of(part) is not None and getattr(part, "bidirectional", False):
        sequence, rows = outputs[0]
        forward, backward = sequence.chunk(2, dim=-1)
        # Each direction spreads to its own end; the one that reads backwards begins at the last.
        looks = _look(forward, rows), _look(backward, rows, latest=True)
        return looks[0] or looks[1] or _first_look(outputs)
    return _first_look(outputs)
