from __future__ import annotations

import gc
import resource
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import rnnkit
from rnnkit import cells
from rnnkit.batch import Streams
from rnnkit.errors import ArchiveError, InputError, OptionError, ShapeError, TrainingError
from rnnkit.learn import StreamTrainer

STREAMS, STEPS = 3, 26


class Model(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer, self.head = layer, nn.Linear(4, 1)

    def forward(self, x, state):
        h, state = self.layer(x, state)
        return self.head(h), state


class ByHand(nn.Module):
    """A recurrence of the user's own; its state is a dict of (B, H)."""

    def __init__(self):
        super().__init__()
        self.cell, self.head = nn.GRUCell(1, 4), nn.Linear(4, 1)

    def forward(self, x, state):
        h = x.new_zeros(x.shape[1], 4) if state is None else state["h"]
        outputs = []
        for step in x:
            h = self.cell(step, h)
            outputs.append(self.head(h))
        return torch.stack(outputs), {"h": h}


MODULES = {
    "torch LSTM": lambda: Model(nn.LSTM(1, 4, num_layers=2)),
    "our GRU": lambda: Model(cells.GRU(1, 4)),
    "a loop": ByHand,
}


@pytest.fixture(params=MODULES)
def kind(request):
    return request.param


def build(kind):
    torch.manual_seed(0)
    return MODULES[kind]().double()


def data():
    return np.random.default_rng(1).standard_normal((STREAMS * STEPS, 1))


def streams(document_starts=()):
    return Streams.from_array(data(), STREAMS, shift=1, document_starts=document_starts)


def make(kind, policy, **options):
    options = {"optimizer": "sgd", "lr": 0.1, "clip_norm": None, **options}
    return StreamTrainer(build(kind), F.mse_loss, policy=policy, **options)


def by_hand(kind, k1, k2, document_starts=()):
    """Step by step: each loss goes back to where its window starts, and never into a document
    before its own."""
    module = build(kind)
    x = torch.from_numpy(data()).reshape(STREAMS, STEPS, 1).transpose(0, 1)
    x, y = x[:-1], x[1:]
    begins = torch.zeros(STEPS - 1, STREAMS, dtype=torch.bool)
    for place in document_starts:
        stream, step = divmod(place, STEPS)
        if step < STEPS - 1:
            begins[step, stream] = True

    def step(t, state):
        if state is not None and begins[t].any():
            state = rnnkit.bptt.replace_streams(state, begins[t])
        return module(x[t : t + 1], state)

    states = {0: None}
    for begin in range(0, len(x), k1):
        end = min(begin + k1, len(x))
        start = max(0, begin + k1 - k2) if k2 > k1 else begin
        module.zero_grad()
        state, total, seen = states[start], 0.0, {}
        for t in range(start, end):
            output, state = step(t, state)
            seen[t + 1] = rnnkit.bptt.detach(state)
            if t >= begin:
                total = total + F.mse_loss(output, y[t : t + 1]) / (end - begin)
        # What later windows start from is the state as it was when it was first reached.
        states = {**seen, **states}
        total.backward()
        with torch.no_grad():
            for p in module.parameters():
                p -= 0.1 * p.grad
    return module


def assert_same(module, other, tolerance=1e-10):
    for one, two in zip(module.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=tolerance)


@pytest.mark.parametrize(("k1", "k2"), [(5, 5), (25, 25), (4, 4), (5, 10), (4, 7), (3, 12)])
def test_training_is_truncated_back_propagation(kind, k1, k2):
    trainer = make(kind, f"truncated({k1}, {k2})")
    record = trainer.fit(streams())
    assert record["steps"] == trainer.windows == -(-25 // k1)
    assert trainer.steps == 25
    assert record["tokens"] == 25 * STREAMS
    assert_same(trainer.module, by_hand(kind, k1, k2))


@pytest.mark.parametrize(("k1", "k2"), [(5, 5), (4, 4), (5, 10), (4, 7)])
def test_a_documents_end_is_a_beginning_for_its_stream_alone(kind, k1, k2):
    begins = [7, STEPS + 5, STEPS + 6, 2 * STEPS + 20, 2 * STEPS + 7]
    trainer = make(kind, f"truncated({k1}, {k2})")
    trainer.fit(streams(begins))
    assert_same(trainer.module, by_hand(kind, k1, k2, begins))
    plain = make(kind, f"truncated({k1}, {k2})")
    plain.fit(streams())
    with pytest.raises(AssertionError):
        assert_same(trainer.module, plain.module)


def test_a_document_begins_with_the_initial_state_that_is_given():
    initial = torch.full((1, STREAMS, 4), 0.5, dtype=torch.float64)
    trainer = make("our GRU", "truncated(5)", initial_state=initial, lr=1e-12)
    trainer.fit(streams(), max_windows=1)
    first = trainer.state
    again = make("our GRU", "truncated(5)", lr=1e-12)
    again.fit(streams(), max_windows=1)
    assert (first - again.state).abs().max() > 0.01
    # A document that begins at step 20 of the first stream does not know of what came before.
    ended = make("our GRU", "truncated(5)", initial_state=initial, lr=1e-12)
    ended.fit(streams([20]))
    x = torch.from_numpy(data())[20:25, None]
    _, expected = build("our GRU")(x, initial[:, :1])
    torch.testing.assert_close(ended.state[:, :1], expected.detach(), rtol=0, atol=1e-9)


def test_the_end_may_come_in_pieces(kind):
    whole = make(kind, "truncated(4, 7)")
    whole.fit(streams())
    parts, source = make(kind, "truncated(4, 7)"), streams()
    for count in (1, 2, 1):
        parts.fit(source, max_windows=count)
    parts.fit(source)
    assert_same(whole.module, parts.module, 0)
    with pytest.raises(InputError, match="nothing to train on"):
        parts.fit(source)


def halves(at):
    x = data().reshape(STREAMS, STEPS, 1)
    parts = [x[:, :at], x[:, at : STEPS - 1]]
    following = [x[:, 1 : at + 1], x[:, at + 1 :]]
    return [
        Streams.from_array(one.reshape(-1, 1), STREAMS, y=y.reshape(-1, 1))
        for one, y in zip(parts, following, strict=True)
    ]


def test_two_halves_are_the_whole_when_the_state_is_handed_on(kind):
    whole = make(kind, "truncated(5)")
    whole.fit(streams())
    first, second = halves(10)
    trainer = make(kind, "truncated(5)")
    trainer.fit(first)
    trainer.state = trainer.state
    trainer.fit(second)
    assert_same(trainer.module, whole.module)
    # Without it the second file begins anew.
    first, second = halves(10)
    anew = make(kind, "truncated(5)")
    anew.fit(first)
    anew.fit(second)
    with pytest.raises(AssertionError):
        assert_same(anew.module, whole.module)


def test_a_state_that_was_given_is_in_the_file_before_its_first_step(tmp_path):
    first, second = halves(10)
    trainer = make("our GRU", "truncated(5)")
    trainer.fit(first)
    trainer.state = trainer.state
    trainer.save(tmp_path / "between.rnn", second)
    trainer.fit(second)
    again, second = make("our GRU", "truncated(5)"), halves(10)[1]
    again.resume(tmp_path / "between.rnn", second)
    again.fit(second)
    assert_same(again.module, trainer.module, 0)


def test_a_state_that_was_given_crosses_no_document_in_the_middle():
    source, other = streams([10]), streams([10])
    trainer, plain = make("our GRU", "truncated(5)"), make("our GRU", "truncated(5)")
    trainer.fit(source, max_windows=2)
    plain.fit(other, max_windows=2)
    trainer.state = trainer.state
    trainer.fit(source)
    plain.fit(other)
    assert_same(trainer.module, plain.module, 0)


def test_none_as_the_state_is_the_initial_one():
    initial = torch.full((1, STREAMS, 4), 0.5, dtype=torch.float64)
    trainer = make("our GRU", "truncated(5)", initial_state=initial)
    again = make("our GRU", "truncated(5)", initial_state=initial)
    again.state = None
    trainer.fit(streams())
    again.fit(streams())
    assert_same(trainer.module, again.module, 0)


@pytest.mark.parametrize("policy", ["truncated(5)", "truncated(4, 7)"])
def test_the_batch_may_come_first_in_the_module(policy):
    begins = [7, STEPS + 5, 2 * STEPS + 20]
    expected = make("torch LSTM", policy)
    expected.fit(streams(begins))
    module = Model(nn.LSTM(1, 4, num_layers=2, batch_first=True)).double()
    module.load_state_dict(build("torch LSTM").state_dict())
    shapes = set()

    def loss(output, y):
        shapes.add((output.shape[0], y.shape[0]))
        return F.mse_loss(output, y)

    trainer = StreamTrainer(
        module, loss, policy=policy, optimizer="sgd", lr=0.1, clip_norm=None, batch_first=True
    )
    trainer.fit(streams(begins))
    assert shapes == {(STREAMS, STREAMS)}
    assert_same(module, expected.module)


def test_evaluating_between_two_windows_does_not_stay():
    trainer, modes = make("our GRU", "truncated(5)"), []
    trainer.module.register_forward_hook(lambda module, *_: modes.append(module.training))
    for _ in trainer.run(streams()):
        trainer.module.eval()
    assert modes == [True] * 5


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (lambda output, y: (output - y).square(), r"shape \(5, 3, 1\)"),
        (lambda output, y: 1.0, "float, but a scalar tensor"),
        (lambda output, y: output.detach().mean(), "without a gradient"),
    ],
)
def test_a_loss_that_cannot_be_used_is_explained(loss, words):
    trainer = StreamTrainer(build("our GRU"), loss, policy="truncated(5)")
    with pytest.raises(InputError, match=r"loss\(output, y\) gave .*" + words):
        trainer.fit(streams())


@pytest.mark.parametrize("count", [0, -1])
def test_no_window_at_all_is_refused(count):
    with pytest.raises(OptionError, match="at least one window"):
        make("our GRU", "truncated(5)").fit(streams(), max_windows=count)


@pytest.mark.parametrize("policy", ["truncated(4)", "truncated(4, 7)", "randomtruncated(5)"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_training_goes_on_in_the_middle_to_the_bit(kind, policy, optimizer, tmp_path):
    begins = [7, STEPS + 5, 2 * STEPS + 20]
    whole = make(kind, policy, optimizer=optimizer)
    torch.manual_seed(3)
    whole.fit(streams(begins))

    first, source = make(kind, policy, optimizer=optimizer), streams(begins)
    torch.manual_seed(3)
    first.fit(source, max_windows=2)
    first.save(tmp_path / "half.rnn", source)
    torch.manual_seed(99)
    second, source = make(kind, policy, optimizer=optimizer), streams(begins)
    second.resume(tmp_path / "half.rnn", source)
    assert second.windows == 2
    second.fit(source)
    assert_same(second.module, whole.module, 0)
    assert (second.steps, second.windows) == (whole.steps, whole.windows)


def test_a_text_is_learnt_from_its_file_and_goes_on_there(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("가나다라마바사\n" * 200, encoding="utf-8")
    index = {c: i for i, c in enumerate("가나다라마바사\n")}

    class Characters(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.layer = nn.Embedding(8, 8), cells.LSTM(8, 16)
            self.head = nn.Linear(16, 8)

        def forward(self, x, state):
            h, state = self.layer(self.embedding(x), state)
            return self.head(h), state

    def loss(output, y):
        return F.cross_entropy(output.flatten(0, 1), y.flatten())

    def text():
        return Streams.from_text(path, 4, lambda line: [index[c] for c in line], documents="line")

    def trainer():
        torch.manual_seed(0)
        return StreamTrainer(Characters(), loss, policy="truncated(10, 20)", lr=0.03)

    whole = trainer()
    losses = [info.loss for info in whole.run(text())]
    assert losses[-1] < 0.5 < 2.0 < losses[0]
    half, source = trainer(), text()
    half.fit(source, max_windows=13)
    half.save(tmp_path / "half.rnn", source)
    again, source = trainer(), text()
    again.resume(tmp_path / "half.rnn", source)
    again.fit(source)
    assert_same(again.module, whole.module, 0)


def test_no_graph_goes_from_window_to_window(kind):
    trainer = make(kind, "truncated(4, 7)")
    for _ in trainer.run(streams()):
        assert all(not tensor.requires_grad for tensor in rnnkit.nest.arrays_of(trainer.state))
        for parameter in trainer.module.parameters():
            assert parameter.grad is None


def test_memory_does_not_grow_with_the_stream(tmp_path):
    """Hundreds of windows more, and no more memory than the allocator's own noise."""

    def held():
        gc.collect()
        try:
            return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
        except OSError:
            pytest.skip("the memory of a process is not told here")

    np.save(tmp_path / "x.npy", np.zeros((200_000, 1), dtype=np.float32))
    torch.manual_seed(0)
    trainer = StreamTrainer(Model(nn.GRU(1, 4)), F.mse_loss, policy="truncated(20)")
    sizes = []
    for number, _ in enumerate(
        trainer.run(Streams.from_array(tmp_path / "x.npy", 4, shift=1), max_windows=300)
    ):
        assert trainer._place.read is None
        if number in (100, 299):
            sizes.append(held())
    assert sizes[1] - sizes[0] < 2**22


@pytest.mark.parametrize("policy", ["full", "checkpointed"])
def test_a_policy_that_needs_an_end_is_refused(policy):
    with pytest.raises(OptionError, match="a stream has left behind"):
        make("our GRU", policy)


def test_a_state_of_other_streams_is_refused_with_an_explanation():
    trainer = make("our GRU", "truncated(5)")
    trainer.fit(streams(), max_windows=1)
    with pytest.raises(ShapeError, match="belongs to 3 streams, but the input has 2"):
        trainer.fit(Streams.from_array(data(), 2, shift=1))
    trainer.state = None
    trainer.fit(Streams.from_array(data(), 2, shift=1))


def test_a_file_goes_on_only_with_what_it_was_made_with(tmp_path):
    trainer, source = make("our GRU", "truncated(5)"), streams()
    trainer.fit(source, max_windows=1)
    path = tmp_path / "half.rnn"
    trainer.save(path, source)
    with pytest.raises(ShapeError, match="of 3 streams, but these are 2"):
        make("our GRU", "truncated(5)").resume(path, Streams.from_array(data(), 2, shift=1))
    with pytest.raises(OptionError, match="Give it the same policy"):
        make("our GRU", "truncated(6)").resume(path, streams())
    with pytest.raises(OptionError, match="optimizer='sgd', but this StreamTrainer has"):
        make("our GRU", "truncated(5)", optimizer="adam").resume(path, streams())
    with pytest.raises(ArchiveError, match="does not fit the module"):
        make("torch LSTM", "truncated(5)").resume(path, streams())
    with pytest.raises(ArchiveError, match="holds a 'StreamTrainer'"):
        rnnkit.load(path)


@pytest.mark.parametrize("with_other", ["module", "streams"])
def test_a_file_that_does_not_fit_leaves_the_trainer_as_it_was(with_other, tmp_path):
    trainer, source = make("our GRU", "truncated(5)"), streams()
    trainer.fit(source, max_windows=1)
    trainer.save(tmp_path / "half.rnn", source)
    other = make("our GRU", "truncated(5)")
    if with_other == "module":
        other.module.head = nn.Linear(4, 2).double()
        error, source = ArchiveError, streams()
    else:
        error, source = InputError, Streams.from_iterables([[data()]] * STREAMS, shift=1)
    kept = {name: value.clone() for name, value in other.module.state_dict().items()}
    with pytest.raises(error):
        other.resume(tmp_path / "half.rnn", source)
    for name, value in other.module.state_dict().items():
        assert torch.equal(value, kept[name])
    assert (other.windows, other.steps, source.position) == (0, 0, 0)


def test_a_loss_that_is_not_finite_leaves_everything_as_before_its_window():
    x = data()
    x[12] = np.inf
    source = Streams.from_array(x, STREAMS, shift=1)
    trainer = make("our GRU", "truncated(5)")
    trainer.fit(source, max_windows=2)
    kept = [p.clone() for p in trainer.module.parameters()]
    state = trainer.state.clone()
    with pytest.raises(TrainingError, match="the loss is") as caught:
        trainer.fit(source)
    assert caught.value.where.time_step is not None
    assert trainer.windows == 2
    assert all(torch.equal(p, q) for p, q in zip(trainer.module.parameters(), kept, strict=True))
    assert torch.equal(trainer.state, state)


def test_what_happened_is_told_window_by_window():
    trainer = make("our GRU", "truncated(5)", clip_norm=1e-3)
    infos = list(trainer.run(streams()))
    assert [info.step for info in infos] == [1, 2, 3, 4, 5]
    assert all(info.clipped and info.grad_norm > 1e-3 for info in infos)
    assert [info.tokens for info in infos] == [15] * 5
