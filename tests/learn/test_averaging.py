from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from rnnkit.errors import OptionError
from rnnkit.learn import BatchLoss, Callback, Trainer, WeightAverage


def weights(module):
    return [weight.detach().clone() for weight in module.parameters()]


def assert_weights(module, expected):
    torch.testing.assert_close(weights(module), expected, rtol=1e-6, atol=1e-7)


def batches_of(line):
    module, batches, loss = line
    return module, lambda _epoch: batches, loss


def test_a_long_memory_is_that_of_torch_once_the_start_is_over():
    torch.manual_seed(0)
    layer = nn.Linear(3, 2).double()
    ours = WeightAverage(layer, decay=0.9)
    for _ in range(81):  # (1 + 81) / (10 + 81) > 0.9: from here on the decay is the given one
        ours.update()
    theirs = AveragedModel(layer, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    theirs.update_parameters(layer)
    for _ in range(20):
        nn.init.normal_(layer.weight)
        nn.init.normal_(layer.bias)
        ours.update()
        theirs.update_parameters(layer)
    own = weights(layer)
    with ours.applied():
        assert_weights(layer, weights(theirs.module))
    assert_weights(layer, own)


def test_the_memory_of_the_first_steps_is_short():
    layer = nn.Linear(1, 1, bias=False).double()
    nn.init.constant_(layer.weight, 5.0)
    average = WeightAverage(layer, decay=0.999)
    expected = 5.0
    for step, value in enumerate((1.0, 2.0, 4.0), start=1):
        nn.init.constant_(layer.weight, value)
        average.update()
        decay = (1 + step) / (10 + step)
        expected = decay * expected + (1 - decay) * value
    average.keep()
    assert layer.weight.item() == pytest.approx(expected)


def test_the_modules_own_weights_come_back_after_an_error():
    layer = nn.Linear(2, 2)
    average = WeightAverage(layer, decay=0.5)
    nn.init.ones_(layer.weight)
    own = weights(layer)
    with pytest.raises(ValueError, match="stop"), average.applied():
        raise ValueError("stop")
    assert_weights(layer, own)


def test_buffers_and_frozen_weights_are_left_alone():
    module = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    module[0].bias.requires_grad_(False)
    average = WeightAverage(module, decay=0.5)
    module(torch.randn(8, 2))
    nn.init.ones_(module[0].bias)
    counted = module[1].running_mean.clone()
    average.update()
    average.keep()
    torch.testing.assert_close(module[1].running_mean, counted)
    torch.testing.assert_close(module[0].bias, torch.ones(2))


@pytest.mark.parametrize("decay", [0.0, 1.0, -0.5, float("nan"), "0.9"])
def test_a_decay_out_of_range_is_refused(line, decay):
    module, _, loss = line
    with pytest.raises(OptionError, match=f"ema_decay={decay!r}.*between 0 and 1"):
        Trainer(module, loss, ema_decay=decay)


def test_the_mean_is_what_is_validated_and_restored(line):
    module, batches, loss = batches_of(line)
    seen = []

    def validate():
        seen.append(weights(module))
        return {"valid_loss": [3.0, 1.0, 2.0][len(seen) - 1]}

    trained = []

    class Own(Callback):
        def on_batch_end(self, _trainer, _info):
            trained.append(weights(module))

    trainer = Trainer(module, loss, lr=0.1, ema_decay=0.5, max_epochs=3, callbacks=[Own()])
    start = weights(module)
    trainer.fit(batches, validate)
    assert_weights(module, seen[1])
    mean = start
    for step, own in enumerate(trained[:6], start=1):
        decay = min(0.5, (1 + step) / (10 + step))
        mean = [decay * one + (1 - decay) * other for one, other in zip(mean, own, strict=True)]
    assert_weights(module, mean)


def test_training_goes_on_from_its_own_weights_and_not_from_their_mean(line):
    module, batches, loss = batches_of(line)
    losses = []
    for decay in (None, 0.9):
        torch.manual_seed(0)
        nn.init.zeros_(module.weight)
        nn.init.zeros_(module.bias)
        trainer = Trainer(module, loss, lr=0.1, ema_decay=decay, max_epochs=3)
        history = trainer.fit(batches, lambda: {"valid_loss": 1.0})
        losses.append([record["loss"] for record in history.epochs])
    assert losses[0] == losses[1]


def test_without_validation_the_mean_of_the_last_step_stays(line):
    module, batches, loss = batches_of(line)
    means = []

    class Seen(Callback):
        def on_epoch_end(self, _trainer, _record):
            means.append(weights(module))

    Trainer(module, loss, lr=0.1, ema_decay=0.9, max_epochs=2, callbacks=[Seen()]).fit(batches)
    assert_weights(module, means[-1])


def test_an_interrupt_leaves_the_mean_so_far(line):
    module, batches, loss = batches_of(line)
    own = [weights(module)]

    class Interrupt(Callback):
        def on_batch_end(self, _trainer, info):
            own.append(weights(module))
            if info.step == 2:
                raise KeyboardInterrupt

    trainer = Trainer(module, loss, lr=0.1, ema_decay=0.9, callbacks=[Interrupt()])
    trainer.fit(batches)
    first = [2 / 11 * w0 + 9 / 11 * w1 for w0, w1 in zip(own[0], own[1], strict=True)]
    assert_weights(module, [3 / 12 * a + 9 / 12 * w for a, w in zip(first, own[2], strict=True)])


def test_a_noisy_line_is_learnt_better_by_the_mean():
    def error(decay):
        torch.manual_seed(1)
        layer = nn.Linear(1, 1)
        x = torch.randn(600, 1)
        y = 2 * x + torch.randn(600, 1)
        batches = list(zip(x.split(1), y.split(1), strict=True))

        def loss(module, batch):
            return BatchLoss((module(batch[0]) - batch[1]).square().mean(), 1, 1)

        trainer = Trainer(layer, loss, optimizer="sgd", lr=0.1, ema_decay=decay, max_epochs=1)
        trainer.fit(lambda _: batches)
        return (layer.weight - 2).abs().item() + layer.bias.abs().item()

    assert error(0.99) < 0.5 * error(None)
