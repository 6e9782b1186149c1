from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import rnnkit
from rnnkit import SequenceRegressor
from rnnkit.errors import InputError, OptionError
from tests.tasks.inside import batch_of, said_of

SMALL = {"hidden_size": 8, "max_epochs": 3, "random_state": 0, "validation_fraction": 0}


def walks(count: int = 4, steps: int = 30, width: int = 1) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [generator.normal(size=(steps, width)).cumsum(axis=0) for _ in range(count)]


def forecaster(**options) -> SequenceRegressor:
    return SequenceRegressor(output="step", **{**SMALL, **options})


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn", "none"])
@pytest.mark.parametrize("layers", [1, 2])
def test_one_step_at_a_time_says_what_the_whole_series_says(cell, layers):
    X = walks(3, width=2)
    model = forecaster(cell=cell, num_layers=layers).fit(X)
    whole = np.stack(model.predict(X), axis=1)  # (T, B, F)
    steps = [model.predict_step(np.stack([one[t] for one in X])) for t in range(30)]
    np.testing.assert_allclose(np.stack(steps), whole, atol=1e-5)


def test_a_missing_value_counts_the_same_one_step_at_a_time():
    series = walks(1)[0]
    series[[4, 5, 11]] = np.nan
    model = forecaster().fit([series])
    steps = [model.predict_step(value[0]) for value in series]
    np.testing.assert_allclose(np.stack(steps)[:, 0], model.predict([series])[0][:, 0], atol=1e-5)


def test_the_answer_of_a_step_has_the_form_of_the_step():
    wide = forecaster().fit(walks(width=2))
    assert wide.predict_step([1.0, 2.0]).shape == (2,)
    assert wide.reset_state().predict_step([[1.0, 2.0]] * 5).shape == (5, 2)
    flat = forecaster().fit([one[:, 0] for one in walks()])
    assert np.ndim(flat.predict_step(1.0)) == 0
    assert flat.reset_state().predict_step([1.0, 2.0]).shape == (2,)
    with pytest.raises(InputError, match=r"of 1 series, but the one before was of 2.*reset_state"):
        flat.predict_step(1.0)
    with pytest.raises(InputError, match=r"fitted on series with 2 numbers"):
        wide.reset_state().predict_step([1.0, 2.0, 3.0])


def test_memory_forecasts_what_a_window_cannot_see():
    # The next value is the one six steps before this one; the contrast sees four steps back.
    generator = np.random.default_rng(0)
    X = [np.tile(generator.normal(size=7), 6) for _ in range(60)]
    options = {"max_epochs": 40, "lr": 0.02, "hidden_size": 24, "batch_size": 8}
    models = [forecaster(**options, cell=cell, differences=False) for cell in ("gru", "none")]
    memory, window = (model.fit(X[:50]).score(X[50:]) for model in models)
    assert memory > window + 0.3


def test_with_differences_an_untrained_network_forecasts_about_the_present_value():
    X = [one + 1000.0 for one in walks()]
    model = forecaster(max_epochs=1, lr=1e-9).fit(X)
    assert model.score(X) > 0.5
    assert forecaster(max_epochs=1, lr=1e-9, differences=False).fit(X).score(X) < 0.5


def test_targets_of_steps_may_lack_and_those_steps_teach_nothing():
    X = walks()
    full = [one[:, 0] * 2 for one in X]
    some = [row.copy() for row in full]
    for row in some:
        row[::2] = np.nan
    model = forecaster(max_epochs=60, lr=0.02).fit(X, some)
    assert model.score(X, full) > 0.9
    assert model.score(X, some) > 0.9
    with pytest.raises(InputError, match="NaN alone"):
        forecaster().fit(X, [row * np.nan for row in full])


@pytest.mark.parametrize("lengths", [(12, 12), (12, 7, 3)])
def test_a_training_step_a_window_goes_on_from_the_state_before(lengths):
    # Without a step that changes the weights, windows must say what the whole says.
    X = [np.arange(float(n)) for n in lengths]
    model = forecaster(bidirectional=False).fit(X)
    whole = batch_of(model, X)
    parts = list(whole.windows(5))
    said = [said_of(model, part) for part in parts]
    torch.testing.assert_close(torch.cat(said), model.module_(*whole.source))
    torch.testing.assert_close(torch.cat([part.targets for part in parts]), whole.targets)
    # Reading the last window again gives the same: the state before it is kept.
    again = said_of(model, parts[-1])
    torch.testing.assert_close(again, said[-1])


def test_windows_make_that_many_training_steps_and_learn():
    X = walks(2, steps=100)
    model = forecaster(update_every=10, batch_size=2).fit(X)
    assert model.history_.epochs[0]["steps"] == 10
    wave = [np.sin(np.arange(300) / 4)]
    learnt = forecaster(update_every=20, max_epochs=30, lr=0.01).fit(wave)
    assert learnt.score(wave) > 0.99


def test_partial_fit_goes_on_where_the_call_before_ended():
    generator = np.random.default_rng(1)
    X = [generator.normal(size=(20, 1)) for _ in range(2)]
    y = [one[:, 0] for one in X]
    model = forecaster(lr=1e-12, weight_decay=0.0)
    model.partial_fit(X, y)
    after = model._continuation.carry.states[0]
    model.partial_fit(X, y)
    rows = [row[:, 0] for row in model.vectorizer_.transform(X)]
    twice = torch.tensor(np.stack([np.tile(row, 2) for row in rows]).T)[..., None]
    layer = model.module_.encoder.layers[0]
    _, (h, c) = layer(twice)
    torch.testing.assert_close(model._continuation.carry.states[0][0][0], h)
    torch.testing.assert_close(model._continuation.carry.states[0][0][1], c)
    assert not torch.equal(after[0][0], h)
    with pytest.raises(InputError, match=r"3 series came, but the call before had 2"):
        model.partial_fit([*X, X[0]], [*y, y[0]])
    model.reset_state().partial_fit([*X, X[0]], [*y, y[0]])


def test_the_first_value_of_a_call_is_what_the_last_one_before_it_should_have_said():
    values = np.arange(9.0) ** 2
    model = forecaster(lr=1e-12, weight_decay=0.0)
    model.partial_fit([values[:6]]).partial_fit([values[6:]])
    (row,) = model.vectorizer_.transform([values[:8]])  # all that have a next value
    _, (h, _) = model.module_.encoder.layers[0](torch.from_numpy(row)[:, None])
    torch.testing.assert_close(model._continuation.carry.states[0][0][0], h)
    with pytest.raises(InputError, match="as many steps"):
        model.reset_state().partial_fit([values[:6], values[:4]])


def test_the_loss_is_torchs_mean_squared_error_of_scaled_targets():
    X, y = walks(5), np.arange(5.0)
    model = SequenceRegressor(**{**SMALL, "hidden_size": 4}).fit(X, y)
    output = model._forward(model.module_, batch_of(model, X, y))
    said, targets = output.said, output.targets
    scaled = torch.tensor((y - y.mean()) / y.std(), dtype=torch.float32)
    torch.testing.assert_close(targets[:, 0], scaled)
    ours = model._objective(model.codec_).loss(said, targets)
    torch.testing.assert_close(ours, nn.functional.mse_loss(said[:, 0], scaled))


def test_several_numbers_a_sequence_are_answered():
    X = walks(30)
    y = np.array([[one.mean(), one.max()] for one in X])
    model = SequenceRegressor(**{**SMALL, "max_epochs": 60}, lr=0.02).fit(X, y)
    assert model.predict(X).shape == (30, 2)
    assert model.score(X, y) > 0.9


def test_ratings_are_learnt_from_texts():
    X = ["good film", "bad film", "fair film"] * 10
    y = [5.0, 1.0, 3.0] * 10
    model = SequenceRegressor(**{**SMALL, "max_epochs": 30}, lr=0.02).fit(X, y)
    np.testing.assert_allclose(model.predict(["good film", "bad film"]), [5.0, 1.0], atol=0.5)


def test_a_forecaster_from_a_file_goes_on(tmp_path):
    X = walks(2, width=2)
    model = forecaster().fit(X)
    model.save(tmp_path / "forecast.rnn")
    loaded = rnnkit.load(tmp_path / "forecast.rnn")
    assert np.array_equal(loaded.predict_step(X[0][0]), model.predict_step(X[0][0]))
    assert loaded.score(X) == model.score(X)


def test_scales_come_from_the_training_series_alone():
    X = walks(20)
    model = SequenceRegressor(**SMALL).fit(X, np.arange(20.0), validation=(X, [1e6] * 20))
    assert model.codec_.scale.mean.tolist() == [9.5]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"output": "steps"}, "Did you mean 'step'"),
        ({"output": "step", "update_every": 0}, "update_every=0"),
        ({"output": "last", "update_every": 5}, "needs output='step'"),
        ({"output": "step", "update_every": 5, "bidirectional": True}, "in one direction"),
        ({"scale": "minmax"}, "Known: 'standard', 'signed-log', 'none'"),
        ({"missing": "drop"}, "Known: 'mask', 'refuse'"),
    ],
)
def test_wrong_options_are_refused(options, words):
    with pytest.raises(OptionError, match=words):
        SequenceRegressor(**{**SMALL, **options}).fit(walks(), [1.0, 2.0, 3.0, 4.0])


def test_wrong_inputs_are_refused_in_the_users_terms():
    with pytest.raises(InputError, match=r"X\[1\] has 30 steps but y\[1\] has 3 numbers"):
        forecaster().fit(walks(2), [np.zeros(30), np.zeros(3)])
    with pytest.raises(InputError, match=r"X\[0\] has 1 step"):
        forecaster().fit([[1.0]])
    with pytest.raises(InputError, match="reads series of numbers, but X holds text"):
        forecaster().fit(["a b"], [[1.0, 2.0]])
    with pytest.raises(InputError, match="Only a forecast"):
        SequenceRegressor(**SMALL).fit(walks())
    with pytest.raises(OptionError, match="goes on from step to step"):
        SequenceRegressor(**SMALL).fit(walks(), [1.0] * 4).predict_step(1.0)


def test_a_step_that_is_no_number_is_refused_in_words():
    model = forecaster().fit(walks())
    with pytest.raises(InputError, match="a step is not made of numbers"):
        model.predict_step("a")
    with pytest.raises(InputError, match=r"a step of shape \(0,\) came"):
        model.predict_step([])


@pytest.mark.parametrize("y", [3.0, [[]] * 4])
def test_targets_that_are_no_numbers_for_each_series_are_refused_in_words(y):
    with pytest.raises(InputError, match="a number, or K numbers, for each sequence is expected"):
        SequenceRegressor(**SMALL).fit(walks(4), y)


@pytest.mark.parametrize("X", [[None] * 4, [np.zeros((2, 3, 4))] * 4])
def test_series_of_another_form_are_refused_in_words(X):
    with pytest.raises(InputError, match=r"\(steps,\) or \(steps, features\) is expected"):
        forecaster().fit(X)


def test_a_target_for_a_whole_series_is_no_target_of_its_steps():
    with pytest.raises(InputError, match=r"\(steps,\) or \(steps, features\) is expected"):
        forecaster().fit(walks(4), [1.0, 2.0, 3.0, 4.0])


@pytest.mark.parametrize(("output", "y"), [("last", [1.0, 2.0, 3.0, 4.0]), ("step", None)])
def test_what_was_learnt_answers_as_it_did_when_output_is_set_for_the_next_fit(output, y, tmp_path):
    X = walks(4)
    model = SequenceRegressor(output=output, **SMALL).fit(X, y)
    before, score = model.predict(X), model.score(X, y)
    model.set_params(output="step" if output == "last" else "last")
    np.testing.assert_array_equal(np.concatenate(model.predict(X), axis=None), np.ravel(before))
    assert model.score(X, y) == score
    model.save(tmp_path / "m.rnn")
    loaded = rnnkit.load(tmp_path / "m.rnn")
    assert (loaded.output, loaded.score(X, y)) == (model.output, score)
