"""Values as JSON and back, and what a file cannot hold: shared by golden models and their tests."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from torch import nn


def keep(value: Any) -> Any:
    """An input as plain JSON, which `restored` reads; a missing number is null.

    >>> keep([np.array([1.5, np.nan]), "a"])
    [{'array': [1.5, None], 'dtype': 'float64'}, 'a']
    """
    if isinstance(value, np.ndarray):
        numbers = value.astype(object)
        numbers[value != value] = None
        return {"array": numbers.tolist(), "dtype": str(value.dtype)}
    return [keep(one) for one in value] if isinstance(value, list) else value


def restored(value: Any) -> Any:
    """What `keep` was given.

    >>> restored(keep([np.array([1.5, np.nan]), "a"]))
    [array([1.5, nan]), 'a']
    """
    if isinstance(value, dict):
        return np.array(value["array"], dtype=value["dtype"])
    return [restored(one) for one in value] if isinstance(value, list) else value


def plain(answer: Any) -> Any:
    """What an estimator has said, as plain JSON.

    >>> plain((np.ones(2, dtype=np.float32), np.str_("a")))
    [[1.0, 1.0], 'a']
    """
    if dataclasses.is_dataclass(answer):
        return plain([getattr(answer, field.name) for field in dataclasses.fields(answer)])
    if isinstance(answer, np.ndarray | np.generic):
        return plain(answer.tolist())
    if isinstance(answer, dict):
        return {name: plain(one) for name, one in answer.items()}
    return [plain(one) for one in answer] if isinstance(answer, list | tuple) else answer


def pairs_of_letters(text: str) -> list[str]:
    return [text[place : place + 2] for place in range(len(text) - 1)]


def given(name: str) -> dict[str, Any]:
    """The callables that the golden model of this name was made with."""
    if name.endswith("-analyzer"):
        return {"analyzer": pairs_of_letters}
    if name.endswith("-given"):
        return {"encoder": nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), nn.Tanh())}
    return {}
