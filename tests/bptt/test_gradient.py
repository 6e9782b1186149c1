from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import nn

from rnnkit import bptt, cells
from rnnkit.bptt import Checkpointed, Full, RandomTruncated, Truncated
from rnnkit.errors import InputError, OptionError, ShapeError
from rnnkit.nest import arrays_of

STEPS, STREAMS, INPUT, HIDDEN = 23, 3, 4, 5


class Tagger(nn.Module):
    """(input, state) to (output, state), as a user would write it."""

    def __init__(self, layer):
        super().__init__()
        self.layer, self.head = layer, nn.Linear(HIDDEN, 2)

    def forward(self, x, state):
        h, state = self.layer(x, state)
        return self.head(h), state


class HandWritten(nn.Module):
    """A recurrence of the user's own, its state a dict."""

    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(INPUT, HIDDEN)

    def forward(self, x, state):
        h = x.new_zeros(x.shape[1], HIDDEN) if state is None else state["h"]
        outputs = []
        for step in x:
            h = self.cell(step, h)
            outputs.append(h)
        return torch.stack(outputs), {"h": h}


MODULES = {
    "torch LSTM": lambda: Tagger(nn.LSTM(INPUT, HIDDEN, num_layers=2)),
    "torch RNN": lambda: Tagger(nn.RNN(INPUT, HIDDEN)),
    "our GRU": lambda: Tagger(cells.GRU(INPUT, HIDDEN, num_layers=2)),
    "our LSTM": lambda: Tagger(cells.LSTM(INPUT, HIDDEN)),
    "a cell in a loop": HandWritten,
}


@pytest.fixture(params=MODULES)
def module(request):
    torch.manual_seed(1)
    return MODULES[request.param]().double()


@pytest.fixture
def x():
    return torch.randn(
        STEPS, STREAMS, INPUT, dtype=torch.float64, generator=torch.Generator().manual_seed(2)
    )


def step_losses(output):
    """(T,) a loss of every step."""
    return output.square().mean(dim=(1, 2)) + output.sin().sum(dim=(1, 2))


def whole(output, window):
    return step_losses(output).sum() / STEPS


def gradients(module, x, policy, loss=whole, **options):
    module.zero_grad()
    gone = bptt.backward(module, x, loss, policy=policy, **options)
    return gone, [p.grad.clone() for p in module.parameters()]


def assert_same(ours, theirs, tolerance=1e-12):
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=tolerance)


def plain(module, x):
    """Full back-propagation, written by hand."""
    module.zero_grad()
    output, state = module(x, None)
    loss = whole(output, None)
    loss.backward()
    return loss.detach(), state, [p.grad.clone() for p in module.parameters()]


def by_definition(module, x, k1, k2):
    """Every k1 steps, back through the last k2 of them: step after step, one graph a loss."""
    with torch.no_grad():
        states = [None]
        for t in range(len(x)):
            states.append(module(x[t : t + 1], states[-1])[1])
    module.zero_grad()
    for begin in range(0, len(x), k1):
        end = min(begin + k1, len(x))
        for loss_step in range(begin, end):
            start = max(0, end - k2)
            state = states[start]
            for t in range(start, loss_step + 1):
                output, state = module(x[t : t + 1], state)
            (step_losses(output).sum() / len(x)).backward()
    return [p.grad.clone() for p in module.parameters()]


def test_full_is_what_autograd_gives(module, x):
    loss, state, expected = plain(module, x)
    gone, found = gradients(module, x, Full())
    assert_same(found, expected, 0)
    torch.testing.assert_close(gone.loss, loss)
    for ours, theirs in zip(arrays_of(gone.state), arrays_of(state), strict=True):
        torch.testing.assert_close(ours, theirs)
        assert not ours.requires_grad


@pytest.mark.parametrize("k1", [1, 5, 23, 40])
def test_truncation_that_reaches_the_first_step_is_full(module, x, k1):
    expected = plain(module, x)[2]
    assert_same(gradients(module, x, Truncated(k1, max(k1, STEPS)))[1], expected)


@pytest.mark.parametrize("k", [1, 4, 23])
def test_truncation_with_equal_numbers_is_training_in_chunks(module, x, k):
    module.zero_grad()
    state = None
    for piece in x.split(k):
        output, state = module(piece, bptt.detach(state))
        (step_losses(output).sum() / STEPS).backward()
    expected = [p.grad.clone() for p in module.parameters()]
    gone, found = gradients(module, x, Truncated(k))
    assert_same(found, expected)
    assert gone.windows == -(-STEPS // k)


@pytest.mark.parametrize(("k1", "k2"), [(1, 3), (4, 8), (4, 7), (5, 6), (3, 11), (7, 22)])
def test_every_loss_reaches_the_steps_that_the_definition_says(module, x, k1, k2):
    assert_same(gradients(module, x, Truncated(k1, k2))[1], by_definition(module, x, k1, k2))


@pytest.mark.parametrize(("k1", "k2"), [(1, 1), (2, 5), (4, 4), (4, 10)])
def test_what_lies_further_back_than_k2_gets_no_gradient(k1, k2):
    """d loss_t / d x_s is not zero for exactly the steps that the definition names."""
    layer = nn.RNN(1, 1).double()
    for t in range(STEPS):
        x = torch.ones(STEPS, 1, 1, dtype=torch.float64, requires_grad=True)

        def at_t(output, window, t=t):
            inside = window.begin <= t < window.end
            return output[t - window.begin].sum() if inside else None

        bptt.backward(layer, x, at_t, policy=Truncated(k1, k2))
        begin = t // k1 * k1  # of the block that t is in
        start = begin if k1 == k2 else max(0, min(begin + k1, STEPS) - k2)
        reached = x.grad.flatten().nonzero().flatten().tolist()
        assert reached == list(range(start, t + 1))


def test_the_state_goes_on_from_call_to_call(module, x):
    first, _ = gradients(module, x[:10], Truncated(5))
    second, _ = gradients(module, x[10:], Truncated(5), state=first.state)
    expected = plain(module, x)[1]
    for ours, theirs in zip(arrays_of(second.state), arrays_of(expected), strict=True):
        torch.testing.assert_close(ours, theirs)


# Segments are summed up apart, where one call over all steps sums in its own order: the rounding
# differs. Inside rnnkit's layers the bits are the same (tests/cells/test_through_time.py).
@pytest.mark.parametrize("segments", [1, 4, 5, 23, 100])
def test_checkpointed_is_full(module, x, segments):
    loss, state, expected = plain(module, x)

    def by_window(output, window):
        return step_losses(output).sum() / STEPS

    gone, found = gradients(module, x, Checkpointed(segments=segments), by_window)
    assert_same(found, expected, 0 if segments == 1 else 1e-12)
    torch.testing.assert_close(gone.loss, loss)
    for ours, theirs in zip(arrays_of(gone.state), arrays_of(state), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_loss_on_the_last_step_goes_back_through_every_segment(module, x):
    def last(output, window):
        return output[-1].sin().sum() if window.end == STEPS else None

    expected = gradients(module, x, Full(), last)[1]
    assert_same(gradients(module, x, Checkpointed(segments=6), last)[1], expected)


def test_segments_drop_the_same_units_when_they_are_run_again(x):
    torch.manual_seed(1)
    module = Tagger(nn.LSTM(INPUT, HIDDEN, num_layers=2, dropout=0.5)).double()
    policy = Checkpointed(segments=4)
    seen = []

    def noted(output, window):
        seen.append((window.begin, output.detach()))
        return whole(output, window)

    torch.manual_seed(5)
    _, found = gradients(module, x, policy, noted)
    after = torch.rand(())
    module.zero_grad()
    torch.manual_seed(5)
    state, outputs = None, []
    for piece in x.split(policy.segment_lengths(STEPS)[0]):
        output, state = module(piece, state)
        outputs.append(output)
    whole(torch.cat(outputs), None).backward()
    assert torch.rand(()) == after  # the random numbers go on as if everything had been run once
    again = torch.cat([output for _, output in sorted(seen, key=lambda one: one[0])])
    assert torch.equal(again, torch.cat(outputs).detach())
    assert_same(found, [p.grad for p in module.parameters()])


@pytest.mark.parametrize("budget", [3_000, 10_000, 10**9])
def test_a_memory_budget_gives_the_full_gradient_too(x, budget):
    torch.manual_seed(1)
    module = Tagger(nn.GRU(INPUT, HIDDEN)).double()
    expected = plain(module, x)[2]
    assert_same(gradients(module, x, Checkpointed(memory_budget=budget))[1], expected)


def test_a_budget_that_nothing_fits_says_what_is_needed(module, x):
    with pytest.raises(OptionError, match="need at least"):
        gradients(module, x, Checkpointed(memory_budget=10))


class Saved:
    """A tensor that a graph keeps; what is kept at once is counted by its memory."""

    kept, most = Counter(), 0

    def __init__(self, tensor):
        storage = tensor.untyped_storage()
        self.tensor, self.place = tensor, (storage.data_ptr(), storage.nbytes())
        Saved.kept[self.place] += 1
        Saved.most = max(Saved.most, sum(size for _, size in Saved.kept))

    def __del__(self):
        Saved.kept[self.place] -= 1
        if not Saved.kept[self.place]:
            del Saved.kept[self.place]


@pytest.mark.parametrize("kind", [nn.GRU, cells.GRU])
def test_a_budget_bounds_what_graph_and_states_keep(kind):
    module, x = kind(8, 16), torch.randn(400, 2, 8)

    def most(policy):
        Saved.kept.clear()
        Saved.most = 0
        with torch.autograd.graph.saved_tensors_hooks(Saved, lambda saved: saved.tensor):
            bptt.backward(module, x, lambda output, window: output.sum(), policy=policy)
        return Saved.most - x.nbytes

    full = most(Full())
    for budget in (full // 4, full // 10):
        policy = Checkpointed(memory_budget=budget)
        assert 0 < most(policy) < 1.2 * budget


def test_a_state_does_not_keep_the_output_that_it_is_a_view_of():
    output = torch.zeros(1000, 2, 3)
    (h,) = bptt.detach((output[-1:],))
    assert h.untyped_storage().nbytes() == h.nbytes
    assert bptt.detach(h) is not h
    assert bptt.detach(h).data_ptr() == h.data_ptr()


@pytest.mark.parametrize("policy", [RandomTruncated(4), RandomTruncated(6, every=2, alpha=4)])
def test_the_mean_of_random_truncations_is_the_full_gradient(policy):
    torch.manual_seed(0)
    module, x = nn.RNN(2, 3).double(), torch.randn(9, 2, 2).double()

    def last(output, window):
        return output[-1].sum() if window.end == 9 else None

    expected = torch.cat([g.flatten() for g in gradients(module, x, Full(), last)[1]])
    draws = 800
    found = torch.stack(
        [
            torch.cat([g.flatten() for g in gradients(module, x, policy, last)[1]])
            for _ in range(draws)
        ]
    )
    error = found.std(dim=0) / draws**0.5
    assert (found.mean(dim=0) - expected).abs().max() > 0  # it is a mean of draws
    assert ((found.mean(dim=0) - expected).abs() < 4.5 * error + 1e-12).all()
    biased = torch.cat([g.flatten() for g in gradients(module, x, Truncated(4), last)[1]])
    assert ((biased - expected).abs() > 4.5 * error + 1e-12).any()  # which a fixed cut is not


def test_random_truncation_cuts_as_often_as_it_says():
    torch.manual_seed(0)
    for policy in (RandomTruncated(5), RandomTruncated(20, every=4)):
        windows = list(policy.windows(40_000))
        mean = 40_000 / len(windows)
        assert mean == pytest.approx(policy.length, rel=0.1)
        assert all(w.begin % policy.every == 0 for w in windows)


def test_the_batch_may_come_first(x):
    torch.manual_seed(1)
    time_first, batch_first = nn.LSTM(INPUT, HIDDEN), nn.LSTM(INPUT, HIDDEN, batch_first=True)
    batch_first.load_state_dict(time_first.state_dict())
    time_first.double()
    batch_first.double()

    def loss(output, window):
        return output.square().sum()

    _, expected = gradients(time_first, x, Truncated(5, 9), loss)
    turned = x.transpose(0, 1)
    _, found = gradients(batch_first, turned, Truncated(5, 9), loss, batch_first=True)
    assert_same(found, expected)


def test_a_state_of_other_streams_is_refused_with_an_explanation(module, x):
    gone, _ = gradients(module, x, Full())
    with pytest.raises(ShapeError, match=r"belongs to 3 streams, but the input has 2"):
        bptt.backward(module, x[:, :2], whole, state=gone.state)


def test_no_graph_grows_with_the_windows():
    layer, x = nn.LSTM(2, 3), torch.randn(60, 2, 2)
    seen = []

    def loss(output, window):
        value = output.sum()
        depth, nodes, open_ = 0, set(), [value.grad_fn]
        while open_:
            node = open_.pop()
            if node is not None and node not in nodes:
                nodes.add(node)
                open_ += [parent for parent, _ in node.next_functions]
                depth += 1
        seen.append(depth)
        return value

    bptt.backward(layer, x, loss, policy=Truncated(10))
    assert len(set(seen)) == 1


def test_a_module_that_gives_no_pair_is_named():
    with pytest.raises(InputError, match=r"Linear.*|forward"):
        bptt.backward(Wrong(), torch.ones(2, 1, 1), whole)


class Wrong(nn.Module):
    def forward(self, x, state):
        return x


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (lambda output, window: output, "a scalar tensor was expected"),
        (lambda output, window: output.detach().sum(), "without a gradient"),
    ],
)
def test_a_loss_that_cannot_be_used_is_explained(loss, words):
    with pytest.raises(InputError, match=words):
        bptt.backward(nn.RNN(1, 1), torch.ones(2, 1, 1), loss)


def test_input_of_the_wrong_form_is_explained():
    with pytest.raises(ShapeError, match=r"x has shape \(2,\), but \(T, B, ...\)"):
        bptt.backward(nn.RNN(1, 1), torch.ones(2), whole)
    with pytest.raises(ShapeError, match="at least one step"):
        bptt.backward(nn.RNN(1, 1), torch.ones(0, 1, 1), whole)
    with pytest.raises(ShapeError, match="batch_first=True"):
        bptt.backward(nn.RNN(1, 1, batch_first=True), torch.ones(5, 2, 1), whole)


def test_streams_begin_again_one_by_one():
    which = torch.tensor([True, False])
    state = {"h": torch.ones(1, 2, 3), "c": torch.ones(2, 3), "steps": torch.tensor(7.0)}
    again = bptt.replace_streams(state, which)
    assert again["h"][0, :, 0].tolist() == again["c"][:, 0].tolist() == [0.0, 1.0]
    assert again["steps"] == 7.0  # of all streams together
