"""A network that begins with what a language model has learnt from texts without labels.

Source: Dai & Le 2015, "Semi-supervised Sequence Learning", section 2.2.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from rnnkit import archive
from rnnkit.errors import OptionError
from rnnkit.networks import RecurrentEncoder
from rnnkit.tasks.language_model import LanguageModel
from rnnkit.tensors import from_arrays
from rnnkit.vectorize import TextVectorizer

__all__ = ["begin_with", "learn_tokens", "read_language_model"]

M = TypeVar("M", bound=nn.Module)

# All at which `str.split`, and with it a language model of words, ends a word: the last one is the
# ideographic space.
WHITE_SPACE = "".join(char for char in map(chr, range(0x3001)) if char.isspace())

ALIKE = ("level", "cell", "embedding_size", "hidden_size")


def read_language_model(path: str | Path, estimator: Any) -> LanguageModel:
    """The language model with which an estimator's network can begin.

    estimator: a `SequenceReader`, which knows of what kind X is.
    Raises OptionError where the two are not alike, ArchiveError if this is no model's file.
    """
    header, arrays = archive.read(path)
    if header.get("estimator") != LanguageModel.__name__:
        raise OptionError(
            f"language_model={str(path)!r} is the file of a {header.get('estimator')}, but that of "
            f"a LanguageModel is expected."
        )
    model = LanguageModel.from_archive(header, from_arrays(arrays))
    _check_alike(path, model, estimator)
    return model


def learn_tokens(model: LanguageModel, vectorizer: TextVectorizer) -> TextVectorizer:
    """Give a vectorizer the language model's vocabulary, and its way of reading texts.

    The two must agree on where a word ends and how it is spelled: what the language model knows as
    "Good," is no token of a vectorizer that filters and lowers.
    """
    theirs, tokenizer = model.vectorizer_, vectorizer.tokenizer
    tokenizer.lower, tokenizer.normalize = theirs.lower, theirs.normalize
    tokenizer.filters = WHITE_SPACE
    rare = [theirs.tokens[index] for index in theirs.rare()]
    return vectorizer.learn(theirs.tokens[len(theirs.MARKS) :], rare)


def begin_with(model: LanguageModel, vectorizer: TextVectorizer, network: nn.Module) -> None:
    """Give a network the language model's vectors and recurrent layers.

    They become its first layers, and their forward direction where it reads from both ends. The
    vectors of hashed n-grams and words, which the language model has not read, begin at zero: the
    sum of a step's vectors is at first what the layers know. What else there is keeps its values.

    network: with a `TokenEmbedding` for the vectorizer's ids, and a `RecurrentEncoder`.
    """
    theirs = {token: index for index, token in enumerate(model.vectorizer_.tokens)}
    known = range(vectorizer.UNKNOWN + 1, vectorizer.sizes[0])
    ours = {vectorizer.UNKNOWN: model.vectorizer_.UNKNOWN}
    ours |= {i: theirs[token] for i, token in zip(known, vectorizer.tokens(known), strict=True)}
    table, *hashed = _parts(nn.Embedding, network)
    source, *_ = _parts(nn.Embedding, model.module_)
    with torch.no_grad():
        table.weight[list(ours)] = source.weight[list(ours.values())]
        for other in hashed:
            other.weight.zero_()
    # Where the two are alike, what has a place in both has one name in both.
    layers = model.module_.encoder.state_dict()
    encoder, *_ = _parts(RecurrentEncoder, network)
    encoder.load_state_dict(layers, strict=False)


def _check_alike(path: str | Path, model: LanguageModel, estimator: Any) -> None:
    name = type(estimator).__name__
    if estimator.kind_ != "text":
        raise OptionError(
            f"language_model={str(path)!r} has read texts, but X holds {estimator.kind_} and no "
            f"texts: leave it out."
        )
    for option in ALIKE:
        theirs, ours = getattr(model, option), getattr(estimator, option)
        if theirs != ours:
            raise OptionError(
                f"language_model={str(path)!r} has {option}={theirs!r}, but this {name} has "
                f"{option}={ours!r}: give {option}={theirs!r}."
            )
    most = 1 if estimator._two_ways else estimator.num_layers
    if model.cell == "none" or model.num_layers > most:
        raise OptionError(
            f"language_model={str(path)!r} has cell={model.cell!r} and num_layers="
            f"{model.num_layers}, of which this {name} (num_layers={estimator.num_layers}, "
            f"bidirectional={estimator._two_ways}) can take over {most}: recurrent layers only, "
            f"and more than one only with bidirectional=False."
        )


def _parts(kind: type[M], network: nn.Module) -> list[M]:
    """The parts of a network that are of this kind, in order."""
    return [part for part in network.modules() if isinstance(part, kind)]
