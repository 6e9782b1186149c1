"""Plans to modules. `build` knows every whole network; a new kind of plan registers with it."""

from __future__ import annotations

import copy
from functools import singledispatch

from torch import nn

from rnnkit import plans
from rnnkit.errors import OptionError
from rnnkit.networks.captioner import CaptionerNetwork
from rnnkit.networks.crf import ConditionalRandomField
from rnnkit.networks.decoders import AttentionDecoder
from rnnkit.networks.embeddings import CharacterEmbedding, TokenEmbedding, WordEmbedding
from rnnkit.networks.encoders import RecurrentEncoder, WindowEncoder, build_encoder
from rnnkit.networks.images import Augment, ConvEncoder, FrameEmbedding, GivenEncoder
from rnnkit.networks.language import LanguageNetwork
from rnnkit.networks.models import ClassifierNetwork, TaggerNetwork, TranslatorNetwork
from rnnkit.networks.pooling import FixedWindow, Pooled

__all__ = ["build", "encoder_of"]


@singledispatch
def build(plan: plans.Plan, given: nn.Module | None = None) -> nn.Module:
    """The network that a plan describes, with initial values.

    given: the module of the user's own that a `GivenEncoder` stands for; a copy is built in.
    A plan of your own is made known by `@build.register`, with its class as the first argument's
    annotation. Raises OptionError for a plan that nobody registered.

    >>> from rnnkit.plans import ClassifierPlan, Encoder, Pooling
    >>> plan = ClassifierPlan(None, Pooling(Encoder("gru", 3, 8), "mean-max"), outputs=2)
    >>> build(plan).head
    Linear(in_features=32, out_features=2, bias=True)
    """
    raise OptionError(f"no network is known for a {type(plan).__name__}: see build.register.")


@build.register
def _(plan: plans.ClassifierPlan, given: nn.Module | None = None) -> ClassifierNetwork:
    embedding = None if plan.embedding is None else _tokens(plan.embedding)
    return ClassifierNetwork(embedding, _body(plan.body), plan.outputs, dropout=plan.dropout)


@build.register
def _(plan: plans.TaggerPlan, given: nn.Module | None = None) -> TaggerNetwork:
    embedding, encoder = _embedding(plan.embedding, given), encoder_of(plan.encoder)
    crf = ConditionalRandomField(plan.outputs) if plan.crf else None
    return TaggerNetwork(embedding, encoder, plan.outputs, crf=crf)


@build.register
def _(plan: plans.LanguagePlan, given: nn.Module | None = None) -> LanguageNetwork:
    return LanguageNetwork(_tokens(plan.embedding), encoder_of(plan.encoder), tied=plan.tied)


@build.register
def _(plan: plans.TranslatorPlan, given: nn.Module | None = None) -> TranslatorNetwork:
    words = plan.embedding
    embedding = _words(words) if isinstance(words, plans.Words) else _tokens(words)
    return TranslatorNetwork(embedding, encoder_of(plan.encoder), _decoder(plan.decoder))


@build.register
def _(plan: plans.CaptionerPlan, given: nn.Module | None = None) -> CaptionerNetwork:
    return CaptionerNetwork(
        None if plan.encoder is None else _image_encoder(plan.encoder, given),
        _decoder(plan.decoder),
        augment=_augment(plan.augmentation),
        dropout=plan.dropout,
        summary=plan.summary,
    )


# -- parts --------------------------------------------------------------------------------------


def encoder_of(plan: plans.Encoder) -> RecurrentEncoder | WindowEncoder:
    """The encoder that a plan describes."""
    return build_encoder(
        plan.cell,
        plan.input_size,
        plan.hidden_size,
        num_layers=plan.num_layers,
        bidirectional=plan.bidirectional,
        dropout=plan.dropout,
        recurrent_dropout=plan.recurrent_dropout,
        window=plan.window,
    )


def _tokens(plan: plans.Tokens) -> TokenEmbedding:
    return TokenEmbedding(plan.sizes, plan.output_size, rare_dropout=plan.rare_dropout)


def _words(plan: plans.Words) -> WordEmbedding:
    words, spelled = _tokens(plan.words), plan.characters
    characters = CharacterEmbedding(
        spelled.num_characters,
        spelled.character_size,
        spelled.hidden_size,
        cell=spelled.cell,
        dropout=spelled.dropout,
    )
    return WordEmbedding(words, characters)


def _embedding(
    plan: plans.Words | plans.Tokens | plans.Frames | None, given: nn.Module | None
) -> WordEmbedding | TokenEmbedding | FrameEmbedding | None:
    if plan is None:
        return None
    if isinstance(plan, plans.Tokens):
        return _tokens(plan)
    return _words(plan) if isinstance(plan, plans.Words) else _frames(plan, given)


def _frames(plan: plans.Frames, given: nn.Module | None) -> FrameEmbedding:
    return FrameEmbedding(
        _image_encoder(plan.encoder, given),
        plan.output_size,
        mean=plan.mean,
        deviation=plan.deviation,
        augment=_augment(plan.augmentation),
    )


def _image_encoder(
    plan: plans.ConvolutionalEncoder | plans.GivenEncoder, given: nn.Module | None
) -> ConvEncoder | GivenEncoder:
    if isinstance(plan, plans.ConvolutionalEncoder):
        return ConvEncoder(plan.channels, plan.image_size, plan.output_size)
    if given is None:
        raise OptionError("the plan has an image encoder of your own: give the same module.")
    encoder = GivenEncoder(copy.deepcopy(given), plan.channels, plan.image_size)
    if (found := (encoder.output_size, *encoder.grid)) != (plan.output_size, *plan.grid):
        raise OptionError(
            f"the encoder gives {found} for an image, but the network was planned for "
            f"{(plan.output_size, *plan.grid)}: give the same module."
        )
    return encoder


def _augment(plan: plans.Augmentation | None) -> Augment | None:
    return None if plan is None else Augment(shift=plan.shift, flip=plan.flip)


def _body(plan: plans.Pooling | plans.FixedWindow) -> Pooled | FixedWindow:
    if isinstance(plan, plans.Pooling):
        return Pooled(encoder_of(plan.encoder), plan.pooling)
    return FixedWindow(plan.input_size, plan.output_size, steps=plan.steps, dropout=plan.dropout)


def _decoder(plan: plans.Decoder) -> AttentionDecoder:
    return AttentionDecoder(
        plan.vocabulary_size,
        plan.embedding_size,
        plan.hidden_size,
        plan.memory_size,
        cell=plan.cell,
        num_layers=plan.num_layers,
        attention=plan.attention,
        input_feeding=plan.input_feeding,
        tied=plan.tied,
        dropout=plan.dropout,
        window=plan.window,
        scheduled_sampling=plan.scheduled_sampling,
        summary_size=plan.summary_size,
    )
