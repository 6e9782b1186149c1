"""Numbers to ragged batches: bucketing by length, packing, and streams."""

import rnnkit.needs_torch  # noqa: F401 - says what to install
from rnnkit.batch.batches import Batches
from rnnkit.batch.bucketing import bucket_by_length
from rnnkit.batch.collate import pack, pack_like, pack_spellings
from rnnkit.batch.streams import StreamBlock, Streams

__all__ = [
    "Batches",
    "StreamBlock",
    "Streams",
    "bucket_by_length",
    "pack",
    "pack_like",
    "pack_spellings",
]
