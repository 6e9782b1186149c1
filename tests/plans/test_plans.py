"""Plans as JSON and back: the same plan, or an ArchiveError that names the field."""

from __future__ import annotations

import json
import types
from dataclasses import FrozenInstanceError, dataclass, fields
from pathlib import Path
from typing import Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rnnkit
from rnnkit import plans
from rnnkit.errors import ArchiveError
from rnnkit.networks import build
from rnnkit.plans import Plan, plan_from_json
from tests import goldens

KINDS = [
    kind
    for name in plans.__all__
    if isinstance(kind := getattr(plans, name), type) and kind is not Plan
]
FILES = sorted((Path(__file__).parents[1] / "golden" / "models_v1").glob("*.rnn"))
SIMPLE = {
    int: st.integers(),
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
    str: st.text(),
    type(None): st.none(),
}


def values(hint):
    """Whatever a field of this annotation may hold."""
    if get_origin(hint) in (Union, types.UnionType):
        return st.one_of([values(one) for one in get_args(hint)])
    if get_origin(hint) is tuple:
        return st.lists(values(get_args(hint)[0]), max_size=3).map(tuple)
    return plans_of(hint) if issubclass(hint, Plan) else SIMPLE[hint]


def plans_of(kind):
    hints = get_type_hints(kind)
    return st.builds(kind, **{one.name: values(hints[one.name]) for one in fields(kind)})


ANY_PLAN = st.one_of([plans_of(kind) for kind in KINDS])


def through_text(plan):
    return json.loads(json.dumps(plan.to_json()))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@settings(max_examples=40)
@given(data=st.data())
def test_a_plan_comes_back_from_json_as_it_was(kind, data):
    plan = data.draw(plans_of(kind))
    back = kind.from_json(through_text(plan))
    assert back == plan
    assert type(back) is kind
    assert hash(back) == hash(plan)


@given(plan=ANY_PLAN, data=st.data())
def test_a_field_that_is_missing_or_unknown_is_named(plan, data):
    said = through_text(plan)
    name = data.draw(st.sampled_from([one.name for one in fields(plan)]))
    with pytest.raises(ArchiveError, match=rf"{type(plan).__name__} has other fields.*: {name}\."):
        plan_from_json({key: value for key, value in said.items() if key != name})
    with pytest.raises(ArchiveError, match=rf"{type(plan).__name__} has other fields.*: colour\."):
        plan_from_json({**said, "colour": 1})


WRONG = {
    int: [True, 1.0, "1", None, [1], {"plan": "Encoder"}],
    float: [False, "0.5", None, [0.5], {}],
    bool: [0, 1.0, "true", None, []],
    str: [1, None, ["lstm"], {}],
}


def wrong_values(hint):
    if get_origin(hint) is tuple:
        return [[value] for value in wrong_values(get_args(hint)[0])] + [
            1,
            {"plan": "Encoder"},
            "x",
        ]
    # Where a plan is meant, nothing else will do.
    return WRONG.get(hint, [1, "x", [], {}, {"plan": []}, {"plan": "Nothing"}, True])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@settings(max_examples=40)
@given(data=st.data())
def test_a_field_of_another_type_is_named(kind, data):
    said, hints = through_text(data.draw(plans_of(kind))), get_type_hints(kind)
    name = data.draw(st.sampled_from([one.name for one in fields(kind)]))
    for value in wrong_values(hints[name]):
        with pytest.raises(ArchiveError, match=rf"the plan of a {kind.__name__} has {name}="):
            plan_from_json({**said, name: value})


def test_the_field_of_a_plan_in_a_plan_is_named_too():
    said = plans.Pooling(plans.Encoder("gru", 2, 3), "mean").to_json()
    said["encoder"]["hidden_size"] = True
    with pytest.raises(ArchiveError, match="the plan of a Encoder has hidden_size=True"):
        plan_from_json(said)


def test_a_plan_of_another_kind_in_the_place_of_one_is_refused():
    said = plans.Pooling(plans.Encoder("gru", 2, 3), "mean").to_json()
    said["encoder"] = plans.Augmentation(1, True).to_json()
    with pytest.raises(ArchiveError, match="the plan of a Pooling has encoder="):
        plan_from_json(said)


@pytest.mark.parametrize(
    "data", [None, 3, "Encoder", [], {}, {"plan": None}, {"plan": []}, {"plan": "Nothing"}]
)
def test_what_is_no_plan_is_refused(data):
    with pytest.raises(ArchiveError, match="no plan of a network that is known"):
        plan_from_json(data)


def test_a_plan_of_another_class_than_asked_for_is_refused():
    said = plans.Encoder("gru", 2, 3).to_json()
    assert Plan.from_json(said) == plans.Encoder.from_json(said)
    with pytest.raises(ArchiveError, match="a plan of a Decoder was expected, but a Encoder came"):
        plans.Decoder.from_json(said)


def test_a_whole_number_stands_for_a_float():
    said = plans.Encoder("gru", 2, 3, dropout=1.0).to_json()
    back = plans.Encoder.from_json({**said, "dropout": 1})
    assert back == plans.Encoder("gru", 2, 3, dropout=1.0)
    assert hash(back) == hash(plans.Encoder("gru", 2, 3, dropout=1.0))


@given(plan=ANY_PLAN, data=st.data())
def test_no_field_of_a_plan_can_be_changed(plan, data):
    name = data.draw(st.sampled_from([one.name for one in fields(plan)]))
    with pytest.raises(FrozenInstanceError):
        setattr(plan, name, None)


@given(plan=ANY_PLAN)
def test_the_parts_of_a_plan_are_it_and_all_that_stand_in_it(plan):
    def counted(said):
        return sum(map(counted, said.values())) + 1 if isinstance(said, dict) else 0

    parts = list(plan.parts())
    assert parts[0] is plan
    assert len(parts) == counted(plan.to_json())


def test_a_plan_of_ones_own_is_known_by_its_name():
    @dataclass(frozen=True)
    class Tower(Plan):
        floors: int
        below: plans.Encoder | None = None

    try:
        tower = Tower(3, plans.Encoder("gru", 2, 3))
        assert plan_from_json(through_text(tower)) == tower
    finally:
        del Plan.kinds["Tower"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_plan_of_an_estimator_follows_from_options_and_codec(path):
    given_ = goldens.given(path.stem)
    model = rnnkit.load(path, **given_)
    assert Plan.from_json(through_text(model.plan_)) == model.plan_
    assert model._plan(type(model.codec_).from_json(model.codec_.to_json(), given_)) == model.plan_
    again = build(model.plan_, given_.get("encoder")).state_dict()
    kept = model.module_.state_dict()
    assert {name: one.shape for name, one in again.items()} == {
        name: one.shape for name, one in kept.items()
    }
