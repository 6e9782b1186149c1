from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.bptt import Checkpointed, Full, RandomTruncated, Truncated, policy_of
from rnnkit.errors import OptionError

POLICIES = [
    Full(),
    Truncated(5),
    Truncated(5, 9),
    Checkpointed(),
    Checkpointed(segments=4),
    Checkpointed(memory_budget=1000),
    RandomTruncated(50),
    RandomTruncated(50.5, every=10, alpha=4.0),
]


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_what_a_policy_prints_is_read_back(policy):
    assert policy_of(repr(policy)) == policy
    again = policy_of(str(policy))
    assert str(again) == str(policy)


def test_a_policy_stays_itself_and_none_is_full():
    policy = Truncated(3)
    assert policy_of(policy) is policy
    assert policy_of(None) == Full()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("trunkated(5)", "Did you mean 'truncated'"),
        ("truncated(5", "cannot be read"),
        ("truncated(k=5)", "unexpected keyword"),
        ("truncated()", "missing 1 required"),
        ("truncated(f(5))", "cannot be read"),
        ("__import__('os').system('true')", "cannot be read"),
        (5, "a policy of rnnkit.bptt was expected"),
        ("truncated(0)", "k1=0"),
        ("truncated(5.5)", "k1=5.5"),
        ("truncated(True)", "k1=True"),
        ("truncated(5, 4)", "Choose k2 >= k1"),
        ("checkpointed(3, 1000)", "give one of them"),
        ("checkpointed(0)", "segments=0"),
        ("randomtruncated(1)", "length=1"),
        ("randomtruncated(5, every=5)", "above every=5"),
        ("randomtruncated(5, alpha=1)", "alpha=1"),
    ],
)
def test_what_is_no_policy_is_explained(text, words):
    with pytest.raises(OptionError, match=words):
        policy_of(text)


@pytest.mark.parametrize("policy", [Full(), Checkpointed()])
def test_a_stream_has_no_first_step_to_go_back_to(policy):
    with pytest.raises(OptionError, match="a stream has left behind"):
        next(policy.windows(None))


@given(st.integers(1, 30), st.integers(0, 30), st.integers(1, 100))
def test_every_step_is_counted_once(k1, more, steps):
    for policy in (Truncated(k1, k1 + more), RandomTruncated(k1 + 1), Full()):
        windows = list(policy.windows(steps))
        counted = [step for window in windows for step in range(window.begin, window.end)]
        assert counted == list(range(steps))
        assert all(0 <= window.start <= window.begin < window.end for window in windows)
        assert all(window.start < stop < window.end for window in windows for stop in window.stops)


@given(
    st.integers(1, 100_000),
    st.integers(1, 10_000),
    st.integers(1, 1_000),
    st.integers(1, 10**8),
)
def test_segments_keep_within_their_budget_or_say_that_they_cannot(steps, step, state, budget):
    policy = Checkpointed(memory_budget=budget)
    try:
        lengths = policy.segment_lengths(steps, step_bytes=step, state_bytes=state)
    except OptionError as error:
        assert "need at least" in str(error)  # noqa: PT017
        assert budget < steps * step
        return
    whole, held = steps, 0.0
    for length in lengths:
        assert 1 <= length <= whole
        held += -(-whole // length) * state
        whole = length
    assert held + whole * step <= budget


def test_one_level_is_taken_where_one_is_enough():
    lengths = Checkpointed(memory_budget=10**6).segment_lengths(
        10_000, step_bytes=4_000, state_bytes=400
    )
    assert len(lengths) == 1
    assert Checkpointed(memory_budget=10**8).segment_lengths(10_000, step_bytes=4_000) == ()
    few = Checkpointed(memory_budget=60_000).segment_lengths(
        10_000, step_bytes=4_000, state_bytes=400
    )
    assert len(few) > 1


@pytest.mark.parametrize("segments", [1, 3, 10, 99])
def test_a_number_of_segments_is_kept(segments):
    (length,) = Checkpointed(segments=segments).segment_lengths(10)
    assert -(-10 // length) <= segments
    assert length == -(-10 // min(segments, 10))


def test_the_papers_probability_falls_with_the_distance_from_the_last_cut():
    policy = RandomTruncated(10, alpha=6)
    assert policy.probability(1) == pytest.approx(6 / 51)
    assert policy.probability(50) == pytest.approx(6 / 100)
    assert RandomTruncated(10).probability(50) == pytest.approx(1 / 10)
