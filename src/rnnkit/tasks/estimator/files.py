"""A fitted estimator as the header and the tensors of a model file, and back."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rnnkit.archive import Header
from rnnkit.bptt import Policy, policy_of
from rnnkit.codecs.codec import Json
from rnnkit.errors import ArchiveError
from rnnkit.networks import build
from rnnkit.plans import GivenEncoder, Plan
from rnnkit.tasks.estimator import format1
from rnnkit.tasks.estimator.columns import COLUMNS

__all__ = [
    "check_sizes",
    "codec_of",
    "distinct",
    "header_of",
    "load_weights",
    "parameters_from",
    "restore_columns",
]


def header_of(estimator: Any) -> Header:
    """What the file says beside the weights, as plain JSON."""
    params = estimator.get_params(deep=False)
    given = [name for name, value in params.items() if callable(value)]
    params.update(dict.fromkeys(given))
    if not isinstance(params.get("random_state"), int | None):
        params["random_state"] = None
    return {
        "estimator": type(estimator).__name__,
        "params": {name: _plain(value) for name, value in params.items()},
        "codec": estimator.codec_.to_json(),
        "plan": estimator.plan_.to_json(),
        "table": {
            name: np.asarray(getattr(estimator, name)).tolist()
            for name in COLUMNS
            if hasattr(estimator, name)
        },
        "given": given,
        "padding": "none: sequences are packed by length",
        "history": estimator.history_.to_dict() if hasattr(estimator, "history_") else None,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("rnnkit", "torch", "numpy", "scikit-learn")},
        },
    }


def parameters_from(header: Header, given: Mapping[str, object]) -> dict[str, Any]:
    """The constructor's arguments. Raises ArchiveError where a callable is missing."""
    missing = [name for name in header["given"] if name not in given]
    if missing:
        raise ArchiveError(
            f"the model was fitted with {missing[0]}= of your own, which a file cannot hold: "
            f"load(path, {missing[0]}=...) with the same one."
        )
    return {**{name: _from_plain(value) for name, value in header["params"].items()}, **given}


def codec_of(header: Header) -> Json:
    """What the file says of the codec, whatever its format."""
    codec: Json = header["codec"] if "codec" in header else format1.codec_json(header)
    return codec


def restore_columns(estimator: object, columns: Mapping[str, object]) -> None:
    """Give an estimator back what was known of its table."""
    for name, value in columns.items():
        plain = np.array(value, dtype=object) if isinstance(value, list) else value
        setattr(estimator, name, plain)


def check_sizes(plan: Plan, tensors: Mapping[str, Tensor]) -> None:
    """Refuse a plan of another size than the file's weights, before anything so large is made."""
    layers = max(getattr(part, "num_layers", 0) for part in plan.parts())
    if layers > len(tensors):
        raise ArchiveError(f"the file's plan has {layers:,} layers, but {len(tensors)} weights.")
    encoders = [part for part in plan.parts() if isinstance(part, GivenEncoder)]
    with torch.device("meta"):
        network = build(plan, _Promised(encoders[0]) if encoders else None)
    for name, parameter in network.named_parameters():
        found = tuple(tensors[name].shape) if name in tensors else "missing"
        if found != (needed := tuple(parameter.shape)):
            raise ArchiveError(
                f"the file's weights do not fit its plan: {name} is {found}, but {needed} is "
                f"needed."
            )


class _Promised(nn.Module):
    """Stands for the user's own encoder: what it returns is of the size that the plan says."""

    def __init__(self, plan: GivenEncoder) -> None:
        super().__init__()
        self.shape = (plan.output_size, *plan.grid)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, S, S) -> (B, M, h, w)."""
        return images.new_empty(len(images), *self.shape)


def load_weights(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give a network the file's weights. Raises ArchiveError if they are another's."""
    try:
        module.load_state_dict(_with_tied(module, tensors))
    except (KeyError, RuntimeError) as error:
        raise ArchiveError(f"the file's weights do not fit its parameters: {error}.") from None


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {"dict": [[_plain(key), _plain(item)] for key, item in value.items()]}
    if isinstance(value, PurePath):
        return str(value)
    return {"policy": repr(value)} if isinstance(value, Policy) else value


def _from_plain(value: Any) -> Any:
    if isinstance(value, dict) and "policy" in value:
        return policy_of(value["policy"])
    if isinstance(value, dict):
        return {_from_plain(key): _from_plain(item) for key, item in value["dict"]}
    return value


def distinct(module: nn.Module) -> dict[str, Tensor]:
    """The state without the second names of shared tensors."""
    seen: set[int] = set()
    kept = {}
    for name, tensor in module.state_dict().items():
        if tensor.data_ptr() not in seen or tensor.numel() == 0:
            kept[name] = tensor
        seen.add(tensor.data_ptr())
    return kept


def _with_tied(module: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The whole state again: what is not in the file is tied to something that is."""
    state = module.state_dict()
    by_pointer = {state[name].data_ptr(): tensor for name, tensor in tensors.items()}
    return {
        name: tensors[name] if name in tensors else by_pointer[old.data_ptr()]
        for name, old in state.items()
    }
