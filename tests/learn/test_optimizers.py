from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from rnnkit.errors import InputError, OptionError
from rnnkit.learn import build_optimizer


class Tagger(nn.Module):
    """An embedding under a linear layer."""

    def __init__(self, *, sparse):
        super().__init__()
        self.embedding = nn.Embedding(9, 4, sparse=sparse, dtype=torch.float64)
        self.norm = nn.LayerNorm(4, dtype=torch.float64)
        self.output = nn.Linear(4, 3, dtype=torch.float64)

    def forward(self, words):
        return self.output(self.norm(self.embedding(words)))


def sparse_and_dense():
    torch.manual_seed(0)
    sparse = Tagger(sparse=True)
    dense = Tagger(sparse=False)
    dense.load_state_dict(sparse.state_dict())
    return sparse, dense


def train(module, name, batches, **options):
    optimizer = build_optimizer(module, name, **({"lr": 0.1} | options))
    for words in batches:
        optimizer.zero_grad()
        module(words).square().sum().backward()
        optimizer.step()
    return optimizer


def assert_same_weights(one, other, *, atol=1e-9):
    for p, q in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=atol)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_is_the_same_with_sparse_and_dense_embeddings(momentum):
    sparse, dense = sparse_and_dense()
    batches = [torch.tensor([1, 1, 2]), torch.tensor([3, 4]), torch.tensor([1, 8])]
    for module in (sparse, dense):
        train(module, "sgd", batches, momentum=momentum, weight_decay=0.1)
    assert_same_weights(sparse, dense)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_sparse_adam_equals_dense_adam_when_the_same_rows_come_every_step(name):
    sparse, dense = sparse_and_dense()
    batches = [torch.tensor(words) for words in ([1, 1, 2], [2, 1], [2, 2, 1], [1, 2])]
    for module in (sparse, dense):
        train(module, name, batches, weight_decay=0.1)
    # torch's SparseAdam adds epsilon (1e-8) before the bias correction of the second moment, its
    # Adam after: at the first step that is 3e-7 against 1e-8 beside the gradient.
    assert_same_weights(sparse, dense, atol=1e-6)


def test_a_sparse_step_changes_only_the_rows_of_its_batch():
    sparse, _ = sparse_and_dense()
    optimizer = train(sparse, "adam", [torch.tensor([1, 5])])
    before = sparse.embedding.weight.detach().clone()

    optimizer.zero_grad()
    sparse(torch.tensor([5, 7, 7])).square().sum().backward()
    optimizer.step()

    changed = (sparse.embedding.weight != before).any(1)
    assert changed.nonzero()[:, 0].tolist() == [5, 7]


def test_an_embedding_that_shares_its_weight_with_the_output_trains_as_dense():
    torch.manual_seed(0)
    embedding, output = nn.Embedding(6, 4, sparse=True), nn.Linear(4, 6, bias=False)
    output.weight = embedding.weight
    optimizer = build_optimizer(nn.Sequential(embedding, output), "adam", lr=0.1)
    assert [type(o).__name__ for o in optimizer.optimizers] == ["Adam"]

    before = embedding.weight.detach().clone()
    output(embedding(torch.tensor([1]))).square().sum().backward()
    optimizer.step()
    assert bool((embedding.weight != before).all())


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_weight_decay_spares_biases_norms_and_embeddings(name):
    module = Tagger(sparse=False)
    groups = build_optimizer(module, name, lr=0.1, weight_decay=0.5).param_groups
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    by_name = {key: decay[id(p)] for key, p in module.named_parameters()}
    assert by_name.pop("output.weight") == 0.5
    assert set(by_name.values()) == {0.0}


def test_weight_decay_shrinks_the_weights_that_it_reaches():
    module = nn.Linear(2, 2, bias=False)
    before = module.weight.detach().clone()
    optimizer = build_optimizer(module, "adamw", lr=0.1, weight_decay=0.5)
    module.weight.grad = torch.zeros(2, 2)
    optimizer.step()
    torch.testing.assert_close(module.weight, before * 0.95)


def test_one_learning_rate_reaches_all_parts():
    sparse, _ = sparse_and_dense()
    optimizer = build_optimizer(sparse, "adamw", lr=0.1)
    optimizer.set_lr(0.0)
    assert len(optimizer.param_groups) == 3
    before = copy.deepcopy(sparse)
    sparse(torch.tensor([1])).square().sum().backward()
    optimizer.step()
    assert_same_weights(sparse, before)


def test_training_goes_on_from_a_state_dict():
    batches = [torch.tensor([1, 2]), torch.tensor([2, 3])]
    whole, _ = sparse_and_dense()
    halved, _ = sparse_and_dense()
    train(whole, "adam", batches)

    first = train(halved, "adam", batches[:1])
    second = build_optimizer(halved, "adam", lr=0.1)
    second.load_state_dict(first.state_dict())
    halved.zero_grad()
    halved(batches[1]).square().sum().backward()
    second.step()

    assert_same_weights(whole, halved)


def test_frozen_parameters_are_left_out():
    module = nn.Linear(2, 2)
    module.bias.requires_grad_(False)
    (group,) = build_optimizer(module, "adam", lr=0.1).param_groups
    assert [id(p) for p in group["params"]] == [id(module.weight)]


def test_a_module_with_nothing_to_train_is_refused():
    with pytest.raises(InputError, match="nothing to train"):
        build_optimizer(nn.ReLU(), "adam", lr=0.1)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("adamx", {}, "Did you mean 'adam'"),
        ("adam", {"lr": 0.0}, "lr=0.0"),
        ("adam", {"lr": float("nan")}, "lr=nan"),
        ("adam", {"weight_decay": -1.0}, "weight_decay=-1.0"),
        ("sgd", {"momentum": 1.0}, "momentum=1.0"),
        ("adam", {"momentum": 0.9}, "optimizer='sgd'"),
    ],
)
def test_options_out_of_range_are_refused(name, options, message):
    with pytest.raises(OptionError, match=message):
        build_optimizer(nn.Linear(1, 1), name, **({"lr": 0.1} | options))
