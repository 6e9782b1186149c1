from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnkit.decode import Sampler, beam, follow, greedy, sample
from rnnkit.errors import InputError, OptionError, ShapeError

EOS = 2


def fixed(*probabilities):
    """A step whose next token never depends on the past."""
    with np.errstate(divide="ignore"):
        log_probs = np.log(probabilities)
    return lambda tokens, state: (np.tile(log_probs, (len(tokens), 1)), state)


def greedy_by_hand(model, row, *, bos, eos, max_length):
    state, tokens, last = model.row(row), [], bos
    for _ in range(max_length):
        log_probs, state = model.step(np.array([last]), state)
        last = int(log_probs[0].argmax())
        if last == eos:
            return tokens, True
        tokens.append(last)
    return tokens, False


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), limits=st.lists(st.integers(1, 7), min_size=1, max_size=5))
def test_greedy_follows_the_largest_probability_of_each_row_by_itself(automaton, seed, limits):
    model = automaton(seed, vocab_size=5, batch_size=len(limits))

    found = greedy(
        model.step,
        model.state,
        batch_size=len(limits),
        bos=0,
        eos=EOS,
        max_length=np.array(limits),
    )

    for row, (hypothesis, limit) in enumerate(zip(found, limits, strict=True)):
        tokens, finished = greedy_by_hand(model, row, bos=0, eos=EOS, max_length=limit)
        assert (hypothesis.tokens, hypothesis.finished) == (tokens, finished)
        whole = [*tokens, EOS] if finished else tokens
        total = model.log_prob(row, whole, bos=0)
        assert hypothesis.log_prob == pytest.approx(total, abs=1e-9)
        assert hypothesis.score == pytest.approx(total / len(whole), abs=1e-9)


def test_rows_start_from_their_own_first_token():
    table = np.log([[0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.8, 0.1, 0.1]])

    def step(tokens, state):
        return table[tokens], state

    found = greedy(
        step,
        None,
        batch_size=2,
        bos=np.array([0, 1]),
        eos=EOS,
        max_length=5,
        length_penalty=0.0,
    )

    assert [h.tokens for h in found] == [[1], []]
    assert found[0].score == found[0].log_prob


def test_greedy_never_produces_a_forbidden_token():
    found = greedy(
        fixed(0.5, 0.4, 0.1), None, batch_size=1, bos=0, eos=EOS, max_length=3, forbid=[0]
    )
    assert found[0].tokens == [1, 1, 1]


def test_the_end_can_be_forbidden():
    found = greedy(
        fixed(0.2, 0.1, 0.7), None, batch_size=1, bos=0, eos=EOS, max_length=3, forbid=[2]
    )
    assert (found[0].tokens, found[0].finished) == ([0, 0, 0], False)


def test_ended_rows_leave_the_batch():
    sizes = []
    table = np.log([[0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.8, 0.1, 0.1]])

    def step(tokens, state):
        sizes.append(len(tokens))
        return table[tokens], state

    greedy(step, None, batch_size=2, bos=np.array([0, 1]), eos=EOS, max_length=9)
    assert sizes == [2, 1]


def draw(step, count, **options):
    options = {"max_length": 1} | options
    generator = np.random.default_rng(7)
    found = sample(step, None, batch_size=count, bos=0, eos=EOS, generator=generator, **options)
    return [EOS if h.finished else h.tokens[0] for h in found]


def test_samples_are_as_frequent_as_their_probabilities():
    probabilities, count = [0.4, 0.3, 0.2, 0.1], 4_000
    drawn = draw(fixed(*probabilities), count)
    chi_square = sum(
        (drawn.count(token) - count * p) ** 2 / (count * p) for token, p in enumerate(probabilities)
    )
    assert chi_square < 16.3  # 99.9th percentile with 3 degrees of freedom


def test_temperature_bends_the_distribution():
    drawn = draw(fixed(0.6, 0.3, 0.1), 4_000, temperature=0.5)
    bent = [0.36, 0.09, 0.01]
    for token, weight in enumerate(bent):
        assert drawn.count(token) / 4_000 == pytest.approx(weight / sum(bent), abs=0.03)


def test_top_k_draws_only_the_k_most_probable():
    drawn = draw(fixed(0.1, 0.4, 0.2, 0.3), 1_000, top_k=2)
    assert set(drawn) == {1, 3}
    assert drawn.count(1) / 1_000 == pytest.approx(4 / 7, abs=0.06)


@pytest.mark.parametrize(
    ("top_p", "nucleus"),
    [(0.05, {1}), (0.4, {1}), (0.45, {1, 3}), (0.85, {1, 2, 3}), (1.0, {0, 1, 2, 3})],
)
def test_top_p_draws_only_the_fewest_tokens_that_reach_the_share(top_p, nucleus):
    assert set(draw(fixed(0.1, 0.42, 0.2, 0.28), 1_000, top_p=top_p)) == nucleus


def test_top_p_comes_after_top_k():
    # Of the top two, 0.5 / 0.8 = 0.63 is the first one's share: it alone reaches 0.6.
    assert set(draw(fixed(0.3, 0.5, 0.2), 200, top_k=2, top_p=0.6)) == {1}


@pytest.mark.parametrize(
    ("probabilities", "cut", "kept"),
    [
        ([0.25] * 4, {"top_k": 3}, [0, 1, 2]),
        ([0.25] * 4, {"top_p": 0.5}, [0, 1]),
        ([0.2, 0.4, 0.2, 0.2], {"top_k": 2}, [0, 1]),
        ([0.2, 0.4, 0.2, 0.2], {"top_p": 0.7}, [0, 1, 2]),
    ],
)
def test_of_equally_probable_tokens_the_first_are_kept(probabilities, cut, kept):
    weights = Sampler(**cut).weights(np.log([probabilities]))
    assert np.flatnonzero(weights[0]).tolist() == kept


def test_a_generator_of_torch_is_refused():
    with pytest.raises(OptionError, match=r"generator is a Generator of torch.*numpy\.random"):
        Sampler(generator=torch.Generator())


@pytest.mark.parametrize("temperature", [1e-6, 1e-300])
def test_sampling_near_temperature_zero_is_greedy(automaton, temperature):
    model = automaton(3, vocab_size=6, batch_size=8)
    options = {"batch_size": 8, "bos": 0, "eos": EOS, "max_length": 6}
    cold = sample(model.step, model.state, temperature=temperature, **options)
    assert cold == greedy(model.step, model.state, **options)


def test_a_temperature_too_small_for_the_precision_is_still_greedy():
    # Single precision, and even the likeliest of the 400 tokens has a log probability near -6.
    logits = np.zeros(400, dtype=np.float32)
    logits[1] = 0.1
    log_probs = logits - np.log(np.exp(logits).sum())

    def step(tokens, state):
        return np.tile(log_probs, (len(tokens), 1)), state

    assert set(draw(step, 50, temperature=1e-300)) == {1}


def test_one_seed_draws_the_same_and_another_differs(automaton):
    model = automaton(5, vocab_size=6, batch_size=8)

    def drawn(seed):
        generator = np.random.default_rng(seed)
        return sample(
            model.step,
            model.state,
            batch_size=8,
            bos=0,
            eos=EOS,
            max_length=8,
            generator=generator,
        )

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_a_sample_carries_the_models_own_log_probability(automaton):
    model = automaton(5, vocab_size=6, batch_size=4)
    found = sample(
        model.step,
        model.state,
        batch_size=4,
        bos=1,
        eos=EOS,
        max_length=5,
        temperature=3.0,
        forbid=[0],
        generator=np.random.default_rng(0),
    )
    for row, h in enumerate(found):
        whole = [*h.tokens, EOS] if h.finished else h.tokens
        assert 0 not in h.tokens
        assert h.log_prob == pytest.approx(model.log_prob(row, whole, bos=1), abs=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0.0}, "temperature=0.0"),
        ({"temperature": float("nan")}, "temperature=nan"),
        ({"top_k": 0}, "top_k=0"),
        ({"top_p": 0.0}, "top_p=0.0"),
        ({"top_p": 1.5}, "top_p=1.5"),
        ({"length_penalty": -1.0}, "length_penalty=-1.0"),
        ({"bos": -1}, "bos holds -1"),
        ({"bos": 3}, "bos holds token 3"),
        ({"eos": 3}, "eos holds token 3"),
        ({"forbid": [5]}, "forbid holds token 5"),
        ({"forbid": [-1]}, "start at 0"),
        ({"forbid": [0, 1, 2]}, "all 3 tokens"),
        ({"max_length": 0}, "max_length holds 0"),
        ({"batch_size": 0}, "batch_size=0"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    options = {"batch_size": 1, "bos": 0, "eos": EOS, "max_length": 4} | options
    with pytest.raises(OptionError, match=message):
        sample(fixed(0.2, 0.3, 0.5), None, **options)


@pytest.mark.parametrize(
    ("state", "options", "message"),
    [
        (np.zeros((3, 2)), {}, r"\(3, 2\).*batch_size=2"),
        (np.zeros(()), {}, "batch_size=2"),
        (None, {"max_length": np.array([1, 2, 3])}, r"max_length has shape \(3,\)"),
        (None, {"max_length": 2.5}, "max_length has dtype"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(state, options, message):
    options = {"batch_size": 2, "bos": 0, "eos": EOS, "max_length": 4} | options
    with pytest.raises(ShapeError, match=message):
        greedy(fixed(0.2, 0.3, 0.5), state, **options)


def test_a_step_of_the_wrong_shape_is_refused():
    def step(tokens, state):
        return np.zeros((len(tokens), 1, 3)), state

    with pytest.raises(ShapeError, match=r"\(2, 1, 3\)"):
        greedy(step, None, batch_size=2, bos=0, eos=EOS, max_length=4)


def test_a_step_that_is_not_a_number_is_refused():
    with pytest.raises(InputError, match="not a number"):
        greedy(fixed(0.5, float("nan"), 0.5), None, batch_size=1, bos=0, eos=EOS, max_length=4)


def test_a_row_with_no_permitted_token_is_refused():
    with pytest.raises(InputError, match="probability 0"):
        greedy(fixed(1.0, 0.0, 0.0), None, batch_size=1, bos=0, eos=EOS, max_length=4, forbid=[0])


# -- one sequence, token by token ---------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), limit=st.integers(1, 7))
def test_following_gives_what_greedy_gives(automaton, seed, limit):
    model = automaton(seed, vocab_size=5, batch_size=1)
    found = greedy(model.step, model.state, batch_size=1, bos=0, eos=EOS, max_length=limit)
    followed = list(follow(model.step, model.state, bos=0, eos=EOS, max_length=limit))
    assert followed == found[0].tokens


def test_following_a_sampler_gives_what_sample_gives(automaton):
    model = automaton(3, vocab_size=5, batch_size=1)
    options = {"temperature": 1.5, "top_k": 4, "top_p": 0.95}
    one, other = (np.random.default_rng(5) for _ in range(2))
    found = sample(
        model.step,
        model.state,
        batch_size=1,
        bos=0,
        eos=EOS,
        max_length=20,
        generator=one,
        **options,
    )
    pick = Sampler(generator=other, **options)
    followed = list(follow(model.step, model.state, bos=0, eos=EOS, max_length=20, pick=pick))
    assert followed == found[0].tokens


def test_following_asks_for_no_more_than_is_taken():
    asked = []

    def step(tokens, state):
        asked.append(int(tokens[0]))
        return np.log([[0.1, 0.8, 0.1]]), state

    followed = follow(step, None, bos=0, eos=EOS, max_length=1000)
    assert [next(followed), next(followed)] == [1, 1]
    assert asked == [0, 1]


def test_following_without_an_end_mark_goes_on_to_the_limit():
    found = list(follow(fixed(0.1, 0.1, 0.8), None, bos=0, eos=None, max_length=4))
    assert found == [EOS] * 4
    assert list(follow(fixed(0.1, 0.1, 0.8), None, bos=0, eos=EOS, max_length=4)) == []


def test_following_refuses_what_the_other_searches_refuse():
    for options, words in (
        ({"max_length": 0}, "max_length holds 0"),
        ({"bos": 7}, "bos holds token 7"),
        ({"forbid": [0, 1, 2]}, "forbid holds all 3"),
    ):
        given = {"bos": 0, "eos": EOS, "max_length": 3, **options}
        with pytest.raises(OptionError, match=words):
            next(follow(fixed(0.5, 0.4, 0.1), None, **given))


# -- what a step may give -----------------------------------------------------------------------


def test_a_step_may_give_tensors_and_keep_them_as_its_state(automaton):
    model = automaton(2, vocab_size=5, batch_size=3)

    def step(tokens, state):
        log_probs, [after] = model.step(tokens, [{"h": state.numpy()}])
        return torch.from_numpy(log_probs), torch.from_numpy(after["h"])

    options = {"batch_size": 3, "bos": 0, "eos": EOS, "max_length": 6}
    for search in (greedy, beam):
        found = search(step, torch.from_numpy(model.h_0), **options)
        assert found == search(model.step, model.state, **options)


def test_a_step_that_numpy_cannot_read_is_refused():
    weight = torch.zeros(1, 3, requires_grad=True)
    with pytest.raises(InputError, match=r"numpy cannot read: .*grad.*torch\.no_grad"):
        greedy(lambda _, state: (weight, state), None, batch_size=1, bos=0, eos=2, max_length=4)


def test_search_and_states_need_no_torch():
    code = "import sys, rnnkit.decode, rnnkit.nest; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
