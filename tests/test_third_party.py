"""Logs that other packages' learners leave, and the table of what is recovered from them."""

import csv
import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import diml_envs
import diml_inverse as di

SCRIPTS = Path(__file__).parents[1] / "scripts" / "reproduce"
sys.path.insert(0, str(SCRIPTS))

import third_party  # noqa: E402
import third_party_logs as logs  # noqa: E402

NEEDS = {"pyspiel": "OpenSpiel", "nashpy": "Nashpy", "axelrod": "Axelrod"}


def needs(package):
    return pytest.mark.skipif(
        importlib.util.find_spec(package) is None,
        reason=f"{NEEDS[package]} is not installed (pip install -e .[third-party])",
    )


def test_games_span_one():
    assert [float(np.ptp(logs.spanning_one(name).table)) for name in third_party.GAMES] == pytest.approx(
        [1] * 5
    )


@needs("nashpy")
def test_nashpys_first_choices_answer_uniform_beliefs():
    """Payoffs 0.6, 0 against 1, 0.2: defection expects 0.3 more, 3 temperatures."""
    game = logs.spanning_one("prisoners_dilemma")
    first = logs.nashpy_fictitious_play(game, episodes=400, horizon=1, seed=1)
    expected = 1 / (1 + math.exp(-0.3 / logs.SMOOTH["etha"]))
    assert abs(first.mean() - expected) < 4 * math.sqrt(expected * (1 - expected) / first.size)


@needs("pyspiel")
def test_open_spiels_second_choices_follow_the_first_payoff():
    """Whoever won 0.5 has Q = 0.1 there and 0 elsewhere: half a temperature of 0.2."""
    game = logs.spanning_one("matching_pennies")
    actions = logs.open_spiel_boltzmann_q(game, episodes=500, horizon=2, seed=1)
    won = game.payoffs(actions[:, 0]) > 0
    repeated = (actions[:, 1] == actions[:, 0])[won]
    expected = 1 / (1 + math.exp(-0.5))
    assert abs(repeated.mean() - expected) < 4 * math.sqrt(expected * (1 - expected) / repeated.size)


@needs("axelrod")
@pytest.mark.slow  # Axelrod alone takes seconds to import
def test_axelrods_tit_for_tat_copies_but_for_slips():
    actions = logs.axelrod_match("TitForTat", "TitForTat", episodes=50, horizon=21, seed=0)
    copied = actions[:, 1:] == actions[:, :-1, ::-1]
    error = math.sqrt(logs.SLIP * (1 - logs.SLIP) / copied.size)
    assert abs(copied.mean() - (1 - logs.SLIP)) < 4 * error


@pytest.mark.parametrize(
    "play",
    [
        pytest.param(logs.nashpy_fictitious_play, marks=needs("nashpy")),
        pytest.param(logs.open_spiel_boltzmann_q, marks=needs("pyspiel")),
    ],
)
def test_seeds_make_the_log_and_leave_the_global_generator_alone(play):
    game, before = logs.spanning_one("shapley"), np.random.get_state()[1].copy()  # noqa: NPY002
    one, two, other = (play(game, 2, 20, seed) for seed in (1, 1, 2))
    assert np.array_equal(one, two) and not np.array_equal(one, other)
    assert one.shape == (2, 20, 2) and one.min() >= 0 and one.max() == 2
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


class Table(di.Mechanism):
    """Payoffs as in a table [A, A, 2]."""

    symmetric = False

    def __init__(self, table):
        super().__init__(tuple(table.shape[:2]))
        self.table = torch.tensor(table)

    def statistic(self, actions):
        return actions.flip(-1).unsqueeze(-1)

    def own_payoffs(self, agent, statistic, context=None):
        met = statistic[:, 0].long()
        return torch.where((agent == 0)[:, None], self.table[:, met, 0].T, self.table[met, :, 1])


def test_signs_count_each_pair_in_each_situation_once_and_leave_out_ties():
    truth = diml_envs.MatrixGame([[[1, 1], [0, 0]], [[0, 1], [0, 2]]])
    wrong = truth.table.copy()
    wrong[1, 1, 1] = 0.5  # agent 1 against 1: the second action better by 1 in truth, worse by 0.5 here
    data = di.TrajectoryDataset.from_arrays([[[0, 0], [1, 1]]], 2)
    # agent 0 against 0: 1 > 0; against 1: a tie. Agent 1 against 0: 1 > 0; against 1: 1 < 2
    assert third_party.signs(Table(truth.table), truth, data) == (3, 3)
    assert third_party.signs(Table(wrong), truth, data) == (2, 3)
    met = di.TrajectoryDataset.from_arrays([[[0, 0], [0, 1]]], 2)  # agent 1 never met action 1
    assert third_party.signs(Table(wrong), truth, met) == (2, 2)


def test_an_absent_package_leaves_a_line_and_rows_not_run(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(third_party, "LEARNERS", {"Nobody": ("no_such_package", None)})
    monkeypatch.setattr(third_party, "AUTOMATA", {})
    third_party.main(runs=tmp_path / "runs", out=tmp_path)
    assert "Nobody: skipped, no_such_package is not installed" in capsys.readouterr().out
    (row, *_) = csv.DictReader((tmp_path / "third_party.csv").open())
    assert row["status"] == "not run" and row["r2"] == ""


@pytest.mark.parametrize(
    ("games", "message"),
    [
        ("shapley", "games: expected all of them for results; found shapley"),
        ("shapley,chess", "games: expected some of prisoners_dilemma, .*; found chess"),
    ],
)
def test_part_of_the_committed_table_is_refused_before_anything_runs(games, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        third_party.main(games=games, runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_failed_fit_is_a_row_and_a_miss(monkeypatch):
    def failing(*_, **__):
        raise RuntimeError("no decomposition\nmore")

    monkeypatch.setattr(di, "select", failing)
    row = third_party.unlearned(third_party.AUTOMATA["diml_envs Alternation"][1], 2, 4, 0)
    assert row["status"] == "failed: RuntimeError: no decomposition" and row["pass"] is False


def test_finished_rows_are_not_run_again(tmp_path, monkeypatch):
    def once(*_):
        calls.append(1)
        return {"status": "converged", "r2": 0.987, "pass": True}

    calls = []
    monkeypatch.setattr(third_party, "LEARNERS", {"Ours": ("diml_envs", None)})
    monkeypatch.setattr(third_party, "AUTOMATA", {})
    monkeypatch.setattr(third_party, "recovered", once)
    for _ in range(2):
        third_party.main(games="shapley", runs=tmp_path / "runs", out=tmp_path)
    assert len(calls) == 1
    (row,) = csv.DictReader((tmp_path / "third_party.csv").open())
    assert (row["learner"], row["game"], row["r2"]) == ("Ours", "shapley", "0.987")
    assert "| Ours | shapley | converged |" in (tmp_path / "third_party.md").read_text()


@needs("pyspiel")
@pytest.mark.slow
def test_boltzmann_q_learners_payoffs_are_recovered_unasked():
    row = third_party.recovered(logs.open_spiel_boltzmann_q, "prisoners_dilemma", 60, 40, seed=3)
    assert row["pass"], row


@needs("nashpy")
@pytest.mark.slow
def test_nashpys_payoffs_are_recovered_unasked_where_uniform_beliefs_favour_nothing():
    row = third_party.recovered(logs.nashpy_fictitious_play, "matching_pennies", 60, 40, seed=3)
    assert row["pass"], row
