"""Run one quality benchmark and print what it reaches, beside its baselines."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from benchmarks import report
from benchmarks.quality import (
    captioning,
    classification,
    language,
    remembering,
    series,
    steps,
    tagging,
    translation,
)
from benchmarks.quality.result import Result

BENCHMARKS: dict[str, Callable[[int], Result]] = {
    "caption-emoji": captioning.caption_emoji,
    "caption-flickr8k": captioning.caption_flickr8k,
    "translate-samples": translation.translate_samples,
    "translate-multi30k": translation.translate_multi30k,
    "translate-en-ko": translation.translate_en_ko,
    "tag-ewt": tagging.tag_ewt,
    "tag-ko-gsd": tagging.tag_ko_gsd,
    "classify-nsmc": classification.classify_nsmc,
    "classify-imdb": classification.classify_imdb,
    "classify-sst2": classification.classify_sst2,
    "series": series.series,
    "bankruptcy": series.bankruptcy,
    "stocks": series.stocks,
    "frames-gesture": steps.frames_gesture,
    "frames-driving": steps.frames_driving,
    "activity": steps.activity,
    "adding": remembering.adding,
    "smnist": remembering.smnist,
    "lm-ptb": language.lm_ptb,
    "lm-shakespeare": language.lm_shakespeare,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("name", choices=BENCHMARKS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON too")
    options = parser.parse_args()
    began = time.perf_counter()
    result = BENCHMARKS[options.name](options.seed)
    seconds = time.perf_counter() - began
    print(result.table(options.name, seconds))
    report.write(
        options.json,
        name=options.name,
        metrics=result.metrics,
        baselines=result.baselines,
        seconds=seconds,
        settings=result.settings,
        packages=("scikit-learn", "sacrebleu"),
    )


if __name__ == "__main__":
    main()
