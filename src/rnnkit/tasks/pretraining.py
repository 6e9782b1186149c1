"""A network that begins with what a language model has learnt from texts without labels.

Source: Dai & Le 2015, "Semi-supervised Sequence Learning", section 2.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import torch
from torch import nn

from rnnkit import archive
from rnnkit.codecs import Examples, SequenceCodec
from rnnkit.errors import OptionError
from rnnkit.networks import RecurrentEncoder
from rnnkit.options import SequenceOptions
from rnnkit.reserved import FIRST, UNKNOWN
from rnnkit.tasks.language_model import LanguageModel
from rnnkit.tensors import from_arrays
from rnnkit.vectorize import TextVectorizer

__all__ = ["Pretraining"]

M = TypeVar("M", bound=nn.Module)

# All at which `str.split`, and with it a language model of words, ends a word: the last one is the
# ideographic space.
WHITE_SPACE = "".join(char for char in map(chr, range(0x3001)) if char.isspace())

ALIKE = ("level", "cell", "embedding_size", "hidden_size")


class Pretraining:
    """A language model with which a network of texts can begin.

    model: whose words, vectors and recurrent layers are taken over.
    """

    def __init__(self, model: LanguageModel) -> None:
        self.model = model

    @classmethod
    def read(cls, path: str | Path, options: SequenceOptions, kind: str, two_ways: bool) -> Self:
        """From the file of a language model.

        options: of the estimator that begins. kind: of its inputs. two_ways: whether it reads from
        both ends.
        Raises OptionError where the two are not alike, ArchiveError if this is no model's file.
        """
        header, arrays = archive.read(path)
        if header.get("estimator") != LanguageModel.__name__:
            raise OptionError(
                f"language_model={str(path)!r} is the file of a {header.get('estimator')}, but "
                f"that of a LanguageModel is expected."
            )
        model = LanguageModel.from_archive(header, from_arrays(arrays))
        _check_alike(path, model, options, kind, two_ways)
        return cls(model)

    def teach(
        self,
        codec: SequenceCodec[Any],
        options: SequenceOptions,
        examples: Examples[str | Sequence[str], Any],
    ) -> None:
        """Give a codec the language model's vocabulary, and its way of reading texts.

        The two must agree on where a word ends and how it is spelled: what the language model knows
        as "Good," is no token of a vectorizer that filters and lowers.
        """
        theirs, vectorizer = self.model.vectorizer_, _words_of(codec)
        tokenizer = vectorizer.tokenizer
        tokenizer.lower, tokenizer.normalize = theirs.lower, theirs.normalize
        tokenizer.filters = WHITE_SPACE
        rare = [theirs.tokens[index] for index in theirs.rare()]
        vectorizer.learn(theirs.tokens[len(theirs.MARKS) :], rare)
        codec.learn_beside(options, examples)

    def begin(self, network: nn.Module, codec: SequenceCodec[Any]) -> None:
        """Give a network the language model's vectors and recurrent layers.

        They become its first layers, and their forward direction where it reads from both ends. The
        vectors of hashed n-grams and words, which the language model has not read, begin at zero:
        the sum of a step's vectors is at first what the layers know. What else there is keeps its
        values.

        network: with a `TokenEmbedding` for the codec's ids, and a `RecurrentEncoder`.
        """
        their_words, vectorizer = self.model.vectorizer_, _words_of(codec)
        theirs = {token: index for index, token in enumerate(their_words.tokens)}
        known = range(FIRST, vectorizer.sizes[0])
        ours = {UNKNOWN: UNKNOWN}
        ours |= {i: theirs[token] for i, token in zip(known, vectorizer.tokens(known), strict=True)}
        table, *hashed = _parts(nn.Embedding, network)
        source, *_ = _parts(nn.Embedding, self.model.module_)
        with torch.no_grad():
            table.weight[list(ours)] = source.weight[list(ours.values())]
            for other in hashed:
                other.weight.zero_()
        # Where the two are alike, what has a place in both has one name in both.
        (layers, *_), (encoder, *_) = (
            _parts(RecurrentEncoder, one) for one in (self.model.module_, network)
        )
        encoder.load_state_dict(layers.state_dict(), strict=False)


def _words_of(codec: SequenceCodec[Any]) -> TextVectorizer:
    """The vectorizer of a codec of texts, as `_check_alike` has made sure."""
    assert isinstance(codec.vectorizer, TextVectorizer)
    return codec.vectorizer


def _check_alike(
    path: str | Path, model: LanguageModel, options: SequenceOptions, kind: str, two_ways: bool
) -> None:
    name = type(options).__name__
    if kind != "text":
        raise OptionError(
            f"language_model={str(path)!r} has read texts, but X holds {kind} and no texts: leave "
            f"it out."
        )
    for option in ALIKE:
        theirs, ours = getattr(model, option), getattr(options, option)
        if theirs != ours:
            raise OptionError(
                f"language_model={str(path)!r} has {option}={theirs!r}, but this {name} has "
                f"{option}={ours!r}: give {option}={theirs!r}."
            )
    most = 1 if two_ways else options.num_layers
    if model.cell == "none" or model.num_layers > most:
        raise OptionError(
            f"language_model={str(path)!r} has cell={model.cell!r} and num_layers="
            f"{model.num_layers}, of which this {name} (num_layers={options.num_layers}, "
            f"bidirectional={two_ways}) can take over {most}: recurrent layers only, "
            f"and more than one only with bidirectional=False."
        )


def _parts(kind: type[M], network: nn.Module) -> list[M]:
    """The parts of a network that are of this kind, in order."""
    return [part for part in network.modules() if isinstance(part, kind)]
