"""Files of format 1: what they say of vocabularies and labels, as codecs read it today.

Such a file has the codec's parts under "state", and says by parameters what a codec now keeps. It
has no plan, which follows from parameters and codec.
"""

from __future__ import annotations

from collections.abc import Callable

from rnnkit.codecs.codec import Json

__all__ = ["codec_json"]


def codec_json(header: Json) -> Json:
    """What `Codec.from_json` of the file's estimator reads."""
    added = _ADDED.get(header["estimator"], _nothing)
    return {**header["state"], **added(header["params"], header["state"])}


def _nothing(params: Json, state: Json) -> Json:  # noqa: ARG001 - the others' form
    return {}


def _regressor(params: Json, state: Json) -> Json:
    if params["output"] != "step":
        return {}
    return {"differences": state["forecasts"] and params["differences"]}


def _tagger(params: Json, state: Json) -> Json:
    return {"spells": state["kind"] == "text" and params["character_size"] > 0}


def _translator(params: Json, state: Json) -> Json:  # noqa: ARG001 - as the others
    return {name: params[name] for name in ("source_level", "target_level", "normalize")}


def _captioner(params: Json, state: Json) -> Json:  # noqa: ARG001 - as the others
    return {"target_level": params["target_level"]}


_ADDED: dict[str, Callable[[Json, Json], Json]] = {
    "SequenceRegressor": _regressor,
    "SequenceTagger": _tagger,
    "Translator": _translator,
    "Captioner": _captioner,
}
