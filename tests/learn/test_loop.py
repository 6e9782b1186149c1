from __future__ import annotations

import copy
import json
import math

import pytest
import torch
from torch import nn

from rnnkit.errors import InputError, OptionError, TrainingError
from rnnkit.learn import BatchLoss, Callback, History, Trainer


def weights(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def assert_weights(module, expected):
    for name, tensor in module.state_dict().items():
        torch.testing.assert_close(tensor, expected[name], rtol=0, atol=0)


def scripted(values, name="valid_loss"):
    """A validation that gives these values one after the other."""
    remaining = iter(values)
    return lambda: {name: next(remaining)}


class Snapshots(Callback):
    """The weights at the end of each epoch."""

    def __init__(self):
        self.epochs = []

    def on_epoch_end(self, trainer, _record):
        self.epochs.append(weights(trainer.module))


class InterruptAt(Callback):
    def __init__(self, epoch, step):
        self.at = (epoch, step)

    def on_batch_end(self, _trainer, info):
        if (info.epoch, info.step) == self.at:
            raise KeyboardInterrupt


def test_a_line_is_learnt(line):
    module, batches, loss = line
    history = Trainer(module, loss, lr=0.1, max_epochs=60).fit(lambda _: batches)
    assert module.weight.item() == pytest.approx(2.0, abs=0.05)
    assert module.bias.item() == pytest.approx(-0.5, abs=0.05)
    assert history.epochs[-1]["loss"] < 1e-3


def test_two_classes_are_learnt():
    torch.manual_seed(0)
    x = torch.randn(64, 2)
    y = (x[:, 0] * x[:, 1] > 0).long()
    network = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))

    def loss(module, batch):
        rows, labels = batch
        return BatchLoss(nn.functional.cross_entropy(module(rows), labels), len(rows), len(rows))

    batches = list(zip(x.split(16), y.split(16), strict=True))
    trainer = Trainer(network, loss, lr=0.1, schedule="one-cycle", max_epochs=25)
    trainer.fit(lambda _: batches)
    assert (network(x).argmax(1) == y).float().mean() > 0.95


def test_a_step_is_the_equation_of_sgd(line):
    module, batches, loss = line
    expected = copy.deepcopy(module)
    for batch in batches:
        expected.zero_grad()
        loss(expected, batch).loss.backward()
        with torch.no_grad():
            for p in expected.parameters():
                p -= 0.1 * p.grad

    trainer = Trainer(module, loss, optimizer="sgd", lr=0.1, clip_norm=None, max_epochs=1)
    trainer.fit(lambda _: batches)
    for p, q in zip(module.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(p, q)


def test_one_seed_gives_one_result(line):
    _, batches, loss = line

    def trained():
        torch.manual_seed(3)
        module = nn.Sequential(nn.Linear(1, 8), nn.Dropout(0.5), nn.Linear(8, 1))
        Trainer(module, loss, max_epochs=2).fit(lambda _: batches)
        return weights(module)

    first, second = trained(), trained()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name])


def test_an_epoch_records_what_happened(line):
    module, _, _ = line
    counts, losses = [2, 6], [0.5, 1.5]

    def loss(module, batch):
        value = losses[batch]
        return BatchLoss(
            module.weight.sum() * 3 + value - module.weight.detach().sum() * 3,
            counts[batch],
            tokens=10 + batch,
        )

    trainer = Trainer(
        module, loss, optimizer="sgd", lr=0.1, schedule="linear", clip_norm=2.0, max_epochs=2
    )
    history = trainer.fit(lambda _: [0, 1], lambda: {"accuracy": 0.25, "valid_loss": 1.0})

    first, second = history.epochs
    assert first["epoch"] == 1
    assert first["loss"] == pytest.approx((2 * 0.5 + 6 * 1.5) / 8, abs=1e-6)
    assert (first["steps"], first["tokens"]) == (2, 21)
    assert first["tokens_per_second"] == pytest.approx(21 / first["seconds"])
    assert (first["lr"], second["lr"]) == pytest.approx((0.075, 0.025))
    # The gradient is 3 at every step: above the limit of 2, and recorded as it was before clipping.
    assert first["grad_norm_mean"] == pytest.approx(3.0)
    assert first["grad_norm_max"] == pytest.approx(3.0)
    assert first["clipped_share"] == 1.0
    assert first["accuracy"] == 0.25
    assert history.stopped == "max_epochs"


def test_gradients_below_the_limit_are_not_counted_as_clipped(line):
    module, batches, loss = line
    history = Trainer(module, loss, clip_norm=1e6, max_epochs=1).fit(lambda _: batches)
    assert history.epochs[0]["clipped_share"] == 0.0
    assert history.epochs[0]["grad_norm_max"] >= history.epochs[0]["grad_norm_mean"] > 0


def test_a_gradient_beyond_the_largest_value_is_cut_and_recorded_as_it_was(line):
    module, batches, _ = line
    before = module.weight.item()

    def loss(module, _batch):
        return BatchLoss(3.0 * module.weight.sum(), 1, 1)

    trainer = Trainer(
        module, loss, optimizer="sgd", lr=0.1, clip_norm=None, clip_value=0.5, max_epochs=1
    )
    record = trainer.fit(lambda _: batches[:1]).epochs[0]
    assert module.weight.item() == pytest.approx(before - 0.1 * 0.5)
    assert record["grad_norm_max"] == pytest.approx(3.0)
    assert record["clipped_share"] == 1.0


def test_batches_are_asked_for_by_epoch(line):
    module, batches, loss = line
    asked = []

    def epoch_batches(epoch):
        asked.append(epoch)
        return batches

    Trainer(module, loss, max_epochs=3).fit(epoch_batches)
    assert asked == [1, 2, 3]


def test_validation_runs_in_eval_mode_without_gradients(line):
    module, batches, loss = line
    seen = []

    def validate():
        seen.append((module.training, torch.is_grad_enabled()))
        return {"valid_loss": 1.0}

    modes = []

    def recording(module, batch):
        modes.append(module.training)
        return loss(module, batch)

    Trainer(module, recording, max_epochs=2).fit(lambda _: batches, validate)
    assert seen == [(False, False)] * 2
    assert modes == [True] * 6


@pytest.mark.parametrize("training", [True, False])
def test_a_module_is_left_in_the_mode_it_was_in(line, training):
    module, batches, loss = line
    module.train(training)
    Trainer(module, loss, max_epochs=1).fit(lambda _: batches, lambda: {"valid_loss": 1.0})
    assert module.training is training


@pytest.mark.parametrize(("mode", "best"), [("min", 2), ("max", 3)])
def test_the_best_epochs_weights_are_restored(line, mode, best):
    module, batches, loss = line
    snapshots = Snapshots()
    trainer = Trainer(module, loss, lr=0.1, max_epochs=4, mode=mode, callbacks=[snapshots])
    history = trainer.fit(lambda _: batches, scripted([3.0, 1.0, 4.0, 2.0]))
    assert history.best_epoch == best
    assert history.best["epoch"] == best
    assert_weights(module, snapshots.epochs[best - 1])


def test_without_validation_the_last_weights_stay(line):
    module, batches, loss = line
    snapshots = Snapshots()
    history = Trainer(module, loss, max_epochs=3, callbacks=[snapshots]).fit(lambda _: batches)
    assert history.best_epoch is None
    assert history.best is None
    assert_weights(module, snapshots.epochs[-1])


def test_the_training_loss_can_be_monitored(line):
    module, batches, loss = line
    trainer = Trainer(module, loss, lr=0.1, max_epochs=5, patience=2, monitor="loss")
    assert trainer.fit(lambda _: batches).best_epoch == 5


def test_training_stops_when_patience_is_over(line):
    module, batches, loss = line
    trainer = Trainer(module, loss, max_epochs=9, patience=2)
    history = trainer.fit(lambda _: batches, scripted([3.0, 2.0, 2.1, 2.5, 1.0]))
    assert history.values("valid_loss") == [3.0, 2.0, 2.1, 2.5]
    assert history.stopped == "patience"
    assert history.best_epoch == 2


def test_a_metric_that_is_not_finite_is_never_best(line):
    module, batches, loss = line
    trainer = Trainer(module, loss, max_epochs=3)
    history = trainer.fit(lambda _: batches, scripted([math.nan, 2.0, -math.inf]))
    assert history.best_epoch == 2
    assert history.values("valid_loss") == [None, 2.0, None]


def test_plateau_lowers_the_learning_rate(line):
    module, batches, loss = line
    trainer = Trainer(module, loss, lr=0.1, schedule="plateau", max_epochs=4)
    history = trainer.fit(lambda _: batches, scripted([1.0, 2.0, 0.5, 0.4]))
    assert history.values("lr") == pytest.approx([0.1, 0.1, 0.05, 0.05])


def test_an_interrupt_keeps_the_best_weights(line):
    module, batches, loss = line
    snapshots = Snapshots()
    trainer = Trainer(
        module, loss, lr=0.1, max_epochs=9, callbacks=[snapshots, InterruptAt(epoch=3, step=2)]
    )
    history = trainer.fit(lambda _: batches, scripted([1.0, 2.0]))
    assert history.stopped == "interrupted"
    assert len(history.epochs) == 2
    assert_weights(module, snapshots.epochs[0])


def test_an_interrupt_in_the_first_epoch_keeps_what_has_been_learnt(line):
    module, batches, loss = line
    expected = copy.deepcopy(module)
    single = Trainer(expected, loss, lr=0.1)
    single.train_batch(batches[0])
    single.train_batch(batches[1])

    trainer = Trainer(module, loss, lr=0.1, callbacks=[InterruptAt(epoch=1, step=2)])
    history = trainer.fit(lambda _: batches, scripted([1.0]))
    assert (history.stopped, history.epochs) == ("interrupted", [])
    assert_weights(module, expected.state_dict())


def test_a_loss_that_is_not_finite_stops_with_the_best_weights(line):
    module, batches, loss = line
    snapshots = Snapshots()
    broken = [*batches[:2], (batches[2][0], batches[2][1] * math.nan)]
    trainer = Trainer(module, loss, lr=0.1, clip_norm=None, callbacks=[snapshots])
    with pytest.raises(TrainingError, match=r"epoch 2, step 3: the loss is nan.*lr=0.1"):
        trainer.fit(lambda epoch: broken if epoch == 2 else batches, scripted([1.0]))
    assert_weights(module, snapshots.epochs[0])
    assert trainer.history.stopped == "not finite"


def test_a_gradient_that_is_not_finite_is_named_and_not_applied():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))

    def loss(module, _batch):
        # The square root's slope at 0 is infinite, its value is not.
        return BatchLoss(
            module[1].weight.sum() + (module[0].bias - module[0].bias.detach()).abs().sqrt().sum(),
            1,
            1,
        )

    before = weights(module)
    with pytest.raises(
        TrainingError, match=r"epoch 1, step 1: .* in '0' \(Linear\), and .* '0.bias'"
    ):
        Trainer(module, loss).fit(lambda _: [0])
    assert_weights(module, before)
    assert all(p.grad is None for p in module.parameters())


def test_a_single_step_takes_no_part_in_the_schedule(line):
    module, batches, loss = line
    trainer = Trainer(module, loss, optimizer="sgd", lr=0.1, schedule="linear", clip_norm=None)
    expected = copy.deepcopy(module)
    value = loss(expected, batches[0]).loss
    value.backward()

    assert trainer.train_batch(batches[0]) == pytest.approx(value.item())
    for p, q in zip(module.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(p, q - 0.1 * q.grad)
    assert trainer.history == History()


def test_a_single_step_that_is_not_finite_is_not_taken(line):
    module, batches, loss = line
    before = weights(module)
    with pytest.raises(TrainingError, match="the loss is nan"):
        Trainer(module, loss).train_batch((batches[0][0] * math.nan, batches[0][1]))
    assert_weights(module, before)


def test_sparse_embeddings_are_trained_by_the_loop():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Embedding(20, 4, sparse=True), nn.Linear(4, 1))
    words, y = torch.arange(8), torch.linspace(-1, 1, 8)[:, None]
    before = network[0].weight.detach().clone()

    def loss(module, _batch):
        return BatchLoss((module(words) - y).square().mean(), 8, 8)

    history = Trainer(network, loss, lr=0.05, max_epochs=100).fit(lambda _: [0])
    assert history.epochs[-1]["loss"] < 1e-3
    assert torch.equal(network[0].weight[8:], before[8:])


def test_callbacks_hear_everything_in_order(line):
    module, batches, loss = line
    heard = []

    class Listener(Callback):
        def on_fit_begin(self, _trainer):
            heard.append("fit")

        def on_epoch_begin(self, _trainer, epoch, num_steps):
            heard.append(f"epoch {epoch} of {num_steps} steps")

        def on_batch_end(self, _trainer, info):
            heard.append(f"step {info.step}")

        def on_epoch_end(self, _trainer, record):
            heard.append(f"loss {'loss' in record}")

        def on_fit_end(self, _trainer, history):
            heard.append(history.stopped)

    Trainer(module, loss, max_epochs=1, callbacks=[Callback(), Listener()]).fit(
        lambda _: batches[:2]
    )
    assert heard == ["fit", "epoch 1 of 2 steps", "step 1", "step 2", "loss True", "max_epochs"]


def test_a_history_goes_through_json(line):
    module, batches, loss = line
    history = Trainer(module, loss, max_epochs=2).fit(
        lambda _: batches, scripted([torch.tensor(0.5), math.inf])
    )
    text = json.dumps(history.to_dict(), allow_nan=False)
    assert History.from_dict(json.loads(text)) == history


def test_gradients_are_dropped_after_a_fit(line):
    module, batches, loss = line
    Trainer(module, loss, max_epochs=1).fit(lambda _: batches)
    assert all(p.grad is None for p in module.parameters())


def test_no_batches_are_refused(line):
    module, _, loss = line
    with pytest.raises(InputError, match="no batches"):
        Trainer(module, loss).fit(lambda _: [])


def test_batches_without_a_length_are_refused(line):
    module, batches, loss = line
    with pytest.raises(InputError, match="generator without a length"):
        Trainer(module, loss).fit(lambda _: (batch for batch in batches))


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (torch.tensor(1.0), "returned a Tensor"),
        (BatchLoss(torch.tensor(1.0), 1, 1), "no gradient"),
        (BatchLoss(torch.ones(2, requires_grad=True), 1, 1), r"shape \(2,\)"),
    ],
)
def test_a_loss_that_cannot_be_used_is_refused(line, result, message):
    with pytest.raises(InputError, match=message):
        Trainer(line[0], lambda *_: result).train_batch(None)


def test_a_monitored_name_that_is_not_recorded_is_refused(line):
    module, batches, loss = line
    with pytest.raises(OptionError, match=r"monitor='valid_los'.*Did you mean 'valid_loss'"):
        Trainer(module, loss, monitor="valid_los").fit(lambda _: batches, scripted([1.0]))


@pytest.mark.parametrize("options", [{"patience": 2}, {"schedule": "plateau"}])
def test_what_needs_a_validation_says_so(line, options):
    module, batches, loss = line
    with pytest.raises(OptionError, match="nothing is validated"):
        Trainer(module, loss, **options).fit(lambda _: batches)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "sdg"}, "Did you mean 'sgd'"),
        ({"schedule": "linera"}, "Did you mean 'linear'"),
        ({"mode": "mini"}, "Did you mean 'min'"),
        ({"warmup": 1.0}, "warmup=1.0"),
        ({"clip_norm": 0.0}, "clip_norm=0.0"),
        ({"clip_value": -1.0}, "clip_value=-1.0"),
        ({"max_epochs": 0}, "max_epochs=0"),
        ({"patience": 0}, "patience=0"),
    ],
)
def test_options_out_of_range_are_refused(line, options, message):
    with pytest.raises(OptionError, match=message):
        Trainer(line[0], line[2], **options)


def test_of_equally_good_epochs_the_last_one_is_kept_and_patience_does_not_wait_for_it(line):
    module, batches, loss = line
    seen = []

    def validate():
        seen.append(module.weight.item())
        return {"valid_accuracy": 1.0}

    trainer = Trainer(
        module, loss, lr=0.1, max_epochs=9, patience=3, monitor="valid_accuracy", mode="max"
    )
    history = trainer.fit(lambda _: batches, validate)
    assert history.stopped == "patience"
    assert history.best_epoch == len(history.epochs) == 4
    assert module.weight.item() == seen[-1] != seen[0]
