"""A linear-chain conditional random field: labels that depend on their neighbors."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnkit.packed import Layout, Packed

__all__ = ["ConditionalRandomField"]


class ConditionalRandomField(nn.Module):
    """Scores whole paths of labels, from what a network says of each step alone.

    p(y | x) = exp s(x, y) / Z(x),
    s(x, y) = start[y_1] + sum_t e_t[y_t] + sum_t transitions[y_t, y_{t+1}] + end[y_T],
    with emissions e from the network and Z the sum of exp s over all paths, which a recursion over
    the steps finds in O(T K^2). All of it is computed on logarithms, and on packed rows: a
    sequence's result does not depend on its neighbors in the batch.

    transitions: (K, K), from the row's label to the column's. start, end: (K,). All begin at 0,
    where the labels of the steps are independent: the softmax of the emissions.
    Source: Lafferty et al. 2001; as the last layer of a network, Lample et al. 2016, equation 1
    and section 2.2. The recursion is Rabiner 1989's, equations 20 and 25.

    >>> field = ConditionalRandomField(2)
    >>> emissions = Packed.from_sequences([torch.tensor([[1.0, 0.0], [0.0, 2.0]])])
    >>> torch.allclose(field.marginals(emissions), emissions.data.softmax(-1))
    True
    >>> field.log_likelihood(emissions, torch.tensor([0, 1])).shape
    torch.Size([1])
    """

    def __init__(self, num_labels: int) -> None:
        super().__init__()
        self.transitions = nn.Parameter(torch.zeros(num_labels, num_labels))
        self.start = nn.Parameter(torch.zeros(num_labels))
        self.end = nn.Parameter(torch.zeros(num_labels))

    def forward(self, emissions: Packed, labels: Tensor) -> Tensor:
        """(N, K) logits of p(y_t | y_{t-1}, x), after the labels (N,) that are given.

        By the chain rule p(y | x) is the product of these over the steps, so that their
        cross-entropy with the labels, summed over a sequence, is exactly -log p(y | x):
        log p(y_t = k | y_{t-1}, x) = transitions[y_{t-1}, k] + e_t[k] + future_t[k] + constant,
        where future_t[k] is the logarithm of the sum over all that may follow label k.
        """
        rows, follows = emissions.layout.shifted(-1)
        before = torch.where(follows[:, None], self.transitions[labels[rows]], self.start)
        return before + emissions.data + self._future(emissions)

    def log_likelihood(self, emissions: Packed, labels: Tensor) -> Tensor:
        """(B,) log p(y | x) of each sequence, in the caller's order. labels: (N,), packed."""
        steps = -F.cross_entropy(self(emissions, labels), labels, reduction="none")
        layout = emissions.layout
        sums = steps.new_zeros(layout.num_sequences).index_add(0, layout.sequence_of_row, steps)
        return sums[layout.inverse]

    def marginals(self, emissions: Packed) -> Tensor:
        """(N, K) p(y_t = k | x), over all paths; rows sum to 1 (forward-backward)."""
        return torch.softmax(
            self._past(emissions) + emissions.data + self._future(emissions), dim=-1
        )

    def _future(self, emissions: Packed) -> Tensor:
        """(N, K) log sum of exp of all paths after the step, by its label; but for a constant."""
        return _messages(emissions.data, emissions.layout, self.transitions, self.end)

    def _past(self, emissions: Packed) -> Tensor:
        """(N, K) log sum of exp of all paths before the step, by its label; but for a constant.

        It is the future of the sequence that is read backwards.
        """
        layout = emissions.layout
        mirrored = emissions.data[layout.reversal]
        return _messages(mirrored, layout, self.transitions.T, self.start)[layout.reversal]


def _messages(scores: Tensor, layout: Layout, transitions: Tensor, last: Tensor) -> Tensor:
    """m_T = last; m_t[k] = log sum_j exp(transitions[k, j] + scores_{t+1}[j] + m_{t+1}[j]) - c_t.

    scores: (N, K) -> (N, K). Step t's first batch_sizes[t + 1] rows go on, the others end there.
    c_t makes the first label's 0: no row's softmax needs it, and without it the numbers would grow
    with the length until float32 had no digits left for what tells the labels apart.
    """
    sizes = layout.batch_sizes.tolist()
    last = last.to(scores.dtype)
    messages = [last.expand(sizes[-1], -1)]
    following = torch.split(scores, sizes)
    for size, after, score in zip(sizes[-2::-1], sizes[:0:-1], following[:0:-1], strict=True):
        arriving = (score + messages[-1])[:, None, :] + transitions  # (after, K, K)
        message = torch.logsumexp(arriving, dim=-1)
        message = message - message[:, :1].detach()
        messages.append(torch.cat([message, last.expand(size - after, -1)]))
    return torch.cat(messages[::-1])
