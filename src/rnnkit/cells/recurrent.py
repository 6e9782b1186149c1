"""Layers of any cell: parameters, the loop over layers and directions, and the forms of a batch."""

from __future__ import annotations

import math
import warnings
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from rnnkit import kernels, randomness
from rnnkit.bptt import Full, Policy, policy_of
from rnnkit.cells.checks import (
    Hidden,
    Lengths,
    check_input,
    check_rate,
    check_size,
    check_state,
    given_state,
    lengths_of,
    states_of,
)
from rnnkit.cells.through_time import run_through_time
from rnnkit.errors import OptionError, ShapeError, check_option
from rnnkit.kernels import Form, Padded, State, Trace, Weights
from rnnkit.packed import Layout, Packed
from rnnkit.recurrence import CellSpec

__all__ = ["Recurrent"]


class Recurrent(nn.Module):
    """Layers and directions of one cell, `rnnkit.recurrence.CellSpec`.

    `RNN`, `GRU` and `LSTM` are such layers with a name and a signature of their own; this class is
    the layer of every other cell. See `RNN` for the arguments and for what a call takes. A state is
    one tensor, or a tuple of them where the cell has several, h first. Of a cell without a
    recurrent product, recurrent_dropout has nothing to drop.

    Inside, a batch is padded (T, B, features) or packed rows (N, features), and a state is a
    tuple: (h,) or (h, c).

    >>> from rnnkit.recurrence import by_name
    >>> Recurrent(by_name("gru"), 3, 4, bidirectional=True)(torch.ones(5, 2, 3))[0].shape
    torch.Size([5, 2, 8])
    """

    def __init__(
        self,
        spec: CellSpec,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        recurrent_dropout: float = 0.0,
        bptt: Policy | str | None = None,
    ) -> None:
        super().__init__()
        self.spec, self.mode = spec, spec.mode
        self.state_names = tuple(f"{name}_0" for name in spec.states)
        self.input_size, self.hidden_size = input_size, hidden_size
        self.num_layers, self.proj_size = num_layers, proj_size
        self.bias, self.batch_first, self.bidirectional = bias, batch_first, bidirectional
        self.dropout, self.recurrent_dropout = dropout, recurrent_dropout
        self.bptt = policy_of(bptt)
        self._check_options()
        for layer in range(num_layers):
            for suffix in self._suffixes(layer):
                for name, shape in self._parameter_shapes(layer).items():
                    empty = torch.empty(shape, device=device, dtype=dtype)
                    self.register_parameter(name + suffix, nn.Parameter(empty))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """torch's own initial values: uniform in +-1/sqrt(hidden_size); see `initialize_`."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            nn.init.uniform_(
                parameter, -bound, bound, generator=randomness.current(parameter.device)
            )

    def flatten_parameters(self) -> None:
        """Do nothing; here so that code written for `torch.nn` runs."""

    @property
    def kernel(self) -> str:
        """The name of the kernel that runs this layer now."""
        weight = self.weights("_l0").weight_ih
        return kernels.kernel_for(self.mode, dtype=weight.dtype, device=weight.device)

    @property
    def num_directions(self) -> int:
        """D: 2 if bidirectional, else 1."""
        return 2 if self.bidirectional else 1

    @property
    def output_size(self) -> int:
        """Features of one direction's output, and of h."""
        return self.proj_size or self.hidden_size

    # -- calling --------------------------------------------------------------------------------

    def forward(
        self,
        input: Tensor | PackedSequence | Packed,  # noqa: A002 - torch's name
        hx: Hidden = None,
        *,
        lengths: Lengths | None = None,
        need_state: bool = True,
        need_output: bool = True,
        checkpoint: int | None = None,
    ) -> tuple[Any, Any]:
        """Run over a batch of sequences; see the class."""
        if checkpoint is not None:
            check_size(self._name, "checkpoint", checkpoint)
        options: dict[str, Any] = {
            "need_state": need_state,
            "need_output": need_output,
            "checkpoint": checkpoint,
        }
        if isinstance(input, Tensor):
            x, form, state = self._padded(input, hx, lengths)
            output, final = self._run(x, form, state, **options)
            final = final if input.dim() == 3 else tuple(s.squeeze(1) for s in final)
            output = None if output is None else self._as_given(output, input)
            return output, given_state(self.state_names, final)
        if lengths is not None:
            raise ShapeError(
                f"{self._name}: lengths was given with packed input, which knows its own. "
                f"Leave lengths out."
            )
        return self._forward_packed(input, hx, options)

    def _forward_packed(
        self, x: PackedSequence | Packed, hx: Hidden, options: dict[str, Any]
    ) -> tuple[Any, Any]:
        if x.data.dim() != 2:
            raise ShapeError(
                f"{self._name}: packed input has shape {tuple(x.data.shape)} but "
                f"(N, input_size) was expected."
            )
        check_input(self._name, x.data, self._tensor("weight_ih_l0"))
        if isinstance(x, Packed):
            state = self._initial_state(hx, x.layout.num_sequences, x.data.dtype)
            output, final = self._run(x.data, x.layout, state, **options)
            return None if output is None else x.with_data(output), given_state(
                self.state_names, final
            )
        layout = Layout.from_batch_sizes(x.batch_sizes)
        sort, unsort = x.sorted_indices, x.unsorted_indices
        initial = self._initial_state(hx, layout.num_sequences, x.data.dtype)
        initial = None if initial is None else _reorder(initial, sort)
        output, final = self._run(x.data, layout, initial, **options)
        if output is not None:
            output = PackedSequence(output, x.batch_sizes, sort, unsort)
        return output, given_state(self.state_names, _reorder(final, unsort))

    def trace(
        self,
        input: Tensor,  # noqa: A002 - torch's name
        hx: Hidden = None,
        *,
        lengths: Lengths | None = None,
    ) -> list[Trace]:
        """Run over a padded batch without gradients and show what was held at every step.

        The arguments are those of a call. Returns a `Trace` for each layer and direction, in the
        order of h_n: the states and the gates by name. Its tensors have the form of the
        input, with zeros past the lengths.

        >>> from rnnkit.cells import GRU
        >>> first, second = GRU(3, 4, num_layers=2).trace(torch.ones(5, 2, 3), lengths=[2, 5])
        >>> list(first.gates), second.h.shape
        (['r', 'z', 'n'], torch.Size([5, 2, 4]))
        """
        traces: list[Trace] = []

        def record(spec: CellSpec, data: Tensor, *given: Any, reverse: bool, **_: Any) -> Any:
            traces.append(kernels.trace(spec, data, *given, reverse=reverse))
            return traces[-1].h, ()

        with torch.no_grad():
            self._run(*self._padded(input, hx, lengths), run=record)
        return [trace.map(lambda tensor: self._as_given(tensor, input)) for trace in traces]

    # -- a padded batch, in and out -------------------------------------------------------------

    def _padded(
        self, x: Tensor, hx: Hidden, lengths: Lengths | None
    ) -> tuple[Tensor, Padded, State | None]:
        """(T, B, I), checked; where its sequences are; and the state (L*D, B, H) or None."""
        if x.dim() not in (2, 3):
            wanted = "(B, T, I)" if self.batch_first else "(T, B, I)"
            raise ShapeError(
                f"{self._name}: input has shape {tuple(x.shape)} but {wanted}, or (T, I) for one "
                f"sequence, was expected."
            )
        check_input(self._name, x, self._tensor("weight_ih_l0"))
        if x.dim() == 2:
            x, hx = x.unsqueeze(1), self._add_batch(hx)
        elif self.batch_first:
            x = x.transpose(0, 1)
        steps, batch = x.shape[0], x.shape[1]
        form = Padded(lengths_of(self._name, lengths, steps, batch))
        return x, form, self._initial_state(hx, batch, x.dtype)

    def _as_given(self, output: Tensor, x: Tensor) -> Tensor:
        """(T, B, F) in the form of the input."""
        if x.dim() == 2:
            return output.squeeze(1)
        return output.transpose(0, 1) if self.batch_first else output

    # -- layers ---------------------------------------------------------------------------------

    def _run(
        self,
        data: Tensor,
        form: Form,
        initial: State | None,
        *,
        need_output: bool = True,
        run: Any = None,
        **options: Any,
    ) -> tuple[Any, State]:
        """A batch through all layers and directions; initial: (L*D, B, H) in the form's order."""
        if run is None:
            full = isinstance(self.bptt, Full)
            run = kernels.run if full else partial(run_through_time, self.bptt)
        finals: list[State] = []
        for layer in range(self.num_layers):
            if layer:
                data = randomness.dropout(data, self.dropout, self.training)
            last = layer == self.num_layers - 1
            outputs = []
            for suffix in self._suffixes(layer):
                output, final = run(
                    self.spec,
                    data,
                    form,
                    None if initial is None else tuple(s[len(finals)] for s in initial),
                    self._drop_recurrent(self.weights(suffix)),
                    reverse=suffix.endswith("_reverse"),
                    need_output=need_output or not last,
                    **options,
                )
                outputs.append(output)
                finals.append(final)
            alone = len(outputs) == 1 or outputs[0] is None
            data = outputs[0] if alone else torch.cat(outputs, dim=-1)
        if len(finals) == 1:
            return data, finals[0]
        return data, tuple(torch.cat(parts) for parts in zip(*finals, strict=True))

    def _drop_recurrent(self, weights: Weights) -> Weights:
        if not self.training or self.recurrent_dropout == 0 or weights.weight_hh is None:
            return weights
        kept = randomness.dropout(weights.weight_hh, self.recurrent_dropout)
        return weights._replace(weight_hh=kept)

    def _initial_state(self, hx: Hidden, batch: int, dtype: torch.dtype) -> State | None:
        """hx as a tuple, checked; None: zeros."""
        if hx is None:
            return None
        state = states_of(self._name, self.state_names, hx)
        rows = self.num_layers * self.num_directions
        sizes = self.spec.state_sizes(self.hidden_size, self.output_size)
        for name, given, size in zip(self.state_names, state, sizes, strict=True):
            check_state(self._name, name, given, (rows, batch, size), dtype)
        return state

    def _add_batch(self, hx: Hidden) -> Hidden:
        """(L*D, H) -> (L*D, 1, H), for a sequence without a batch."""
        if hx is None:
            return None
        state = states_of(self._name, self.state_names, hx)
        for name, given in zip(self.state_names, state, strict=True):
            if isinstance(given, Tensor) and given.dim() != 2:
                raise ShapeError(
                    f"{self._name}: {name} has shape {tuple(given.shape)} but input is one "
                    f"sequence without a batch, so a state of two dimensions was expected."
                )
        added = tuple(s.unsqueeze(1) if isinstance(s, Tensor) else s for s in state)
        whole: Hidden = given_state(self.state_names, added)
        return whole

    # -- parameters and options -----------------------------------------------------------------

    def weights(self, suffix: str) -> Weights:
        """The parameters of one layer and direction: "_l0", "_l0_reverse", "_l1" and so on."""
        product = self.spec.recurrent_product
        return Weights(
            self._tensor("weight_ih" + suffix),
            self._tensor("weight_hh" + suffix) if product else None,
            self._tensor("bias_ih" + suffix) if self.bias else None,
            self._tensor("bias_hh" + suffix) if self.bias and product else None,
            self._tensor("weight_hr" + suffix) if self.proj_size else None,
        )

    def _tensor(self, name: str) -> Tensor:
        """A parameter, or what stands in its place where it is parametrized."""
        # The dictionary is ten times as fast as the attribute.
        parameter = self._parameters.get(name)
        return getattr(self, name) if parameter is None else parameter

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"][: self.num_directions]

    def _parameter_shapes(self, layer: int) -> dict[str, tuple[int, ...]]:
        columns = self.output_size * self.num_directions if layer else self.input_size
        return self.spec.weight_shapes(
            columns, self.hidden_size, proj_size=self.proj_size, bias=self.bias
        )

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _check_options(self) -> None:
        for name in ("input_size", "hidden_size", "num_layers"):
            check_size(self._name, name, getattr(self, name))
        check_size(self._name, "proj_size", self.proj_size, least=0)
        if self.proj_size >= self.hidden_size:
            raise OptionError(
                f"{self._name}: proj_size={self.proj_size}, but a projection makes the output "
                f"smaller than hidden_size={self.hidden_size}."
            )
        if self.proj_size and not self.spec.projection:
            raise OptionError(
                f"{self._name}: proj_size={self.proj_size}, but the cell {self.spec.name!r} takes "
                f"no projection. Leave proj_size out."
            )
        for name in ("dropout", "recurrent_dropout"):
            check_rate(self._name, name, getattr(self, name))
        for name in ("bias", "batch_first", "bidirectional"):
            check_option(name, getattr(self, name), [True, False])
        if self.dropout > 0 and self.num_layers == 1:
            warnings.warn(
                f"{self._name}: dropout={self.dropout} does nothing with num_layers=1: it stands "
                f"between layers. Add layers, or drop the output yourself.",
                stacklevel=4,
            )

    def extra_repr(self) -> str:
        """The arguments that differ from their defaults."""
        options: dict[str, object] = {"proj_size": 0, "num_layers": 1, "bias": True}
        options |= {"batch_first": False, "dropout": 0.0, "bidirectional": False}
        options |= {"recurrent_dropout": 0.0, "bptt": Full()}
        changed = [
            f"{name}={getattr(self, name)}"
            for name, default in options.items()
            if getattr(self, name) != default
        ]
        cell = [repr(self.spec.name)] if type(self) is Recurrent else []
        return ", ".join([*cell, str(self.input_size), str(self.hidden_size), *changed])


def _reorder(state: State, order: Tensor | None) -> State:
    """(L*D, B, H) with its sequences in another order."""
    return state if order is None else tuple(s.index_select(1, order) for s in state)
