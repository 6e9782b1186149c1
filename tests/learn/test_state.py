"""A fit that was stopped anywhere, kept in a file, and goes on: the bits of one that never was."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from rnnkit import archive, cells, randomness
from rnnkit.batch import Streams
from rnnkit.errors import ArchiveError, InputError, OptionError
from rnnkit.learn import SCHEDULES, BatchLoss, Callback, FitState, StreamTrainer, Trainer

EPOCHS, BATCHES = 4, 3


class Stopped(Exception):  # noqa: N818 - nothing is wrong
    pass


class Network(nn.Module):
    """Draws from the generator in use and from torch's own, and has sparse gradients."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(30, 4, sparse=True)
        self.layer = cells.LSTM(4, 5, num_layers=2, dropout=0.3, recurrent_dropout=0.2)
        self.norm, self.drop, self.head = nn.BatchNorm1d(5), nn.Dropout(0.3), nn.Linear(5, 1)

    def forward(self, ids):
        h, _ = self.layer(self.table(ids))
        return self.head(self.drop(self.norm(h[-1])))


def build(seed=0):
    torch.manual_seed(seed)
    return Network()


def loss(module, batch):
    ids, y = batch
    return BatchLoss((module(ids)[:, 0] - y).square().mean(), len(y), ids.numel())


def batches(epoch):
    numbers = torch.Generator().manual_seed(epoch)
    ids = torch.randint(30, (BATCHES, 6, 4), generator=numbers)
    return list(zip(ids, torch.randn(BATCHES, 4, generator=numbers), strict=True))


def rough(module):
    """A metric that knows the weights, and goes up and down from epoch to epoch."""
    return lambda: {"valid_loss": math.sin(300 * float(module.head.weight.sum()))}


class Moments(Callback):
    """Counts the moments at which a state can be taken, and at one of them keeps it and stops."""

    def __init__(self, path=None, stop=None):
        self.path, self.stop, self.count, self.fit = path, stop, 0, None

    def pass_by(self, fit):
        self.fit = fit
        if self.count == self.stop:
            fit.state().save(self.path)
            raise Stopped
        self.count += 1

    def on_fit_begin(self, fit):
        self.pass_by(fit)

    def on_epoch_begin(self, fit, epoch, num_steps):
        self.pass_by(fit)

    def on_batch_end(self, fit, info):
        self.pass_by(fit)

    def on_epoch_end(self, fit, record):
        self.pass_by(fit)

    def validate(self, metric):
        """A moment after an epoch's last step, before its record is there."""

        def validated():
            self.pass_by(self.fit)
            return metric()

        return validated


def run(options, *, moments, own=True, state=None, seed=0):
    """A fit, and all that it ends with."""
    module = build(seed)
    trainer = Trainer(module, loss, lr=0.02, max_epochs=EPOCHS, callbacks=[moments], **options)
    if state is not None:
        torch.manual_seed(1234)  # as a new process may
    with randomness.using(torch.Generator().manual_seed(5 + seed) if own else None):
        history = trainer.fit(batches, moments.validate(rough(module)), state=state)
        drawn = randomness.rand(1), torch.rand(1)
    records = [{n: v for n, v in one.items() if "second" not in n} for one in history.epochs]
    ended = history.stopped, history.best_epoch, records
    return ended, [module.state_dict(), trainer.running.optimizer.state_dict(), drawn]


def assert_same_bits(found, expected):
    if isinstance(expected, torch.Tensor):
        assert torch.equal(found, expected)
    elif isinstance(expected, Mapping):
        assert list(found) == list(expected)
        assert_same_bits(list(found.values()), list(expected.values()))
    elif isinstance(expected, list | tuple):
        for one, other in zip(found, expected, strict=True):
            assert_same_bits(one, other)
    else:
        assert found == expected


options = st.fixed_dictionaries(
    {
        "schedule": st.sampled_from(SCHEDULES),
        "optimizer": st.sampled_from(["adam", "adamw", "sgd"]),
        "warmup": st.sampled_from([0.0, 0.3]),
        "weight_decay": st.sampled_from([0.0, 0.1]),
        "clip_norm": st.sampled_from([None, 0.1]),
        "clip_value": st.sampled_from([None, 0.05]),
        "ema_decay": st.sampled_from([None, 0.9]),
        "patience": st.sampled_from([None, 1]),
    }
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("fit") / "fit.rnn"


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(options=options, own=st.booleans(), data=st.data())
def test_a_fit_that_was_stopped_anywhere_goes_on_to_the_same_bits(path, options, own, data):
    whole = Moments()
    expected = run(options, moments=whole, own=own)
    # Before its first step a fit has not drawn from torch's own generator, and keeps none of it.
    stop = data.draw(st.integers(2 if own else 0, whole.count - 1), label="stop")
    with pytest.raises(Stopped):
        run(options, moments=Moments(path, stop), own=own)
    state = FitState.load(path)
    found = run(options, moments=Moments(), own=own, state=state, seed=1)
    assert_same_bits(found, expected)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("after", ["the last step", "its validation"])
def test_a_fit_goes_on_at_an_epochs_end(path, schedule, after):
    options = {"schedule": schedule, "ema_decay": 0.9}
    expected = run(options, moments=Moments())
    # on_fit_begin, then of each epoch: its begin, its steps, its validation, its end.
    stop = (BATCHES + 3) + 1 + (BATCHES if after == "the last step" else BATCHES + 2)
    with pytest.raises(Stopped):
        run(options, moments=Moments(path, stop))
    state = FitState.load(path)
    at = (2, BATCHES) if after == "the last step" else (3, 0)
    assert (state.epoch, state.step) == at
    assert_same_bits(run(options, moments=Moments(), state=state, seed=1), expected)


def test_a_fit_may_be_stopped_again_and_again(path):
    expected = run({}, moments=Moments())
    state, stops = None, 0
    while True:
        try:
            found = run({}, moments=Moments(path, 4), state=state, seed=stops)
        except Stopped:
            state, stops = FitState.load(path), stops + 1
        else:
            break
    assert stops > EPOCHS
    assert_same_bits(found, expected)


def stopped(path, stop=6, **options):
    with pytest.raises(Stopped):
        run(options, moments=Moments(path, stop))
    return FitState.load(path)


def test_a_state_shares_nothing_with_the_fit_it_was_taken_from_or_given_to(path):
    state = stopped(path, ema_decay=0.9)
    kept = FitState.load(path)
    for _ in range(2):
        run({"ema_decay": 0.9}, moments=Moments(), state=state)
    assert_same_bits(vars(state), vars(kept))


def test_a_state_says_how_far_the_fit_is(path):
    module = build()
    trainer = Trainer(module, loss, max_epochs=2, seed=17)
    trainer.fit(batches)
    trainer.train_batch(batches(1)[0])
    trainer.running.calls = 3
    state = trainer.state()
    state.save(path)
    found = FitState.load(path)
    assert (found.seed, found.calls, found.epoch, found.step) == (17, 3, 3, 0)
    assert found.options["lr"] == 1e-3
    assert found.history["stopped"] == "max_epochs"


def test_batches_that_go_on_by_themselves_go_on_from_a_state(path):
    whole = Trainer(build(), loss)
    with randomness.using(torch.Generator().manual_seed(0)):
        for batch in batches(1):
            whole.train_batch(batch)
    first = Trainer(build(), loss)
    with randomness.using(torch.Generator().manual_seed(0)):
        for batch in batches(1)[:2]:
            first.train_batch(batch)
        first.state().save(path)
    second = Trainer(build(1), loss)
    with randomness.using(torch.Generator().manual_seed(9)):
        second.restore(FitState.load(path))
        second.train_batch(batches(1)[2])
    assert_same_bits(second.module.state_dict(), whole.module.state_dict())


class Counted:
    """Batches that know where they stand, and count how many were made."""

    def __init__(self, epoch):
        self.all, self.next, self.made = batches(epoch), 0, 0

    def __len__(self):
        return len(self.all)

    def __iter__(self):
        for place in range(self.next, len(self.all)):
            self.made += 1
            self.next = place + 1
            yield self.all[place]

    def state_dict(self):
        return {"next": self.next}

    def load_state_dict(self, state):
        self.next = state["next"]


def test_batches_with_a_state_of_their_own_are_not_read_again(path):
    def fit(moments, state=None):
        module = build(0 if state is None else 1)
        trainer = Trainer(module, loss, max_epochs=2, callbacks=[moments])
        made = []

        def epoch_batches(epoch):
            made.append(Counted(epoch))
            return made[-1]

        with randomness.using(torch.Generator().manual_seed(2)):
            trainer.fit(epoch_batches, state=state)
        return module.state_dict(), [one.made for one in made]

    expected, made = fit(Moments())
    assert made == [BATCHES, BATCHES]
    with pytest.raises(Stopped):
        fit(Moments(path, 3))  # after two steps
    found, made = fit(Moments(), FitState.load(path))
    assert made == [BATCHES - 2, BATCHES]
    assert_same_bits(found, expected)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"optimizer": "sgd"}, "optimizer='adamw', but this Trainer has optimizer='sgd'"),
        ({"lr": 0.5}, "lr=0.02, but this Trainer has lr=0.5"),
        ({"schedule": "cosine"}, "schedule='constant', but"),
        ({"ema_decay": 0.9}, "ema_decay=None, but"),
        ({"clip_norm": None}, "clip_norm=1.0, but"),
    ],
)
def test_other_options_are_refused_in_a_sentence(path, change, words):
    state = stopped(path)
    trainer = Trainer(build(), loss, **{"lr": 0.02, "max_epochs": EPOCHS} | change)
    with pytest.raises(OptionError, match=f"begun with {words}"):
        trainer.fit(batches, dict, state=state)


def test_the_end_may_be_another(path):
    state = stopped(path)
    module = build(1)
    trainer = Trainer(module, loss, lr=0.02, max_epochs=EPOCHS + 2, patience=EPOCHS + 2)
    with randomness.using(torch.Generator()):
        history = trainer.fit(batches, rough(module), state=state)
    assert len(history.epochs) == EPOCHS + 2


REFUSED = {
    "another module": (ArchiveError, "does not fit the module: .*size mismatch"),
    "another trainer": (ArchiveError, "that of a StreamTrainer's fit, but this is a Trainer"),
    "a fit that is over": (InputError, "that of a fit that is over"),
    "no validation": (InputError, "was validated before. Give `validate`"),
    "fewer batches": (InputError, "epoch 1 had 3 batches .* now it has 2"),
    "batches of another kind": (InputError, r"batches of another kind .*\(Counted\)"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_state_that_does_not_fit_leaves_everything_as_it_was(path, what):
    error, words = REFUSED[what]
    state = stopped(path, stop=4)
    module = build(1)
    if what == "another module":
        module.head = nn.Linear(5, 2)
    if what == "another trainer":
        state = dataclasses.replace(state, trainer="StreamTrainer")
    if what == "a fit that is over":
        state = dataclasses.replace(state, history={**state.history, "stopped": "patience"})
    given = {
        "fewer batches": lambda epoch: batches(epoch)[1:],
        "batches of another kind": Counted,
    }.get(what, batches)
    trainer = Trainer(module, loss, lr=0.02, max_epochs=EPOCHS)
    before = trainer.state()
    with pytest.raises(error, match=words):
        trainer.fit(given, None if what == "no validation" else rough(module), state=state)
    assert_same_bits(vars(trainer.state()), vars(before))


def test_a_file_that_holds_something_else_is_refused(path):
    archive.write(path, {"estimator": "SequenceClassifier"}, {})
    with pytest.raises(ArchiveError, match="holds a 'SequenceClassifier', but a fit under way"):
        FitState.load(path)
    archive.write(path, {"estimator": "Trainer", "fit": {"dict": [["epoch", 1]]}}, {})
    with pytest.raises(ArchiveError, match="of another version of rnnkit, or was altered"):
        FitState.load(path)


def test_what_a_file_cannot_hold_is_refused(path):
    state = dataclasses.replace(stopped(path), batches={"rows": object()})
    with pytest.raises(ArchiveError, match="a object cannot be kept"):
        state.save(path)


def test_a_streams_training_is_the_same_kind_of_state(path):
    wave = np.sin(np.arange(400, dtype=np.float32))[:, None]
    trainer = StreamTrainer(cells.GRU(1, 1), nn.functional.mse_loss, policy="truncated(5)")
    streams = Streams.from_array(wave, 4, shift=1)
    trainer.fit(streams, max_windows=3)
    trainer.save(path, streams)
    state = FitState.load(path)
    assert (state.trainer, state.step, state.options["policy"]) == (
        "StreamTrainer",
        3,
        "Truncated(k1=5, k2=None)",
    )
