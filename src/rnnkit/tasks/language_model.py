"""One to many, and on and on: what comes next in a text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from rnnkit.batch import Batches, pack, pack_like
from rnnkit.codecs import Examples, LanguageCodec
from rnnkit.codecs.language import EOS, shifted
from rnnkit.codecs.reading import Text, read_texts
from rnnkit.decode import Sampler, follow
from rnnkit.errors import InputError
from rnnkit.learn import Callback, SizedBatches
from rnnkit.networks import LanguageNetwork
from rnnkit.networks.language import rows_first
from rnnkit.options import LanguageModelOptions, Whole
from rnnkit.packed import Packed
from rnnkit.plans import LanguagePlan, Plan
from rnnkit.reserved import UNKNOWN
from rnnkit.tasks import planning
from rnnkit.tasks.batches import Carry, Source, StepBatch, TextWindows
from rnnkit.tasks.estimator import CrossEntropy, Encoded, Output, SequenceEstimator
from rnnkit.vectorize import DocumentVectorizer

__all__ = ["LanguageModel"]

# Rows whose logits are made at once where no gradient is wanted.
EVALUATED_ROWS = 1024


class Perplexity(CrossEntropy):
    """Cross-entropy, of which e to the power of the mean is told too."""

    monitors = {"loss": ("valid_loss", "min"), "perplexity": ("valid_perplexity", "min")}


@dataclass(frozen=True)
class Texts(Encoded[StepBatch]):
    """Texts by themselves, and as one run of ids, their end marks among them."""

    ids: np.ndarray


class LanguageModel(SequenceEstimator[LanguageCodec, StepBatch], LanguageModelOptions):
    """Say what comes next in a text, word by word or character by character, and write on.

    p(x_1..x_T) = prod_t p(x_t | x_1..x_{t-1}), each a softmax over the vocabulary.

    Trained on one text (a string) or several (a list of strings or of token lists). They are read
    as one stream that is cut into `batch_size` parts, `bptt_steps` of each at a time: the state is
    carried from window to window, the gradient stays in its own (truncated back-propagation
    through time, Mikolov et al. 2010). A short text is cut into fewer parts, so
    that each has at least as many windows as there are parts.

    Tokens that are not in the vocabulary are `<unk>`, which has a probability and is never written.
    With min_count=1 training shows no unknown token, and the probability of one that comes later
    means little. With cell="none" (Bengio et al. 2003) the last `window` tokens are all that is
    seen. tied: Press & Wolf 2017; Inan et al. 2017. recurrent_dropout: Merity, Keskar & Socher
    2018. Held out is the end of the text: the last texts of a list, the last lines of one.

    Attributes
    ----------
    vectorizer_, module_, history_, num_parameters_, codec_, plan_; `module_.embedding` and
    `module_.encoder` are of the classes of which the other tasks' networks are made.

    >>> model = LanguageModel(level="char", hidden_size=16, embedding_size=8, num_layers=1,
    ...                       max_epochs=15, lr=0.03, dropout=0, bptt_steps=8, random_state=0)
    >>> model = model.fit("abcd" * 60)
    >>> model.generate("ab", max_length=6, temperature=0)
    'cdabcd'
    >>> bool(1.0 <= model.perplexity("abcd" * 10) < 1.2)
    True
    """

    module_: LanguageNetwork

    def fit(
        self,
        X: object,
        y: object = None,  # noqa: ARG002 - scikit-learn's place for targets
        *,
        validation: object = None,
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

    def score(self, X: object, y: object = None) -> float:  # noqa: ARG002 - as in fit
        """Mean log-probability (nats) of a token of X, end marks included; higher is better.

        X is read as one stream from beginning to end, the state carried from text to text.
        """
        ids = np.concatenate(self._ids(X))
        if len(ids) == 0:
            raise InputError("there is no token to score: X is empty.")
        return float(self._log_probs(self.module_, [ids])[0].mean())

    def perplexity(self, X: object) -> float:
        """exp(-score(X)): among how many equally probable tokens the model is as undecided."""
        return math.exp(-self.score(X))

    def log_prob(self, X: object) -> np.ndarray:
        """Log-probability (nats) of each text by itself, (n,): the sum over its tokens, its end
        marks included.
        """
        ids = self._ids(X)
        found = self._log_probs(self.module_, ids)
        return np.array([log_probs.sum() for log_probs in found])

    def _ids(self, X: object) -> Sequence[np.ndarray]:
        inputs = self._inputs(X).inputs
        return self.codec_.encode(inputs).rows

    def _log_probs(self, network: LanguageNetwork, rows: Sequence[np.ndarray]) -> list[np.ndarray]:
        """(T,) of each row's ids."""
        results = [np.empty(0) for _ in rows]
        filled = [index for index, row in enumerate(rows) if len(row)]
        batches = Batches(
            [len(rows[i]) for i in filled],
            lambda indices: [filled[i] for i in indices],
            batch_size=self.batch_size,
        )
        network.eval()
        for indices in batches:
            x, targets = _side_by_side([rows[i] for i in indices])
            steps = max(1, EVALUATED_ROWS // len(indices))
            said = x.with_data(network.log_probs(x, targets, steps=steps))
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
        Whole(1).check("max_length", max_length)
        pick = _picker(temperature, top_k, top_p, random_state)
        ids = self._follow(self._prompt(prompt), pick, max_length)
        return self.vectorizer_.pieces(ids, after=prompt)

    def _prompt(self, prompt: Text) -> np.ndarray:
        """The ids that have been read before the first that is written."""
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

    @property
    def vectorizer_(self) -> DocumentVectorizer:
        """What makes ids of texts, and texts of ids."""
        return self._learnt.vectorizer

    # -- how it is made -------------------------------------------------------------------------

    def _codec_type(self) -> type[LanguageCodec]:
        return LanguageCodec

    def _plan(self, codec: LanguageCodec) -> LanguagePlan:
        return LanguagePlan(
            planning.token_vectors(self, [codec.vectorizer.size]),
            planning.encoder(
                self, self.embedding_size, bidirectional=False, window=self.window - 1
            ),
            self.tied,
        )

    def _begin(self, codec: LanguageCodec, plan: Plan, data: Encoded[StepBatch]) -> nn.Module:
        # No gate need remember for longer than the gradient goes back.
        lengths = np.minimum(data.lengths, self.bptt_steps)
        return super()._begin(codec, plan, Encoded(lengths, data.collate))

    def _encode(self, codec: LanguageCodec, examples: Examples[Text, None]) -> Texts:
        numbers = codec.encode(examples.inputs)
        ids = np.concatenate(numbers.rows)
        if not np.any(ids != EOS):
            raise InputError("X holds no token, but a text to learn from is expected.")
        return Texts(
            numbers.lengths, lambda indices: _whole([numbers.rows[i] for i in indices]), ids
        )

    def _batches(
        self,
        data: Encoded[StepBatch],
        seed: int,  # noqa: ARG002 - a text is read in its order
        epoch: int,  # noqa: ARG002
    ) -> SizedBatches:
        assert isinstance(data, Texts)
        windows = len(data.ids) // self.bptt_steps
        streams = max(1, min(self.batch_size, math.isqrt(windows)))
        return TextWindows(data.ids, streams, self.bptt_steps)

    def _forward(self, network: nn.Module, batch: StepBatch) -> Output:
        x, carry = batch.source.x, batch.carry or Carry()
        logits, after = network(x, carry.before(batch.begin, x.layout.num_sequences))
        carry.keep(batch.begin, batch.end, after)
        return Output(logits, batch.targets, len(logits), x.layout)

    def _evaluate(
        self,
        codec: LanguageCodec,  # noqa: ARG002 - the ids say it all
        network: nn.Module,
        data: Encoded[StepBatch],
    ) -> dict[str, float]:
        assert isinstance(data, Texts)
        assert isinstance(network, LanguageNetwork)
        loss = -float(self._log_probs(network, [data.ids])[0].mean())
        return {"valid_loss": loss, "valid_perplexity": math.exp(min(loss, 700.0))}

    def _objective(self, codec: LanguageCodec) -> Perplexity:  # noqa: ARG002
        return Perplexity()


def _whole(rows: list[np.ndarray]) -> StepBatch:
    """A batch of whole texts, each from its beginning."""
    x, targets = _side_by_side(rows)
    return StepBatch(Source(x), targets)


def _side_by_side(rows: list[np.ndarray]) -> tuple[Packed, Tensor]:
    """(N, 1) what is read of each text, packed, and (N,) the ids that follow."""
    x = pack([shifted(row)[:, None] for row in rows])
    return x, pack_like(rows, x)


def _picker(
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    random_state: int | np.random.RandomState | None,
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
