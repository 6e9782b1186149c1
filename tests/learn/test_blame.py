"""What a training step says about the first value that is not finite."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

from rnnkit import cells
from rnnkit.bptt import Truncated
from rnnkit.errors import TrainingError
from rnnkit.learn import BatchLoss, History, NotFinite, Trainer
from rnnkit.packed import Packed

# The state of a recurrence that multiplies by 1e10, from 1 on: above 3e38 at step 4.
EXPLODES_AT = 4


class Wrapped(nn.Module):
    """A recurrent layer of one unit between others."""

    def __init__(self, layer):
        super().__init__()
        self.first = nn.Dropout(0.0)
        self.layer = layer
        self.last = nn.Dropout(0.0)

    def forward(self, x):
        if isinstance(x, torch.Tensor):
            return self.last(self.layer(self.first(x))[0])
        return self.last(self.layer(x)[0].data)


def exploding(kind, *, direction="", **options):
    layer = kind(1, 1, nonlinearity="relu", **options)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        getattr(layer, f"weight_ih_l0{direction}").fill_(1.0)
        getattr(layer, f"weight_hh_l0{direction}").fill_(1e10)
    return Wrapped(layer)


def mean(module, batch):
    return BatchLoss(module(batch).mean(), 1, 1)


def blamed(module, batch, loss=mean):
    """Where a step of the module says that it began."""
    trainer = Trainer(module, loss)
    with pytest.raises(TrainingError) as raised:
        trainer.train_batch(batch)
    assert raised.value.where.describe() in str(raised.value)
    return raised.value.where


SEQUENCES = [torch.ones(3, 1), torch.zeros(9, 1), torch.ones(9, 1), torch.ones(6, 1)]
# Without the first, which goes on to explode in its padding.
PADDED = nn.utils.rnn.pad_sequence(SEQUENCES[1:])

FORMS = {
    "packed": (cells.RNN, {}, Packed.from_sequences(SEQUENCES), 2),
    "packed sequence": (cells.RNN, {}, pack_sequence(SEQUENCES, enforce_sorted=False), 2),
    "torch's packed": (nn.RNN, {}, pack_sequence(SEQUENCES, enforce_sorted=False), 2),
    "time first": (cells.RNN, {}, PADDED, 1),
    "batch first": (cells.RNN, {"batch_first": True}, PADDED.transpose(0, 1), 1),
    "torch's time first": (nn.RNN, {}, PADDED, 1),
    "torch's batch first": (nn.RNN, {"batch_first": True}, PADDED.transpose(0, 1), 1),
    "one sequence": (cells.RNN, {}, SEQUENCES[2], None),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_layer_and_the_step_and_the_sequence_that_explode_are_found(form):
    kind, options, batch, sequence = FORMS[form]
    found = blamed(exploding(kind, **options), batch)
    assert (found.where, found.value) == ("forward", "inf")
    assert (found.layer, found.kind) == ("layer", "RNN")
    assert (found.time_step, found.sequence) == (EXPLODES_AT, sequence)


def test_a_direction_that_reads_backwards_begins_at_the_end():
    module = exploding(cells.RNN, bidirectional=True, direction="_reverse")
    found = blamed(module, Packed.from_sequences(SEQUENCES))
    assert (found.time_step, found.sequence) == (9 - 1 - EXPLODES_AT, 2)


def test_of_two_directions_the_one_that_reads_forwards_tells_the_step():
    module = exploding(cells.RNN, bidirectional=True)
    with torch.no_grad():
        module.layer.weight_ih_l0_reverse.fill_(1.0)
        module.layer.weight_hh_l0_reverse.fill_(1e10)
    found = blamed(module, Packed.from_sequences(SEQUENCES))
    assert (found.time_step, found.sequence) == (EXPLODES_AT, 2)


@pytest.mark.parametrize("kind", [cells.RNNCell, nn.RNNCell])
def test_the_step_of_a_cell_is_how_often_it_was_called(kind):
    cell = kind(1, 1, nonlinearity="relu")
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
        cell.weight_ih.fill_(1.0)
        cell.weight_hh.fill_(1e10)

    def loss(module, batch):
        h = torch.zeros(2, 1)
        for x in batch:
            h = module(x, h)
        return BatchLoss(h.mean(), 1, 1)

    batch = torch.ones(9, 2, 1)
    found = blamed(cell, batch, loss)
    assert (found.layer, found.kind, found.time_step) == ("", type(cell).__name__, EXPLODES_AT)
    if kind is cells.RNNCell:
        # Windows that overlap run a step twice, so that a count says nothing.
        found = blamed(cells.set_bptt(cell, Truncated(2, 4)), batch, loss)
        assert (found.kind, found.time_step) == ("RNNCell", None)


def test_an_input_that_is_not_finite_is_not_blamed_on_a_layer():
    sequences = [torch.ones(2, 1), torch.ones(5, 1)]
    sequences[1][3] = math.nan
    found = blamed(Wrapped(cells.RNN(1, 1)), Packed.from_sequences(sequences))
    assert (found.where, found.value) == ("input", "nan")
    assert (found.time_step, found.sequence) == (3, 1)


def test_targets_that_are_not_finite_are_an_input_too(line):
    module, batches, loss = line
    x, y = batches[0]
    found = blamed(module, (x, y * math.inf), loss)
    assert (found.where, found.value, found.layer) == ("input", "inf", None)


def test_what_a_module_computes_between_its_layers_is_blamed_on_it():
    class Between(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(2, 2), nn.Linear(2, 1)

        def forward(self, x):
            return self.b(torch.log(-self.a(x).square()))

    found = blamed(nn.Sequential(nn.Linear(2, 2), Between()), torch.ones(3, 2))
    assert (found.where, found.value) == ("forward", "nan")
    assert (found.layer, found.kind) == ("1", "Between")


def test_a_loss_that_is_not_finite_by_itself_is_told_apart():
    def loss(module, batch):
        return BatchLoss(torch.log(-module(batch).square().sum()), 1, 1)

    found = blamed(nn.Linear(2, 2), torch.ones(3, 2), loss)
    assert (found.where, found.value, found.layer) == ("loss", "nan", None)


def test_a_parameter_that_was_not_finite_before_the_step_is_named():
    module = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    with torch.no_grad():
        module[1].bias[0] = -math.inf
    module.append(nn.Dropout(0.5))
    torch.manual_seed(1)
    module(torch.ones(3, 2))
    after = torch.get_rng_state()
    torch.manual_seed(1)
    found = blamed(module, torch.ones(3, 2))
    assert (found.where, found.value, found.parameter) == ("parameter", "inf", "1.bias")
    assert torch.equal(torch.get_rng_state(), after)


# -- on the way back ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [cells.RNN, nn.RNN])
@pytest.mark.parametrize("learnt", [True, False])
def test_a_gradient_that_explodes_through_time_is_found_where_it_does(kind, learnt):
    layer = kind(1, 1)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        layer.weight_ih_l0.fill_(1.0)
        layer.weight_hh_l0.fill_(1e10)
    # From zeros the state stays 0, where tanh's slope is 1: only the gradient grows.
    x = torch.zeros(9, 2, 1, requires_grad=learnt)

    def loss(module, batch):
        return BatchLoss(module(batch)[-1].sum(), 1, 1)

    found = blamed(Wrapped(layer), x, loss)
    assert (found.where, found.layer, found.kind) == ("backward", "layer", "RNN")
    # The loss reads the last step, and the gradient grows from there to the first.
    assert found.time_step == 9 - 1 - EXPLODES_AT
    assert found.parameter.startswith("layer.")
    assert x.requires_grad is learnt


def test_a_gradient_that_becomes_infinite_between_layers_is_found_at_the_layer_below():
    module = nn.Sequential(nn.Linear(1, 1), nn.Identity(), nn.Linear(1, 1))

    def loss(module, batch):
        below = module[0](batch)
        return BatchLoss(module[2]((below - below.detach()).abs().sqrt()).sum(), 1, 1)

    found = blamed(module, torch.ones(2, 1), loss)
    assert (found.where, found.layer, found.kind) == ("backward", "0", "Linear")
    assert found.parameter in ("0.weight", "0.bias")


def test_a_sparse_gradient_is_looked_through():
    table = nn.Embedding(6, 2, sparse=True)

    def loss(module, batch):
        return BatchLoss(module(batch).sum() * 1e38 * 10, 1, 1)

    with torch.no_grad():
        table.weight.zero_()
    found = blamed(table, torch.tensor([1, 1]), loss)
    assert (found.where, found.parameter) == ("backward", "weight")


def test_a_norm_that_overflows_although_each_gradient_is_finite_says_so():
    def loss(module, batch):
        return BatchLoss((module(batch) * 1e30).sum(), 1, 1)

    module = nn.Linear(2, 2)
    found = blamed(module, torch.ones(1, 2), loss)
    assert (found.where, found.value, found.layer) == ("backward", "inf", None)
    assert "their norm" in found.describe()


# -- how it is found, and what is left ------------------------------------------------------------


class Masked(nn.Module):
    """Remembers which numbers its dropout keeps."""

    def __init__(self):
        super().__init__()
        self.layer, self.masks = nn.Linear(64, 1), []

    def forward(self, x):
        self.masks.append(nn.functional.dropout(torch.ones(64)))
        return self.layer(x) * self.masks[-1].sum() * math.nan


def test_the_second_look_drops_the_same_and_leaves_the_random_state():
    module = Masked()
    torch.manual_seed(1)
    module(torch.ones(64))
    after = torch.get_rng_state()
    torch.manual_seed(1)
    assert blamed(module, torch.ones(64)).layer == ""
    first, second, third = module.masks
    assert torch.equal(first, second)
    assert torch.equal(second, third)
    assert torch.equal(torch.get_rng_state(), after)


def test_no_hook_and_no_gradient_is_left():
    module = exploding(cells.RNN)
    blamed(module, PADDED)
    for part in module.modules():
        assert not part._forward_hooks
        assert not part._forward_pre_hooks
    for parameter in module.parameters():
        assert not parameter._backward_hooks
        assert parameter.grad is None


def test_the_error_and_the_history_tell_the_same(line):
    module, batches, loss = line
    broken = [batches[0], (batches[1][0] * math.nan, batches[1][1])]
    trainer = Trainer(module, loss)
    with pytest.raises(TrainingError) as raised:
        trainer.fit(lambda epoch: broken if epoch == 3 else batches)
    where = raised.value.where
    assert (where.where, where.epoch, where.step) == ("input", 3, 2)
    history = trainer.history
    assert (history.stopped, len(history.epochs)) == ("not finite", 2)
    assert history.failure == asdict(where)
    loaded = History.from_dict(json.loads(json.dumps(history.to_dict(), allow_nan=False)))
    assert loaded == history
    assert NotFinite(**loaded.failure) == where


def test_a_history_of_an_earlier_version_has_no_failure():
    written = History([], None, "max_epochs").to_dict()
    del written["failure"]
    assert History.from_dict(written).failure is None


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (NotFinite("parameter", "nan", parameter="a.b"), "'a.b' was nan before the step"),
        (NotFinite("input", "inf"), "The batch holds a value that is inf"),
        (NotFinite("input", "nan", "a", "GRU", 3), "input of 'a' (GRU) at time step 3 (counted"),
        (NotFinite("forward", "nan", "", "Linear"), "output of the network (Linear), although"),
        (NotFinite("loss", "nan"), "began in the loss itself"),
        (NotFinite("backward", "inf", "a", "GRU", 3, 1, "a.b"), "step 3 of sequence 1"),
        (NotFinite("backward", "inf", "a", "GRU", 3, 1, "a.b"), "first reaches 'a.b'"),
    ],
)
def test_a_description_is_one_sentence_with_all_that_is_known(found, words):
    sentence = found.describe()
    assert words in sentence
    assert sentence.endswith(".")
    assert ". " not in sentence
