from __future__ import annotations

import numpy as np
import pytest
import torch

from rnnkit import Captioner, SequenceClassifier, SequenceTagger, Translator
from rnnkit.bptt import Full, Truncated
from rnnkit.diagnose import gradient_flow, trace, truncation_audit
from rnnkit.errors import InputError
from tests.tasks.inside import batch_of

SMALL = {"hidden_size": 8, "embedding_size": 8, "max_epochs": 2, "random_state": 0}
REVIEWS = ["a good film that was long", "bad", "the film was bad", "good"]
SENTENCES = [["dogs", "bark"], ["birds", "sing", "now"], ["fish"]]
TAGS = [["N", "V"], ["N", "V", "A"], ["N"]]
IMAGES = [np.zeros((8, 8), np.uint8), np.full((8, 8), 255, np.uint8), np.eye(8)]
NAMES = ["a night", "the snow at day", "line"]
ENGLISH, KOREAN = ["one", "three two", "two"], ["하나", "셋 둘", "둘"]

CASES = {
    "classifier": (SequenceClassifier(**SMALL, num_layers=2), REVIEWS, [1, 0, 0, 1]),
    "series": (
        SequenceClassifier(**SMALL),
        [[0.1, 0.5, 0.2], [1.0, 2.0], [3.0, 1.0, 2.0, 5.0]],
        [0, 1, 1],
    ),
    "tagger": (SequenceTagger(**SMALL), SENTENCES, TAGS),
    "phrases": (SequenceTagger(**SMALL, crf=True, affixes=1), SENTENCES, TAGS),
    "translator": (Translator(**SMALL, validation_fraction=0), ENGLISH, KOREAN),
    "by words": (
        Translator(**SMALL, validation_fraction=0, source_level="word", input_feeding=False),
        ENGLISH,
        KOREAN,
    ),
    "captioner": (
        Captioner(**SMALL, validation_fraction=0, image_size=8, encoder_size=8),
        IMAGES,
        NAMES,
    ),
}


@pytest.fixture(scope="module")
def fitted():
    return {name: (m.fit(X * 4, y * 4), X, y) for name, (m, X, y) in CASES.items()}


@pytest.fixture(params=CASES)
def case(request, fitted):
    return fitted[request.param]


def gradient(module, backward):
    module.zero_grad()
    backward()
    return torch.cat(
        [p.grad.to_dense().flatten() for p in module.parameters() if p.grad is not None]
    )


def test_the_loss_is_that_of_training(case):
    model, X, y = case
    subject = model.subject(X, y)
    batch = batch_of(model, X, y)
    expected = gradient(
        model.module_, lambda: model._batch_loss(model.module_, batch).loss.backward()
    )
    found = gradient(model.module_, lambda: subject.backward(None))
    torch.testing.assert_close(found, expected)


def test_a_policy_holds_for_one_look_only(case):
    model, X, y = case
    subject = model.subject(X, y)
    full = gradient(model.module_, lambda: subject.backward(Full()))
    cut = gradient(model.module_, lambda: subject.backward(Truncated(1)))
    assert (full - cut).abs().max() > 1e-6
    assert all(part.bptt == Full() for part in model.module_.modules() if hasattr(part, "bptt"))


def test_losses_of_the_examples_make_up_the_whole(case):
    model, X, y = case
    lengths, losses = model.subject(X, y).each()
    assert len(lengths) == len(losses) == len(X)
    for i, x in enumerate(X):
        length, loss = model.subject([x], y[i : i + 1]).each()
        place = np.flatnonzero(np.isclose(losses, loss[0], atol=1e-5))
        assert any(lengths[place] == length[0])


def test_every_estimator_can_be_looked_into(case):
    model, X, y = case
    flow = gradient_flow(model, (X, y))
    assert all(layer.by_lag is not None for layer in flow.layers)
    assert all(np.nansum(layer.by_lag) > 0 for layer in flow.layers)
    assert "gradient: " in flow.summary()
    audit = truncation_audit(model, (X, y), [(1, 1), (50, 50)])
    assert audit.cosines[0] < audit.cosines[1]
    assert audit.cosines[1] == pytest.approx(1.0, abs=1e-6)
    if isinstance(model, Captioner):  # whose only recurrence is the decoder
        with pytest.raises(InputError, match="no recurrent layer"):
            trace(model, X[0])
    else:
        assert len(trace(model, X[0]).layers) > 0


def test_the_first_layers_states_of_a_trace_are_those_of_the_network():
    model, X, y = CASES["series"]
    model.fit(X * 4, y * 4)
    shown = trace(model, X[2])
    x = torch.tensor(model.vectorizer_.transform([X[2]])[0])[:, None]
    with torch.no_grad():
        output, _ = model.module_.body.encoder.layers[0](x)
    both = np.concatenate([layer.h for layer in shown.layers], axis=1)
    np.testing.assert_allclose(both, output[:, 0].numpy(), atol=1e-6)
    assert shown.labels == ["0", "1", "2", "3"]


def test_steps_are_called_what_they_are(fitted):
    assert trace(fitted["classifier"][0], "a good zebra").labels == ["a", "good", "<oov>"]
    assert trace(fitted["tagger"][0], ["dogs", "sing"]).labels == ["dogs", "sing"]
    assert trace(fitted["translator"][0], "one").labels == ["o", "n", "e"]
    assert trace(fitted["by words"][0], "one two").labels == ["one", "two"]
    captioner = fitted["captioner"][0]
    assert captioner.subject(IMAGES[:1], NAMES[:1]).labels == ["<start>", "a", "night"]


def test_a_decoders_lags_are_counted_from_the_last_token(fitted):
    model, X, y = fitted["translator"]
    flow = gradient_flow(model, (X, y))
    by_lag = flow["decoder.cells.0"].by_lag
    steps = max(len(text) for text in y) + 1  # and the end
    assert len(by_lag) == steps
    assert np.isfinite(by_lag[1:]).all()


def test_a_model_without_memory_is_refused():
    X, y = REVIEWS * 4, [1, 0, 0, 1] * 4
    model = SequenceClassifier(**SMALL, cell="none").fit(X, y)
    with pytest.raises(InputError, match="cell='none' has no memory"):
        gradient_flow(model, (X, y))
    with pytest.raises(InputError, match="no trained recurrent weight"):
        truncation_audit(model, (X, y))
    with pytest.raises(InputError, match="no recurrent layer"):
        trace(model, X[0])


@pytest.mark.parametrize("name", ["classifier", "tagger", "phrases", "translator"])
def test_a_loss_without_targets_is_refused_in_words(fitted, name):
    model, X, _ = fitted[name]
    with pytest.raises(InputError, match="y is None, but a loss needs targets"):
        truncation_audit(model, (X, None))
