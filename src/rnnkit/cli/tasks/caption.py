"""`caption`: a sentence for each image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnnkit.cli import options as opt
from rnnkit.cli.dataset import Dataset
from rnnkit.cli.tasks.sentences import plain_sentences, sentence_report, width
from rnnkit.cli.tasks.task import Answer, Asked, Report, Task

if TYPE_CHECKING:
    from rnnkit.tasks import Captioner

__all__ = ["Caption"]

Captions = list[str]


class Caption(Task["Captioner", Path, Captions]):
    """A table of files and captions, or COCO's JSON."""

    name = "caption"
    help = "A sentence for each image: a table of files and captions, or COCO's JSON."
    estimator = "Captioner"
    noun = "images"
    score_name = "chrF"
    searches = True
    options = ("level", "image_size", "augment", "max_length")
    aliases = {"level": ("target_level",)}

    def read(
        self,
        path: Path,
        *,
        image: opt.Image,
        caption: opt.CaptionColumn,
        folder: opt.Folder,
    ) -> Dataset[Path, Captions]:
        """Image files and the captions of each."""
        from rnnkit import data

        found = data.read_captions(
            path, folder, image=image or "image", caption=caption or "caption"
        )
        names = [str(one) for one in found.images]
        places = range(1, len(found) + 1)
        return Dataset(found.images, found.captions, places, path, found.skipped, names)

    def predict(self, model: Captioner, inputs: Sequence[str], asked: Asked) -> Iterator[Answer]:
        """The best captions of each image, of files and folders."""
        from rnnkit import data

        self.refuse_standard_input(inputs)
        images = [path for given in inputs for path in data.read_images(given).paths]
        found = model.caption(images, n_best=asked.n_best, beam_size=width(model, asked))
        for path, captions in zip(images, found, strict=True):
            lines = [[one.text, f"{one.probability:.4f}", str(path)] for one in captions]
            yield Answer(lines, {"image": str(path), "captions": plain_sentences(captions)})

    def evaluate(self, model: Captioner, dataset: Dataset[Path, Captions]) -> Report:
        """chrF, BLEU-4, CIDEr-D and exact matches."""
        from rnnkit.metrics import score_captions

        scores = score_captions(model.predict(dataset.X), dataset.y or ())
        return sentence_report(scores, [f"CIDEr-D: {scores.cider:.2f}"])
