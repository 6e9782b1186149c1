from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from torch import nn

import rnnkit
from rnnkit import LanguageModel, SequenceTagger
from rnnkit.diagnose import gradient_flow, trace, truncation_audit
from rnnkit.errors import InputError, OptionError, TrainingError
from rnnkit.learn import Callback
from rnnkit.networks import RecurrentEncoder, TokenEmbedding
from tests.checks import assert_trains
from tests.tasks.inside import encoded, said_of

SMALL = {
    "embedding_size": 12,
    "hidden_size": 16,
    "num_layers": 1,
    "dropout": 0.0,
    "bptt_steps": 8,
    "batch_size": 4,
    "lr": 0.02,
    "random_state": 3,
}
LINES = ["the cat sat down", "a dog ran away", "the dog sat down", "a cat ran away"] * 12
SONG = "가나다라 마바사\n아자차 카타파하\n" * 20


@pytest.fixture(scope="module")
def words():
    return LanguageModel(max_epochs=25, validation_fraction=0, **SMALL).fit(LINES)


@pytest.fixture(scope="module")
def song():
    return LanguageModel(level="char", max_epochs=10, **SMALL).fit(SONG)


def by_hand(model, ids):
    """(T,) log-probabilities by torch's own LSTM, in float64."""
    weights = {name: value.double() for name, value in model.module_.state_dict().items()}
    x = F.embedding(torch.tensor([0, *ids[:-1]]), weights["embedding.tables.0.weight"])
    for layer in range(model.num_layers):
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        lstm = nn.LSTM(x.shape[-1], model.hidden_size).double()
        lstm.load_state_dict(
            {f"{kind}_l0": weights[f"encoder.layers.{layer}.{kind}_l0"] for kind in kinds}
        )
        x, _ = lstm(x)
    if model.tied:
        x = x @ weights["projection.weight"].T
    logits = x @ weights["output.weight"].T + weights["output.bias"]
    return F.log_softmax(logits, dim=-1)[torch.arange(len(ids)), torch.tensor(ids)].detach()


# -- probabilities ------------------------------------------------------------------------------


@pytest.mark.parametrize("tied", [True, False])
def test_log_prob_is_what_torchs_lstm_and_log_softmax_give(tied):
    options = {**SMALL, "num_layers": 2, "dropout": 0.2, "tied": tied}
    model = LanguageModel(max_epochs=1, **options).fit(LINES)
    texts = ["the cat ran", "unseen", "", "a dog sat down the cat"]
    expected = [by_hand(model, row.tolist()).sum() for row in model.vectorizer_.transform(texts)]
    np.testing.assert_allclose(model.log_prob(texts), expected, rtol=1e-5)
    joined = np.concatenate(model.vectorizer_.transform(texts)).tolist()
    assert model.score(texts) == pytest.approx(float(by_hand(model, joined).mean()), rel=1e-5)


@pytest.mark.parametrize("cell", ["lstm", "gru", "none"])
def test_evaluating_in_windows_of_5_equals_windows_of_50(cell, monkeypatch):
    model = LanguageModel(cell=cell, max_epochs=1, **SMALL).fit(LINES)
    texts = ["the cat sat down a dog ran away " * n for n in (4, 1, 3)]
    found = []
    for rows in (5, 50):
        monkeypatch.setattr("rnnkit.tasks.language_model.EVALUATED_ROWS", rows)
        found.append([model.score(texts), *model.log_prob(texts)])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6)


def test_training_in_windows_carries_the_state_and_cuts_the_gradient(words):
    data = encoded(words, LINES, pairs=False)
    batches = list_states(words, words._batches(data, 0, 1))
    assert batches[0][1] is None
    assert all(
        before is after for (_, before), (after, _) in zip(batches[1:], batches, strict=False)
    )
    assert not any(t.requires_grad for state, _ in batches for part in state for t in part)


def test_of_all_windows_states_only_the_last_two_are_held(words):
    data = encoded(words, LINES, pairs=False)
    for window in words._batches(data, 0, 1):
        said_of(words, window)
        assert set(window.carry.states) == {window.begin, window.end}


def list_states(model, windows):
    """(state after, state before) of each window."""
    states = []
    for window in windows:
        said_of(model, window)
        states.append((window.carry.states[window.end], window.carry.states[window.begin]))
    return states


def test_perplexity_of_a_uniform_model_is_the_size_of_its_vocabulary(words):
    uniform = copy.deepcopy(words)
    for parameter in uniform.module_.parameters():
        parameter.data.zero_()
    assert uniform.perplexity(LINES) == pytest.approx(uniform.vectorizer_.size, rel=1e-6)


def test_perplexity_is_the_exponential_of_the_mean_log_probability(words):
    text = ["a cat ran away"]
    assert words.perplexity(text) == pytest.approx(np.exp(-words.log_prob(text)[0] / 5))
    assert words.perplexity("a cat ran away") == pytest.approx(words.perplexity(text))


def test_a_text_is_as_probable_alone_as_beside_others(words):
    texts = ["the cat sat down", "a", "", "dog dog dog dog dog dog"]
    alone = [words.log_prob([text])[0] for text in texts]
    np.testing.assert_allclose(words.log_prob(texts), alone, rtol=0, atol=1e-5)


def test_tokens_and_strings_are_one(words):
    assert words.score(["a cat ran"]) == words.score([["a", "cat", "ran"]])
    assert words.score(iter(["a cat ran"])) == words.score(["a cat ran"])


# -- learning -----------------------------------------------------------------------------------


def test_words_of_a_toy_language_are_learnt(words):
    assert words.perplexity(LINES) < 1.4  # four lines in any order: 2 bits in 5 tokens, 1.32
    good, bad = words.log_prob(["the dog sat down", "down sat dog the"])
    assert good > bad + 5


def test_characters_and_their_line_breaks_are_learnt_in_korean(song):
    assert song.perplexity(SONG) < 1.2
    assert song.vectorizer_.end_mark == "none"
    assert song.generate("가나", max_length=11, temperature=0) == "다라 마바사\n아자차 "


def test_jamo_are_written_as_syllables():
    model = LanguageModel(level="jamo", max_epochs=10, **SMALL).fit("한국말 " * 80)
    pieces = list(model.stream("한", max_length=9, temperature=0))
    assert pieces == ["국", "말", " ", "하"]  # nine jamo: the last syllable is cut short


def test_a_text_of_lines_is_held_out_from_its_end(song):
    assert len(song.history_.epochs) == 10
    record = song.history_.epochs[-1]
    assert record["valid_perplexity"] == pytest.approx(np.exp(record["valid_loss"]))
    best = song.history_.best
    assert song.score(SONG[: -len(SONG) // 10]) > -np.inf
    assert best["valid_loss"] < song.history_.epochs[0]["valid_loss"]


def test_the_watched_loss_is_the_score_of_the_validation_text():
    model = LanguageModel(max_epochs=2, **SMALL).fit(LINES, validation=LINES[:5])
    assert model.history_.best["valid_loss"] == pytest.approx(-model.score(LINES[:5]), rel=1e-6)


def test_patience_ends_training_early():
    model = LanguageModel(max_epochs=30, patience=1, schedule="constant", **{**SMALL, "lr": 0.5})
    assert model.fit(LINES).history_.stopped == "patience"


def test_every_cell_trains_with_every_kind_of_dropout():
    lines = [*LINES, "one rare bird sang"]
    for cell in ("rnn", "rnn-relu", "gru", "lstm", "none"):
        options = {**SMALL, "num_layers": 2, "dropout": 0.2, "cell": cell}
        model = LanguageModel(recurrent_dropout=0.2, rare_dropout=0.2, max_epochs=2, **options)
        assert_trains(model, lines, validation=lines)
        assert len(model.vectorizer_.rare()) == 4


def test_one_seed_gives_one_model_and_leaves_the_global_random_state_alone(words):
    before_torch, before_numpy = torch.get_rng_state(), np.random.get_state()[1].copy()
    again = clone(words).fit(LINES)
    again.generate(random_state=1)
    assert torch.equal(torch.get_rng_state(), before_torch)
    assert (np.random.get_state()[1] == before_numpy).all()
    assert again.score(LINES) == pytest.approx(words.score(LINES), abs=1e-6)


def test_clone_keeps_the_parameters_and_nothing_learnt(words):
    copied = clone(words)
    assert copied.get_params() == words.get_params()
    for use in (copied.score, copied.log_prob, copied.perplexity, copied.stream):
        with pytest.raises(NotFittedError):
            use("the cat")


def test_partial_fit_learns_and_goes_on_after_fit(words):
    fresh = clone(words).set_params(schedule="constant")
    first = fresh.partial_fit(LINES).score(LINES)
    for _ in range(8):
        fresh.partial_fit(LINES)
    assert fresh.score(LINES) > first + 0.5
    more = copy.deepcopy(words).partial_fit(LINES)
    assert more.score(LINES) != words.score(LINES)


def test_an_error_keeps_the_best_epoch():
    class Break(Callback):
        def on_epoch_begin(self, trainer, epoch, num_steps):
            if epoch == 2:
                next(trainer.module.parameters()).data.fill_(float("nan"))

    model = LanguageModel(max_epochs=3, **SMALL)
    with pytest.raises(TrainingError, match="epoch 2, step 1") as raised:
        model.fit(LINES, callbacks=[Break()])
    best = raised.value.fitted
    assert (best.history_.stopped, best.history_.best_epoch) == ("not finite", 1)
    assert np.isfinite(best.score(LINES))
    assert not hasattr(model, "history_")


def test_a_short_text_has_several_windows_in_each_stream():
    model = LanguageModel(max_epochs=1, **{**SMALL, "batch_size": 64})
    model.fit("a b c d " * 40, validation="a b")
    assert model.history_.epochs[0]["steps"] >= 4


# -- writing ------------------------------------------------------------------------------------


def test_a_seed_makes_what_is_written_repeatable(song):
    options = {"max_length": 40, "temperature": 2.0}
    one, again, other = (song.generate(random_state=seed, **options) for seed in (1, 1, 2))
    assert one == again
    assert one != other


def test_a_temperature_near_0_is_greedy(song):
    greedy = song.generate("아자", max_length=30, temperature=0)
    assert song.generate("아자", max_length=30, temperature=1e-6, random_state=0) == greedy
    assert song.generate("아자", max_length=30, top_k=1, random_state=5) == greedy
    assert song.generate("아자", max_length=30, top_p=1e-9, random_state=5) == greedy


def test_greedy_takes_the_most_probable_continuation(song):
    written = song.generate("가나다", max_length=1, temperature=0)
    tried = {token: song.log_prob(["가나다" + token])[0] for token in song.vectorizer_.tokens[2:]}
    assert written == max(tried, key=tried.__getitem__)


@pytest.mark.parametrize("prompt", ["", "the", "the ", ["the", "cat"]])
def test_the_pieces_of_a_stream_are_what_generate_gives(words, prompt):
    options = {"max_length": 9, "random_state": 4}
    pieces = words.stream(prompt, **options)
    first = next(pieces)
    assert first + "".join(pieces) == words.generate(prompt, **options)
    assert first.startswith(" ") == (prompt in ("the", ["the", "cat"]))


def test_training_can_go_on_between_two_pieces(words):
    for _ in words.stream(max_length=2, random_state=0):
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()


def test_unknown_tokens_are_never_written():
    model = LanguageModel(min_count=2, max_epochs=2, **SMALL)
    model.fit([f"a word{n} b" for n in range(60)])
    assert model.vectorizer_.tokens == ["<eos>", "<unk>", "a", "b"]
    written = model.generate(max_length=200, temperature=3.0, random_state=0)
    assert "<unk>" not in written
    assert np.isfinite(model.score(["never seen"]))


def test_a_document_ends_and_lines_go_on(words):
    assert words.vectorizer_.end_mark == "document"
    assert words.generate("the cat", max_length=50, temperature=0) == " sat down"
    lines = clone(words).fit("\n".join(LINES))
    assert lines.vectorizer_.end_mark == "line"
    written = lines.generate("the cat", max_length=50, temperature=0)
    assert written.startswith(" sat down\n")
    assert written.count("\n") >= 5


def test_log_probs_of_a_search_are_the_models_own(words):
    ids = words.vectorizer_.transform(["the cat"])[0][:-1].tolist()
    state, total = None, 0.0
    for last, token in zip([0, *ids], [*ids, 0], strict=True):
        log_probs, state = words.module_.step(np.array([last]), state)
        total += float(log_probs[0, token])
    assert total == pytest.approx(words.log_prob(["the cat"])[0], abs=1e-4)


# -- files and other uses -----------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"cell": "none", "window": 3}, {"tied": False}])
def test_a_saved_model_says_the_same(options, tmp_path):
    model = LanguageModel(max_epochs=1, **SMALL).set_params(**options).fit(LINES)
    model.save(tmp_path / "model.rnn")
    loaded = rnnkit.load(tmp_path / "model.rnn")
    assert type(loaded) is LanguageModel
    assert loaded.get_params() == model.get_params()
    assert loaded.history_.to_dict() == model.history_.to_dict()
    assert loaded.log_prob(LINES[:4]).tolist() == model.log_prob(LINES[:4]).tolist()
    assert loaded.generate(random_state=1) == model.generate(random_state=1)
    loaded.partial_fit(LINES)


def test_pickle_and_deepcopy_say_the_same(words):
    for other in (pickle.loads(pickle.dumps(words)), copy.deepcopy(words)):
        assert other.log_prob(LINES[:4]).tolist() == words.log_prob(LINES[:4]).tolist()


def test_its_parts_are_those_of_the_other_networks(words):
    assert type(words.module_.embedding) is TokenEmbedding
    assert type(words.module_.encoder) is RecurrentEncoder
    tagger = SequenceTagger(
        embedding_size=12,
        hidden_size=16,
        num_layers=1,
        bidirectional=False,
        character_size=0,
        max_epochs=1,
        validation_fraction=0,
    ).fit([["the", "cat"], ["a", "dog"]], [["D", "N"]] * 2)
    tagger.module_.encoder.load_state_dict(words.module_.encoder.state_dict())


def test_gradients_and_states_can_be_looked_at(words):
    subject = words.subject(["the cat sat down"])
    assert subject.labels == ["<eos>", "the", "cat", "sat", "down"]
    flow = gradient_flow(words, (["the cat sat down"] * 2, None))
    assert np.nansum(flow.layers[0].by_lag) > 0
    audit = truncation_audit(words, (["the cat sat down"] * 2, None), [(1, 1), (50, 50)])
    assert audit.cosines[1] == pytest.approx(1.0, abs=1e-6)
    assert len(trace(words, "the cat sat down").layers) > 0


# -- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cell": "lstn"}, "Did you mean 'lstm'"),
        ({"level": "syllable"}, "level='syllable'"),
        ({"end_mark": "lines"}, "Did you mean 'line'"),
        ({"bptt_steps": 0}, "bptt_steps=0"),
        ({"window": 0}, "window=0"),
        ({"min_count": 0}, "min_count=0"),
        ({"num_words": 1}, "num_words=1"),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"monitor": "accuracy"}, "Known: 'loss', 'perplexity'"),
        ({"hidden_size": 0}, "hidden_size=0"),
        ({"patience": 2, "validation_fraction": 0}, "there are none"),
    ],
)
def test_bad_options_are_refused(options, words):
    with pytest.raises(OptionError, match=words):
        LanguageModel(**{**SMALL, **options}).fit(LINES)


@pytest.mark.parametrize(
    ("X", "words"),
    [
        ("", "no token"),
        ([], "0 sequences"),
        (["", " "], "no token"),
        ([1.0, 2.0], "not numbers"),
        (5, "a list of sequences is expected"),
        (["a", None], r"X\[1\] is None"),
        ([["a", 3]], r"X\[0\]"),
    ],
)
def test_bad_texts_are_refused_in_the_users_terms(X, words):
    with pytest.raises(InputError, match=words):
        LanguageModel(**SMALL).fit(X)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"temperature": -1.0}, "temperature=-1.0"),
        ({"top_k": 0}, "top_k=0"),
        ({"top_p": 1.5}, "top_p=1.5"),
        ({"max_length": 0}, "max_length=0"),
        ({"max_length": 2.5}, "max_length=2.5, but a whole number above 0 is expected"),
    ],
)
def test_bad_ways_of_writing_are_refused_at_once(words, options, song):
    with pytest.raises(OptionError, match=words):
        song.stream("가", **options)


def test_a_prompt_is_one_text(words):
    for prompt in (5, None, [1, 2], ["a", None]):
        with pytest.raises(InputError, match="prompt"):
            words.generate(prompt)
    with pytest.raises(InputError, match="X is empty"):
        _none(words).score("")


def _none(model):
    """A model that marks no end."""
    other = copy.deepcopy(model)
    other.vectorizer_.end_mark = "none"
    return other
