"""Networks: embeddings, encoders, attention, decoders, and the whole ones of the tasks."""

import rnnkit.needs_torch  # noqa: F401 - says what to install
from rnnkit.networks.attention import AdditiveAttention, MultiplicativeAttention, build_attention
from rnnkit.networks.building import build
from rnnkit.networks.captioner import CaptionerNetwork
from rnnkit.networks.crf import ConditionalRandomField
from rnnkit.networks.decoders import AttentionDecoder, DecoderState, WindowCell
from rnnkit.networks.dropout import LockedDropout
from rnnkit.networks.embeddings import CharacterEmbedding, TokenEmbedding, WordEmbedding
from rnnkit.networks.encoders import RecurrentEncoder, WindowEncoder, build_encoder
from rnnkit.networks.images import Augment, ConvEncoder, FrameEmbedding, GivenEncoder
from rnnkit.networks.language import LanguageNetwork
from rnnkit.networks.memory import Memory
from rnnkit.networks.models import (
    ClassifierNetwork,
    TaggerNetwork,
    TranslatorNetwork,
    count_parameters,
)
from rnnkit.networks.pooling import FixedWindow, Pooled
from rnnkit.networks.searching import DecoderStep

__all__ = [
    "AdditiveAttention",
    "AttentionDecoder",
    "Augment",
    "CaptionerNetwork",
    "CharacterEmbedding",
    "ClassifierNetwork",
    "ConditionalRandomField",
    "ConvEncoder",
    "DecoderState",
    "DecoderStep",
    "FixedWindow",
    "FrameEmbedding",
    "GivenEncoder",
    "LanguageNetwork",
    "LockedDropout",
    "Memory",
    "MultiplicativeAttention",
    "Pooled",
    "RecurrentEncoder",
    "TaggerNetwork",
    "TokenEmbedding",
    "TranslatorNetwork",
    "WindowCell",
    "WindowEncoder",
    "WordEmbedding",
    "build",
    "build_attention",
    "build_encoder",
    "count_parameters",
]
