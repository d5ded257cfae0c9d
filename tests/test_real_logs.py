"""Reading the project's real logs, and the table that scripts/examples/real_logs.py prints."""

import importlib.util
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import diml_inverse as di

PATH = Path(__file__).parents[1] / "scripts" / "examples" / "real_logs.py"
_spec = importlib.util.spec_from_file_location("real_logs", PATH)
real_logs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(real_logs)


@pytest.fixture
def folder(shared):
    if not (shared / "data").is_dir():
        pytest.skip(f"{shared / 'data'} is not here: this test reads the real logs")
    return shared / "data"


def test_absent_data_are_skipped_with_a_message(tmp_path, capsys):
    real_logs.main(tmp_path, out=tmp_path / "real_logs.csv")
    assert capsys.readouterr().out.startswith("skipped: ")
    assert list(tmp_path.iterdir()) == []


def test_language_models_points_are_those_of_the_known_matrices(folder):
    """Realised points of both seats differ between own actions as the matrix says, given the other's."""
    rounds = pd.read_csv(folder / "llm_2x2_akata" / "all_144_games_rounds.csv")
    real = next(real_logs.language_models(folder / "llm_2x2_akata"))
    data = di.TrajectoryDataset.from_table(real.table, num_actions=2, columns=real_logs.COLUMNS)
    assert (data.num_episodes, data.horizon, data.num_agents) == (25, 10, 2)
    played = rounds[rounds.game_number == int(real.game)].copy()
    for seat in (1, 2):
        played[f"a{seat}"] = (played[f"answer{seat}"] == played.choice_option2).astype(int)
    for seat, other in ((1, 2), (2, 1)):
        paid = played.groupby([f"a{seat}", f"a{other}"])[f"points{seat}"].mean().unstack()
        found = (paid.loc[1] - paid.loc[0]).to_numpy()
        seen = ~np.isnan(found)
        assert found[seen].tolist() == real.differences[seat - 1][seen].tolist()


def test_people_against_gpt4_have_the_matrices_of_the_paper(folder):
    dilemma, battle = real_logs.people_and_gpt4(folder / "llm_2x2_akata")
    assert dilemma.differences.tolist() == [[-5, -2]]  # 0 - 5, 8 - 10
    assert battle.differences.tolist() == [[-10, 7]]
    assert (dilemma.table.match.nunique(), battle.table.match.nunique()) == (194, 193)  # of 195


def test_half_of_the_mirrored_sequences_hold_every_move_once(folder):
    """Sequences come as (x, y) and (y, x): both seats of the half have as many moves as one side of all."""
    sequences = pd.read_csv(folder / "pd_nay_vorobeychik" / "nv_sequences.csv")
    first = sequences[(sequences.group == 1) & sequences.other.notna()]
    real = next(real_logs.prisoners(folder / "pd_nay_vorobeychik", most=10_000))
    assert real.table.match.nunique() * 2 == first.seq.nunique()
    assert len(real.table) == len(first) and real.table.action.sum() == first.my.sum()
    assert real.differences == pytest.approx(np.array([[-0.07, -0.07]]))  # s - p, r - t
    data = di.TrajectoryDataset.from_table(real.table, num_actions=2, columns=real_logs.COLUMNS)
    assert data.num_choices == len(first)


def test_seats_are_drawn_by_lot(folder):
    real = next(real_logs.prisoners(folder / "pd_nay_vorobeychik", most=10_000))
    by_seat = real.table.groupby(["match", "seat"]).action.mean().unstack()
    difference = by_seat[1] - by_seat[2]
    assert abs(difference.mean()) < 4 * difference.std() / math.sqrt(len(difference))


def test_the_stationary_inversion_is_the_log_odds_whatever_the_other_does():
    data = di.TrajectoryDataset.from_arrays([[[1, 0], [1, 1], [1, 0], [0, 0]]], 2)
    expected = [[math.log(3)] * 2, [-math.log(3)] * 2]
    assert real_logs.stationary(data) == pytest.approx(np.array(expected))


def test_recovered_differences_are_those_of_the_mechanism():
    paid = np.array([[[3.0, 2.0], [0.0, 5.0]], [[5.0, 1.0], [1.0, 7.0]]])
    mechanism = di.mechanisms.Known(lambda actions, context=None: paid[*np.moveaxis(actions, -1, 0)], (2, 2))
    assert real_logs.recovered(mechanism).tolist() == [[2, 1], [3, 6]]


def test_the_summary_shows_chance_beside_the_accuracies():
    """Of 12 fair coins, one per seat, 3 to 9 are right with 96 %; six games alike have p = 2 / 2^6."""
    line = {"players": "p", "status": "converged", "differences": 4, "ours": 4, "stationary": 3}
    told = {**line, "memory": "-0.3", "held_out": "-0.4"}
    failed = {"players": "p", "status": "failed: x"}
    text = real_logs.summary([line, told, *[line] * 4, failed]).splitlines()
    assert text[2] == "| p | any | 7 | 24 | 1.00 | 0.75 | 0.03 | 0.25 … 0.75 | 1 of 1 |"
    assert text[3] == "| p | converged | 6 | 24 | 1.00 | 0.75 | 0.03 | 0.25 … 0.75 | 1 of 1 |"
    assert text[4] == "| p | failed: x | 1 | 0 | – | – | – | – | – |"
    assert real_logs.flipped(np.array([1, -1])) == 1.0


def test_a_failed_fit_is_a_line(monkeypatch):
    def failing(*_, **__):
        raise RuntimeError("no decomposition\nmore")

    monkeypatch.setattr(di, "select", failing)
    table = pd.DataFrame([(0, 0, 1, 0), (0, 0, 2, 1)], columns=["match", "round", "seat", "action"])
    line = real_logs.answer(real_logs.Real("p", "g", table, np.ones((2, 2))), command=False)
    assert line["status"] == "failed: no decomposition"


@pytest.mark.slow
def test_the_command_says_what_the_function_says(folder):
    real = next(real_logs.prisoners(folder / "pd_nay_vorobeychik", most=10))
    real = replace(real, table=real.table[real.table["round"] < 5])
    one, two = (real_logs.answer(real, command=command) for command in (False, True))
    assert {name: one[name] for name in two} == two
