"""An estimator is options, codec and plan: an eighth one, as somebody outside would write it."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from torch import nn

import rnnkit
from rnnkit import archive
from rnnkit.errors import ArchiveError, InputError
from rnnkit.networks import TokenEmbedding, build
from rnnkit.options import SequenceOptions
from rnnkit.options.page import parameters
from rnnkit.plans import Plan, Tokens
from rnnkit.tasks import SequenceEstimator, StepBatch
from tests.checks import CHECKS, Case
from tests.tasks import label_sets
from tests.tasks.label_sets import LabelSetCodec, LabelSets

SMALL = {"embedding_size": 16, "hidden_size": 16, "batch_size": 8, "lr": 0.02, "random_state": 3}
HOOKS = ["_codec_type", "_plan", "_objective", "_encode", "_forward"]
GUIDE = Path(__file__).parents[2] / "CONTRIBUTING.md"


def reviews() -> Case:
    """What each review speaks of, which may be both, or nothing."""
    topics = {"plot": ["story", "ending"], "acting": ["actor", "cast"]}
    X = [
        f"the {a} {b} {'indeed ' * i}".strip()
        for i in range(3)
        for a in ("story", "ending", "film", "cast")
        for b in ("film", "ending", "actor", "cast")
    ]
    y = [[name for name, words in topics.items() if set(words) & set(x.split())] for x in X]
    model = LabelSets(max_epochs=20, validation_fraction=0, rare_dropout=0, dropout=0, **SMALL)
    return Case("label sets", model, X, y, 0.95, ["", "never seen words", "영화"])


CASE = reviews()


@pytest.fixture(scope="module")
def fitted():
    return clone(CASE.estimator).fit(CASE.X, CASE.y)


def tree():
    return ast.parse(inspect.getsource(label_sets))


def test_an_estimator_takes_at_most_eighty_lines():
    assert len(inspect.getsource(label_sets).splitlines()) <= 80


def test_it_asks_for_public_names_alone_and_for_the_hooks_that_the_guide_explains():
    for node in ast.walk(tree()):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("rnnkit"):
            room = import_module(node.module)
            assert {alias.name for alias in node.names} <= set(room.__all__), node.module
    used = {node.attr for node in ast.walk(tree()) if isinstance(node, ast.Attribute)}
    used |= {node.name for node in ast.walk(tree()) if isinstance(node, ast.FunctionDef)}
    hidden = {name for name in used if re.match(r"_[a-z]", name)}
    explained = set(re.findall(r"`(_\w+)\b", GUIDE.read_text(encoding="utf-8")))
    assert set(HOOKS) <= hidden <= explained


@pytest.mark.parametrize(
    "check",
    # One label says nothing of the others, so that their probabilities are not one softmax.
    [check for check in CHECKS if check.__name__ != "check_probabilities_are_a_softmax"],
    ids=lambda check: check.__name__,
)
def test_an_eighth_estimator_passes_every_check(check, fitted, tmp_path):
    check(CASE, fitted, tmp_path)


def test_it_gives_each_text_its_labels(fitted):
    texts = ["the story actor", "the film film", "the cast film"]
    assert fitted.predict(texts) == [["acting", "plot"], [], ["acting"]]


def test_a_share_is_held_out_and_watched(fitted):
    model = clone(fitted).set_params(validation_fraction=0.25, max_epochs=30)
    losses = model.fit(CASE.X, CASE.y).history_.values("valid_loss")
    assert len(losses) == 30
    assert losses[-1] < losses[0]


def test_its_loss_is_that_of_independent_labels(fitted):
    chances, known = fitted.predict_proba(CASE.X), fitted.codec_.encode_targets(CASE.y)
    expected = -np.log(np.where(known, chances, 1 - chances)).mean()
    _, losses = fitted.subject(CASE.X, CASE.y).each()
    np.testing.assert_allclose(losses.mean(), expected, rtol=1e-4)


def test_its_options_are_searched(fitted):
    search = GridSearchCV(clone(fitted), {"threshold": [0.0, 0.5]}, cv=2, error_score="raise")
    search.fit(CASE.X, CASE.y)
    assert search.best_params_ == {"threshold": 0.5}
    assert search.best_score_ >= 0.8


def test_help_lists_its_options():
    assert inspect.getdoc(LabelSets).startswith("Any number of labels for each sequence")
    assert parameters(LabelSets) in LabelSets.__doc__
    assert "threshold : default 0.5\n    probability from which on a label is given" in (
        LabelSets.__doc__
    )


def test_a_target_for_each_input_is_asked_for():
    with pytest.raises(InputError, match="X holds 3, y holds 2"):
        LabelSets().fit(["a", "b", "c"], [["x"], ["y"]])


# -- a network of its own -----------------------------------------------------------------------


@dataclass(frozen=True)
class MeanPlan(Plan):
    """The mean of a text's vectors, and an output of it for each label."""

    embedding: Tokens
    outputs: int


class MeanNetwork(nn.Module):
    def __init__(self, plan):
        super().__init__()
        size = plan.embedding.output_size
        self.embedding = TokenEmbedding(plan.embedding.sizes, size)
        self.head = nn.Linear(size, plan.outputs)

    def forward(self, x, *spelled):
        vectors, layout = self.embedding(x.data), x.layout
        sums = vectors.new_zeros(layout.num_sequences, vectors.shape[1])
        sums = sums.index_add(0, layout.sequence_of_row, vectors)
        return self.head(sums / layout.lengths[:, None])[layout.inverse]


@build.register
def _(plan: MeanPlan, given=None):
    return MeanNetwork(plan)


class MeanSets(LabelSets):
    """Any number of labels for each text, whatever the order of its words."""

    def _plan(self, codec):
        sizes = tuple(codec.vectorizer.sizes)
        return MeanPlan(Tokens(sizes, self.embedding_size, 0.0), len(codec.labels))


def test_a_plan_of_its_own_is_built_kept_and_built_again(tmp_path):
    model = MeanSets(**{**SMALL, "lr": 0.1}, max_epochs=20, validation_fraction=0)
    model.fit(CASE.X, CASE.y)
    assert model.score(CASE.X, CASE.y) >= 0.95
    loaded = rnnkit.load(_saved(model, tmp_path))
    assert type(loaded.module_) is MeanNetwork
    assert loaded.plan_ == model.plan_
    np.testing.assert_array_equal(loaded.predict_proba(CASE.X), model.predict_proba(CASE.X))


# -- names in files -----------------------------------------------------------------------------


def test_a_file_is_known_once_the_module_is_imported(fitted, tmp_path):
    fitted.save(tmp_path / "model.rnn")
    script = """
import sys, rnnkit
from rnnkit.errors import ArchiveError
try:
    rnnkit.load(sys.argv[1])
except ArchiveError as error:
    print(error)
import tests.tasks.label_sets
print(rnnkit.load(sys.argv[1]).predict(["the story actor"]))
"""
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "model.rnn")],
        capture_output=True,
        text=True,
        check=True,
        cwd=GUIDE.parent,
    )
    assert "holds a 'LabelSets', which this rnnkit does not know" in run.stdout
    assert "import the module that defines it" in run.stdout
    assert run.stdout.endswith("[['acting', 'plot']]\n")


def test_the_name_of_one_of_rnnkits_estimators_is_refused():
    with pytest.raises(TypeError, match=r"named 'Translator'.*give yours another one"):
        type("Translator", (LabelSets,), {})


def test_of_two_with_one_name_the_later_is_loaded(fitted, tmp_path):
    class Mine(LabelSets):
        """The first."""

    earlier = Mine

    class Mine(LabelSets):
        """The second, as after running a notebook's cell again."""

    earlier(max_epochs=1).fit(CASE.X, CASE.y).save(tmp_path / "model.rnn")
    assert type(rnnkit.load(tmp_path / "model.rnn")) is Mine


def test_what_says_too_little_cannot_be_made_and_is_not_loaded(fitted, tmp_path):
    class Unfinished(SequenceEstimator[LabelSetCodec, StepBatch], SequenceOptions):
        def _codec_type(self):
            return LabelSetCodec

    with pytest.raises(TypeError, match=r"_encode.*_forward.*_objective.*_plan"):
        Unfinished()
    header, tensors = archive.read(_saved(fitted, tmp_path))
    for name in ("Unfinished", ["LabelSets"]):
        archive.write(tmp_path / "other.rnn", {**header, "estimator": name}, tensors)
        with pytest.raises(ArchiveError, match="which this rnnkit does not know"):
            rnnkit.load(tmp_path / "other.rnn")


def _saved(model, folder):
    model.save(folder / "model.rnn")
    return folder / "model.rnn"
