"""One step at a time, for input that arrives as it is: the state stays, nothing is allocated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NoReturn

import torch
from torch import Tensor

from rnnkit import kernels
from rnnkit.cells.checks import Hidden, check_input, check_size, check_state, named_states
from rnnkit.cells.recurrent import Recurrent
from rnnkit.cells.single import Cell
from rnnkit.errors import OptionError, ShapeError
from rnnkit.kernels import Weights

__all__ = ["Stream"]


class Stream:
    """Steps a layer or a cell for `batch_size` sequences that advance together.

    source: an `RNN`, `GRU`, `LSTM` or other layer of one direction, or a cell. Its weights are read
    once, when the stream is made; what training does to them afterwards is not seen. There is no
    dropout and no gradient. With the native kernel, results are those of the layer in eval mode to
    the bit.

    A stream cannot be copied or pickled: make another, and give it this one's `state`.
    Raises OptionError for a source with two directions.

    >>> from rnnkit.cells import GRU
    >>> layer = GRU(3, 4, num_layers=2).eval()
    >>> stream = Stream(layer, batch_size=2)
    >>> x = torch.randn(5, 2, 3)
    >>> outputs = [stream.step(step).clone() for step in x]
    >>> output, h_n = layer(x)
    >>> torch.allclose(torch.stack(outputs), output, atol=1e-6)
    True
    >>> torch.allclose(stream.state, h_n, atol=1e-6)
    True
    """

    def __init__(self, source: Recurrent | Cell, batch_size: int = 1) -> None:
        check_size("Stream", "batch_size", batch_size)
        self._name = f"Stream of {type(source).__name__}"
        self._layered = isinstance(source, Recurrent)
        weights = _weights(source)
        like = weights[0].weight_ih.detach()
        self._input_weight, self._names = like, source.state_names
        self._pair = named_states(source.spec.states)
        self._state = tuple(
            like.new_zeros(len(weights), batch_size, size)
            for size in kernels.state_sizes(source.spec, weights[0])
        )
        self._advance = kernels.stepper(source.spec, weights, self._state).step
        self._output = self._state[0][-1]
        self._shape = torch.Size((batch_size, like.shape[1]))
        self._dtype = like.dtype

    @property
    def batch_size(self) -> int:
        """B, the sequences that advance together."""
        return self._shape[0]

    # -- stepping -------------------------------------------------------------------------------

    def step(self, x: Tensor) -> Tensor:
        """Advance every sequence by one step: x (B, I) -> the output, (B, P).

        With batch_size=1, x may be (I,), and the output is (P,). The output is the same memory at
        every step: clone what you keep.
        Raises ShapeError if a size or a dtype disagrees.
        """
        if x.dtype is self._dtype and x.shape == self._shape and x.is_contiguous() and x.is_cpu:
            self._advance(x)
            return self._output
        return self._step_other(x)

    def run(self, steps: Iterable[Tensor]) -> Iterator[Tensor]:
        """`step` for each of them, as it is asked for."""
        return map(self.step, steps)

    def _step_other(self, x: Tensor) -> Tensor:
        single = x.dim() == 1 and self.batch_size == 1
        rows = x.unsqueeze(0) if single else x
        if rows.dim() != 2 or len(rows) != self.batch_size:
            raise ShapeError(
                f"{self._name}: input has shape {tuple(x.shape)} but {tuple(self._shape)} was "
                f"expected: one step of each of {self.batch_size} sequences."
            )
        check_input(self._name, rows, self._input_weight)
        self._advance(rows.detach().contiguous())
        return self._output[0] if single else self._output

    # -- state ----------------------------------------------------------------------------------

    @property
    def state(self) -> Hidden:
        """A copy of the state, as the layer takes it: h (L, B, P), or the pair of h and c.

        Of a cell, (B, H) each.
        """
        copies = [s.clone() if self._layered else s[0].clone() for s in self._state]
        return tuple(copies) if len(copies) > 1 else copies[0]

    def load_state(self, state: Any) -> None:
        """Go on from a state that `state` or a layer gave.

        Raises ShapeError if it does not fit.
        """
        given = tuple(state) if len(self._names) > 1 else (state,)
        if len(given) != len(self._names):
            raise ShapeError(f"{self._name}: {self._pair} was expected as state.")
        held = [s if self._layered else s[0] for s in self._state]
        for name, value, place in zip(self._names, given, held, strict=True):
            check_state(self._name, name, value, tuple(place.shape), place.dtype)
        with torch.no_grad():
            for value, place in zip(given, held, strict=True):
                place.copy_(value)

    def reset(self, index: int | Sequence[int] | Tensor | None = None) -> None:
        """Set the state to zeros: that of all sequences, or of those at `index`.

        Raises OptionError for an index outside of the batch.
        """
        if index is None:
            rows = torch.arange(self.batch_size)
        else:
            rows = torch.as_tensor(index, dtype=torch.int64).reshape(-1)
        if ((rows < 0) | (rows >= self.batch_size)).any():
            raise OptionError(
                f"{self._name}: index={index!r}, but sequences 0 to {self.batch_size - 1} were "
                f"expected."
            )
        for s in self._state:
            s[:, rows] = 0

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(
            f"a {self._name} cannot be copied or pickled. Make another Stream of the same layer, "
            f"and give it this one's state: other.load_state(stream.state)."
        )


def _weights(source: Recurrent | Cell) -> list[Weights]:
    if isinstance(source, Cell):
        return [source.weights()]
    if not isinstance(source, Recurrent):
        raise OptionError(
            f"Stream: source is a {type(source).__name__}, but a layer (RNN, GRU, LSTM) or a cell "
            f"was expected."
        )
    if source.bidirectional:
        raise OptionError(
            f"Stream: the {type(source).__name__} is bidirectional, and its second direction "
            f"begins at the end. A stream needs a layer with bidirectional=False."
        )
    return [source.weights(f"_l{layer}") for layer in range(source.num_layers)]
