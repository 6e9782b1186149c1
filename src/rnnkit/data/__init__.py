"""Files to examples: tables, tagged sentences, sentence pairs, and samples of real data."""

from rnnkit.data.pairs import Pairs, read_pairs
from rnnkit.data.samples import Sample, load_english_korean
from rnnkit.data.series import SeriesTable, Windows, read_series
from rnnkit.data.split import split_english_korean
from rnnkit.data.table import Table, read_table
from rnnkit.data.tagged import TaggedSentences, read_conllu, read_tagged
from rnnkit.data.textfile import read_lines
from rnnkit.data.ts import LabeledSeries, read_ts

__all__ = [
    "LabeledSeries",
    "Pairs",
    "Sample",
    "SeriesTable",
    "Table",
    "TaggedSentences",
    "Windows",
    "load_english_korean",
    "read_conllu",
    "read_lines",
    "read_pairs",
    "read_series",
    "read_table",
    "read_tagged",
    "read_ts",
    "split_english_korean",
]
