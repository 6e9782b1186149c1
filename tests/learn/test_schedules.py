from __future__ import annotations

import pytest
import torch

from rnnkit.errors import InputError, OptionError
from rnnkit.learn import SCHEDULES, build_schedule


def factors(name, total, *, epoch_steps=1, warmup=0.0):
    schedule = build_schedule(name, total_steps=total, epoch_steps=epoch_steps, warmup=warmup)
    return [schedule.factor(step) for step in range(total)]


def test_constant_stays():
    assert factors("constant", 3) == [1.0, 1.0, 1.0]


def test_linear_falls_in_equal_parts():
    assert factors("linear", 4) == pytest.approx([1.0, 0.75, 0.5, 0.25])


def test_cosine_falls_along_half_a_wave():
    half = 2**-0.5
    assert factors("cosine", 4) == pytest.approx([1.0, (1 + half) / 2, 0.5, (1 - half) / 2])


def test_step_halves_in_each_epoch_after_the_fourth():
    expected = [1.0] * 8 + [0.5] * 2 + [0.25] * 2
    assert factors("step", 12, epoch_steps=2) == pytest.approx(expected)


def test_warmup_rises_in_equal_parts_before_the_schedule():
    rise = [0.25, 0.5, 0.75]
    assert factors("constant", 6, warmup=0.5) == pytest.approx([*rise, 1.0, 1.0, 1.0])
    assert factors("linear", 6, warmup=0.5) == pytest.approx([*rise, 1.0, 2 / 3, 1 / 3])


@pytest.mark.parametrize(("total", "warmup"), [(10, 0.0), (100, 0.0), (50, 0.1), (7, 0.6)])
def test_one_cycle_equals_torchs(total, warmup):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=1.0, total_steps=total, pct_start=warmup or 0.3, cycle_momentum=False
    )
    expected = []
    for _ in range(total):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(expected) < total:
            theirs.step()
    assert factors("one-cycle", total, warmup=warmup) == pytest.approx(expected, abs=1e-9)


def test_plateau_halves_after_each_epoch_without_improvement():
    schedule = build_schedule("plateau", total_steps=8, epoch_steps=2)
    seen = []
    for improved in (True, False, True, False):
        seen.append(schedule.factor(0))
        schedule.observe(improved)
    assert [*seen, schedule.factor(7)] == [1.0, 1.0, 0.5, 0.5, 0.25]


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("total", [1, 2, 3, 5, 40])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.9])
def test_every_factor_is_above_zero_and_at_most_one(name, total, warmup):
    for factor in factors(name, total, epoch_steps=2, warmup=warmup):
        assert 0.0 < factor <= 1.0


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(OptionError, match="Did you mean 'cosine'"):
        build_schedule("cosin", total_steps=1, epoch_steps=1)


@pytest.mark.parametrize("warmup", [-0.1, 1.0])
def test_a_warmup_that_is_no_share_is_refused(warmup):
    with pytest.raises(OptionError, match="warmup"):
        build_schedule("linear", total_steps=1, epoch_steps=1, warmup=warmup)


def test_a_schedule_without_steps_is_refused():
    with pytest.raises(InputError, match="at least one step"):
        build_schedule("linear", total_steps=0, epoch_steps=0)
