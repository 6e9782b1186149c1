"""What a spec says, and that there is one of each."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from typing import Any

import pytest

from rnnkit import recurrence
from rnnkit.errors import OptionError
from rnnkit.recurrence import CellSpec, by_mode, by_name, cell_modes, cell_names


def test_names_and_modes_are_torchs_and_the_estimators() -> None:
    assert [(by_name(name).mode, name) for name in cell_names()] == [
        ("RNN_TANH", "rnn"),
        ("RNN_RELU", "rnn-relu"),
        ("GRU", "gru"),
        ("LSTM", "lstm"),
    ]
    assert [by_mode(mode).name for mode in cell_modes()] == list(cell_names())
    assert recurrence.cell_choices() == (*cell_names(), "none")


@pytest.mark.parametrize("name", cell_names())
def test_what_is_kept_and_named_belongs_to_the_cell(name: str) -> None:
    spec = by_name(name)
    assert spec.states[0] == "h"
    # A trace shows all states and gates, from what the native kernel keeps.
    assert {*spec.states, *spec.gates} <= {"h", *spec.kept}
    assert {spec.remembers, spec.writes} <= {None, *spec.gates}
    assert set(spec.signed) <= set(spec.gates)
    assert spec.keras is not None
    assert sorted(spec.keras.blocks) == sorted(spec.blocks)


def test_a_spec_is_copied_and_pickled_as_itself() -> None:
    assert copy.deepcopy([recurrence.LSTM])[0] is recurrence.LSTM
    assert pickle.loads(pickle.dumps(recurrence.GRU)) is recurrence.GRU


def test_an_unknown_name_or_mode_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(OptionError, match=r"cell='lstn' is not known. Did you mean 'lstm'"):
        by_name("lstn")
    with pytest.raises(OptionError, match=r"mode='lstm' is not known. .*'RNN_TANH'"):
        by_mode("lstm")


@pytest.mark.parametrize(("name", "mode"), [("lstm", "X"), ("x", "LSTM"), ("none", "X")])
def test_a_name_or_mode_that_is_taken_is_refused(name: str, mode: str) -> None:
    taken = CellSpec(name, mode, "", recurrence.LSTM.step)
    with pytest.raises(OptionError, match="one of the two is taken"):
        recurrence.register(taken)
    assert cell_names() == ("rnn", "rnn-relu", "gru", "lstm")


@pytest.mark.parametrize("wrong", [{"states": ("c", "h")}, {"remembers": "f"}, {"signed": ("g",)}])
def test_a_spec_that_contradicts_itself_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=r"CellSpec 'odd': states=.* among"):
        CellSpec("odd", "ODD", "odd", recurrence.TANH.step, **wrong)


def test_weights_and_states_have_the_sizes_of_the_equations() -> None:
    lstm = recurrence.LSTM
    assert lstm.weight_shapes(3, 5, proj_size=2) == {
        "weight_ih": (20, 3),
        "weight_hh": (20, 2),
        "bias_ih": (20,),
        "bias_hh": (20,),
        "weight_hr": (2, 5),
    }
    assert lstm.state_sizes(5, 2) == (2, 5)
    assert recurrence.TANH.weight_shapes(3, 5, bias=False) == {
        "weight_ih": (5, 3),
        "weight_hh": (5, 5),
    }


def test_what_a_cell_is_needs_neither_torch_nor_numpy() -> None:
    code = "import sys, rnnkit.recurrence; print({'torch', 'numpy'} & {*sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
