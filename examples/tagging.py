"""What words, characters, affixes and a chain of labels each bring to a tagger.

`python examples/tagging.py` does it on a made-up language of which no test word was seen in
training: endings tell the part of speech, but one ending serves nouns and verbs alike, and which it
is follows from the label before. Half a minute; `--quick` takes seconds.
`python examples/tagging.py train.conllu dev.conllu` does it on a treebank of yours.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from rnnkit import SequenceTagger
from rnnkit.data import TaggedSentences, read_conllu

Sentences = tuple[list[list[str]], list[list[str]]]  # words, and their labels

MODELS: dict[str, dict[str, Any]] = {
    "words": {"affixes": 0, "character_size": 0},
    "words, affixes": {"affixes": 3, "character_size": 0},
    "words, characters": {"affixes": 0},
    "words, characters, affixes": {"affixes": 3},
    "all of them, and a chain (CRF)": {"affixes": 3, "crf": True},
    "the same without memory": {"affixes": 3, "crf": True, "cell": "none"},
}

ENDINGS = {"ADJ": ("ul", "esk"), "NOUN": ("or", "en"), "VERB": ("as", "en"), "ADV": ("ly",)}
CLAUSES = (
    ("NOUN", "VERB"),
    ("ADJ", "NOUN", "VERB"),
    ("ADJ", "NOUN", "ADV", "VERB"),
    ("NOUN", "VERB", "ADJ", "NOUN"),
)


def word(label: str, generator: np.random.Generator) -> str:
    """A stem that means nothing, and an ending of the label's."""
    syllables = [
        generator.choice(list("bdgklmnprst")) + generator.choice(list("aeiou"))
        for _ in range(generator.integers(2, 5))
    ]
    return "".join([*syllables, generator.choice(ENDINGS[label])])


def made_up(count: int, seed: int) -> Sentences:
    """Sentences of one to three clauses."""
    generator = np.random.default_rng(seed)
    labels = [
        [
            label
            for clause in generator.integers(len(CLAUSES), size=generator.integers(1, 4))
            for label in CLAUSES[clause]
        ]
        for _ in range(count)
    ]
    return [[word(label, generator) for label in row] for row in labels], labels


def compare(train: Sentences, test: Sentences, **options: Any) -> dict[str, float]:
    """The share of right labels of each of MODELS."""
    return {
        name: SequenceTagger(**{**options, **own}, random_state=0).fit(*train).score(*test)
        for name, own in MODELS.items()
    }


def read(path: str) -> Sentences:
    """A treebank's words and universal parts of speech."""
    sentences: TaggedSentences = read_conllu(path)
    return sentences.tokens, sentences.tags


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("files", nargs="*", metavar="FILE", help="CoNLL-U: of training, of testing")
    parser.add_argument("--quick", action="store_true", help="few sentences, small networks")
    options = parser.parse_args()
    if len(options.files) not in (0, 2):
        parser.error("give two files, one to train on and one to test on, or none")
    sizes = (30, 20) if options.quick else (80, 200)
    train, test = map(read, options.files) if options.files else map(made_up, sizes, (0, 1))
    small = {"max_epochs": 2, "hidden_size": 16, "num_layers": 1} if options.quick else {}
    for name, share in compare(train, test, **small).items():
        print(f"{name:32} {100 * share:5.1f} %")


if __name__ == "__main__":
    main()
