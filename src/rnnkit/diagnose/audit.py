"""What truncation costs: the truncated gradient held against the full one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from rnnkit import randomness
from rnnkit.bptt import Full, Loss, Policy, RandomTruncated, Tensors, Truncated, policy_of
from rnnkit.cells import spec_of
from rnnkit.diagnose.flow import plain
from rnnkit.diagnose.plotting import Panels, figure
from rnnkit.diagnose.subject import Model, Subject, kept_gradients, subject_of
from rnnkit.errors import InputError, OptionError
from rnnkit.nest import Json

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Audited", "TruncationAudit", "truncation_audit"]

REACHES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""The k1 = k2 that are tried by default, as far as they are shorter than the sequences."""

DRAWS = 16
THRESHOLD = 0.95


@dataclass(frozen=True)
class Audited:
    """One policy against full back-propagation, over the recurrent weights alone.

    cosine: between the two gradients; of a random policy, of the mean of its draws.
    norm_ratio: |truncated| / |full|. by_layer: the cosine of each layer's own weights.
    variance: of a random policy, E|g - E g|^2 / |full|^2 over its draws; 0 for the others.
    seconds: of one gradient.
    """

    policy: Policy
    cosine: float
    norm_ratio: float
    by_layer: dict[str, float]
    variance: float
    seconds: float


@dataclass(frozen=True)
class TruncationAudit:
    """What `truncation_audit` has found.

    rows: one a policy. full_seconds: of one full gradient. threshold: the cosine that is asked for.
    """

    rows: list[Audited]
    full_seconds: float
    threshold: float

    @property
    def cosines(self) -> np.ndarray:
        """(policies,)"""
        return np.array([row.cosine for row in self.rows])

    @property
    def recommended(self) -> Policy:
        """The cheapest truncation that keeps the direction; `Full()` if none of them does."""
        good = [
            row.policy
            for row in self.rows
            if isinstance(row.policy, Truncated) and row.cosine >= self.threshold
        ]
        return min(good, key=_cost, default=Full())

    def summary(self) -> str:
        """A table, and the recommendation."""
        lines = [f"{'policy':<34}{'cosine':>8}{'norm':>8}{'variance':>10}{'seconds':>9}"]
        lines += [
            f"{row.policy!s:<34}{row.cosine:>8.4f}{row.norm_ratio:>8.3f}"
            f"{row.variance:>10.3f}{row.seconds:>9.3f}"
            for row in self.rows
        ]
        lines.append(f"{'full':<34}{1:>8.4f}{1:>8.3f}{0:>10.3f}{self.full_seconds:>9.3f}")
        return "\n".join([*lines, self.advice()])

    def advice(self) -> str:
        """The recommendation, in a sentence."""
        if isinstance(self.recommended, Full):
            return (
                f"Recommended: full back-propagation. No truncation tried keeps a cosine of "
                f"{self.threshold}; if memory is short, Checkpointed() is exact."
            )
        return (
            f"Recommended: {self.recommended}, the cheapest tried whose gradient keeps a "
            f"cosine of {self.threshold} with the full one."
        )

    def panels(self) -> Panels:
        """The charts, by title."""
        return {
            "Cosine with the full gradient": _cosines(self),
            "Length beside the full gradient's": _norms(self),
        }

    def plot(self) -> Figure:
        """All charts as a matplotlib figure."""
        return figure(self.panels())

    def to_dict(self) -> dict[str, Json]:
        """Plain values, for JSON."""
        return {
            "rows": [
                {
                    "policy": repr(row.policy),
                    "cosine": plain(row.cosine),
                    "norm_ratio": plain(row.norm_ratio),
                    "by_layer": {name: plain(value) for name, value in row.by_layer.items()},
                    "variance": plain(row.variance),
                    "seconds": row.seconds,
                }
                for row in self.rows
            ],
            "full_seconds": self.full_seconds,
            "threshold": self.threshold,
            "recommended": repr(self.recommended),
        }


def truncation_audit(
    model: Model,
    batch: object,
    policies: Iterable[Policy | str | tuple[int, int]] | None = None,
    *,
    loss: Loss | None = None,
    state: Tensors = None,
    batch_first: bool = False,
    draws: int = DRAWS,
    threshold: float = THRESHOLD,
) -> TruncationAudit:
    """Hold truncated gradients against the full one, on a few examples.

    model, batch, loss, state, batch_first: as for `gradient_flow`.
    policies: pairs (k1, k2), policies or their texts; None tries k1 = k2 = 1, 2, 5, 10, 20, 50, ...
        below the longest sequence. draws: gradients of a random policy, from whose mean and
        variance its row is made. threshold: the least cosine of what is recommended.
    Compared are the gradients of the recurrent layers' weights: those of heads and embeddings
    hardly change, and would hide it. Everything runs in eval mode, and the module's gradients and
    mode are left as they were.
    Raises InputError if the model has no recurrence or the full gradient is 0 or not finite.

    >>> _ = torch.manual_seed(0)
    >>> audit = truncation_audit(nn.RNN(2, 8), torch.randn(60, 4, 2), [(1, 1), (10, 20)])
    >>> [round(float(cosine), 2) for cosine in audit.cosines]
    [0.87, 1.0]
    >>> audit.recommended
    Truncated(k1=10, k2=20)
    """
    if draws < 2:
        raise OptionError(f"draws={draws}, but a variance needs at least 2.")
    subject = subject_of(model, batch, loss, state=state, batch_first=batch_first)
    names = _recurrent_parameters(subject.module)
    with kept_gradients(subject.module), randomness.Replay():
        full, full_seconds = _timed(subject, Full(), names)
        _check_full(full)
        chosen = _policies(policies, subject)
        rows = [_audited(subject, policy, names, full, draws) for policy in chosen]
    return TruncationAudit(rows, full_seconds, threshold)


def _policies(
    policies: Iterable[Policy | str | tuple[int, int]] | None, subject: Subject
) -> list[Policy]:
    if policies is None:
        return [Truncated(k) for k in REACHES if k < subject.num_steps] or [Truncated(1)]
    return [Truncated(*one) if isinstance(one, tuple) else policy_of(one) for one in policies]


def _audited(
    subject: Subject,
    policy: Policy,
    names: dict[str, list[str]],
    full: dict[str, Tensor],
    draws: int,
) -> Audited:
    count = draws if isinstance(policy, RandomTruncated) else 1
    found = [_timed(subject, policy, names) for _ in range(count)]
    stacked = {name: torch.stack([one[name] for one, _ in found]) for name in full}
    mean = {name: values.mean(dim=0) for name, values in stacked.items()}
    whole, truncated = torch.cat([*full.values()]), torch.cat([*mean.values()])
    spread = sum(
        float(values.var(dim=0, correction=1).sum()) if count > 1 else 0.0
        for values in stacked.values()
    )
    return Audited(
        policy,
        _cosine(truncated, whole),
        float(truncated.norm() / whole.norm()),
        {name: _cosine(mean[name], full[name]) for name in full},
        spread / float(whole.norm()) ** 2,
        min(seconds for _, seconds in found),
    )


def _timed(
    subject: Subject, policy: Policy, names: dict[str, list[str]]
) -> tuple[dict[str, Tensor], float]:
    """The gradient of each layer's weights as one vector, and the seconds that it took."""
    subject.module.zero_grad(set_to_none=True)
    began = time.perf_counter()
    subject.backward(policy)
    seconds = time.perf_counter() - began
    parameters = dict(subject.module.named_parameters())
    vectors = {
        layer: torch.cat([_gradient(parameters[name]) for name in own])
        for layer, own in names.items()
    }
    return vectors, seconds


def _gradient(parameter: Tensor) -> Tensor:
    """In float64; nothing where nothing came."""
    if parameter.grad is None:
        return torch.zeros(parameter.numel(), dtype=torch.float64)
    return parameter.grad.detach().double().flatten().clone()


def _recurrent_parameters(module: nn.Module) -> dict[str, list[str]]:
    """The names of the trained parameters of each recurrent layer and cell."""
    found: dict[str, list[str]] = {}
    for name, part in module.named_modules():
        own = [n for n, p in part.named_parameters(recurse=False) if p.requires_grad]
        if spec_of(part) is not None and own:
            prefix = f"{name}." if name else ""
            found[name or type(part).__name__] = [prefix + parameter for parameter in own]
    if not found:
        raise InputError(
            f"{type(module).__name__} has no trained recurrent weight: there is no "
            f"back-propagation through time to truncate."
        )
    return found


def _check_full(full: dict[str, Tensor]) -> None:
    norm = float(torch.cat([*full.values()]).norm())
    if not 0 < norm < float("inf"):
        raise InputError(
            f"the full gradient has norm {norm}, with which nothing can be compared. Check the "
            f"loss, and for huge values in the input or the weights."
        )


def _cosine(one: Tensor, other: Tensor) -> float:
    norms = float(one.norm() * other.norm())
    return float(one @ other) / norms if norms > 0 else 0.0


def _cost(policy: Truncated) -> tuple[float, int]:
    """Steps run for each step of the sequence, then steps that are held in memory."""
    return policy.reach / policy.k1, policy.reach


def _cosines(audit: TruncationAudit) -> Callable[[Axes], None]:
    def draw(axes: Axes) -> None:
        _bars(axes, audit, audit.cosines.tolist())
        axes.axhline(audit.threshold, color="black", ls="--", lw=0.8)
        axes.set_ylabel("cosine")

    return draw


def _norms(audit: TruncationAudit) -> Callable[[Axes], None]:
    def draw(axes: Axes) -> None:
        _bars(axes, audit, [row.norm_ratio for row in audit.rows])
        axes.axhline(1.0, color="black", ls="--", lw=0.8)
        axes.set_ylabel("|truncated| / |full|")

    return draw


def _bars(axes: Axes, audit: TruncationAudit, heights: list[float]) -> None:
    names = [str(row.policy) for row in audit.rows]
    places = np.arange(len(names))
    axes.bar(places, heights)
    axes.set_xticks(places, names, rotation=40, ha="right", fontsize=7)
