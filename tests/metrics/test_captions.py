from __future__ import annotations

import math

import numpy as np
import pytest

from rnnkit.metrics import caption_words, cider_d, score_captions


def test_cider_of_two_images_is_what_it_is_by_hand():
    # N = 2. "a" is in both images: log(2/2) = 0. All others weigh log 2, which cancels.
    # "a b" against "a b": n=1 cosine 1 (only b counts), n=2 cosine 1, n=3, 4 nothing: mean 1/2.
    # "a c c" against "a c": n=1 min(2, 1) 1 / (2 1) = 1/2; n=2 {ac, cc} against {ac}: 1/sqrt 2;
    # n=3: nothing. Lengths 3 and 2: e^(-1/72).
    found = cider_d(["a b", "a c c"], [["a b"], ["a c"]])
    expected = [10 / 2, 10 * (0.5 + 1 / math.sqrt(2)) / 4 * math.exp(-1 / 72)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_cider_is_the_mean_over_the_references():
    one = cider_d(["x y", "z"], [["x y"], ["z"]])[0]
    other = cider_d(["x y", "z"], [["x y", "w v u"], ["z"]])[0]
    assert other == pytest.approx(one / 2)


def test_repeating_a_rare_word_does_not_pay():
    references = [["a dog"], ["a cat"], ["a bird"]]
    honest, gamed = (
        cider_d([text, "a cat", "a bird"], references)[0] for text in ("a dog", "dog dog")
    )
    assert gamed < honest


def test_cider_of_words_that_no_reference_has_is_zero():
    assert cider_d(["zebra", ""], [["dog"], ["cat"]]).tolist() == [0.0, 0.0]
    assert cider_d(["dog"], [["dog"]]).tolist() == [0.0]  # one image: nothing marks it


def test_bleu_counts_over_several_references_by_hand():
    # "the the cat" against "the cat" and "the dog the": clipped 1-grams 3/3, 2-grams: "the the"
    # 0, "the cat" 1: 1/2. Of a long caption all four orders count:
    guess = "a b c d e"
    references = [["a b c d f", "z b c d e"]]
    # 1-grams 5/5; 2-grams ab, bc, cd, de 4/4; 3-grams abc, bcd, cde 3/3; 4-grams abcd, bcde 2/2.
    assert score_captions([guess], references).bleu == pytest.approx(100.0)
    one = score_captions([guess], [references[0][:1]])
    # 4/5, 3/4, 2/3, 1/2
    expected = 100 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25
    assert one.bleu == pytest.approx(expected)
    assert "tok:none" in one.bleu_signature


def test_images_may_have_other_numbers_of_references():
    scores = score_captions(["a dog", "고양이"], [["A dog .", "one dog"], "고양이"])
    assert (scores.count, scores.exact) == (2, 100.0)
    assert 0 < scores.chrf <= 100
    assert score_captions(["b"], ["a"]).exact == 0.0


def test_captions_are_compared_by_words_without_case_and_marks():
    assert caption_words("Two  Dogs, one_ball -- run!") == ["two", "dogs", "one_ball", "run"]
    assert caption_words("강아지가 뛴다.") == ["강아지가", "뛴다"]


@pytest.mark.parametrize(
    ("guesses", "references", "message"),
    [
        ([], [], "no captions to score"),
        (["a"], [[]], r"references\[0\] is \[\]"),
        (["a"], [[3]], r"references\[0\] is \[3\]"),
        (["a"], "a", "a list of captions is expected"),
        (["a", "b"], ["a"], "guesses holds 2, references holds 1"),
    ],
)
def test_what_cannot_be_scored_is_refused(guesses, references, message):
    with pytest.raises(ValueError, match=message):
        score_captions(guesses, references)
