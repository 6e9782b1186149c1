"""Several processes that add their gradients: threads here, each with a module of its own."""

from __future__ import annotations

import copy
import math
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from rnnkit.errors import InputError, TrainingError
from rnnkit.learn import BatchLoss, Trainer


class Exchange:
    """Adds up what all parties bring, place by place."""

    def __init__(self, parties):
        self.barrier, self.brought = threading.Barrier(parties, timeout=30), {}

    def reduce_of(self, rank):
        def reduce(values):
            self.brought[rank] = values
            self.barrier.wait()
            found = [self._sum(place) for place in range(len(values))]
            self.barrier.wait()
            return found

        return reduce

    def _sum(self, place):
        total = None
        for rank in sorted(self.brought):
            value = self.brought[rank][place]
            if value is not None:
                total = value if total is None else total + value
        return total


class Network(nn.Module):
    def __init__(self, sparse=True):
        super().__init__()
        self.table, self.head = nn.Embedding(20, 3, sparse=sparse), nn.Linear(3, 1)
        self.unused = nn.Parameter(torch.ones(2, 2))

    def forward(self, ids):
        return self.head(self.table(ids))[:, 0]


def loss(module, batch):
    ids, y = batch
    if len(y) == 0:
        return BatchLoss(torch.tensor(math.nan), 0, 0)
    return BatchLoss((module(ids) - y).square().mean(), len(y), 2 * len(y))


def build(sparse=True):
    torch.manual_seed(0)
    return Network(sparse).double()


def whole(num_batches=4, size=9):
    numbers = torch.Generator().manual_seed(1)
    return [
        (
            torch.randint(20, (size,), generator=numbers),
            torch.randn(size, generator=numbers, dtype=torch.float64),
        )
        for _ in range(num_batches)
    ]


SPLITS = {"uneven": (0, 2, 9), "with an empty part": (0, 0, 9), "of three": (0, 1, 4, 9)}


def train_apart(module, borders, batches, **options):
    """A trainer for each part of every batch."""
    exchange = Exchange(len(borders) - 1)
    trainers = [
        Trainer(copy.deepcopy(module), loss, reduce=exchange.reduce_of(rank), **options)
        for rank in range(len(borders) - 1)
    ]

    def fit(rank):
        begin, end = borders[rank], borders[rank + 1]
        part = [(ids[begin:end], y[begin:end]) for ids, y in batches]
        try:
            return trainers[rank].fit(lambda _: part)
        except TrainingError as error:  # all have it
            return error
        except BaseException:
            exchange.barrier.abort()
            raise

    with ThreadPoolExecutor(len(trainers)) as pool:
        return trainers, list(pool.map(fit, range(len(trainers))))


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "sgd", "lr": 0.1},
        {"optimizer": "adam", "lr": 0.05, "clip_norm": 0.3},
        {"optimizer": "adamw", "lr": 0.05, "clip_norm": 0.3, "clip_value": 0.1, "ema_decay": 0.9},
    ],
)
def test_processes_with_uneven_parts_give_what_one_with_all_of_it_gives(split, sparse, options):
    options = {"max_epochs": 3, "weight_decay": 0.1, **options}
    module = build(sparse)
    alone = Trainer(copy.deepcopy(module), loss, **options)
    expected = alone.fit(lambda _: whole())
    trainers, histories = train_apart(module, SPLITS[split], whole(), **options)
    for trainer, history in zip(trainers, histories, strict=True):
        for name, weight in trainer.module.state_dict().items():
            torch.testing.assert_close(
                weight, alone.module.state_dict()[name], rtol=0, atol=1e-9, msg=name
            )
        for found, record in zip(history.epochs, expected.epochs, strict=True):
            for name in ("loss", "steps", "tokens", "grad_norm_max", "clipped_share"):
                assert found[name] == pytest.approx(record[name], abs=1e-9), name
        # Nobody has a gradient for it: it is not decayed either, as with one process.
        assert torch.equal(trainer.module.unused, torch.ones(2, 2))
    if "clip_norm" in options:
        assert expected.epochs[0]["clipped_share"] > 0


def test_the_gradient_is_clipped_after_it_was_added_up():
    """Two gradients of opposite sign are small together, though each would have been clipped."""

    class Weight(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.zeros(1, dtype=torch.float64))

    def slope(module, batch):
        return BatchLoss((module.w * batch[0]).sum(), batch[1], 1)

    exchange = Exchange(2)
    trainers = [
        Trainer(
            Weight(), slope, optimizer="sgd", lr=1.0, clip_norm=1.0, reduce=exchange.reduce_of(rank)
        )
        for rank in range(2)
    ]
    parts = [(torch.tensor([9.0]).double(), 1), (torch.tensor([-2.5]).double(), 3)]
    with ThreadPoolExecutor(2) as pool:
        losses = list(pool.map(lambda t, part: t.train_batch(part), trainers, parts))
    for trainer in trainers:
        assert trainer.module.w.item() == pytest.approx(-(9.0 - 3 * 2.5) / 4, abs=1e-12)
    assert losses == [0.0, 0.0]


def test_all_processes_stop_at_the_same_epoch():
    options = {"monitor": "loss", "patience": 1, "max_epochs": 30, "optimizer": "sgd", "lr": 0.9}
    _, histories = train_apart(build(), (0, 2, 9), whole(), **options)
    assert histories[0].stopped == "patience"
    assert histories[0].best_epoch == histories[1].best_epoch
    assert len(histories[0].epochs) == len(histories[1].epochs)


def test_a_loss_that_is_not_finite_in_one_process_stops_all_of_them():
    batches = whole()
    batches[1][1][0] = math.nan
    trainers, errors = train_apart(build(), (0, 2, 4, 4), batches)
    assert [type(error) for error in errors] == [TrainingError] * 3, errors
    assert errors[0].where.where == "input"
    for error in errors[1:]:
        assert "epoch 1, step 2: the loss is nan. It began in another process" in str(error)
        assert error.where.where == "elsewhere"
    for trainer in trainers[1:]:
        for one, other in zip(
            trainer.module.parameters(), trainers[0].module.parameters(), strict=True
        ):
            assert torch.equal(one, other)


def test_an_empty_part_is_for_several_processes_only():
    with pytest.raises(InputError, match="no gradient to go back through"):
        Trainer(build(), loss).train_batch((torch.zeros(0, dtype=torch.long), torch.zeros(0)))
