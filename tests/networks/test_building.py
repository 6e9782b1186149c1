"""Plans to modules: of the sizes that the plans promise, whatever the options are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import pytest
import torch
from torch import nn

from rnnkit import plans, randomness
from rnnkit.errors import OptionError
from rnnkit.networks import build
from rnnkit.networks.building import _image_encoder, _words, encoder_of
from rnnkit.networks.images import ConvEncoder
from rnnkit.networks.pooling import POOLINGS
from rnnkit.packed import Packed
from rnnkit.plans import Plan, plan_from_json
from rnnkit.recurrence import cell_choices

LENGTHS = (3, 1, 4)
CELLS = tuple(cell_choices())

TOKENS = plans.Tokens((11,), 5)
ENCODER = plans.Encoder("gru", 5, 4)
WORDS = plans.Words(TOKENS, plans.Characters(7, 3, 2, "lstm"))
CONV = plans.ConvolutionalEncoder(3, 8, 6)
GIVEN = plans.GivenEncoder(3, 8, 2, (3, 3))
OWN = nn.Sequential(nn.Conv2d(3, 2, 2, stride=2), nn.MaxPool2d(2, stride=1))
FRAMES = plans.Frames(CONV, 5, (0.5,), (0.25,))
DECODER = plans.Decoder(9, 5, 4, memory_size=8, summary_size=8)

CLASSIFIER = plans.ClassifierPlan(TOKENS, plans.Pooling(ENCODER, "last"), 3)
TAGGER = plans.TaggerPlan(TOKENS, ENCODER, 3)
LANGUAGE = plans.LanguagePlan(TOKENS, replace(ENCODER, bidirectional=False))
TRANSLATOR = plans.TranslatorPlan(TOKENS, ENCODER, DECODER)
CAPTIONER = plans.CaptionerPlan(CONV, replace(DECODER, memory_size=6, summary_size=6))
WHOLE = (CLASSIFIER, TAGGER, LANGUAGE, TRANSLATOR, CAPTIONER)


def ids(columns=1, size=7):
    return Packed.from_sequences([torch.randint(size, (n, columns)) for n in LENGTHS])


def rows(features):
    return Packed.from_sequences([torch.randn(n, features) for n in LENGTHS])


def encoders():
    """An encoder of each cell, and then one with each option at another value than its default."""
    for cell in CELLS:
        other = {"num_layers": 2, "bidirectional": False, "dropout": 0.5, "window": 2}
        if cell != "none":
            other["recurrent_dropout"] = 0.5
        yield replace(ENCODER, cell=cell)
        yield from (replace(ENCODER, cell=cell, **{name: value}) for name, value in other.items())


@pytest.mark.parametrize("plan", list(encoders()), ids=str)
def test_an_encoder_has_the_output_size_that_its_plan_says(plan):
    encoder = encoder_of(plan)
    assert encoder.output_size == plan.output_size
    assert encoder(rows(5)).data.shape == (sum(LENGTHS), plan.output_size)
    assert len(encoder.layers) == plan.num_layers


@pytest.mark.parametrize(("cell", "pooling"), list(product(CELLS, POOLINGS)))
def test_a_pooled_encoder_has_the_output_size_that_its_plan_says(cell, pooling):
    plan = plans.Pooling(replace(ENCODER, cell=cell), pooling)
    network = build(plans.ClassifierPlan(None, plan, 3))
    assert network.body(rows(5)).shape == (len(LENGTHS), plan.output_size)
    assert network(rows(5)).shape == (len(LENGTHS), 3)


@pytest.mark.parametrize("cell", CELLS)
def test_words_have_the_sizes_that_their_plans_say(cell):
    plan = replace(WORDS, characters=replace(WORDS.characters, cell=cell, dropout=0.1))
    embedding = _words(plan)
    assert embedding.characters(ids()).shape == (len(LENGTHS), plan.characters.output_size)
    vectors = embedding(torch.zeros(4, 1, dtype=torch.int64), ids(), torch.tensor([0, 2, 1, 1]))
    assert vectors.shape == (4, plan.output_size)


@pytest.mark.parametrize("side", [*range(1, 20), 28, 32, 56, 57, 64, 100, 224])
def test_an_image_encoder_has_the_places_that_its_plan_says(side):
    plan = plans.ConvolutionalEncoder(1, side, 8)
    encoder = _image_encoder(plan, None)
    features = encoder(torch.zeros(2, 1, side, side))
    blocks, grid = plans.conv_grid(side)
    assert features.shape == (2, plan.output_size, *grid)
    assert grid == encoder.grid
    assert len(encoder.blocks) == blocks
    assert plans.num_places(plan) == features[0, 0].numel()


def test_the_module_of_a_given_encoder_is_built_in_as_a_copy():
    encoder = _image_encoder(GIVEN, OWN)
    assert encoder(torch.zeros(2, 3, 8, 8)).shape == (2, 2, 3, 3)
    assert plans.num_places(GIVEN) == 9
    assert encoder.module is not OWN
    assert torch.equal(encoder.module[0].weight, OWN[0].weight)


BODY, FIXED = CLASSIFIER.body, plans.FixedWindow(5, 4, 3)
CLASSIFIERS = (
    CLASSIFIER,
    replace(CLASSIFIER, embedding=replace(TOKENS, sizes=(11, 8), rare_dropout=0.5)),
    replace(CLASSIFIER, embedding=None),
    replace(CLASSIFIER, body=FIXED),
    replace(CLASSIFIER, body=replace(FIXED, dropout=0.5, steps=9)),
    replace(CLASSIFIER, outputs=1),
    replace(CLASSIFIER, dropout=0.5),
)


@pytest.mark.parametrize("plan", CLASSIFIERS, ids=str)
def test_a_classifier_gives_a_number_for_each_output(plan):
    x = rows(5) if plan.embedding is None else ids(len(plan.embedding.sizes))
    assert build(plan)(x).shape == (len(LENGTHS), plan.outputs)


TAGGERS = (
    TAGGER,
    replace(TAGGER, embedding=None),
    replace(TAGGER, embedding=FRAMES),
    replace(TAGGER, embedding=replace(FRAMES, augmentation=plans.Augmentation(1, True))),
    replace(TAGGER, embedding=replace(FRAMES, encoder=GIVEN)),
    replace(TAGGER, encoder=replace(ENCODER, cell="none", window=1)),
    replace(TAGGER, outputs=2),
    replace(TAGGER, crf=True),
)


@pytest.mark.parametrize("plan", TAGGERS, ids=str)
def test_a_tagger_gives_the_logits_of_each_step(plan):
    network = build(plan, OWN)
    x = rows(5) if plan.embedding is None else ids()
    if isinstance(plan.embedding, plans.Frames):
        x = Packed.from_sequences([torch.rand(n, 3, 8, 8) for n in LENGTHS])
    assert network(x).shape == (sum(LENGTHS), plan.outputs)
    assert (network.crf is not None) is plan.crf


def test_a_tagger_of_words_reads_their_characters():
    plan = replace(TAGGER, embedding=WORDS, encoder=replace(ENCODER, input_size=9))
    assert plan.embedding.output_size == plan.encoder.input_size
    said = build(plan)(ids(), ids(), torch.zeros(sum(LENGTHS), dtype=torch.int64))
    assert said.shape == (sum(LENGTHS), 3)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("tied", [True, False])
def test_a_language_network_says_one_of_its_tokens(cell, tied):
    plan = replace(LANGUAGE, encoder=replace(LANGUAGE.encoder, cell=cell, window=2), tied=tied)
    network = build(plan)
    assert network(ids())[0].shape[-1] == TOKENS.sizes[0]
    assert (network.output.weight is network.embedding.tables[0].weight) is tied


OTHER_DECODERS = (
    {"vocabulary_size": 12},
    {"embedding_size": 4},
    {"hidden_size": 6},
    {"cell": "gru"},
    {"cell": "rnn"},
    {"cell": "none"},
    {"cell": "none", "window": 2},
    {"num_layers": 2},
    {"attention": "multiplicative"},
    {"input_feeding": False},
    {"tied": False},
    {"dropout": 0.5},
    {"scheduled_sampling": 0.5},
)


@pytest.mark.parametrize("options", OTHER_DECODERS, ids=str)
@pytest.mark.parametrize("whole", [TRANSLATOR, CAPTIONER], ids=["translator", "captioner"])
def test_a_decoder_gives_the_logits_of_its_vocabulary(whole, options):
    decoder = replace(whole.decoder, **options)
    network = build(replace(whole, decoder=decoder)).eval()
    source = ids() if whole is TRANSLATOR else torch.rand(3, 3, 8, 8)
    memory, state = network.encode(source)
    logits, _ = network.decoder.step(torch.tensor([0, 1, 2]), memory, state)
    assert logits.shape == (3, decoder.vocabulary_size)


def test_a_translator_reads_words_by_their_characters_too():
    plan = replace(TRANSLATOR, embedding=WORDS, encoder=replace(ENCODER, input_size=9))
    memory, _ = build(plan).encode(ids(), ids(), torch.zeros(sum(LENGTHS), dtype=torch.int64))
    assert memory.values.shape == (3, max(LENGTHS), DECODER.memory_size)


CAPTIONERS = (
    CAPTIONER,
    replace(CAPTIONER, encoder=None),
    replace(CAPTIONER, augmentation=plans.Augmentation(1, False)),
    replace(CAPTIONER, dropout=0.5),
    replace(CAPTIONER, summary="places", decoder=replace(CAPTIONER.decoder, summary_size=16 * 6)),
    replace(
        CAPTIONER, encoder=GIVEN, decoder=replace(CAPTIONER.decoder, memory_size=2, summary_size=2)
    ),
)


@pytest.mark.parametrize("plan", CAPTIONERS, ids=str)
def test_a_captioner_remembers_as_many_places_as_its_plan_says(plan):
    images = torch.rand(2, 3, 8, 8)
    if plan.encoder is None:
        images = Packed.from_sequences([torch.rand(4, 6), torch.rand(2, 6)])
    places = 4 if plan.encoder is None else plans.num_places(plan.encoder)
    memory, _ = build(plan, OWN).encode(images)
    assert memory.values.shape == (2, places, plan.decoder.memory_size)


# -- all of them --------------------------------------------------------------------------------


@pytest.mark.parametrize("plan", WHOLE, ids=lambda plan: type(plan).__name__)
def test_the_same_generator_gives_the_same_weights(plan):
    def built(seed):
        with randomness.using(torch.Generator().manual_seed(seed)):
            return dict(build(plan).named_parameters())

    before = torch.get_rng_state()
    first, again, other = built(3), built(3), built(4)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    drawn = [name for name in first if "bias" not in name and first[name].std() > 0]
    assert drawn
    assert not any(torch.equal(first[name], other[name]) for name in drawn)


@pytest.mark.parametrize("plan", [*TAGGERS[4:5], *CAPTIONERS[-1:]], ids=["frames", "captioner"])
def test_a_given_encoder_that_nobody_gives_is_asked_for(plan):
    with pytest.raises(OptionError, match="image encoder of your own: give the same module"):
        build(plan)


def test_a_given_encoder_of_another_size_is_refused():
    with pytest.raises(OptionError, match=r"gives \(4, 2, 2\) .* planned for \(2, 3, 3\)"):
        _image_encoder(GIVEN, ConvEncoder(3, 8, 4).blocks.append(nn.AvgPool2d(2)))


@dataclass(frozen=True)
class Line(Plan):
    inputs: int


@dataclass(frozen=True)
class Longer(Line):
    outputs: int = 2


def test_a_plan_that_nobody_registered_is_refused_in_words():
    with pytest.raises(OptionError, match=r"no network is known for a Line: see build\.register"):
        build(Line(3))


def test_a_plan_of_ones_own_is_registered_and_built():
    @build.register
    def _(plan: Longer, given: nn.Module | None = None) -> nn.Linear:
        assert given is None
        return nn.Linear(plan.inputs, plan.outputs)

    assert build(plan_from_json(Longer(3).to_json())).weight.shape == (2, 3)


@pytest.mark.parametrize("cell", ["", "lstn", "LSTM"])
def test_a_cell_that_nobody_knows_is_refused(cell):
    with pytest.raises(OptionError, match="Known: "):
        encoder_of(replace(ENCODER, cell=cell))
