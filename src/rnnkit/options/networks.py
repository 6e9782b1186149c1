"""Options of networks: cells, sizes, dropout, attention."""

from __future__ import annotations

from rnnkit.options.domains import Choice, Flag, Number, Share, Whole
from rnnkit.options.names import ATTENTIONS, POOLINGS
from rnnkit.options.table import ANSWERS, NETWORK, option, options
from rnnkit.recurrence import cell_choices

__all__ = [
    "Bidirectional",
    "Decoder",
    "Network",
    "Path",
    "Pooling",
    "RareDropout",
    "RecurrentDropout",
    "Speller",
]


@options
class Network:
    """The recurrent network, or the contrast without memory."""

    cell: str = option(
        "lstm",
        "the recurrent cell; 'none' is the feed-forward contrast, which has no memory",
        Choice(cell_choices),
        group=NETWORK,
    )
    embedding_size: int = option(64, "numbers of a token's vector", Whole(1), group=NETWORK)
    hidden_size: int = option(
        64, "units of a recurrent layer and direction", Whole(1), group=NETWORK
    )
    num_layers: int = option(1, "recurrent layers, one upon the other", Whole(1), group=NETWORK)
    dropout: float = option(
        0.2, "share dropped of inputs and states, the same at every step", Share(), group=NETWORK
    )


@options
class RecurrentDropout:
    """Dropout of recurrent weights."""

    recurrent_dropout: float = option(
        0.0, "share of the recurrent weights dropped, one mask a batch", Share(), group=NETWORK
    )


@options
class RareDropout:
    """Unknown tokens, learnt from rare ones."""

    rare_dropout: float = option(
        0.1,
        "chance that a token which training saw once is read as unknown",
        Share(closed=True),
        group=NETWORK,
    )


@options
class Bidirectional:
    """Reading from both ends."""

    bidirectional: bool = option(
        True, "whether sequences are read from both ends", Flag(), group=NETWORK
    )


@options
class Pooling:
    """One vector of all steps."""

    pooling: str = option(
        "mean-max", "how the states of all steps become one vector", Choice(POOLINGS), group=NETWORK
    )


@options
class Path:
    """Labels that depend on their neighbors."""

    crf: bool = option(
        False,
        "whether labels depend on their neighbors' (a conditional random field); not together "
        "with label_smoothing and class_weight",
        Flag(),
        group=NETWORK,
    )


@options
class Speller:
    """Words from their characters."""

    character_size: int = option(
        32, "numbers of a character's vector, where words are spelled", Whole(1), group=NETWORK
    )
    character_hidden_size: int = option(
        64, "units of each direction of the network that spells", Whole(1), group=NETWORK
    )


@options
class Decoder:
    """A decoder with attention, and its search."""

    attention: str = option(
        "multiplicative", "how the decoder finds where to look", Choice(ATTENTIONS), group=NETWORK
    )
    input_feeding: bool = option(
        True, "give the last attentional vector to the next step", Flag(), group=NETWORK
    )
    tied: bool = option(
        True, "one matrix for the target's input and output embeddings", Flag(), group=NETWORK
    )
    beam_size: int = option(
        5, "sentences that a search keeps; 1 is greedy", Whole(1), group=ANSWERS
    )
    length_penalty: float = option(
        1.0,
        "of the score by which a search ranks: log-probability / length ** length_penalty",
        Number(least=0),
        group=ANSWERS,
    )
    max_length: int | None = option(
        None, "tokens of an answer at most; None follows the training data", Whole(1), group=ANSWERS
    )
