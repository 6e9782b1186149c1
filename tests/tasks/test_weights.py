from __future__ import annotations

import numpy as np
import pytest

from rnnkit import SequenceTagger
from rnnkit.errors import OptionError
from rnnkit.tasks import class_weights

CLASSES = np.array(["a", "b", "c"])
Y = np.array(list("aaaabbc"))


def test_balanced_classes_have_equal_shares_of_the_loss():
    weights = class_weights("balanced", CLASSES, Y)
    shares = [weight * (name == Y).sum() for weight, name in zip(weights, CLASSES, strict=True)]
    np.testing.assert_allclose(shares, len(Y) / 3)


def test_classes_that_are_not_named_weigh_one():
    assert class_weights({"b": 3}, CLASSES, Y) == [1.0, 3.0, 1.0]
    assert class_weights(None, CLASSES, Y) is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"d": 1.0}, r"names \['d'\], which y does not hold"),
        ({"a": 0.0}, "weights are above 0"),
        ({"a": "1"}, "weights are above 0"),
        ("balanced", "which has no 'c': give a dict"),
    ],
)
def test_weights_that_cannot_be_are_refused(given, words):
    with pytest.raises(OptionError, match=words):
        class_weights(given, CLASSES, Y[:-1])


def test_a_rare_label_of_steps_is_said_more_often_with_weight():
    # Nothing tells the labels apart: what is said is the class of most weight.
    X = [["um"] * 11] * 4
    y = [[*["often"] * 5, label, *["often"] * 5] for label in ("rare", None)] * 2
    options = {"cell": "none", "hidden_size": 4, "embedding_size": 4, "character_size": 0}
    options |= {"max_epochs": 40, "lr": 0.05, "validation_fraction": 0, "random_state": 0}
    plain = SequenceTagger(**options).fit(X, y)
    assert plain.predict(X)[0][5] == "often"
    weighted = SequenceTagger(**options, class_weight={"rare": 50.0}).fit(X, y)
    assert weighted.predict(X)[0][5] == "rare"
    assert SequenceTagger(**options, class_weight="balanced").fit(X, y).class_weight_ == (
        pytest.approx([42 / 2 / 40, 42 / 2 / 2])
    )
    with pytest.raises(OptionError, match="class_weight='balanced' weighs single steps, but crf"):
        SequenceTagger(**options, class_weight="balanced", crf=True).fit(X, y)
