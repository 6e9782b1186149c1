from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnkit.decode import beam, greedy
from rnnkit.errors import InputError, OptionError

EOS = 2


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), penalty=st.sampled_from([0.0, 0.6, 1.0]))
def test_a_beam_of_one_is_greedy(automaton, seed, penalty):
    model = automaton(seed, vocab_size=5, batch_size=4)
    options = {
        "batch_size": 4,
        "bos": 0,
        "eos": EOS,
        "max_length": 6,
        "length_penalty": penalty,
    }
    found = beam(model.step, model.state, beam_size=1, **options)
    for (one,), expected in zip(found, greedy(model.step, model.state, **options), strict=True):
        assert (one.tokens, one.finished) == (expected.tokens, expected.finished)
        assert one.score == pytest.approx(expected.score, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), penalty=st.sampled_from([0.0, 0.6, 1.0, 2.0]))
def test_a_beam_as_wide_as_the_tree_finds_the_best_of_all_sequences(automaton, seed, penalty):
    model = automaton(seed, vocab_size=3, batch_size=2)
    found = beam(
        model.step,
        model.state,
        batch_size=2,
        bos=0,
        eos=EOS,
        max_length=4,
        beam_size=3**4,
        length_penalty=penalty,
        n_best=5,
    )
    for row in range(2):
        every = [
            (log_prob / (len(tokens) + 1) ** penalty, tokens)
            for tokens, log_prob in model.enumerate(row, bos=0, eos=EOS, max_length=4)
        ]
        best = sorted(every, reverse=True)[:5]
        assert [h.tokens for h in found[row]] == [tokens for _, tokens in best]
        assert [h.score for h in found[row]] == pytest.approx(
            [score for score, _ in best], abs=1e-9
        )


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    limits=st.lists(st.integers(1, 7), min_size=2, max_size=5),
    beam_size=st.integers(1, 6),
    penalty=st.sampled_from([0.0, 1.0]),
    data=st.data(),
)
def test_a_sentence_gives_the_same_alone_and_in_a_batch(
    automaton, seed, limits, beam_size, penalty, data
):
    model = automaton(seed, vocab_size=5, batch_size=len(limits))
    n_best = data.draw(st.integers(1, beam_size))
    options = {
        "bos": 0,
        "eos": EOS,
        "beam_size": beam_size,
        "n_best": n_best,
        "length_penalty": penalty,
    }
    together = beam(
        model.step, model.state, batch_size=len(limits), max_length=np.array(limits), **options
    )
    for row, limit in enumerate(limits):
        (alone,) = beam(model.step, model.row(row), batch_size=1, max_length=limit, **options)
        assert [h.tokens for h in together[row]] == [h.tokens for h in alone]
        assert [h.score for h in together[row]] == pytest.approx([h.score for h in alone], abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), limit=st.integers(1, 6))
def test_the_n_best_are_sorted_distinct_and_scored_as_the_model_says(automaton, seed, limit):
    model = automaton(seed, vocab_size=5, batch_size=3)
    found = beam(
        model.step,
        model.state,
        batch_size=3,
        bos=0,
        eos=EOS,
        max_length=limit,
        beam_size=4,
        n_best=4,
    )
    for row, hypotheses in enumerate(found):
        assert 1 <= len(hypotheses) <= 4
        keys = [(not h.finished, -h.score) for h in hypotheses]
        assert keys == sorted(keys)
        assert len({(tuple(h.tokens), h.finished) for h in hypotheses}) == len(hypotheses)
        for h in hypotheses:
            whole = [*h.tokens, EOS] if h.finished else h.tokens
            assert len(whole) <= limit
            assert h.finished or len(whole) == limit
            assert EOS not in h.tokens
            assert h.log_prob == pytest.approx(model.log_prob(row, whole, bos=0), abs=1e-9)
            assert h.score == pytest.approx(h.log_prob / len(whole), abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    penalty=st.sampled_from([0.0, 1.0]),
    beam_size=st.integers(2, 12),
)
def test_stopping_early_loses_nothing(automaton, seed, penalty, beam_size):
    # The same beam without the bound, which goes on until beam_size sequences have ended, must find
    # no better one.
    model = automaton(seed, vocab_size=6, batch_size=1)
    (found,) = beam(
        model.step,
        model.state,
        batch_size=1,
        bos=0,
        eos=EOS,
        max_length=6,
        beam_size=beam_size,
        length_penalty=penalty,
    )
    best = best_of_plain_beam(model, beam_size=beam_size, max_length=6, penalty=penalty)
    assert found[0].score == pytest.approx(best, abs=1e-9)


def best_of_plain_beam(model, *, beam_size, max_length, penalty):
    live, ended = [(0.0, [], model.row(0))], []
    for length in range(1, max_length + 1):
        grown = []
        for total, tokens, state in live:
            log_probs, after = model.step(np.array([tokens[-1] if tokens else 0]), state)
            grown += [
                (total + value, [*tokens, token], after)
                for token, value in enumerate(log_probs[0].tolist())
            ]
        grown.sort(key=lambda item: -item[0])
        ended += [item[0] / length**penalty for item in grown[:beam_size] if item[1][-1] == EOS]
        live = [item for item in grown if item[1][-1] != EOS][:beam_size]
        if len(ended) >= beam_size:
            break
    return max(ended, default=live[0][0] / max_length**penalty)


def test_forbidden_tokens_are_never_produced(automaton):
    model = automaton(1, vocab_size=6, batch_size=4)
    found = beam(
        model.step,
        model.state,
        batch_size=4,
        bos=0,
        eos=EOS,
        max_length=5,
        n_best=5,
        forbid=[0, 4],
    )
    produced = {token for hypotheses in found for h in hypotheses for token in h.tokens}
    assert produced <= {1, 3, 5}


def test_what_has_ended_ranks_above_what_has_not():
    # The end mark is improbable, so that the sequence without it scores better.
    log_probs = np.log([0.9, 0.08, 0.02])
    found = beam(
        lambda tokens, state: (np.tile(log_probs, (len(tokens), 1)), state),
        None,
        batch_size=1,
        bos=0,
        eos=EOS,
        max_length=3,
        beam_size=4,
        n_best=4,
    )
    finished = [h.finished for h in found[0]]
    assert finished == sorted(finished, reverse=True)
    assert True in finished
    assert False in finished
    assert found[0][0].score < found[0][-1].score


def test_settled_sentences_leave_the_batch():
    sizes = []
    ends = np.log([0.005, 0.005, 0.99])
    goes_on = np.log([0.5, 0.49, 0.01])

    def step(tokens, state):
        sizes.append(len(tokens))
        return np.where(state == 1, ends, goes_on), state

    beam(
        step,
        np.array([[0], [1]]),
        batch_size=2,
        bos=0,
        eos=EOS,
        max_length=3,
        beam_size=2,
        length_penalty=0.0,
    )
    assert sizes == [2, 2, 2]  # two sentences with one row each, then one with two


def test_a_sentence_without_any_possible_sequence_is_refused():
    log_probs = np.array([0.0, -np.inf, -np.inf])
    with pytest.raises(InputError, match="sentence 0"):
        beam(
            lambda tokens, state: (np.tile(log_probs, (len(tokens), 1)), state),
            None,
            batch_size=1,
            bos=0,
            eos=EOS,
            max_length=3,
            forbid=[0],
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam_size": 0}, "beam_size=0"),
        ({"beam_size": 2, "n_best": 3}, "n_best=3"),
        ({"n_best": 0}, "n_best=0"),
        ({"length_penalty": -0.5}, "length_penalty=-0.5"),
        ({"bos": 3}, "bos holds token 3"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    options = {"batch_size": 1, "bos": 0, "eos": EOS, "max_length": 4} | options
    log_probs = np.log([0.3, 0.3, 0.4])
    with pytest.raises(OptionError, match=message):
        beam(lambda tokens, state: (np.tile(log_probs, (len(tokens), 1)), state), None, **options)
