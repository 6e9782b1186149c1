from __future__ import annotations

import ast
import threading
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rnnkit import bptt, cells, randomness
from rnnkit.networks import LockedDropout, layers
from rnnkit.packed import Packed

SOURCE = Path(randomness.__file__).parent


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def drawn_by(seed, draw):
    """What is drawn from a generator of one's own, and from torch's own with the same seed."""
    with randomness.using(generator(seed)):
        ours = draw()
    torch.manual_seed(seed)
    return ours, draw()


@pytest.fixture(autouse=True)
def process_state():
    """Each test leaves torch's own generator as it was."""
    state = torch.get_rng_state()
    yield state
    torch.set_rng_state(state)


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_dropout_drops_what_torch_drops(p):
    x = torch.randn(30, 7, requires_grad=True)
    with randomness.using(generator(3)):
        ours = randomness.dropout(x, p)
    torch.manual_seed(3)
    theirs = F.dropout(x, p)
    assert torch.equal(ours, theirs)
    gradients = [torch.autograd.grad(y.sum(), x)[0] for y in (ours, theirs)]
    assert torch.equal(*gradients)


def test_dropout_outside_of_training_changes_and_draws_nothing():
    x, own = torch.randn(4), generator()
    before = own.get_state()
    with randomness.using(own):
        assert randomness.dropout(x, 0.5, training=False) is x
        assert randomness.dropout(x, 0.0) is x
    assert torch.equal(own.get_state(), before)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda: layers.Linear(5, 3), lambda: nn.Linear(5, 3)),
        (lambda: cells.Linear(5, 3, bias=False), lambda: nn.Linear(5, 3, bias=False)),
        (lambda: layers.Conv2d(3, 4, 3), lambda: nn.Conv2d(3, 4, 3)),
        (lambda: layers.Embedding(6, 4), lambda: nn.Embedding(6, 4)),
        (lambda: cells.LSTM(3, 4, num_layers=2), lambda: nn.LSTM(3, 4, num_layers=2)),
        (lambda: cells.GRUCell(3, 4), lambda: nn.GRUCell(3, 4)),
    ],
)
def test_initial_values_are_those_of_torch_from_the_generator_in_use(ours, theirs, process_state):
    with randomness.using(generator(7)):
        made = ours()
    assert torch.equal(torch.get_rng_state(), process_state)
    torch.manual_seed(7)
    for one, other in zip(made.parameters(), theirs().parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(("scheme", "cell"), [("orthogonal", "lstm"), ("chrono", "gru")])
def test_named_initial_values_come_from_the_generator_in_use(scheme, cell, process_state):
    layer = {"lstm": cells.LSTM, "gru": cells.GRU}[cell](3, 4)

    def draw():
        cells.initialize_(layer, scheme, max_steps=50)
        return [parameter.detach().clone() for parameter in layer.parameters()]

    torch.set_rng_state(process_state)
    with randomness.using(generator(1)):
        ours = draw()
    assert torch.equal(torch.get_rng_state(), process_state)
    torch.manual_seed(1)
    assert all(torch.equal(a, b) for a, b in zip(ours, draw(), strict=True))


def test_masks_and_cuts_come_from_the_generator_in_use(process_state):
    layer = cells.LSTM(3, 4, num_layers=2, dropout=0.5, recurrent_dropout=0.5)
    locked, x = LockedDropout(0.5), torch.randn(6, 2, 3)
    packed = Packed.from_sequences([torch.ones(3, 4), torch.ones(2, 4)])
    torch.set_rng_state(process_state)

    def draw():
        cuts = [window.end for window in bptt.RandomTruncated(4.0).windows(50)]
        return layer(x)[0], locked(packed).data, torch.tensor(cuts)

    with randomness.using(generator(2)):
        ours = draw()
    assert torch.equal(torch.get_rng_state(), process_state)
    torch.manual_seed(2)
    assert all(torch.equal(a, b) for a, b in zip(ours, draw(), strict=True))


def test_each_thread_has_its_own_generator_in_use():
    both = threading.Barrier(2)
    found = {}

    def draw(seed):
        with randomness.using(generator(seed)):
            both.wait(timeout=30)
            found[seed] = torch.cat([randomness.rand(1) for _ in range(200)])
            both.wait(timeout=30)

    threads = [threading.Thread(target=draw, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, values in found.items():
        own = generator(seed)
        assert torch.equal(values, torch.cat([torch.rand(1, generator=own) for _ in range(200)]))
    assert randomness.current() is None


def test_an_error_ends_the_use_of_a_generator():
    with pytest.raises(ValueError, match="stop"), randomness.using(generator()):
        raise ValueError("stop")
    assert randomness.current() is None


def test_what_is_replayed_comes_from_where_it_was_drawn_and_changes_nothing_after():
    own, other = generator(1), generator(2)
    with randomness.using(own):
        again = randomness.Replay()
        first = randomness.rand(3)
    following = own.get_state(), other.get_state()
    with randomness.using(other):
        for _ in range(2):
            with again:
                assert torch.equal(randomness.rand(3), first)
    assert torch.equal(own.get_state(), following[0])
    assert torch.equal(other.get_state(), following[1])


@pytest.mark.parametrize("own", [True, False])
def test_a_checkpointed_segment_drops_the_same_units_again(own):
    layer = cells.LSTM(3, 4).double()
    x = torch.randn(12, 2, 3, dtype=torch.float64)

    def run(begin, end, state):
        output, state = layer(x[begin:end], state)
        return randomness.dropout(output, 0.5), state

    def gradient(run):
        output, _ = run(0, 12, None)
        (found,) = torch.autograd.grad(output.square().sum(), layer.weight_hh_l0)
        return found

    def pieces(begin, end, state):
        outputs = []
        for first in range(begin, end, 4):
            output, state = run(first, first + 4, state)
            outputs.append(output)
        return torch.cat(outputs), state

    found = []
    for one in (pieces, bptt.in_segments(bptt.Checkpointed(3), run, 12, None)):
        torch.manual_seed(4)
        with randomness.using(generator(4) if own else None):
            found.append(gradient(one))
    torch.testing.assert_close(*found, rtol=0, atol=1e-12)


def test_only_these_modules_speak_of_the_generators_of_the_process():
    """Where random numbers come from, what keeps their states, what is made of torch's."""
    of_the_process = {
        "torch.manual_seed",
        "torch.get_rng_state",
        "torch.set_rng_state",
        "torch.random.fork_rng",
        "F.dropout",
        "nn.Dropout",
        "np.random.seed",
    }
    speaking = {
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in of_the_process
    }
    assert speaking == {"randomness.py", "learn/running.py", "networks/layers.py"}
