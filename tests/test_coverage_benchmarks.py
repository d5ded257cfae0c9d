"""How the coverage benchmarks count, what they go on from, and what they refuse."""

import json
import math
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts" / "benchmarks"))

import counterfactual_coverage  # noqa: E402
import interval_coverage  # noqa: E402


def outcome(seed, below, above, missing=(0, 0), **more):
    """A log of two contrasts."""
    kind = {"below": list(below), "above": list(above), "missing": list(missing)}
    return {"cell": "table", "seed": seed, "hessian": kind, **more}


def test_each_missed_contrast_counts_once_in_its_tail():
    rows = [
        outcome(0, (1, 0), (0, 0)),
        outcome(1, (0, 0), (0, 1)),
        *(outcome(s, (0, 0), (0, 0)) for s in (2, 3)),
    ]
    found = interval_coverage.summarise("table", "hessian", rows)
    assert (found["replications"], found["failed"]) == (4, 0)
    assert (found["coverage"], found["lowest"]) == (0.75, 0.75)  # two of eight; one of four in each contrast
    assert (found["truth_below"], found["truth_above"]) == (0.125, 0.125)
    # shares missed per log 1/2, 1/2, 0, 0: standard deviation 1 / sqrt(12), over sqrt(4)
    assert found["standard_error"] == pytest.approx(1 / math.sqrt(48), abs=1e-4)


def test_what_is_not_identified_or_failed_is_missed():
    whole, unseen = outcome(0, (0, 0), (0, 0)), outcome(1, (0, 0), (0, 0), (1, 0))
    found = interval_coverage.summarise("table", "hessian", [whole, unseen, {"cell": "table", "seed": 2}])
    assert (found["replications"], found["failed"]) == (3, 1)
    assert found["coverage"] == pytest.approx(1 - 3 / 6)  # one contrast of the second, both of the third
    assert found["lowest"] == pytest.approx(1 / 3, abs=1e-4)
    assert found["not_identified"] == 0.25


def test_errors_are_compared_with_their_bounds_in_the_mean_over_contrasts():
    rows = [
        outcome(s, (0, 0), (0, 0), error=[0.2 * sign, 0.3], bound=[0.04, 0.01])
        for s, sign in ((0, 1), (1, -1))
    ]
    found = interval_coverage.summarise("table", "hessian", rows)
    assert found["rmse_over_bound"] == pytest.approx(math.sqrt((1 + 9) / 2), abs=1e-3)
    assert found["ratio_standard_error"] == 0.0


def test_a_line_cut_short_is_left_out(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(outcome(0, (0, 0), (0, 0))) + '\n{"cell": "table", "se')
    assert list(interval_coverage.read(path)) == [("table", 0)]
    assert interval_coverage.read(tmp_path / "none.jsonl") == {}


def test_a_log_cut_short_is_not_counted_by_half(tmp_path, monkeypatch, capsys):
    """Both changes of seed 0 are there, one of seed 1: only seed 1 is run."""

    def replicate(name, seed, episodes, draws):
        run.append(seed)
        return [row(seed, change) for change in counterfactual_coverage.CHANGES]

    def row(seed, change):
        return {
            "setting": "one", "change": change, "seed": seed, "episodes": 4, "draws": 2, "held": 1,
            "share": 0.5, "truth": 0.1, "low": 0.0, "high": 0.2, "licence": "IDENTIFIED", "seconds": 1.0,
        }  # fmt: skip

    run = []
    monkeypatch.setattr(counterfactual_coverage, "SETTINGS", {"one": None})
    monkeypatch.setattr(counterfactual_coverage, "replicate", replicate)
    out = tmp_path / "out.csv"
    asked = {"first_seed": 0, "episodes": 4, "draws": 2, "jobs": 1, "out": out}
    counterfactual_coverage.main(replications=2, **asked)
    lines = out.read_text().splitlines()
    out.write_text("\n".join(lines[:-1]) + "\n")
    counterfactual_coverage.main(replications=2, **asked)
    assert run == [0, 1, 1]
    assert "| one | toll | 2 | 50.0% | 100.0% |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("main", "words", "message"),
    [
        (interval_coverage.main, {"replications": 0}, "replications: expected 1 or more; found 0"),
        (interval_coverage.main, {"replications": 20}, "expected all cells and 500 replications"),
        (interval_coverage.main, {"cell": ["table"]}, "expected all cells and 500 replications"),
        (
            interval_coverage.main,
            {"cell": ["none"], "out": Path("x.csv")},
            "cell: expected parts of structured",
        ),
        (counterfactual_coverage.main, {"replications": 0}, "replications: expected 1 or more; found 0"),
        (counterfactual_coverage.main, {"replications": 20}, "expected all 200 replications"),
        (counterfactual_coverage.main, {"first_seed": 7}, "expected all 200 replications"),
    ],
)
def test_part_of_a_committed_table_is_refused_before_anything_runs(main, words, message):
    defaults = {"replications": 500 if main is interval_coverage.main else 200, "first_seed": 0}
    folder = {
        "out": counterfactual_coverage.RESULTS
        if main is counterfactual_coverage.main
        else interval_coverage.RESULTS
    }
    with pytest.raises(ValueError, match=message):
        main(**(defaults | folder | words))
