"""RNN, GRU and LSTM over whole sequences, ragged ones included.

They take every argument of `torch.nn`'s classes, hold the same parameters under the same names,
and load their `state_dict` unchanged. What is added: `lengths`, exact in both directions;
`rnnkit.packed.Packed` in and out; and `recurrent_dropout`, which keeps the fast kernels.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from rnnkit import kernels
from rnnkit.cells.checks import check_input, check_rate, check_size, check_state, layout_of
from rnnkit.errors import OptionError, ShapeError, check_option
from rnnkit.kernels import GATES, State, Weights
from rnnkit.packed import Layout, Packed

__all__ = ["GRU", "LSTM", "RNN"]

Lengths = Sequence[int] | np.ndarray | Tensor


class _Recurrent(nn.Module):
    """Layers and directions of one recurrence: parameters, the loop over layers, and the forms.

    Inside, everything is packed rows (N, features) and a state is a tuple: (h,) or (h, c).
    """

    state_names: tuple[str, ...] = ("h_0",)

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bias: bool,
        batch_first: bool,
        dropout: float,
        bidirectional: bool,
        proj_size: int,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
        recurrent_dropout: float,
    ) -> None:
        super().__init__()
        self.mode = mode
        self.input_size, self.hidden_size = input_size, hidden_size
        self.num_layers, self.proj_size = num_layers, proj_size
        self.bias, self.batch_first, self.bidirectional = bias, batch_first, bidirectional
        self.dropout, self.recurrent_dropout = dropout, recurrent_dropout
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
            nn.init.uniform_(parameter, -bound, bound)

    def flatten_parameters(self) -> None:
        """Do nothing; here so that code written for `torch.nn` runs."""

    @property
    def kernel(self) -> str:
        """The name of the kernel that runs this layer now."""
        return kernels.kernel_for(self.mode)

    @property
    def num_directions(self) -> int:
        """D: 2 if bidirectional, else 1."""
        return 2 if self.bidirectional else 1

    @property
    def output_size(self) -> int:
        """Features of one direction's output, and of h."""
        return self.proj_size or self.hidden_size

    def forward(
        self,
        input: Tensor | PackedSequence | Packed,  # noqa: A002 - torch's name
        hx: Any = None,
        *,
        lengths: Lengths | None = None,
        need_state: bool = True,
    ) -> tuple[Any, Any]:
        """Run over a batch of sequences; see the class."""
        if not isinstance(input, PackedSequence | Packed):
            return self._forward_padded(input, hx, lengths, need_state)
        if lengths is not None:
            raise ShapeError(
                f"{self._name}: lengths was given with packed input, which knows its own. "
                f"Leave lengths out."
            )
        if input.data.dim() != 2:
            raise ShapeError(
                f"{self._name}: packed input has shape {tuple(input.data.shape)} but "
                f"(N, input_size) was expected."
            )
        check_input(self._name, input.data, self._weights("_l0").weight_ih)
        if isinstance(input, Packed):
            output, state = self._run(input.data, input.layout, hx, need_state)
            return input.with_data(output), self._give(state)
        layout = Layout.from_batch_sizes(input.batch_sizes)
        sort, unsort = input.sorted_indices, input.unsorted_indices
        output, state = self._run(input.data, layout, hx, need_state, order=sort)
        packed = PackedSequence(output, input.batch_sizes, sort, unsort)
        return packed, self._give(_reorder(state, unsort))

    def _forward_padded(
        self, x: Tensor, hx: Any, lengths: Lengths | None, need_state: bool
    ) -> tuple[Tensor, Any]:
        if x.dim() not in (2, 3):
            form = "(B, T, I)" if self.batch_first else "(T, B, I)"
            raise ShapeError(
                f"{self._name}: input has shape {tuple(x.shape)} but {form}, or (T, I) for one "
                f"sequence, was expected."
            )
        check_input(self._name, x, self._weights("_l0").weight_ih)
        batched = x.dim() == 3
        if not batched:
            x, hx = x.unsqueeze(1), self._add_batch(hx)
        elif self.batch_first:
            x = x.transpose(0, 1)
        steps, batch = x.shape[:2]  # (T, B, I)
        layout = layout_of(self._name, lengths, steps, batch)
        if layout.num_rows == steps * batch:
            output, state = self._run(x.flatten(0, 1), layout, hx, need_state)
        else:
            rows = layout.step_of_row * batch + layout.order[layout.sequence_of_row]
            data = x.flatten(0, 1).index_select(0, rows)
            output, state = self._run(data, layout, hx, need_state, order=layout.order)
            state = _reorder(state, layout.inverse)
            output = output.new_zeros(steps * batch, output.shape[1]).index_copy(0, rows, output)
        output = output.reshape(steps, batch, -1)
        if not batched:
            return output.squeeze(1), self._give(tuple(s.squeeze(1) for s in state))
        return output.transpose(0, 1) if self.batch_first else output, self._give(state)

    def _run(
        self,
        data: Tensor,
        layout: Layout,
        hx: Any,
        need_state: bool,
        order: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """Packed rows through all layers; order: where each of hx's sequences goes."""
        initial = _reorder(self._initial_state(hx, layout.num_sequences, data), order)
        finals: list[State] = []
        for layer in range(self.num_layers):
            if layer:
                data = F.dropout(data, self.dropout, self.training)
            outputs = []
            for suffix in self._suffixes(layer):
                state = tuple(s[len(finals)] for s in initial)
                weights = self._weights(suffix)
                output, final = kernels.run(
                    self.mode,
                    data,
                    layout,
                    state,
                    self._drop_recurrent(weights),
                    reverse=suffix.endswith("_reverse"),
                    need_state=need_state,
                )
                outputs.append(output)
                finals.append(final)
            data = torch.cat(outputs, dim=1) if self.bidirectional else outputs[0]
        return data, tuple(torch.stack(parts) for parts in zip(*finals, strict=True))

    def _drop_recurrent(self, weights: Weights) -> Weights:
        if not self.training or self.recurrent_dropout == 0:
            return weights
        return weights._replace(weight_hh=F.dropout(weights.weight_hh, self.recurrent_dropout))

    def _initial_state(self, hx: Any, batch: int, data: Tensor) -> State:
        sizes = (self.output_size, self.hidden_size)[: len(self.state_names)]
        shapes = [(self.num_layers * self.num_directions, batch, size) for size in sizes]
        if hx is None:
            return tuple(data.new_zeros(shape) for shape in shapes)
        state = self._take(hx)
        for name, given, shape in zip(self.state_names, state, shapes, strict=True):
            check_state(self._name, name, given, shape, data.dtype)
        return state

    def _add_batch(self, hx: Any) -> Any:
        """(L*D, H) -> (L*D, 1, H), for a sequence without a batch."""
        if hx is None:
            return None
        state = self._take(hx)
        for name, given in zip(self.state_names, state, strict=True):
            if isinstance(given, Tensor) and given.dim() != 2:
                raise ShapeError(
                    f"{self._name}: {name} has shape {tuple(given.shape)} but input is one "
                    f"sequence without a batch, so a state of two dimensions was expected."
                )
        return self._give(tuple(s.unsqueeze(1) if isinstance(s, Tensor) else s for s in state))

    def _take(self, hx: Any) -> State:
        """The caller's state as a tuple."""
        return (hx,)

    def _give(self, state: State) -> Any:
        """A tuple as the caller's state."""
        return state[0]

    def _weights(self, suffix: str) -> Weights:
        names = self._parameter_shapes(0)
        return Weights(**{name: cast(Tensor, getattr(self, name + suffix)) for name in names})

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"][: self.num_directions]

    def _parameter_shapes(self, layer: int) -> dict[str, tuple[int, ...]]:
        rows = GATES[self.mode] * self.hidden_size
        columns = self.output_size * self.num_directions if layer else self.input_size
        shapes: dict[str, tuple[int, ...]] = {
            "weight_ih": (rows, columns),
            "weight_hh": (rows, self.output_size),
        }
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        return shapes

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
        options |= {"recurrent_dropout": 0.0}
        changed = [
            f"{name}={getattr(self, name)}"
            for name, default in options.items()
            if getattr(self, name) != default
        ]
        return ", ".join([str(self.input_size), str(self.hidden_size), *changed])


class RNN(_Recurrent):
    """A simple recurrent network (Elman 1990), in several layers and one or both directions.

    h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh), or max(0, ...) with nonlinearity="relu".

    The arguments are those of `torch.nn.RNN`, and besides:
    recurrent_dropout: share of W_hh's weights that are dropped while training, one mask a layer,
    direction and forward (Merity, Keskar & Socher 2018, "weight drop").

    Called with `layer(input, hx=None, *, lengths=None, need_state=True)`:
    input: (T, B, I), or (B, T, I) if batch_first; (T, I) for one sequence; a `PackedSequence`; or
    a `rnnkit.packed.Packed`. hx: h_0 (L*D, B, H), zeros if left out, never with the batch first.
    lengths: (B,) steps of each sequence, in any order, counted from the beginning; outputs past
    them are 0, and both directions see valid steps only.
    Returns the output, in the form of the input with D*H features, and h_n (L*D, B, H), each
    sequence's state at its own last step. With `Packed`, states are in the layout's sorted order;
    otherwise in the caller's.
    Raises ShapeError if a size, a dtype or the lengths disagree, OptionError for a bad option.

    >>> layer = RNN(3, 4, bidirectional=True, batch_first=True)
    >>> output, h_n = layer(torch.ones(2, 5, 3), lengths=[5, 2])
    >>> output.shape, h_n.shape
    (torch.Size([2, 5, 8]), torch.Size([2, 2, 4]))
    >>> output[1, 2:].any().item()
    False
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        recurrent_dropout: float = 0.0,
    ) -> None:
        check_option("nonlinearity", nonlinearity, ["tanh", "relu"])
        super().__init__(
            f"RNN_{nonlinearity.upper()}",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            0,
            device,
            dtype,
            recurrent_dropout,
        )
        self.nonlinearity = nonlinearity

    def extra_repr(self) -> str:
        """The arguments that differ from their defaults."""
        relu = ", nonlinearity=relu" if self.nonlinearity == "relu" else ""
        return super().extra_repr() + relu


class GRU(_Recurrent):
    """A gated recurrent unit (Cho et al. 2014), its reset applied after the product.

    r = sigmoid(W_ir x + b_ir + W_hr h + b_hr) ;  z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)
    n = tanh(W_in x + b_in + r * (W_hn h + b_hn)) ;  h' = (1 - z) * n + z * h

    The arguments are those of `torch.nn.GRU`, and `recurrent_dropout`. Input, state, lengths,
    results and errors are as in `RNN`.

    >>> layer = GRU(3, 4, num_layers=2)
    >>> output, h_n = layer(torch.ones(5, 2, 3), lengths=[2, 5])
    >>> output.shape, h_n.shape
    (torch.Size([5, 2, 4]), torch.Size([2, 2, 4]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        recurrent_dropout: float = 0.0,
    ) -> None:
        super().__init__(
            "GRU",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            0,
            device,
            dtype,
            recurrent_dropout,
        )


class LSTM(_Recurrent):
    """A long short-term memory (Hochreiter & Schmidhuber 1997; Gers et al. 2000), no peepholes.

    i, f, o = sigmoid(W_i. x + b_i. + W_h. h + b_h.) ;  g = tanh(...)
    c' = f * c + i * g ;  h' = o * tanh(c'), times W_hr if proj_size > 0 (Sak et al. 2014)

    The arguments are those of `torch.nn.LSTM`, and `recurrent_dropout`. Input, lengths and errors
    are as in `RNN`. The state is (h, c): h (L*D, B, P or H), c (L*D, B, H). With
    need_state=False c_n is None, which saves a little where lengths differ; h_n is always given.

    >>> layer = LSTM(3, 4, proj_size=2)
    >>> output, (h_n, c_n) = layer(torch.ones(5, 2, 3), lengths=torch.tensor([2, 5]))
    >>> output.shape, h_n.shape, c_n.shape
    (torch.Size([5, 2, 2]), torch.Size([1, 2, 2]), torch.Size([1, 2, 4]))
    """

    state_names = ("h_0", "c_0")

    def __init__(
        self,
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
        *,
        recurrent_dropout: float = 0.0,
    ) -> None:
        super().__init__(
            "LSTM",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            device,
            dtype,
            recurrent_dropout,
        )

    def _take(self, hx: Any) -> State:
        if not isinstance(hx, tuple | list) or len(hx) != 2:
            raise ShapeError(
                f"LSTM: hx is a {type(hx).__name__}, but the pair (h_0, c_0) was expected."
            )
        return tuple(hx)

    def _give(self, state: State) -> tuple[Tensor, Tensor | None]:
        return (state[0], state[1] if len(state) == 2 else None)


def _reorder(state: State, order: Tensor | None) -> State:
    """(L*D, B, H) with its sequences in another order."""
    return state if order is None else tuple(s.index_select(1, order) for s in state)
