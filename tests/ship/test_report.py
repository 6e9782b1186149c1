from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from rnnkit.errors import ArchiveError
from rnnkit.ship import Section, page, write_page

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


class Elements(HTMLParser):
    """What stands in a page: tags with their attributes, and their text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


def line(axes):
    axes.plot([1, 2, 3], [1, 4, 9], label="제곱 <squares>")
    axes.legend()


SECTIONS = [
    Section("First & foremost", ["A <b>text</b>."], ("name", "value"), [("x", "1"), ("y", "2")]),
    Section("Charts", panels={'A "line"': line, "Again": line}, note="Read it so."),
]
DATA = {"answer": 42, "text": "</script><script>alert(1)</script>", "한글": None}


@pytest.fixture(scope="module")
def content():
    return page("모델 & model", {"cell": "lstm", "file": "<a.rnn>"}, SECTIONS, DATA)


def test_a_page_holds_its_texts_tables_and_charts(content):
    found = Elements(content)
    text = "".join(found.text)
    for part in ("모델 & model", "First & foremost", "A <b>text</b>.", "<a.rnn>", "Read it so."):
        assert part in text
    names = [attributes["aria-label"] for tag, attributes in found.tags if tag == "svg"]
    assert names == ['A "line"', "Again"]
    assert [tag for tag, _ in found.tags].count("td") == 4
    assert "제곱 <squares>" in text  # text in a chart stays text


def test_the_numbers_behind_a_page_are_in_it(content):
    (kept,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', content)
    assert json.loads(kept) == DATA


def test_a_page_asks_for_nothing_from_elsewhere(content):
    found = Elements(content)
    for tag, attributes in found.tags:
        assert tag not in ("link", "iframe", "object", "embed")
        for name in ("src", "href", "xlink:href"):
            value = attributes.get(name) or "#"
            assert value.startswith(("#", "data:")), (tag, value)
    (policy,) = [
        attributes["content"]
        for tag, attributes in found.tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'")


def test_no_two_elements_of_different_charts_share_a_name(content):
    names = [a["id"] for tag, a in Elements(content).tags if "id" in a]
    assert len(names) == len(set(names))
    used = re.findall(r'(?:url\(#|href="#)([^)"]+)', content)
    assert used
    assert set(used) <= set(names)


def test_the_same_findings_are_the_same_page(content):
    again = page("모델 & model", {"cell": "lstm", "file": "<a.rnn>"}, SECTIONS, DATA)
    assert again == content


def test_a_page_that_cannot_be_written_says_where(tmp_path):
    with pytest.raises(ArchiveError, match="could not be written"):
        write_page(tmp_path / "missing" / "report.html", "<p>")


def in_browser(path, profile):
    """The page's elements after it was opened, and what the console said."""
    if BROWSER is None:
        # Where the browser was installed for this, its absence is a failure.
        if os.environ.get("RNNKIT_REQUIRE_BROWSER"):
            pytest.fail("no chromium on the path")
        pytest.skip("no chromium on the path: pages are not opened")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    options += ["--disable-background-networking", "--disable-sync", f"--user-data-dir={profile}"]
    ran = subprocess.run(
        [BROWSER, *options, "--enable-logging=stderr", "--dump-dom", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return Elements(ran.stdout), [part for part in ran.stderr.splitlines() if "CONSOLE" in part]


def test_a_browser_opens_a_page_without_a_complaint(content, tmp_path):
    write_page(tmp_path / "report.html", content)
    found, console = in_browser(tmp_path / "report.html", tmp_path / "profile")
    assert console == []
    assert [tag for tag, _ in found.tags].count("svg") == 2
    assert "제곱 <squares>" in "".join(found.text)


def test_the_console_would_show_what_is_wrong(content, tmp_path):
    wrong = content.replace("</body>", '<img src="http://example.com/a.png"></body>')
    write_page(tmp_path / "report.html", wrong)
    _, console = in_browser(tmp_path / "report.html", tmp_path / "profile")
    assert "Content Security Policy" in console[0]
