"""Model files of earlier formats, which must load and answer the same for ever.

They and their answers are from tests/golden/make_models_v1.py.
"""

from __future__ import annotations

import json
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnkit
from rnnkit.tasks import Alignment
from tests.goldens import given, plain, restored

FILES = sorted((Path(__file__).parent / "golden" / "models_v1").glob("*.rnn"))

# Instruction sets add float32 in other orders, so that the last digits differ from machine to
# machine; what is no float must be the same.
TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


def assert_same(said: Any, kept: Any, where: str) -> None:
    assert type(said) is type(kept), where
    if isinstance(kept, list):
        assert len(said) == len(kept), where
        for place, both in enumerate(zip(said, kept, strict=True)):
            assert_same(*both, f"{where}[{place}]")
    elif isinstance(kept, dict):
        assert said.keys() == kept.keys(), where
        for name in kept:
            assert_same(said[name], kept[name], f"{where}[{name!r}]")
    elif isinstance(kept, float):
        np.testing.assert_allclose(said, kept, **TOLERANCE, err_msg=where)
    else:
        assert said == kept, where


def test_the_golden_models_are_here():
    assert len(FILES) == 86
    assert {path.stem for path in FILES} == {path.stem for path in FILES[0].parent.glob("*.json")}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_golden_model_loads_and_answers_as_it_did(path):
    golden = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    model = rnnkit.load(path, **given(path.stem))
    assert type(model).__name__ == golden["estimator"]
    params = model.get_params()
    assert {name: repr(params[name]) for name in golden["parameters"]} == golden["parameters"]
    for name, kept in golden["attributes"].items():
        assert_same(plain(attrgetter(name)(model)), kept, name)
    for number, call in enumerate(golden["calls"]):
        said = getattr(model, call["call"])(*restored(call["args"]), **call["options"])
        kept = call["answer"]
        if isinstance(said, list) and isinstance(said[0], Alignment):
            said, kept = [shared(one) for one in said], [without_end(one) for one in kept]
        assert_same(plain(said), kept, f"call {number}, {call['call']}")


def shared(alignment: Alignment) -> list[Any]:
    """What of an alignment was kept, of a text or of an image, which had forms of their own."""
    if len(alignment.grid) == 1 and alignment.source != [str(n) for n in range(alignment.grid[0])]:
        return [alignment.source, alignment.target, alignment.weights]
    return [alignment.text, alignment.target, alignment.weights, alignment.grid]


def without_end(kept: list[Any]) -> list[Any]:
    """An image's had a row and a token "" for the end of the caption too."""
    if len(kept) == 3:
        return kept
    text, tokens, weights, grid = kept
    assert tokens[-1] == ""
    return [text, tokens[:-1], weights[:-1], grid]
