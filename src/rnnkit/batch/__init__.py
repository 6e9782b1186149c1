"""Numbers to ragged batches: bucketing by length, packing, and streams."""

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
