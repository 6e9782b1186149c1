"""One to many, and on and on: what comes next in a text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from rnnkit.batch import Batches, pack, pack_like
from rnnkit.bptt import Policy
from rnnkit.decode import Sampler, follow
from rnnkit.errors import InputError, OptionError, check_option
from rnnkit.learn import Callback
from rnnkit.networks import LanguageNetwork, TokenEmbedding, build_encoder
from rnnkit.networks.language import rows_first
from rnnkit.packed import Layout, Packed
from rnnkit.tasks.base import Encoded, SequenceEstimator
from rnnkit.tasks.carrying import Carry, StepBatch
from rnnkit.tasks.inputs import read_texts
from rnnkit.tasks.objectives import CrossEntropy
from rnnkit.tasks.spelling import Source
from rnnkit.tasks.windows import TextWindows, shifted
from rnnkit.vectorize import DocumentVectorizer
from rnnkit.vectorize.documents import END_MARKS

__all__ = ["LanguageModel"]

EOS, UNKNOWN = DocumentVectorizer.EOS, DocumentVectorizer.UNKNOWN

# Rows whose logits are made at once where no gradient is wanted.
EVALUATED_ROWS = 1024

Text = str | Sequence[str]


@dataclass(frozen=True)
class Stream(Encoded):
    """Texts as one stream of ids too, their end marks among them."""

    ids: np.ndarray


class LanguageModel(SequenceEstimator):
    """Say what comes next in a text, word by word or character by character, and write on.

    p(x_1..x_T) = prod_t p(x_t | x_1..x_{t-1}), each a softmax over the vocabulary.

    Trained on one text (a string) or several (a list of strings or of token lists). They are read
    as one stream that is cut into `batch_size` parts, `bptt_steps` of each at a time: the state is
    carried from window to window, the gradient stays in its own (truncated back-propagation
    through time, Mikolov et al. 2010). A short text is cut into fewer parts, so
    that each has at least as many windows as there are parts.

    Parameters
    ----------
    cell : "lstm", "gru", "rnn" (tanh), "rnn-relu", or "none" for the feed-forward contrast, which
        sees the last `window` tokens only (Bengio et al. 2003).
    level : "word" (split at white space, nothing filtered), "char" or "jamo".
    lower, normalize : as in `Tokenizer`. num_words, min_count : vocabulary; tokens beyond
        are `<unk>`, which has a probability and is never written. With min_count=1 training shows
        no unknown token, and the probability of one that comes later means little.
    end_mark : after what an `<eos>` token stands, "line", "document" (each text of a list) or
        "none". "auto": after each text of a list; in one string after each line of words, and
        nowhere between characters, where a line break is one of them.
    embedding_size, hidden_size, num_layers, window : the network. tied : one matrix for the input
        embedding and the output (Press & Wolf 2017; Inan et al. 2017).
    dropout, recurrent_dropout, rare_dropout : locked dropout on inputs and states; share of W_hh
        dropped (Merity, Keskar & Socher 2018); chance that a token seen once is read as unknown.
    bptt_steps : steps of a window. bptt : how far gradients go back inside of it.
    monitor : "loss" or "perplexity" of held-out text. validation_fraction : share of the text that
        is held out, its end: the last texts of a list, the last lines of one. The others are those
        of `SequenceClassifier`.

    Attributes
    ----------
    vectorizer_, module_, history_, num_parameters_; `module_.embedding` and `module_.encoder` are
    of the classes of which the other tasks' networks are made.

    >>> model = LanguageModel(level="char", hidden_size=16, embedding_size=8, num_layers=1,
    ...                       max_epochs=15, lr=0.03, dropout=0, bptt_steps=8, random_state=0)
    >>> model = model.fit("abcd" * 60)
    >>> model.generate("ab", max_length=6, temperature=0)
    'cdabcd'
    >>> bool(1.0 <= model.perplexity("abcd" * 10) < 1.2)
    True
    """

    module_: LanguageNetwork

    _monitors: ClassVar[Mapping[str, tuple[str, str]]] = {
        "loss": ("valid_loss", "min"),
        "perplexity": ("valid_perplexity", "min"),
    }

    def __init__(
        self,
        *,
        cell: str = "lstm",
        level: str = "word",
        lower: bool = False,
        normalize: str | None = None,
        num_words: int | None = None,
        min_count: int = 1,
        end_mark: str = "auto",
        embedding_size: int = 256,
        hidden_size: int = 256,
        num_layers: int = 2,
        window: int = 5,
        tied: bool = True,
        dropout: float = 0.2,
        recurrent_dropout: float = 0.0,
        rare_dropout: float = 0.0,
        init: str = "orthogonal",
        forget_bias: float = 1.0,
        optimizer: str = "adamw",
        lr: float = 3e-3,
        weight_decay: float = 0.01,
        schedule: str = "one-cycle",
        warmup: float = 0.0,
        bptt_steps: int = 50,
        bptt: Policy | str | None = None,
        clip_norm: float | None = 1.0,
        clip_value: float | None = None,
        ema_decay: float | None = None,
        batch_size: int = 32,
        max_epochs: int = 10,
        patience: int | None = None,
        monitor: str = "loss",
        validation_fraction: float = 0.1,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.cell = cell
        self.level = level
        self.lower = lower
        self.normalize = normalize
        self.num_words = num_words
        self.min_count = min_count
        self.end_mark = end_mark
        self.embedding_size = embedding_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.window = window
        self.tied = tied
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.rare_dropout = rare_dropout
        self.init = init
        self.forget_bias = forget_bias
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.warmup = warmup
        self.bptt_steps = bptt_steps
        self.bptt = bptt
        self.clip_norm = clip_norm
        self.clip_value = clip_value
        self.ema_decay = ema_decay
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.patience = patience
        self.monitor = monitor
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self,
        X: Any,
        y: Any = None,  # noqa: ARG002 - scikit-learn's place for targets
        *,
        validation: Any = None,
        callbacks: Iterable[Callback] = (),
    ) -> Self:
        """Learn from one text (a string) or several (strings or token lists).

        y: not used; what is to be said is the text itself.
        validation: a text or texts to watch instead of the end of X.
        callbacks, and what an interrupt does: as in every estimator.
        """
        held_out = None if validation is None else (validation, None)
        return super().fit(X, validation=held_out, callbacks=callbacks)

    # -- how probable a text is -----------------------------------------------------------------

    def score(self, X: Any, y: Any = None) -> float:  # noqa: ARG002 - as in fit
        """Mean log-probability (nats) of a token of X, end marks included; higher is better.

        X is read as one stream from beginning to end, the state carried from text to text.
        """
        (stream,) = self._ids_of(X, joined=True)
        if len(stream) == 0:
            raise InputError("there is no token to score: X is empty.")
        return float(self._log_probs([stream])[0].mean())

    def perplexity(self, X: Any) -> float:
        """exp(-score(X)): among how many equally probable tokens the model is as undecided."""
        return math.exp(-self.score(X))

    def log_prob(self, X: Any) -> np.ndarray:
        """Log-probability (nats) of each text by itself, (n,): the sum over its tokens, its end
        marks included.
        """
        return np.array([log_probs.sum() for log_probs in self._log_probs(self._ids_of(X))])

    def _ids_of(self, X: Any, *, joined: bool = False) -> list[np.ndarray]:
        check_is_fitted(self, "module_")
        rows = self.vectorizer_.transform(self._inputs(X))
        return [np.concatenate(rows)] if joined else rows

    def _log_probs(self, rows: list[np.ndarray]) -> list[np.ndarray]:
        """(T,) of each row's ids."""
        results = [np.empty(0) for _ in rows]
        filled = [index for index, row in enumerate(rows) if len(row)]
        batches = Batches(
            [len(rows[i]) for i in filled],
            lambda indices: [filled[i] for i in indices],
            batch_size=self.batch_size,
        )
        self.module_.eval()
        for indices in batches:
            x, targets = _side_by_side([rows[i] for i in indices])
            steps = max(1, EVALUATED_ROWS // len(indices))
            said = x.with_data(self.module_.log_probs(x, targets, steps=steps))
            for index, log_probs in zip(indices, said.to_sequences(), strict=True):
                results[index] = log_probs.numpy()
        return results

    # -- what it writes -------------------------------------------------------------------------

    def generate(
        self,
        prompt: Text = "",
        *,
        max_length: int = 100,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> str:
        """What follows a prompt: `prompt + model.generate(prompt)` is the whole text.

        prompt: a text that goes on, or its tokens; "" begins a new one.
        max_length: most tokens. It ends earlier where a document does (end_mark="document"); the
            end of a line is a line break.
        temperature: divides the logits: below 1 is bolder, 0 takes the most probable token always.
        top_k, top_p: draw from the k most probable tokens only, or from the fewest that reach this
            share; see `rnnkit.decode.sample`.
        random_state: makes the draw repeatable.
        """
        return "".join(
            self.stream(
                prompt,
                max_length=max_length,
                temperature=temperature,
                top_k=top_k,
                top_p=top_p,
                random_state=random_state,
            )
        )

    def stream(
        self,
        prompt: Text = "",
        *,
        max_length: int = 100,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> Iterator[str]:
        """`generate`, piece by piece: each token as soon as it is drawn, a syllable of jamo once it
        is whole. The pieces joined are what `generate` gives.
        """
        check_is_fitted(self, "module_")
        if max_length < 1:
            raise OptionError(f"max_length={max_length}, but at least one token is to be written.")
        pick = _picker(temperature, top_k, top_p, random_state)
        ids = self._follow(self._prompt(prompt), pick, max_length)
        return self.vectorizer_.pieces(ids, after=prompt)

    def _prompt(self, prompt: Text) -> np.ndarray:
        """The ids that have been read before the first that is written."""
        if prompt:
            read_texts([prompt], "prompt")
        return np.concatenate([[EOS], self.vectorizer_.prompt(prompt)]).astype(np.int64)

    def _follow(self, read: np.ndarray, pick: Sampler | None, max_length: int) -> Iterator[int]:
        marked = self.vectorizer_.end_mark
        state = None
        if len(read) > 1:
            with torch.no_grad():
                _, state = self.module_.read(pack([read[:-1, None]]))
        return follow(
            self.module_.step,
            rows_first(state),
            bos=int(read[-1]),
            eos=EOS if marked == "document" else None,
            max_length=max_length,
            pick=pick,
            forbid=[UNKNOWN, EOS] if marked == "none" else [UNKNOWN],
        )

    # -- how it is made -------------------------------------------------------------------------

    def _check_options(self) -> None:
        super()._check_options()
        check_option("end_mark", self.end_mark, ["auto", *END_MARKS])
        for name in ("bptt_steps", "window"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name}={getattr(self, name)}, but it must be at least 1.")
        self._vectorizer("document")

    def _vectorizer(self, end_mark: str) -> DocumentVectorizer:
        return DocumentVectorizer(
            level=self.level,
            lower=self.lower,
            normalize=self.normalize,
            num_words=self.num_words,
            min_count=self.min_count,
            end_mark=end_mark,
        )

    def _read(self, X: Any, y: Any, *, fitted: bool) -> tuple[list[Any], None]:  # noqa: ARG002
        if not fitted:
            self.kind_ = "text"
            self._end_mark = self._resolved(isinstance(X, str))
        return self._inputs(X), None

    def _resolved(self, one_string: bool) -> str:
        """Where the end marks of this text stand."""
        if self.end_mark != "auto":
            return self.end_mark
        if not one_string:
            return "document"
        return "line" if self.level == "word" else "none"

    def _inputs(self, X: Any) -> list[Any]:
        return read_texts([X] if isinstance(X, str) else X, "X")

    def _learn_vocabulary(self, X: list[Any], y: Any) -> None:  # noqa: ARG002 - X alone counts
        self.vectorizer_ = self._vectorizer(self._end_mark).fit(X)

    def _hold_out(self, X: list[Any], y: Any, seed: int) -> tuple[list[Any], Any, Any]:  # noqa: ARG002
        """Keep the order: the end is held out, of a list or of the only text."""
        if len(X) == 1:
            before, after = _cut(X[0], self.validation_fraction)
            return ([before], y, ([after], y)) if before and after else (X, y, None)
        count = int(len(X) * self.validation_fraction)
        return (X[:-count], y, (X[-count:], y)) if count else (X, y, None)

    def _build(self) -> nn.Module:
        embedding = TokenEmbedding(
            [self.vectorizer_.size],
            self.embedding_size,
            rare=self.vectorizer_.rare(),
            rare_dropout=self.rare_dropout,
        )
        encoder = build_encoder(
            self.cell,
            self.embedding_size,
            self.hidden_size,
            num_layers=self.num_layers,
            bidirectional=False,
            dropout=self.dropout,
            recurrent_dropout=self.recurrent_dropout,
            window=self.window - 1,
        )
        return LanguageNetwork(embedding, encoder, tied=self.tied)

    def _begin(self, data: Encoded) -> nn.Module:
        # No gate need remember for longer than the gradient goes back.
        lengths = np.minimum(data.lengths, self.bptt_steps)
        return super()._begin(Encoded(lengths, data.collate))

    def _encode(self, X: list[Any], y: Any | None) -> Stream:  # noqa: ARG002 - there is no y
        rows = self.vectorizer_.transform(X)
        ids = np.concatenate(rows)
        if not np.any(ids != EOS):
            raise InputError("X holds no token, but a text to learn from is expected.")
        return Stream(
            np.array([len(row) for row in rows]),
            lambda indices: _whole([rows[i] for i in indices]),
            ids,
        )

    def _batches(self, data: Any, seed: int | None, epoch: int) -> Any:  # noqa: ARG002 - in order
        windows = len(data.ids) // self.bptt_steps
        streams = max(1, min(self.batch_size, math.isqrt(windows)))
        return TextWindows(data.ids, streams, self.bptt_steps, mark=EOS)

    def _logits(self, module: nn.Module, batch: Any) -> tuple[Tensor, Tensor, int]:
        x, carry = batch.source.x, batch.carry or Carry()
        logits, after = module(x, carry.before(batch.begin, x.layout.num_sequences))
        carry.keep(batch.begin, batch.end, after)
        return logits, batch.targets, len(batch.targets)

    def _evaluate(self, data: Any) -> dict[str, float]:
        loss = -float(self._log_probs([data.ids])[0].mean())
        return {"valid_loss": loss, "valid_perplexity": math.exp(min(loss, 700.0))}

    def _objective(self) -> CrossEntropy:
        return CrossEntropy()

    def _look(self, batch: Any) -> Any:
        logits, _ = self.module_(batch.source.x)
        return logits

    def _layout(self, batch: Any) -> Layout:
        layout: Layout = batch.source.x.layout
        return layout

    def _step_labels(self, sequence: Any) -> list[str]:
        (ids,) = self.vectorizer_.transform([sequence])
        return [self.vectorizer_.tokens[index] for index in shifted(ids, EOS)]

    def _get_state(self) -> dict[str, Any]:
        return {"vectorizer": self.vectorizer_.get_config()}

    def _set_state(self, state: dict[str, Any]) -> None:
        self.kind_ = "text"
        self.vectorizer_ = DocumentVectorizer.from_config(state["vectorizer"])


def _whole(rows: list[np.ndarray]) -> StepBatch:
    """A batch of whole texts, each from its beginning."""
    x, targets = _side_by_side(rows)
    return StepBatch(Source(x), targets)


def _side_by_side(rows: list[np.ndarray]) -> tuple[Packed, Tensor]:
    """(N, 1) what is read of each text, packed, and (N,) the ids that follow."""
    x = pack([shifted(row, EOS)[:, None] for row in rows])
    return x, pack_like(rows, x)


def _cut(text: Text, share: float) -> tuple[Text, Text]:
    """A text in two, the second of about that share, where a line or else a word begins."""
    place = int(len(text) * (1 - share))
    if isinstance(text, str):
        begin = text.rfind("\n", 0, place) + 1 or text.rfind(" ", 0, place) + 1
        place = begin or place
    return text[:place], text[place:]


def _picker(
    temperature: float, top_k: int | None, top_p: float | None, random_state: Any
) -> Sampler | None:
    """What takes the next token; None for the most probable."""
    if temperature == 0:
        return None
    seed = int(check_random_state(random_state).randint(2**31 - 1))
    return Sampler(
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        generator=np.random.default_rng(seed),
    )
