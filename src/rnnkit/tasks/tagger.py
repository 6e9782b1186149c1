"""Many to many, aligned: a label for every step."""

from __future__ import annotations

from sklearn.utils import Tags

from rnnkit.codecs import TaggerCodec
from rnnkit.options import TaggerOptions
from rnnkit.plans import TaggerPlan, Tokens, Words
from rnnkit.tasks import planning
from rnnkit.tasks.labeling import StepTagger
from rnnkit.vectorize import SeriesVectorizer, WordVectorizer

__all__ = ["SequenceTagger"]


class SequenceTagger(StepTagger[TaggerCodec], TaggerOptions):
    """Give every step a label: the part of speech of each word, the state at each moment.

    A step whose label is None is read, but nothing is learnt from it and it is not scored.

    p(k | t) = softmax(W h_t + b), h from a bidirectional recurrent network over word vectors, each
    a learnt vector beside the last states of a character network (Plank et al. 2016). With `crf`,
    W h_t + b are the emissions of a conditional random field over the whole path of labels (Lample
    et al. 2016, equation 1), and training minimizes its -log p(path), a mean over the steps.

    X: lists of words, strings that are split at white space, series or ids. y: a list of labels for
    each. With cell="none" a step sees two steps to either side.

    Attributes
    ----------
    classes_, vectorizer_, module_, history_, num_parameters_; codec_ and plan_

    >>> model = SequenceTagger(max_epochs=30, lr=0.02, hidden_size=16, random_state=0)
    >>> model = model.fit([["dogs", "bark"], ["birds", "sing"]] * 9, [["N", "V"]] * 18)
    >>> model.predict([["birds", "bark"], []])
    [['N', 'V'], []]
    """

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.three_d_array = True
        return tags

    # -- how it is made -------------------------------------------------------------------------

    def _codec_type(self) -> type[TaggerCodec]:
        return TaggerCodec

    def _plan(self, codec: TaggerCodec) -> TaggerPlan:
        embedding, width = self._vectors(codec)
        layers = planning.encoder(
            self, width, bidirectional=self.bidirectional, window=planning.AROUND_A_WORD
        )
        return TaggerPlan(embedding, layers, len(codec.labels), self.crf)

    def _vectors(self, codec: TaggerCodec) -> tuple[Words | Tokens | None, int]:
        """What makes vectors of the codec's numbers, None where they are vectors; their size."""
        if isinstance(codec.vectorizer, SeriesVectorizer):
            return None, codec.vectorizer.num_features
        tokens = planning.token_vectors(self, codec.vectorizer.sizes)
        if not codec.spells or not isinstance(codec.vectorizer, WordVectorizer):
            return tokens, tokens.output_size
        words = planning.spelled(self, tokens, codec.vectorizer)
        return words, words.output_size
