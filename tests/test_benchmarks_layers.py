"""The benchmark of the layers: what it counts, what it proves, and how it sums up."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.layers import measure, summary, tables
from benchmarks.layers.grid import GATES, SHAPES, Case, grid
from benchmarks.layers.measure import Entry
from benchmarks.layers.peers import peers_of
from benchmarks.layers.peers.onnx_weights import onnx_weights
from benchmarks.layers.problem import Problem, WrongError
from benchmarks.layers.rows import OURS, Row

SMALL = ("B3T6H4", "B3T6H4-bidirectional", "B3T6H4-2layers")


def a_row(**changes) -> Row:
    fields = {
        "cell": "LSTM",
        "shape": "B32T100H128",
        "lengths": "equal",
        "task": "training",
        "batch": 32,
        "hidden": 128,
        "flops": 10**9,
        "seconds": {OURS: 0.01, "torch plain": 0.03, "torch oneDNN": 0.02},
        "left_out": {},
        "limit": 2e11,
    }
    return Row(**(fields | changes))


# -- the grid -----------------------------------------------------------------------------------


def test_the_grid_has_every_cell_and_shape_equal_and_ragged():
    cases = grid(GATES, SHAPES, ["equal", "ragged"])
    assert len(cases) == len(set(cases)) == 3 * len(SHAPES) + 3 * (len(SHAPES) - 1)
    assert {case.shape for case in cases} == set(SHAPES)


def test_one_sequence_alone_is_never_ragged():
    assert grid(["GRU"], ["B1T100H32"], ["ragged"]) == []


def test_a_shape_reads_as_it_is_written():
    case = Case.parse("GRU", "B32T100H128-2layers")
    assert (case.batch, case.steps, case.hidden, case.layers, case.directions) == (
        *(32, 100, 128),
        *(2, 1),
    )
    assert case.shape == "B32T100H128-2layers"
    with pytest.raises(ValueError, match="B1T100H32"):
        Case.parse("GRU", "32x100")


def test_ragged_lengths_reach_from_a_quarter_to_the_whole_and_are_seeded():
    case = Case("GRU", 64, 100, 8, ragged=True)
    lengths = case.lengths()
    assert lengths.min() >= 25
    assert lengths.max() == 100
    assert torch.equal(lengths, case.lengths())


def test_flops_count_the_products_of_valid_steps():
    assert Case("LSTM", 2, 3, 5).flops("inference") == 2 * 6 * 4 * 5 * 10
    assert Case("RNN", 2, 3, 5).flops("training") == 3 * 2 * 6 * 5 * 10
    assert Case("GRU", 2, 3, 5, layers=2).flops("inference") == 2 * (2 * 6 * 3 * 5 * 10)
    both_ways = Case("GRU", 2, 3, 5, directions=2)
    assert both_ways.flops("inference") == 2 * (2 * 6 * 3 * 5 * 10)
    ragged = Case("RNN", 4, 8, 5, ragged=True)
    assert ragged.flops("inference") == 2 * int(ragged.lengths().sum()) * 5 * 10


# -- equality -----------------------------------------------------------------------------------


@pytest.mark.parametrize("lengths", ["equal", "ragged"])
@pytest.mark.parametrize("shape", SMALL)
@pytest.mark.parametrize("cell", GATES)
def test_ours_and_every_way_of_torch_are_proved_right(cell, shape, lengths):
    (case,) = grid([cell], [shape], [lengths])
    problem = Problem.make(case)
    makers = [make for name, make in peers_of(problem, 1) if name.startswith(("rnnkit", "torch"))]
    assert len(makers) == (3 if lengths == "equal" else 5)
    for make in makers:
        peer = make()
        for task in peer.tasks:
            with peer.within(task):
                results = peer.read(task, peer.call(task)())
            problem.check(task, results, peer.tolerance)


@pytest.mark.parametrize("change", ["value", "shape", "missing", "nan"])
def test_a_wrong_result_is_refused(change):
    problem = Problem.make(Case("GRU", 3, 6, 4, ragged=True))
    results = {name: array.copy() for name, array in problem.reference["training"].items()}
    problem.check("training", results, 1e-9)
    if change == "value":
        results["weight_hh_l0"] *= 1.001
    elif change == "shape":
        results["x"] = results["x"][:1]
    elif change == "missing":
        del results["bias_ih_l0"]
    else:
        results["x"][0, 0, 0] = np.nan
    with pytest.raises(WrongError):
        problem.check("training", results, 1e-4)


def test_what_stands_past_a_length_is_not_compared():
    problem = Problem.make(Case("RNN", 3, 6, 4, ragged=True))
    output = problem.reference["inference"]["output"].copy()
    output[~problem.valid.numpy()] = 7.0
    problem.check("inference", {"output": output}, 1e-9)


def test_onnx_orders_an_lstm_i_o_f_c_and_a_gru_z_r_h():
    for cell, order in (("LSTM", [0, 3, 1, 2]), ("GRU", [1, 0, 2]), ("RNN", [0])):
        gates = torch.arange(len(order)).repeat_interleave(2)  # each row says whose it is, H=2
        matrix, bias = gates.unsqueeze(1).expand(-1, 3), gates
        weights = {"weight_ih_l0": matrix, "weight_hh_l0": matrix}
        weights |= {"bias_ih_l0": bias, "bias_hh_l0": bias}
        w, r, b = onnx_weights(cell, weights)
        expected = np.repeat(order, 2)
        assert w.shape == r.shape == (1, len(gates), 3)
        assert (w[0, :, 0] == expected).all()
        assert (r[0, :, 0] == expected).all()
        assert (b[0] == np.tile(expected, 2)).all()


@pytest.mark.parametrize("lengths", ["equal", "ragged"])
@pytest.mark.parametrize("shape", SMALL)
@pytest.mark.parametrize("cell", GATES)
def test_onnx_runtime_computes_what_torch_does(cell, shape, lengths):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from benchmarks.layers.peers.onnx_runtime import OnnxRuntime

    (case,) = grid([cell], [shape], [lengths])
    problem = Problem.make(case)
    peer = OnnxRuntime(problem, 1, name="ONNX Runtime", spinning=False)
    problem.check("inference", peer.read("inference", peer.call("inference")()), 1e-5)


# -- measuring and summing up -------------------------------------------------------------------


def test_blocks_of_all_entries_take_turns(monkeypatch):
    monkeypatch.setattr(measure, "PAUSE", 0)
    monkeypatch.setattr(measure, "limit", lambda threads: 1e9 * threads)
    calls = []
    entries = {name: Entry(lambda name=name: calls.append(name)) for name in "ab"}
    found = measure.measure(entries, seconds=0.001, threads=2)
    assert set(found.seconds) == {"a", "b"}
    assert found.limit == 2e9
    assert calls.count("a") >= measure.ROUNDS
    assert calls.count("b") >= measure.ROUNDS


def test_a_block_is_as_long_as_its_share_of_the_time_allows(monkeypatch):
    monkeypatch.setattr(measure, "block", lambda entry, count: [10**6] * count)  # 1 ms a call
    entry = Entry(lambda: None)
    assert measure.block_length(entry, 0.0105) == 10
    assert measure.block_length(entry, 1e-9) == 1
    assert measure.block_length(entry, 1e9) == measure.LONGEST_BLOCK


def test_a_row_is_judged_by_its_fastest_peer():
    row = a_row()
    assert row.ratio == pytest.approx(2.0)
    assert list(row.peers) == ["torch oneDNN", "torch plain"]
    assert row.share == pytest.approx(0.5)
    assert a_row(limit=None).share is None


def test_figures_are_geometric_means_and_say_by_how_much_they_fall_short():
    seconds = [{OURS: 1.0, "torch plain": ratio} for ratio in (1.0, 4.0)]
    rows = [a_row(seconds=s, lengths="ragged", task="inference") for s in seconds]
    (mean,) = [f for f in summary.figures(rows) if f.name == "all inference, ragged"]
    assert mean.value == pytest.approx(2.0)
    assert str(mean).endswith("reached")
    assert str(summary.Figure("a", 1.0, 2.0)).endswith("50% short")


def test_only_figures_of_measured_rows_are_given():
    rows = [a_row(), a_row(hidden=64, limit=1e13)]
    names = {figure.name for figure in summary.figures(rows)}
    least = "training, equal, H >= 128 and B >= 32: least share of the limit"
    assert names == {"LSTM training, equal", "worst row, equal", least}


def test_packed_sequences_are_judged_apart_by_the_faster_of_the_two():
    seconds = {
        OURS: 1.0,
        "torch packed oneDNN": 9.0,
        "torch packed plain": 6.0,
        "torch padded plain": 2.0,
    }
    found = {f.name: f.value for f in summary.figures([a_row(seconds=seconds, lengths="ragged")])}
    assert found["all training, ragged, against PackedSequence alone"] == pytest.approx(6.0)
    assert found["LSTM training, ragged"] == pytest.approx(2.0)


def test_a_figure_names_the_rows_that_fall_short():
    rows = [a_row(seconds={OURS: 1.0, "torch plain": ratio}) for ratio in (0.9, 1.2)]
    (worst,) = [f for f in summary.figures(rows) if f.name == "worst row, equal"]
    assert worst.value == pytest.approx(0.9)
    assert worst.short == ["LSTM B32T100H128 equal training: 0.90"]


def test_a_line_names_the_peers_from_the_fastest_and_those_left_out():
    line = tables.line(a_row(left_out={"JAX scan": "WrongError: x missing"}))
    assert "10.000    50%   2.00  torch oneDNN 2.00; torch plain 3.00; JAX scan left out" in line
    assert line.index("LSTM") == tables.HEAD.index("cell")
    assert "-" in tables.line(a_row(limit=None))
