"""Labels keep their type, count as scikit-learn has them count, and are held out in proportion."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from rnnkit.codecs import NO_LABEL, ClassifierCodec, Labels, TaggerCodec, class_weights
from rnnkit.errors import InputError, OptionError
from rnnkit.options import ClassifierOptions, TaggerOptions

KINDS = {
    "int": [3, -1, 2**40],
    "str": ["나", "가", ""],
    "bool": [True, False],
    "float": [0.5, -2.0, 1e300],
}


def kept(labels):
    return Labels.from_json(json.loads(json.dumps(labels.to_json())))


@pytest.mark.parametrize("values", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("as_array", [False, True])
def test_labels_keep_their_type(values, as_array):
    given_ = np.array(values * 2) if as_array else values * 2
    codec, examples = ClassifierCodec.begin(ClassifierOptions(), ["a", "b"] * len(values), given_)
    codec.learn(ClassifierOptions(), examples)
    again = ClassifierCodec.from_json(json.loads(json.dumps(codec.to_json())), {})
    for labels in (codec.labels, again.labels):
        assert labels.classes.tolist() == sorted(values)
        assert {type(one) for one in labels.classes.tolist()} == {type(values[0])}
        assert labels.encode(given_).tolist() == [sorted(values).index(one) for one in values] * 2
    assert again.labels.classes.dtype == codec.labels.classes.dtype


@pytest.mark.parametrize("values", KINDS.values(), ids=KINDS)
def test_labels_of_steps_keep_their_type_beside_steps_without_one(values):
    rows = [[values[0], None], [values[1]], [None, None, values[0]]]
    X = [["a"] * len(row) for row in rows]
    codec, examples = TaggerCodec.begin(TaggerOptions(), X, rows)
    codec.learn(TaggerOptions(), examples)
    again = TaggerCodec.from_json(json.loads(json.dumps(codec.to_json())), {})
    first, second = sorted(values[:2]).index(values[0]), sorted(values[:2]).index(values[1])
    expected = [[first, NO_LABEL], [second], [NO_LABEL, NO_LABEL, first]]
    for one in (codec, again):
        assert [row.tolist() for row in one.encode_targets(rows)] == expected
        assert {type(label) for label in one.labels.classes.tolist()} == {type(values[0])}


LISTS = st.one_of(
    st.lists(st.text(max_size=2), min_size=2),
    st.lists(st.integers(-9, 9), min_size=2),
    st.lists(st.booleans(), min_size=2),
).filter(lambda y: len(set(y)) > 1)


@given(y=LISTS)
def test_balanced_weights_are_those_of_scikit_learn(y):
    labels = Labels.seen(y)
    labels.weigh("balanced", y)
    theirs = compute_class_weight("balanced", classes=labels.classes, y=np.array(y))
    np.testing.assert_allclose(labels.weights, theirs, rtol=1e-12)
    assert class_weights("balanced", labels.classes, np.array(y)) == labels.weights
    assert kept(labels).weights == labels.weights
    assert kept(labels).classes.tolist() == labels.classes.tolist()


def reads_as_an_integer(label):
    """Whether scikit-learn looks for a text label as an integer, and so misses it."""
    return isinstance(label, str) and label.strip().lstrip("+-").isdecimal()


@given(y=LISTS.filter(lambda y: not any(map(reads_as_an_integer, y))), data=st.data())
def test_given_weights_are_those_of_scikit_learn(y, data):
    labels = Labels.seen(y)
    named = data.draw(st.dictionaries(st.sampled_from(labels.classes.tolist()), st.floats(0.1, 9)))
    labels.weigh(named, y)
    theirs = compute_class_weight(named, classes=labels.classes, y=np.array(y)) if named else 1.0
    np.testing.assert_array_equal(labels.weights, np.broadcast_to(theirs, len(labels)))


def test_all_labels_count_alike_where_nobody_says_otherwise():
    labels = Labels.seen(["a", "b"])
    labels.weigh(None, ["a"])
    assert labels.weights is None
    assert kept(labels).weights is None


def test_weights_that_nothing_follows_from_are_refused():
    classes = np.array(["a", "b"])
    with pytest.raises(OptionError, match=r"class_weight='balanced' is counted from y, .* no 'b'"):
        class_weights("balanced", classes, np.array(["a"]))
    with pytest.raises(OptionError, match=r"class_weight names \['c'\], which y does not hold"):
        class_weights({"c": 1.0}, classes, classes)
    with pytest.raises(OptionError, match="weights are above 0"):
        class_weights({"a": 0.0}, classes, classes)


def test_labels_that_cannot_be_learnt_are_refused():
    with pytest.raises(InputError, match=r"one class only \('a'\), but at least two"):
        Labels.seen(["a", "a"])
    with pytest.raises(InputError, match=r"y holds 'b', which is not among classes=\['a', 'c'\]"):
        Labels.seen(["a", "b"], ["a", "c"])
    with pytest.raises(InputError, match="strings or numbers alone"):
        Labels.seen(["a", 1])
    with pytest.raises(InputError, match=r"'c' was never seen in training\. Known: 'a', 'b'"):
        Labels.seen(["a", "b"]).encode(["c"])


def test_classes_that_y_does_not_show_can_be_named():
    assert Labels.seen(["b"], ["a", "b"]).classes.tolist() == ["a", "b"]


# -- held out -----------------------------------------------------------------------------------


@given(
    counts=st.lists(st.integers(1, 25), min_size=2, max_size=4),
    share=st.sampled_from([0.1, 0.2, 0.5]),
    seed=st.integers(0, 9),
)
def test_a_share_of_each_class_is_held_out(counts, share, seed):
    y = [label for label, count in enumerate(counts) for _ in range(count)]
    X = [f"text {place}" for place in range(len(y))]
    codec, examples = ClassifierCodec.begin(ClassifierOptions(), X, y)
    kept, aside = codec.hold_out(examples, share, np.random.default_rng(seed))
    expected = [int(count * share) for count in counts]
    if aside is None:
        assert not any(expected)
        return
    assert [int((aside.known == label).sum()) for label in range(len(counts))] == expected
    assert sorted([*kept.inputs, *aside.inputs]) == sorted(X)
    where = dict(zip(X, y, strict=True))
    for part in (kept, aside):
        assert [where[text] for text in part.inputs] == part.known.tolist()
