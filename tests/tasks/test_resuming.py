"""The fit of every kind of estimator, stopped at some step, goes on to the same bits."""

from __future__ import annotations

import pytest
import torch
from sklearn.base import clone

from rnnkit import SequenceRegressor, SequenceTagger
from rnnkit.learn import Callback, FitState, Trainer
from tests.tasks.test_threads import KINDS, set_drawing

WINDOWED = {
    "forecaster in windows": (
        SequenceRegressor(output="step", update_every=5, batch_size=6, hidden_size=8),
        "running sums",
    ),
    "tagger in windows": (
        SequenceTagger(bidirectional=False, update_every=4, batch_size=6, hidden_size=8),
        "moments",
    ),
}
ALL = {
    **KINDS,
    **{name: (set_drawing(one), *KINDS[like][1:]) for name, (one, like) in WINDOWED.items()},
}


class Stopped(Exception):  # noqa: N818 - nothing is wrong
    pass


class StopAfter(Callback):
    def __init__(self, path, steps):
        self.path, self.left = path, steps

    def on_batch_end(self, fit, info):
        self.left -= 1
        if self.left == 0:
            fit.state().save(self.path)
            raise Stopped


class Count(Callback):
    def __init__(self):
        self.steps = 0

    def on_batch_end(self, fit, info):
        self.steps += 1


def fit(kind, *callbacks):
    model, X, y = kind
    model = clone(model).set_params(random_state=4, ema_decay=0.9, schedule="cosine")
    return model.fit(X, y, callbacks=callbacks)


def fit_from(kind, state, *callbacks):
    """As `fit`, but the trainer within goes on from a state."""
    begin = Trainer.fit

    def go_on(trainer, batches, validate=None):
        return begin(trainer, batches, validate, state=state)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "fit", go_on)
        return fit(kind, *callbacks)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("share", [0.4, 1.0])
def test_a_fit_that_was_stopped_goes_on_to_the_same_bits(name, share, tmp_path):
    kind, count = ALL[name], Count()
    whole = fit(kind, count)
    stop = max(1, round(share * count.steps))
    path = tmp_path / "fit.rnn"
    with pytest.raises(Stopped):
        fit(kind, StopAfter(path, stop))
    state, left = FitState.load(path), Count()
    found = fit_from(kind, state, left)
    assert left.steps == count.steps - stop
    assert state.seed == whole_seed(whole)
    assert found.history_.values("loss") == whole.history_.values("loss")
    for one, other in zip(
        found.module_.state_dict().values(), whole.module_.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other)


def whole_seed(model):
    from sklearn.utils import check_random_state

    return int(check_random_state(model.random_state).randint(2**31 - 1))


@pytest.mark.parametrize("name", WINDOWED)
def test_windows_are_stopped_with_the_state_that_they_carry(name, tmp_path):
    path = tmp_path / "fit.rnn"
    with pytest.raises(Stopped):
        fit(ALL[name], StopAfter(path, 2))
    place = FitState.load(path).batches
    assert place["batch"] == 0
    assert place["step"] > 0
    assert any(tensor.abs().max() > 0 for tensor in flat(place["state"]))


def flat(nest):
    if isinstance(nest, torch.Tensor):
        return [nest]
    return [tensor for part in nest for tensor in flat(part)]
