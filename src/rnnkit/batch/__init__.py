"""Numbers to ragged batches: bucketing by length, and packing."""

from rnnkit.batch.batches import Batches
from rnnkit.batch.bucketing import bucket_by_length
from rnnkit.batch.collate import pack, pack_like, pack_spellings

__all__ = ["Batches", "bucket_by_length", "pack", "pack_like", "pack_spellings"]
