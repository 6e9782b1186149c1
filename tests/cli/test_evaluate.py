from __future__ import annotations

import json

import pytest
from sklearn.metrics import f1_score

from rnnkit.metrics import score_translations


def test_scores_of_a_classifier_are_those_of_its_predictions(run, models, tmp_path):
    texts = ["a good film", "a bad film", "a dull film", "a fine film"]
    labels = ["pos", "pos", "neg", "pos"]
    path = tmp_path / "test.tsv"
    path.write_text("text\tlabel\n" + "".join(map("{}\t{}\n".format, texts, labels)))
    scores = json.loads(run("evaluate", models["classify"], path, "--json").out)
    assert scores["accuracy"] == 0.75
    assert scores["macro_f1"] == pytest.approx(
        f1_score(labels, ["pos", "neg", "neg", "pos"], average="macro")
    )
    assert scores["per_label"]["neg"] == {
        "precision": 0.5,
        "recall": 1.0,
        "f1": pytest.approx(2 / 3),
        "support": 1,
    }
    assert scores["per_label"]["pos"]["recall"] == pytest.approx(2 / 3)


def test_the_table_for_people_has_a_row_for_each_label(run, models, data):
    result = run("evaluate", models["classify"], data / "reviews.tsv")
    lines = result.out.splitlines()
    assert lines[:3] == ["examples: 30", "left out: 1 (empty)", "accuracy: 1.0000"]
    assert lines[-3].split() == ["label", "precision", "recall", "F1", "support"]
    assert [line.split()[0] for line in lines[-2:]] == ["neg", "pos"]
    assert [line.split()[-1] for line in lines[-2:]] == ["15", "15"]


def test_a_tagger_is_scored_by_token(run, models, tmp_path):
    path = tmp_path / "test.tsv"
    path.write_text("dogs\tNOUN\nsing\tNOUN\n\ncats\tNOUN\nsleep\tVERB\n")
    scores = json.loads(run("evaluate", models["tag"], path, "--json").out)
    assert (scores["examples"], scores["labels"], scores["accuracy"]) == (2, 4, 0.75)


def test_a_translator_is_scored_with_the_signatures_of_sacrebleu(run, models, data):
    columns = ("--source", "en", "--target", "ko")
    call = ("evaluate", models["translate"], data / "pairs.tsv", *columns)
    scores = json.loads(run(*call, "--json").out)
    guesses = run("predict", models["translate"], data / "pairs.en").out.splitlines()
    references = (data / "pairs.ko").read_text(encoding="utf-8").splitlines()
    expected = score_translations([line.split("\t")[0] for line in guesses], references)
    assert scores["chrf"] == pytest.approx(expected.chrf)
    assert scores["bleu"] == pytest.approx(expected.bleu)
    assert scores["exact"] == pytest.approx(expected.exact)
    assert "tok:char" in scores["bleu_signature"]
    assert f"BLEU: {expected.bleu:.2f} ({expected.bleu_signature})" in run(*call).out


def test_a_label_that_training_has_not_seen_is_named_with_its_line(run, models, tmp_path):
    table = tmp_path / "test.csv"
    table.write_text("text,label\ngood,pos\nso so,meh\n")
    result = run("evaluate", models["classify"], table)
    assert result.code == 1
    assert f"{table}, line 3: 'meh' was never seen in training. Known: 'neg', 'pos'." in result.err
    tagged = tmp_path / "test.tsv"
    tagged.write_text("dogs\tNOUN\nsing\tVERB\n\ncats\tNOUN\nso\tADV\n")
    result = run("evaluate", models["tag"], tagged)
    assert f"{tagged}, line 4: 'ADV' (token 2 of the sentence) was never seen" in result.err
