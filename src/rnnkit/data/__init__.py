"""Files to examples: tables, tagged sentences, pairs, images, videos, and samples of real data."""

from rnnkit.data.images import (
    CaptionedImages,
    Images,
    load_image,
    read_captions,
    read_images,
)
from rnnkit.data.pairs import Pairs, read_pairs
from rnnkit.data.samples import Sample, load_english_korean
from rnnkit.data.series import SeriesTable, Windows, read_series
from rnnkit.data.split import split_english_korean
from rnnkit.data.table import Table, read_table
from rnnkit.data.tagged import TaggedSentences, read_conllu, read_tagged
from rnnkit.data.textfile import read_lines
from rnnkit.data.ts import LabeledSeries, read_ts
from rnnkit.data.video import Frame, Video, find_videos, load_video
from rnnkit.data.video_labels import LabeledVideos, read_videos

__all__ = [
    "CaptionedImages",
    "Frame",
    "Images",
    "LabeledSeries",
    "LabeledVideos",
    "Pairs",
    "Sample",
    "SeriesTable",
    "Table",
    "TaggedSentences",
    "Video",
    "Windows",
    "find_videos",
    "load_english_korean",
    "load_image",
    "load_video",
    "read_captions",
    "read_conllu",
    "read_images",
    "read_lines",
    "read_pairs",
    "read_series",
    "read_table",
    "read_tagged",
    "read_ts",
    "read_videos",
    "split_english_korean",
]
