"""The checks that every estimator passes, run over all of them by tests/tasks/test_common.py."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import rnnkit
from rnnkit.bptt import RandomTruncated, Truncated, policy_of
from rnnkit.errors import InputError, OptionError, TrainingError
from rnnkit.learn import Callback, NotFinite


@dataclass(frozen=True)
class Case:
    """An estimator, a toy task that it must learn, and inputs that are hard on it."""

    name: str
    estimator: Any
    X: list[Any]
    y: list[Any]
    at_least: float
    unseen: list[Any]
    y_is_needed: bool = True


def outputs(estimator: Any, X: list[Any]) -> list[np.ndarray]:
    """Probabilities of each sequence, or the numbers of those that have none, as arrays."""
    answer = getattr(estimator, "predict_proba", estimator.predict)
    return [np.asarray(rows) for rows in answer(X)]


def assert_same(ours: list[np.ndarray], theirs: list[np.ndarray], tolerance: float) -> None:
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance)


def check_learns_the_toy_task(case: Case, fitted: Any, tmp_path: Any) -> None:
    assert fitted.score(case.X, case.y) >= case.at_least


def check_probabilities_are_a_softmax(case: Case, fitted: Any, tmp_path: Any) -> None:
    if not hasattr(fitted, "predict_proba"):
        pytest.skip("it says numbers, not probabilities")
    for rows in outputs(fitted, case.X[:5] + case.unseen):
        assert (rows >= 0).all()
        np.testing.assert_allclose(rows.sum(axis=-1), 1.0, atol=1e-9)


def check_predicting_twice_gives_the_same(case: Case, fitted: Any, tmp_path: Any) -> None:
    assert_same(outputs(fitted, case.X[:6]), outputs(fitted, case.X[:6]), 0.0)
    assert fitted.module_.training is False


def check_a_sequence_is_predicted_alone_as_in_a_batch(
    case: Case, fitted: Any, tmp_path: Any
) -> None:
    several = case.X[:12] + case.unseen
    alone = [outputs(fitted, [one])[0] for one in several]
    assert_same(outputs(fitted, several), alone, 1e-5)
    backwards = outputs(fitted, several[::-1])[::-1]
    assert_same(backwards, alone, 1e-5)
    if hasattr(fitted, "predict_proba"):
        assert list(fitted.predict(several)) == [fitted.predict([one])[0] for one in several]


def check_clone_keeps_the_parameters_and_nothing_learnt(
    case: Case, fitted: Any, tmp_path: Any
) -> None:
    copied = clone(fitted)
    assert repr(copied.get_params()) == repr(fitted.get_params())
    with pytest.raises(NotFittedError):
        copied.predict(case.X)


def check_one_seed_gives_one_model(case: Case, fitted: Any, tmp_path: Any) -> None:
    again = clone(fitted).fit(case.X, case.y)
    assert_same(outputs(again, case.X[:6]), outputs(fitted, case.X[:6]), 1e-6)


def check_fitting_leaves_the_global_random_state_alone(
    case: Case, fitted: Any, tmp_path: Any
) -> None:
    before_torch, before_numpy = torch.get_rng_state(), np.random.get_state()[1].copy()
    clone(fitted).set_params(max_epochs=1).fit(case.X, case.y)
    assert torch.equal(torch.get_rng_state(), before_torch)
    assert (np.random.get_state()[1] == before_numpy).all()


def check_a_saved_model_predicts_the_same(case: Case, fitted: Any, tmp_path: Any) -> None:
    path = tmp_path / "model.rnn"
    fitted.save(path)
    loaded = rnnkit.load(path)
    assert type(loaded) is type(fitted)
    assert repr(loaded.get_params()) == repr(fitted.get_params())
    several = case.X[:6] + case.unseen
    assert_same(outputs(loaded, several), outputs(fitted, several), 0.0)
    assert loaded.history_.to_dict() == fitted.history_.to_dict()
    loaded.partial_fit(case.X, case.y)  # and can be trained further
    loaded.save(path)
    assert_same(outputs(rnnkit.load(path), several), outputs(loaded, several), 0.0)


def check_pickle_and_deepcopy_predict_the_same(case: Case, fitted: Any, tmp_path: Any) -> None:
    for other in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        assert_same(outputs(other, case.X[:4]), outputs(fitted, case.X[:4]), 0.0)


def check_unseen_and_empty_inputs_are_answered(case: Case, fitted: Any, tmp_path: Any) -> None:
    assert len(fitted.predict(case.unseen)) == len(case.unseen)


def check_partial_fit_learns_too(case: Case, fitted: Any, tmp_path: Any) -> None:
    fresh = clone(fitted)
    fresh.partial_fit(case.X, case.y)
    first = fresh.score(case.X, case.y)
    for _ in range(60):
        fresh.partial_fit(case.X, case.y)
    assert fresh.score(case.X, case.y) >= max(first, case.at_least - 0.1)


def check_partial_fit_goes_on_after_fit(case: Case, fitted: Any, tmp_path: Any) -> None:
    model = copy.deepcopy(fitted)
    before = outputs(model, case.X)
    model.partial_fit(case.X, case.y)
    moved = max(np.abs(a - b).max() for a, b in zip(before, outputs(model, case.X), strict=True))
    assert moved > 1e-3
    assert model.score(case.X, case.y) >= case.at_least - 0.2
    model.set_params(max_epochs=1).fit(case.X, case.y)  # and fit begins anew
    fresh = clone(model).fit(case.X, case.y)
    assert_same(outputs(model, case.X), outputs(fresh, case.X), 1e-6)


def check_feed_forward_contrast_fits_and_predicts(case: Case, fitted: Any, tmp_path: Any) -> None:
    contrast = clone(fitted).set_params(cell="none", max_epochs=2).fit(case.X, case.y)
    several = case.X[:5] + case.unseen
    alone = [outputs(contrast, [one])[0] for one in several]
    assert_same(outputs(contrast, several), alone, 1e-5)
    contrast.save(tmp_path / "contrast.rnn")
    assert_same(outputs(rnnkit.load(tmp_path / "contrast.rnn"), several), alone, 1e-5)


def check_history_tells_what_happened(case: Case, fitted: Any, tmp_path: Any) -> None:
    history = fitted.history_.to_dict()
    epochs = history["epochs"]
    assert len(epochs) == fitted.max_epochs
    assert epochs[-1]["loss"] < epochs[0]["loss"]
    assert all(0 <= epoch["clipped_share"] <= 1 and epoch["grad_norm_max"] > 0 for epoch in epochs)


class FirstWeights(Callback):
    """Keeps the weights with which a fit begins."""

    def on_fit_begin(self, trainer: Any) -> None:
        self.weights = copy.deepcopy(dict(trainer.module.named_parameters()))


def assert_trains(model: Any, *examples: Any, validation: Any) -> None:
    """Training lowers the loss, and it is the gradient that moves each weight."""
    first = FirstWeights()
    model.set_params(schedule="constant", weight_decay=0.0)
    model.fit(*examples, validation=validation, callbacks=[first])
    losses = model.history_.values("valid_loss")
    assert losses[-1] < losses[0], (losses, model)
    for name, weight in model.module_.named_parameters():
        # The contrast's window has no first state, which a decoder's bridge is for.
        if not (model.cell == "none" and name.startswith("decoder.bridge")):
            assert not torch.equal(weight, first.weights[name]), (name, model)


def assert_trains_in_a_few_steps(model: Any, case: Case) -> None:
    steps = {"batch_size": len(case.X), "max_epochs": 5, "lr": 0.005}
    model.set_params(num_layers=2, **steps)
    assert_trains(model, case.X, case.y, validation=(case.X, case.y))


def check_every_cell_trains(case: Case, fitted: Any, tmp_path: Any) -> None:
    for cell in ("rnn", "rnn-relu", "gru", "lstm", "none"):
        model = clone(fitted).set_params(cell=cell)
        if "recurrent_dropout" in model.get_params():
            model.set_params(recurrent_dropout=0.2)
        assert_trains_in_a_few_steps(model, case)


def check_every_initial_value_trains(case: Case, fitted: Any, tmp_path: Any) -> None:
    for init, cell in (
        ("orthogonal", "lstm"),
        ("torch", "lstm"),
        ("chrono", "lstm"),
        ("chrono", "gru"),
        ("identity", "rnn-relu"),
        ("identity", "none"),
    ):
        assert_trains_in_a_few_steps(clone(fitted).set_params(init=init, cell=cell), case)


def check_initial_values_reach_every_recurrent_layer(
    case: Case, fitted: Any, tmp_path: Any
) -> None:
    # A learning rate of next to nothing leaves them as they were, but for what rounds to 0.
    still = clone(fitted).set_params(lr=1e-30, weight_decay=0.0, max_epochs=1)
    for options in ({"init": "orthogonal", "forget_bias": 3.0}, {"init": "chrono"}):
        for begin in ("fit", "partial_fit"):
            model = getattr(clone(still).set_params(**options), begin)(case.X, case.y)
            biases = [
                value.round(decimals=9).split(len(value) // 4)
                for name, value in model.module_.state_dict().items()
                if ".bias_ih" in name
            ]
            assert biases
            for i, f, g, o in biases:
                assert not any(part.any() for part in (g, o))
                if options["init"] == "chrono":
                    assert (f >= 0).all()
                    assert f.any()
                    assert (i == -f).all()
                else:
                    assert (f == 3.0).all()
                    assert not i.any()


def check_a_policy_is_used_and_survives_a_file(case: Case, fitted: Any, tmp_path: Any) -> None:
    path = tmp_path / "policy.rnn"
    for bptt in (Truncated(2, 3), "checkpointed(segments=2)", RandomTruncated(4.0, alpha=6.0)):
        model = clone(fitted).set_params(bptt=bptt, max_epochs=1).fit(case.X, case.y)
        model.save(path)
        loaded = rnnkit.load(path)
        assert loaded.bptt == bptt
        assert repr(loaded.get_params()) == repr(model.get_params())
        for module in (model.module_, loaded.module_):
            given = [part.bptt for part in module.modules() if hasattr(part, "bptt")]
            assert given
            assert set(given) == {policy_of(bptt)}


class BreakAt(Callback):
    """Spoils a weight before an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch_begin(self, trainer: Any, epoch: int, num_steps: int) -> None:
        if epoch == self.epoch:
            next(trainer.module.parameters()).data.fill_(float("nan"))


def check_an_error_keeps_the_best_epoch(case: Case, fitted: Any, tmp_path: Any) -> None:
    options = {"max_epochs": 1, "schedule": "constant"}
    whole = clone(fitted).set_params(**options)
    whole.fit(case.X, case.y, validation=(case.X, case.y))
    broken = clone(fitted).set_params(**{**options, "max_epochs": 3})
    with pytest.raises(TrainingError, match="epoch 2, step 1") as raised:
        broken.fit(case.X, case.y, validation=(case.X, case.y), callbacks=[BreakAt(2)])
    assert raised.value.where.where == "parameter"
    with pytest.raises(NotFittedError):
        broken.predict(case.X[:4])
    best = raised.value.fitted
    assert_same(outputs(best, case.X[:4]), outputs(whole, case.X[:4]), 0.0)
    assert best.module_.training is False
    best.save(tmp_path / "broken.rnn")
    history = rnnkit.load(tmp_path / "broken.rnn").history_
    assert (history.stopped, history.best_epoch, len(history.epochs)) == ("not finite", 1, 1)
    assert NotFinite(**history.failure) == raised.value.where


def check_what_was_learnt_says_that_nothing_was_before_a_fit(
    case: Case, fitted: Any, tmp_path: Any
) -> None:
    new = clone(fitted)
    names = [name for name in dir(type(new)) if name.endswith("_") and not name.startswith("_")]
    assert {"kind_", "num_parameters_"} <= set(names)
    for name in names:
        assert not hasattr(new, name)
        with pytest.raises(NotFittedError, match="not fitted yet"):
            getattr(new, name)


def check_options_may_be_numpys_as_a_search_gives_them(
    case: Case, fitted: Any, tmp_path: Any
) -> None:
    options = {
        name: np.asarray(value)[()]
        for name, value in fitted.get_params().items()
        if isinstance(value, bool | int | float)
    }
    plain = clone(fitted).set_params(max_epochs=1).fit(case.X, case.y)
    model = clone(fitted).set_params(**options).set_params(max_epochs=np.int64(1))
    model.fit(case.X, case.y).save(tmp_path / "model.rnn")
    for same in (model, rnnkit.load(tmp_path / "model.rnn")):
        assert_same(outputs(same, case.X[:4]), outputs(plain, case.X[:4]), 0.0)


def check_validation_that_is_no_pair_is_refused(case: Case, fitted: Any, tmp_path: Any) -> None:
    with pytest.raises(InputError, match=r"a pair \(X, y\) is expected"):
        clone(fitted).fit(case.X, case.y, validation=case.X)


def check_a_fit_that_fails_leaves_the_estimator_as_it_was(
    case: Case, fitted: Any, tmp_path: Any
) -> None:
    model = copy.deepcopy(fitted)
    before, kept = outputs(model, case.X[:4]), dict(vars(model))
    with pytest.raises(TrainingError):
        model.fit(case.X, case.y, callbacks=[BreakAt(1)])
    with pytest.raises((InputError, ValueError)):
        model.fit(case.X, case.y[:-1] if case.y else case.X[0])
    with pytest.raises(OptionError):
        model.set_params(lr=-1.0).fit(case.X, case.y)
    model.set_params(lr=fitted.lr)
    assert vars(model).keys() == kept.keys()
    assert all(vars(model)[name] is value for name, value in kept.items() if name.endswith("_"))
    assert_same(outputs(model, case.X[:4]), before, 0.0)


def check_clipping_by_value_is_passed_on(case: Case, fitted: Any, tmp_path: Any) -> None:
    model = clone(fitted).set_params(clip_value=1e-9, clip_norm=None, max_epochs=1)
    record = model.fit(case.X, case.y).history_.epochs[0]
    assert record["clipped_share"] == 1.0
    assert record["grad_norm_max"] > 1e-3


def check_the_mean_of_the_weights_is_passed_on(case: Case, fitted: Any, tmp_path: Any) -> None:
    model = clone(fitted).set_params(ema_decay=0.999, lr=1e-2, max_epochs=1)
    own: list[Any] = []

    class Last(Callback):
        def on_batch_end(self, trainer: Any, info: Any) -> None:
            own[:] = [weight.detach().clone() for weight in trainer.module.parameters()]

    model.fit(case.X, case.y, callbacks=[Last()])
    kept = list(model.module_.parameters())
    assert max((a - b).abs().max().item() for a, b in zip(kept, own, strict=True)) > 1e-5


def check_bad_options_are_refused_with_the_known_ones(
    case: Case, fitted: Any, tmp_path: Any
) -> None:
    own = next(name for name in ("inputs", "attention", "encoder") if name in fitted.get_params())
    for options, words in (
        ({"cell": "lstn"}, "Did you mean 'lstm'"),
        ({"optimizer": "adamx"}, "Known: "),
        ({"schedule": "one-cicle"}, "Did you mean 'one-cycle'"),
        ({"monitor": "f1"}, "Known: 'loss'"),
        ({"hidden_size": 0}, "hidden_size=0"),
        ({"lr": -1.0}, "lr=-1.0"),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"bptt": "truncate(20)"}, "Did you mean 'truncated'"),
        ({"bptt": "truncated(20, 10)"}, "k1=20, k2=10"),
        ({"bptt": 20}, "bptt=20, but a policy"),
        ({"clip_value": 0.0}, "clip_value=0.0"),
        ({"ema_decay": 1.0}, "ema_decay=1.0"),
        ({"init": "kaiming"}, "Known: 'orthogonal', 'torch', 'chrono', 'identity'"),
        ({"init": "identity", "cell": "gru"}, "GRU(Cell)? has gates"),
        ({"init": "chrono", "cell": "rnn"}, "RNN(Cell)? has none"),
        ({"forget_bias": "much"}, "forget_bias='much'"),
        ({"validation_fraction": 2.0}, "validation_fraction=2.0"),
        ({own: "?"}, "Known: "),
    ):
        with pytest.raises(OptionError, match=words):
            clone(fitted).set_params(**options).fit(case.X, case.y)


def check_bad_inputs_are_refused_in_the_users_terms(case: Case, fitted: Any, tmp_path: Any) -> None:
    fresh = clone(fitted)
    with pytest.raises(InputError, match="put it in a list"):
        fresh.fit("one text", case.y)
    if case.y_is_needed:
        with pytest.raises(InputError, match="y to be passed"):
            fresh.fit(case.X, None)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        fresh.fit(case.X, case.y[:-1])
    with pytest.raises(InputError, match="0 sample"):
        fresh.fit([], [])


CHECKS: list[Callable[[Case, Any, Any], None]] = [
    value for name, value in sorted(globals().items()) if name.startswith("check_")
]
