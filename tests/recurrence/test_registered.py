"""Cells of a user's own: said in one place, and known everywhere."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from rnnkit import cells, diagnose, kernels
from rnnkit.bptt import Truncated
from rnnkit.cells import Cell, Recurrent, Stream, build_cell, build_layer, initialize_
from rnnkit.errors import OptionError
from rnnkit.packed import Packed
from rnnkit.recurrence import CellSpec, by_name, register, unregister
from rnnkit.ship import load
from rnnkit.tasks import SequenceClassifier, SequenceTagger, Translator

LEAK = 0.25


def leaky_step(xp, products, state):
    """h' = (1 - a) h + a tanh(W_ih x + b_ih + W_hh h + b_hh)."""
    (from_input, from_hidden), (h,) = products, state
    return ((1 - LEAK) * h + LEAK * xp.tanh(from_input + from_hidden),), ()


def sru_step(xp, products, state):
    """c' = f * c + (1 - f) * v ;  h' = r * tanh(c'), v, f and r of the input alone.

    A simple recurrent unit (Lei et al. 2018) without its highway and its peepholes.
    """
    (from_input,), (_, c) = products, state
    v, f, r = xp.chunk(from_input, 3, -1)
    f, r = xp.sigmoid(f), xp.sigmoid(r)
    c = f * c + (1 - f) * v
    return (r * xp.tanh(c), c), (v, f, r)


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    """One call a cell, and nothing else, makes it known."""
    leaky = register(CellSpec("leaky", "LEAKY", "leaky integrator", leaky_step))
    sru = register(
        CellSpec(
            "sru",
            "SRU",
            "sru",
            sru_step,
            states=("h", "c"),
            blocks=("v", "f", "r"),
            recurrent_product=False,
            remembers="f",
            signed=("v",),
        )
    )
    yield
    unregister(leaky)
    unregister(sru)


NAMES = ["leaky", "sru"]
TEXTS = ["good film", "bad film", "good story", "bad story"] * 8
LABELS = ["+", "-"] * 16
SMALL = {"hidden_size": 8, "lr": 0.02, "dropout": 0.0, "random_state": 0, "verbose": 0}


@pytest.mark.parametrize("name", NAMES)
def test_a_classifier_learns_with_a_cell_of_ones_own_and_lives_in_a_file(
    name: str, tmp_path: Path
) -> None:
    model = SequenceClassifier(cell=name, level="word", max_epochs=30, **SMALL)
    model.fit(TEXTS, LABELS)
    assert model.score(TEXTS, LABELS) == 1.0
    model.save(tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.predict_proba(TEXTS), model.predict_proba(TEXTS))


@pytest.mark.parametrize("name", NAMES)
def test_a_tagger_learns_with_a_cell_of_ones_own_and_lives_in_a_file(
    name: str, tmp_path: Path
) -> None:
    sentences = [["dogs", "bark"], ["birds", "sing"]] * 9
    tags = [["N", "V"]] * 18
    model = SequenceTagger(cell=name, max_epochs=30, **SMALL).fit(sentences, tags)
    assert model.predict([["birds", "bark"], ["dogs"]]) == [["N", "V"], ["N"]]
    model.save(tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    assert again.predict(sentences) == model.predict(sentences)


@pytest.mark.parametrize("name", NAMES)
def test_a_translator_decodes_with_a_cell_of_ones_own(name: str) -> None:
    model = Translator(
        cell=name, embedding_size=16, max_epochs=60, batch_size=8, validation_fraction=0, **SMALL
    )
    model.set_params(hidden_size=32, lr=0.01)
    model.fit(["one", "two", "three"] * 8, ["하나", "둘", "셋"] * 8)
    assert model.predict(["two", "one"]) == ["둘", "하나"]


def test_a_layer_runs_the_equation_in_both_directions() -> None:
    layer = Recurrent(by_name("leaky"), 3, 4, bidirectional=True, dtype=torch.float64)
    x = torch.randn(6, 2, 3, dtype=torch.float64)
    output, h_n = layer(x, lengths=[6, 4])
    for suffix, columns in (("_l0", slice(0, 4)), ("_l0_reverse", slice(4, 8))):
        w_ih, w_hh, b_ih, b_hh = (
            getattr(layer, name + suffix)
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        h = torch.zeros(4, dtype=torch.float64)
        steps = range(4) if suffix == "_l0" else reversed(range(4))
        for t in steps:
            inside = torch.tanh(w_ih @ x[t, 1] + b_ih + w_hh @ h + b_hh)
            h = (1 - LEAK) * h + LEAK * inside
            torch.testing.assert_close(output[t, 1, columns], h, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(h_n[int(suffix != "_l0"), 1], h, rtol=1e-9, atol=1e-9)
    assert not output[4:, 1].any()


@pytest.mark.parametrize("name", NAMES)
def test_layer_cell_and_stream_give_the_same(name: str) -> None:
    layer, cell = build_layer(name, 3, 4).double(), build_cell(name, 3, 4).double()
    cell.load_state_dict({key[: -len("_l0")]: value for key, value in layer.state_dict().items()})
    x = Packed.from_sequences([torch.randn(n, 3).double() for n in (5, 5)])
    state = tuple(torch.randn(2, 4).double() for _ in layer.spec.states)
    expected, _ = layer(x, given(tuple(s.unsqueeze(0) for s in state)))
    stream = Stream(layer, batch_size=2)
    stream.load_state(given(tuple(s.unsqueeze(0) for s in state)))
    after, steps, streamed = state, [], []
    for step in x.data.split(2):
        h, after = cell.advance(step, after)
        steps.append(h)
        streamed.append(stream.step(step).clone())
    for rows in (torch.cat(steps), torch.cat(streamed), cell.run(x, state).data):
        torch.testing.assert_close(rows, expected.data, rtol=1e-9, atol=1e-9)


def given(state: tuple[torch.Tensor, ...]) -> object:
    return state if len(state) > 1 else state[0]


@pytest.mark.parametrize("name", NAMES)
def test_truncation_and_copies_keep_the_result(name: str) -> None:
    layer, x = build_layer(name, 3, 4).double(), torch.randn(7, 2, 3).double()
    cut = cells.set_bptt(copy.deepcopy(layer), Truncated(2, 3))
    assert cut.spec is layer.spec
    for ours, theirs in zip(layer(x, lengths=[7, 5]), cut(x, lengths=[7, 5]), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def test_a_cell_without_a_recurrent_product_has_no_weights_for_it() -> None:
    layer = Recurrent(by_name("sru"), 3, 4, recurrent_dropout=0.5)
    assert list(layer.state_dict()) == ["weight_ih_l0", "bias_ih_l0"]
    assert list(Cell(by_name("sru"), 3, 4, bias=False).state_dict()) == ["weight_ih"]
    x = torch.randn(5, 2, 3)
    torch.testing.assert_close(layer.train()(x)[0], layer.eval()(x)[0])


@pytest.mark.parametrize("name", NAMES)
def test_the_reference_alone_runs_it_and_a_forced_kernel_is_refused(name: str) -> None:
    layer = build_layer(name, 3, 4)
    assert layer.kernel == "reference"
    for kernel in ("native", "torch"):
        with (
            kernels.use_kernel(kernel),
            pytest.raises(OptionError, match=f"kernel='{kernel}' .* has the kernels reference"),
        ):
            layer(torch.randn(5, 2, 3))


def test_initial_values_ask_the_spec() -> None:
    leaky = initialize_(build_layer("leaky", 3, 4), "identity")
    assert torch.equal(leaky.weight_hh_l0, torch.eye(4))
    with pytest.raises(OptionError, match="'chrono' are biases of gates, but Recurrent has none"):
        initialize_(leaky, "chrono", max_steps=9)
    sru = initialize_(build_layer("sru", 3, 4), "chrono", max_steps=9)
    v, f, r = sru.bias_ih_l0.detach().exp().chunk(3)
    assert ((f >= 1) & (f <= 8)).all()
    assert torch.equal(torch.cat([v, r]), torch.ones(8))
    with pytest.raises(OptionError, match="'identity' are for simple recurrent networks"):
        initialize_(sru, "identity")


def test_diagnosis_shows_its_states_gates_and_gradients() -> None:
    layer = build_layer("sru", 3, 4)
    shown = diagnose.trace(layer, torch.randn(6, 3)).layers[0]
    assert list(shown.gates) == ["v", "f", "r"]
    assert shown.c is not None
    flow = diagnose.gradient_flow(layer, torch.randn(6, 2, 3)).layers[0]
    assert (flow.layer, flow.kind, flow.weights) == ("l0", "Recurrent", None)
    assert flow.gates.time_scales.shape == (4,)
    assert list(flow.gates.low) == ["f", "r"]


@pytest.mark.parametrize("name", NAMES)
def test_an_estimator_with_a_cell_of_ones_own_can_be_diagnosed(name: str) -> None:
    model = SequenceClassifier(cell=name, level="word", max_epochs=1, bidirectional=False, **SMALL)
    model.fit(TEXTS, LABELS)
    flow = diagnose.gradient_flow(model, (TEXTS, LABELS)).layers[0]
    assert flow.by_lag is not None
    assert (flow.cell is not None) is (name == "sru")
    audit = diagnose.truncation_audit(model, (TEXTS, LABELS), [Truncated(1)])
    assert audit.rows[0].cosine < 1


def test_modules_say_what_they_are_by_their_spec() -> None:
    class Own(nn.Module):
        spec = by_name("leaky")

    assert cells.spec_of(Own()) is by_name("leaky")
    assert cells.spec_of(build_cell("sru", 2, 3)) is by_name("sru")
    assert [cells.is_layer(one) for one in (Own(), build_layer("sru", 2, 3))] == [False, True]
    assert repr(build_layer("leaky", 2, 3)) == "Recurrent('leaky', 2, 3)"
    assert repr(build_cell("leaky", 2, 3)) == "Cell('leaky', 2, 3)"


def test_a_projection_is_refused_where_the_cell_takes_none() -> None:
    with pytest.raises(OptionError, match="the cell 'leaky' takes no projection"):
        Recurrent(by_name("leaky"), 3, 4, proj_size=2)


def test_a_cell_that_is_not_registered_is_refused_with_the_names() -> None:
    unregister(by_name("leaky"))
    with pytest.raises(OptionError, match=r"cell='leaky' is not known.*'lstm', 'sru', 'none'"):
        SequenceClassifier(cell="leaky").fit(TEXTS, LABELS)
    register(CellSpec("leaky", "LEAKY", "leaky integrator", leaky_step))
