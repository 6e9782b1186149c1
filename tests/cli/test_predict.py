from __future__ import annotations

import json

import pytest


def test_a_classifier_prints_label_probability_and_text(run, models):
    result = run("predict", models["classify"], "a good film", "a bad film")
    rows = [line.split("\t") for line in result.out.splitlines()]
    assert [(row[0], row[2]) for row in rows] == [("pos", "a good film"), ("neg", "a bad film")]
    assert all(0.5 <= float(row[1]) <= 1 for row in rows)


def test_all_probabilities_are_printed_when_asked_for(run, models):
    result = run("predict", models["classify"], "a good film", "--proba")
    label, negative, positive, text = result.out.rstrip("\n").split("\t")
    assert (label, text) == ("pos", "a good film")
    shares = [float(field.split("=")[1]) for field in (negative, positive)]
    assert negative.startswith("neg=")
    assert sum(shares) == pytest.approx(1, abs=2e-4)


def test_json_has_one_object_a_line(run, models):
    result = run("predict", models["classify"], "a good film", "영화", "--json", "--proba")
    rows = [json.loads(line) for line in result.out.splitlines()]
    assert [row["text"] for row in rows] == ["a good film", "영화"]
    assert set(rows[0]) == {"text", "label", "probability", "probabilities"}
    assert "영화" in result.out
    plain = run("predict", models["classify"], "a good film", "--json")
    assert set(json.loads(plain.out)) == {"text", "label", "probability"}


def test_standard_input_is_read_line_by_line(run, models):
    stdin = "\ufeffa good film\r\na bad film\n\n".encode()
    for arguments in (("-",), ()):
        result = run("predict", models["classify"], *arguments, stdin=stdin)
        rows = [line.split("\t") for line in result.out.splitlines()]
        assert [row[2] for row in rows] == ["a good film", "a bad film", ""]


def test_long_input_comes_back_in_order_and_complete(run, models):
    words = ["good", "bad"] * 1100
    result = run("predict", models["classify"], "-", stdin="\n".join(words).encode())
    assert [line.split("\t")[2] for line in result.out.splitlines()] == words


def test_a_file_may_hold_lines_or_a_table(run, models, tmp_path):
    lines = tmp_path / "lines.txt"
    lines.write_text("a good film\na bad film\n")
    table = tmp_path / "table.csv"
    table.write_text('review,text\n"a good\nfilm",a bad film\n')
    assert run("predict", models["classify"], lines).out.count("\n") == 2
    assert run("predict", models["classify"], table).out.startswith("neg\t")
    result = run("predict", models["classify"], table, "--text", "review")
    assert result.out.startswith("pos\t")
    assert result.out.endswith("a good film\n")


def test_a_tagger_prints_words_with_their_tags(run, models, data):
    assert run("predict", models["tag"], "dogs sing").out == "dogs/NOUN sing/VERB\n"
    result = run("predict", models["tag"], data / "tags.conllu")
    assert result.out.splitlines()[0] == "dogs/NOUN bark/VERB"
    row = json.loads(run("predict", models["tag"], "dogs sing", "--json", "--proba").out)
    assert row["tags"] == ["NOUN", "VERB"]
    assert row["probability"][0] == row["probabilities"][0]["NOUN"]


def test_a_tagger_reads_sentences_without_tags_and_keeps_blank_lines(run, models, tmp_path):
    path = tmp_path / "untagged.conllu"
    path.write_text("1\tdogs" + "\t_" * 8 + "\n2\tsing" + "\t_" * 8 + "\n")
    assert run("predict", models["tag"], path).out == "dogs/NOUN sing/VERB\n"
    result = run("predict", models["tag"], "-", stdin=b"dogs sing\n\ncats sleep\n")
    assert result.out == "dogs/NOUN sing/VERB\n\ncats/NOUN sleep/VERB\n"


def test_a_translator_prints_translations_with_probabilities(run, models):
    result = run("predict", models["translate"], "two three", "--n-best", 3)
    rows = [line.split("\t") for line in result.out.splitlines()]
    assert len(rows) == 3
    assert rows[0][0] == "둘 셋"
    assert len({row[0] for row in rows}) == 3
    row = json.loads(run("predict", models["translate"], "two three", "--json").out)
    assert row["text"] == "two three"
    assert f"{row['translations'][0]['probability']:.4f}" == rows[0][1]


def test_a_blank_line_stays_blank_in_translation(run, models):
    result = run(
        "predict", models["translate"], "-", "--beam-size", 1, stdin=b"two two\n\none one\n"
    )
    first, blank, last = result.out.split("\n")[:3]
    assert first.startswith("둘 둘\t")
    assert blank == ""
    assert last.startswith("하나 하나\t")


def test_predictions_appear_for_every_text_before_a_bad_line(run, models):
    stdin = b"a good film\n" * 1000 + b"\xb1\xb2\n"
    result = run("predict", models["classify"], "-", stdin=stdin)
    assert result.out.count("\n") == 1000
    assert result.code == 1
    assert "standard input, line 1001: byte 0xb1 is not UTF-8" in result.err
