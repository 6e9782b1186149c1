"""Codecs, all of them: begun, learnt, kept as JSON, and the same numbers again."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnkit.codecs import (
    CaptionerCodec,
    ClassifierCodec,
    Codec,
    ForecasterCodec,
    FrameCodec,
    LanguageCodec,
    RegressorCodec,
    TaggerCodec,
    TranslatorCodec,
)
from rnnkit.errors import InputError
from rnnkit.options import (
    CaptionerOptions,
    ClassifierOptions,
    FrameTaggerOptions,
    LanguageModelOptions,
    RegressorOptions,
    TaggerOptions,
    TranslatorOptions,
)

# Korean composed and decomposed, combining marks, emoji with joiners, a dotless i, odd spaces.
TEXTS = [
    "The cat sat.",
    "고양이가 앉았다",
    "고양이",
    "é e\u0301 n\u0303",
    "👩\u200d👩\u200d👧 🐟!",
    "İstanbul ı ß ς",
    "tab\tand\u00a0no-break\u3000space",
    "",
    "a\nb",
    "the THE cat",
]
LETTERS = "theca고양이가ᄀ\u1161\u11a8\u0301\u0303👩\u200d🐟 İıß\t\n\u00a0."
ANY_TEXT = st.one_of(
    st.text(max_size=12),
    st.text(
        alphabet="theca고양이가ᄀ\u1161\u11a8\u0301\u0303👩\u200d🐟 İıß\t\n\u00a0.", max_size=12
    ),
    st.sampled_from(TEXTS),
)
WORDS = [text.split() for text in TEXTS]
LABELS = ["a", "b"] * 5
TAGS = [["x" if place % 2 else "가" for place in range(len(row))] for row in WORDS]


def walks(count=8, width=None, seed=0):
    generator = np.random.default_rng(seed)
    shape = () if width is None else (width,)
    return [generator.normal(size=(3 + n % 4, *shape)) for n in range(count)]


def pictures(count, *shape, seed=0):
    return list(np.random.default_rng(seed).integers(0, 256, (count, *shape), np.uint8))


@dataclass
class Case:
    """A codec with its options, examples for it, and inputs that it has not seen."""

    name: str
    codec: type[Codec]
    options: Any
    X: Any
    y: Any
    unseen: Any
    given: dict[str, Any] = field(default_factory=dict)

    def begun(self):
        return self.codec.begin(self.options, self.X, self.y)

    def learnt(self):
        codec, examples = self.begun()
        codec.learn(self.options, examples)
        return codec, examples

    def again(self, codec):
        return self.codec.from_json(json.loads(json.dumps(codec.to_json())), self.given)


def pairs_of_letters(text):
    return [text[place : place + 2] for place in range(len(text) - 1)]


NEW = ["the dog", "새 고양이", "\u0301", "👧", "", "ǅ"]
IDS = [[1, 2, 3, 0], [4, 2], [7, 7, 7, 0, 0], [2]]
CLASSES, STEP_TAGS = [0, 1, 0, 1], [[True, False, True, False], [False, True], [True] * 5, [False]]
SMALL = {"image_size": 8, "channels": 1}
VIDEOS = [np.stack(pictures(n, 8, 6, seed=n)) for n in (2, 3, 1, 4)]
FRAME_LABELS = [[place % 2 for place in range(len(video))] for video in VIDEOS]


def text_cases():
    for name, options in {
        "words": {},
        "ngrams": {"ngrams": 2, "buckets": 50, "min_count": 2, "num_words": 5},
        "short": {"max_length": 2, "truncating": "post", "lower": False, "normalize": "NFC"},
        "characters": {"level": "char", "ngrams": 2, "whole_words": True, "buckets": 50},
        "jamo": {"level": "jamo"},
    }.items():
        y = np.arange(10.0)
        yield Case(f"classifier-{name}", ClassifierCodec, ClassifierOptions(**options), TEXTS,
                   LABELS, NEW)  # fmt: skip
        yield Case(f"regressor-{name}", RegressorCodec, RegressorOptions(**options), TEXTS, y, NEW)
    own = {"analyzer": pairs_of_letters}
    yield Case("classifier-analyzer", ClassifierCodec, ClassifierOptions(**own), TEXTS, LABELS,
               NEW, own)  # fmt: skip
    for name, options in {
        "words": {"affixes": 2},
        "letters": {"affixes": 0, "lower": False},
        "plain": {"character_size": 0, "min_count": 2, "normalize": "NFC", "affixes": 1},
    }.items():
        yield Case(f"tagger-{name}", TaggerCodec, TaggerOptions(**options), WORDS[:7], TAGS[:7],
                   [text.split() for text in NEW])  # fmt: skip
    for level in ("word", "char", "jamo"):
        for end_mark in ("document", "line", "none"):
            options = LanguageModelOptions(level=level, end_mark=end_mark)
            yield Case(f"language-{level}-{end_mark}", LanguageCodec, options, TEXTS, None, NEW)
    for source, target in (("char", "char"), ("word", "char"), ("jamo", "jamo"), ("word", "word"),
                           ("subword", "subword")):  # fmt: skip
        options = TranslatorOptions(
            source_level=source, target_level=target, subwords=400, buckets=50
        )
        yield Case(f"translator-{source}-{target}", TranslatorCodec, options, TEXTS, TEXTS[::-1],
                   NEW)  # fmt: skip


def number_cases():
    one, two, new = walks(), walks(width=2), walks(3, 2, seed=1)
    labels, last = [0, 1] * 4, np.stack([walk[-1] for walk in two])
    for scale in ("standard", "signed-log", "none"):
        yield Case(f"classifier-series-{scale}", ClassifierCodec, ClassifierOptions(scale=scale),
                   two, labels, new)  # fmt: skip
    yield Case("regressor-series", RegressorCodec, RegressorOptions(), two, last, new)
    tags = [[int(value > 0) for value in walk[:, 0]] for walk in two]
    yield Case("tagger-series", TaggerCodec, TaggerOptions(), two, tags, new)
    step = RegressorOptions(output="step")
    yield Case("forecaster", ForecasterCodec, step, one, None, walks(3, seed=1))
    values = RegressorOptions(output="step", differences=False)
    yield Case("forecaster-values", ForecasterCodec, values, two, None, new)
    yield Case("forecaster-steps", ForecasterCodec, step, two, [w[:, 0] for w in two], new)
    ids = {"inputs": "ids"}
    new_ids = [[9, 9], [1, 0, 0], [3]]
    yield Case("classifier-ids", ClassifierCodec, ClassifierOptions(**ids), IDS, CLASSES, new_ids)
    yield Case("tagger-ids", TaggerCodec, TaggerOptions(**ids), IDS, STEP_TAGS, new_ids)


def image_cases():
    captions = [["고양이 앉다", "a cat"], "a dog", ["개"], "🐟 fish"]
    yield Case("captioner", CaptionerCodec, CaptionerOptions(**SMALL), pictures(4, 9, 7), captions,
               pictures(2, 5, 8, seed=1))  # fmt: skip
    features = CaptionerOptions(encoder="none", target_level="jamo")
    yield Case("captioner-features", CaptionerCodec, features, walks(4, 3), captions, walks(2, 3))
    yield Case("frames", FrameCodec, FrameTaggerOptions(**SMALL), VIDEOS, FRAME_LABELS, VIDEOS[:2])
    yield Case("frames-features", FrameCodec, FrameTaggerOptions(encoder="none"), walks(4, 3),
               [["a", "b", None][: len(w)] + ["b"] * (len(w) - 3) for w in walks(4, 3)],
               walks(2, 3, seed=1))  # fmt: skip


CASES = [*text_cases(), *number_cases(), *image_cases()]
EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def arrays(value):
    """All arrays in what a codec has encoded."""
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, list | tuple):
        return [array for one in value for array in arrays(one)]
    return [array for one in fields(value) for array in arrays(getattr(value, one.name))]


def assert_same(ours, theirs):
    ours, theirs = arrays(ours), arrays(theirs)
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


# -- all ----------------------------------------------------------------------------------------


@EACH
def test_a_codec_that_was_kept_gives_the_same_numbers(case):
    codec, examples = case.learnt()
    again = case.again(codec)
    assert again.kind == codec.kind
    assert again.to_json() == codec.to_json()
    assert again.rare() == codec.rare()
    assert_same(again.encode(examples.inputs), codec.encode(examples.inputs))
    unseen = codec.read(case.unseen).inputs
    assert_same(again.encode(again.read(case.unseen).inputs), codec.encode(unseen))
    encoded = codec.encode(unseen)
    assert len(encoded.lengths) == len(case.unseen)
    if examples.targets is not None:
        assert_same(again.encode_targets(examples.known), codec.encode_targets(examples.known))


@EACH
def test_what_is_read_later_is_what_was_begun_with(case):
    codec, examples = case.learnt()
    later = codec.read(case.X, case.y)
    if case.y is not None:
        assert_same(codec.encode_targets(later.known), codec.encode_targets(examples.known))
        assert_same(codec.encode(later.inputs), codec.encode(examples.inputs))
    assert codec.read(case.X).targets is None


@pytest.mark.parametrize("case", [*text_cases(), *number_cases()], ids=lambda case: case.name)
def test_a_step_of_an_input_has_a_name(case):
    codec, examples = case.learnt()
    names = codec.step_labels(examples.inputs[0])
    assert len(names) == codec.encode(examples.inputs[:1]).lengths[0]
    assert all(isinstance(name, str) for name in names)


READ_TEXT = [case for case in text_cases() if case.codec is not TaggerCodec]


@pytest.mark.parametrize("case", READ_TEXT, ids=lambda case: case.name)
@settings(max_examples=15)
@given(texts=st.lists(ANY_TEXT, min_size=1, max_size=4))
def test_any_texts_are_encoded_the_same_by_a_codec_that_was_kept(case, texts, learnt):
    codec, again = learnt(case)
    encoded = codec.encode(codec.read(texts).inputs)
    assert_same(again.encode(again.read(texts).inputs), encoded)
    # Each by itself as beside the others.
    alone = [codec.encode(codec.read([text]).inputs).rows[0] for text in texts]
    assert_same(list(encoded.rows), alone)
    least = 0 if case.codec is LanguageCodec else 1
    assert all(len(row) >= least for row in encoded.rows)


SPELLED = [case for case in text_cases() if case.codec is TaggerCodec]


@pytest.mark.parametrize("case", SPELLED, ids=lambda case: case.name)
@settings(max_examples=15)
@given(words=st.lists(st.lists(ANY_TEXT, max_size=4), min_size=1, max_size=3))
def test_any_words_are_encoded_the_same_by_a_codec_that_was_kept(case, words, learnt):
    codec, again = learnt(case)
    encoded = codec.encode(codec.read(words).inputs)
    assert_same(again.encode(again.read(words).inputs), encoded)
    assert encoded.lengths.tolist() == [len(row) for row in words]


@pytest.fixture(scope="module")
def learnt():
    """A codec that has learnt, and the one that was kept of it; each is made once."""
    made = {}

    def get(case):
        if case.name not in made:
            codec, _ = case.learnt()
            made[case.name] = codec, case.again(codec)
        return made[case.name]

    return get


# -- what is refused ----------------------------------------------------------------------------


# A language model reads one text as it is.
IN_LISTS = [case for case in CASES if case.codec is not LanguageCodec]


@pytest.mark.parametrize("case", IN_LISTS, ids=lambda case: case.name)
def test_one_example_alone_is_to_be_put_in_a_list(case):
    for one in ("a text", b"bytes", {"a": 1}):
        with pytest.raises(InputError, match=rf"X is one {type(one).__name__}.* put it in a list"):
            case.codec.begin(case.options, one, case.y)
    codec, _ = case.learnt()
    with pytest.raises(InputError, match="put it in a list"):
        codec.read("a text")


@EACH
def test_zero_examples_are_refused(case):
    codec, _ = case.learnt()
    with pytest.raises(InputError, match="0 samples"):
        codec.read([])
    with pytest.raises(InputError, match="0 samples"):
        case.codec.begin(case.options, [], case.y)


NEEDS_Y = [case for case in CASES if case.y is not None and case.codec is not ClassifierCodec]


@pytest.mark.parametrize(
    "case", [c for c in NEEDS_Y if c.name != "forecaster-steps"], ids=lambda case: case.name
)
def test_targets_that_are_none_are_asked_for(case):
    with pytest.raises(InputError, match="requires y to be passed, but the target y is None"):
        case.codec.begin(case.options, case.X, None)
    codec, _ = case.learnt()
    with pytest.raises(InputError, match="y is None, but targets are needed"):
        _ = codec.read(case.X).known


@pytest.mark.parametrize("case", [c for c in CASES if c.y is not None], ids=lambda case: case.name)
def test_another_number_of_targets_is_refused(case):
    codec, _ = case.learnt()
    for act in (codec.read, lambda X, y: case.codec.begin(case.options, X, y)):
        with pytest.raises(InputError, match="inconsistent numbers of samples"):
            act(case.X, case.y[:-1])


class Sparse:
    """What scipy's matrices are known by."""

    shape = (2, 3)

    def toarray(self):
        raise AssertionError("nobody asked for this")


READS_SEQUENCES = [
    case for case in CASES if case.codec not in (CaptionerCodec, FrameCodec, LanguageCodec)
]


@pytest.mark.parametrize("case", READS_SEQUENCES, ids=lambda case: case.name)
def test_sparse_and_complex_data_are_refused(case):
    codec, _ = case.learnt()
    for act in (codec.read, lambda X: case.codec.begin(case.options, X, case.y)):
        with pytest.raises(InputError, match=r"X is a sparse matrix.*X\.toarray"):
            act(Sparse())
        with pytest.raises(InputError, match=r"Complex data not supported.*X\.real"):
            act(np.ones((2, 3), complex))


@pytest.mark.parametrize("case", READS_SEQUENCES, ids=lambda case: case.name)
def test_another_kind_than_that_of_the_fit_is_refused(case):
    codec, _ = case.learnt()
    other = TEXTS[:2] if codec.kind != "text" else walks(2)
    with pytest.raises(InputError):
        codec.encode(codec.read(other).inputs)


def test_texts_and_series_in_place_of_each_other_are_refused_in_words():
    text = next(case for case in CASES if case.name == "classifier-words").learnt()[0]
    with pytest.raises(InputError, match="the model was fitted on text: give strings or lists of"):
        text.read(walks(2))
    for name in ("classifier-series-none", "tagger-series", "forecaster", "tagger-ids"):
        codec = next(case for case in CASES if case.name == name).learnt()[0]
        with pytest.raises(InputError, match=r"numbers|ids"):
            codec.encode(codec.read([["a", "b"]]).inputs)


# -- held out -----------------------------------------------------------------------------------


@EACH
def test_the_same_seed_holds_out_the_same_share(case):
    codec, examples = case.begun()

    def held_out(seed):
        kept, aside = codec.hold_out(examples, 0.5, np.random.default_rng(seed))
        return [list(map(str, part.inputs)) for part in (kept, aside)]

    assert held_out(3) == held_out(3)
    assert len(held_out(3)[0]) + len(held_out(3)[1]) == len(examples)


@EACH
def test_nothing_is_held_out_of_too_few(case):
    codec, examples = case.begun()
    kept, aside = codec.hold_out(examples, 0.0, np.random.default_rng(0))
    assert aside is None
    assert kept is examples
