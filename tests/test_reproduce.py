"""The measures and the bookkeeping behind the tables of scripts/reproduce."""

import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import diml_envs
import diml_inverse as di

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts" / "reproduce"))

import baselines  # noqa: E402
import experiments  # noqa: E402
import families  # noqa: E402
import games  # noqa: E402
import measures  # noqa: E402
import paper  # noqa: E402
import play  # noqa: E402
import procedure  # noqa: E402
import rows  # noqa: E402
import tables  # noqa: E402
import targets  # noqa: E402

SMALL = replace(experiments.SMALL[1], episodes=10, horizon=12)
CROWD = games.Experiment(
    "crowd", 6, 3, lambda seed: games.PaperCrowd(6, 3, seed=seed), games.CROWD_RULE, 10, 8, crowd=True
)
COUNTED = replace(experiments.populations(4)[0], name="counted", episodes=10, horizon=8)


@pytest.fixture(scope="module", params=[SMALL, CROWD, COUNTED], ids=lambda experiment: experiment.name)
def trial(request):
    return games.trial(request.param, games.DEVELOPMENT_SEEDS[0])


def truth_as_estimate(trial):
    sizes = trial.experiment.sizes
    return measures.Estimate(
        play.truth_of(trial.experiment, trial.truth), measures.knowing(trial.rule, sizes), 0.0, 0
    )


def test_seeds_of_tables_and_of_development_are_disjoint_and_ten_each():
    assert not set(games.TABLE_SEEDS) & set(games.DEVELOPMENT_SEEDS)
    assert len(set(games.TABLE_SEEDS)) == len(set(games.DEVELOPMENT_SEEDS)) == 10


def test_the_zero_predictor_has_an_r2_of_exactly_zero(trial):
    row = measures.score(trial, baselines.zero(trial))
    assert row["r2"] == row["r2_training"] == row["r2_scale_free"] == 0.0
    assert row["held_out"] == pytest.approx(-math.log(trial.experiment.actions), rel=1e-12)


def test_the_truth_is_at_no_distance_from_itself_in_any_world(trial):
    found = measures.counterfactuals(trial, truth_as_estimate(trial))
    for world in measures.COUNTERFACTUALS:
        assert found[f"{world}_tv"] == pytest.approx(0, abs=1e-12)
        assert found[f"{world}_tv_floor"] > 0
        assert found[f"{world}_kl_floor"] > 0


def test_the_floor_is_zero_under_identical_random_numbers(trial):
    for setting in measures.settings(trial).values():
        assert measures.floor(trial, setting, seed=0) == (0.0, 0.0)


def test_the_truths_held_out_score_is_that_of_the_true_model():
    one = games.trial(SMALL, 101)
    row = measures.score(one, truth_as_estimate(one))
    assert row["held_out"] == pytest.approx(row["held_out_truth"], abs=1e-9)
    assert row["r2"] == pytest.approx(1.0, abs=1e-12)


def test_nobody_takes_a_closed_action_and_a_toll_makes_it_rarer(trial):
    worlds, policies = measures.settings(trial), {}
    truth = truth_as_estimate(trial)
    for name in ("toll", "closed"):
        world = worlds[name]
        policies[name] = measures._played(trial.experiment, truth.mechanism, truth.behaviour(world), world, 0)
    free = measures._played(
        trial.experiment, truth.mechanism, truth.behaviour(measures.Setting()), measures.Setting(), 0
    )
    assert policies["closed"][..., trial.pressed].max() == 0
    first = policies["toll"][:, 1] - free[:, 1]  # after the same first actions
    assert first[..., trial.pressed].max() < 0 < first.max()


def test_play_without_toll_or_closed_action_is_simulate():
    one = games.trial(SMALL, 100)
    mechanism, learner = play.truth_of(SMALL, one.truth), one.rule.known(SMALL.sizes)
    uniforms = di.draw_uniforms(5, 9, SMALL.agents, seed=0)
    ours = play.play(mechanism, learner, uniforms)
    simulated = di.LearningDynamics(mechanism, learner).simulate(uniforms)
    torch.testing.assert_close(ours, simulated.policies, rtol=0, atol=0)


def test_distances_by_hand():
    uniform = torch.full((3, 2, 1, 2), 0.5, dtype=torch.float64)
    tilted = torch.tensor([0.8, 0.2], dtype=torch.float64).expand(3, 2, 1, 2)
    variation, divergence = play.distance(uniform, tilted, alike=False)
    assert variation == pytest.approx(0.3)
    assert divergence == pytest.approx(0.8 * math.log(1.6) + 0.2 * math.log(0.4))


def test_agents_who_are_alike_are_compared_by_their_mean():
    one = torch.tensor([[[[0.9, 0.1], [0.1, 0.9]]]], dtype=torch.float64)
    assert play.distance(one, one.flip(2), alike=True) == (0.0, 0.0)
    assert play.distance(one, one.flip(2), alike=False)[0] == pytest.approx(0.8)


def test_the_papers_crowd_pays_what_its_network_says_whoever_asks():
    game = games.PaperCrowd(5, 3, seed=1)
    actions = np.array([[0, 1, 1, 2, 0]])
    others = np.array([[1, 2, 1], [2, 1, 1], [2, 1, 1], [2, 2, 0], [1, 2, 1]])
    expected = game.facing(others)
    np.testing.assert_allclose(game.deviation_payoffs(actions)[0], expected, atol=1e-14)
    mechanism = play.CrowdTruth((3,) * 5, game)
    np.testing.assert_allclose(mechanism.deviation_payoffs(actions)[0], expected, atol=1e-14)
    strategic = diml_envs.Anonymous(5, 3, seed=1)
    read = play.CrowdTruth((3,) * 5, strategic).deviation_payoffs(actions)
    np.testing.assert_allclose(read, strategic.deviation_payoffs(actions), atol=1e-12)


def test_the_papers_crowd_has_little_strategic_content_and_ours_has_thirty_percent():
    for experiment in experiments.crowds()[::5]:  # the smallest of each kind
        share = games.trial(replace(experiment, episodes=6), 100).interaction
        assert share < 0.05 if "paper" in experiment.name else share >= 0.3


def test_the_bent_crowd_is_no_sum_over_what_others_do():
    """Of a sum of functions of each count, what two moves by different others do adds up exactly."""
    one, other = np.array([1, 0, -1, 0]), np.array([0, 1, 0, -1])
    counts = np.array([3, 3, 3, 3]) + np.stack([0 * one, one, other, one + other])
    both = np.array([1, -1, -1, 1])
    sums = diml_envs.Anonymous(12, 4, interaction_share=1.0, seed=0).count_payoffs(counts)
    bent = games.BentCrowd(12, 4, seed=0).count_payoffs(counts)
    assert np.abs(np.einsum("c,cba->ba", both, sums)[0]).max() < 1e-12
    assert np.abs(np.einsum("c,cba->ba", both, bent)[0]).max() > 1e-3


def test_large_crowds_are_trained_on_the_papers_own_likelihood():
    one = games.trial(CROWD, 100)
    trained = procedure.crowd(one, epochs=1, every=1)
    model = di.LearningDynamics(trained.mechanism, one.rule.known(CROWD.sizes))
    network, rule = trained.mechanism.model, procedure.paper.Rule(*vars(one.rule).values())
    loop = procedure.paper.log_likelihood(network.deviations, rule, one.train.actions, CROWD.actions)
    ours = model.log_likelihood(one.train).sum()
    assert float(ours) == pytest.approx(float(loop), rel=1e-6)  # the loop's states are float32
    (look,) = trained.looks
    assert float(trained.at(look).model.network[0].weight.sum()) == pytest.approx(
        float(network.network[0].weight.sum())
    )


def test_stationary_values_return_the_frequencies_they_came_from():
    one = games.trial(replace(SMALL, episodes=60), 100)
    found = baselines.stationary(one)
    policy = found.behaviour(measures.Setting()).initial_state(1)
    shares = torch.stack([row.bincount(minlength=5) for row in one.train.actions.flatten(0, 1).T]).double()
    shares = shares / shares.sum(-1, keepdim=True)
    predicted = found.behaviour(measures.Setting()).log_policy(policy)[0].exp()
    torch.testing.assert_close(predicted, shares, rtol=0, atol=1e-2)  # 576 choices, none below exploration


def test_estimators_are_given_training_episodes_alone():
    one = games.trial(SMALL, 100)
    assert not set(one.train.episode_ids) & set(one.test.episode_ids)
    blind = replace(one, test=None, truth=None, truth_score=math.nan)
    for estimator in (baselines.zero, baselines.stationary, families.family(di.mechanisms.TabularAnonymous)):
        assert estimator(blind).mechanism.num_actions == SMALL.sizes


def test_a_run_goes_on_where_it_was_stopped(tmp_path):
    kept, calls = rows.Rows(tmp_path, "s"), []

    def wanted(names):
        def estimator(name):
            def run(trial):
                calls.append(name)
                return baselines.zero(trial)

            return run

        return lambda experiment: {name: estimator(name) for name in names}

    assert paper.run(SMALL, 100, wanted(["a", "b"]), kept) == 2
    assert paper.run(SMALL, 100, wanted(["a", "b", "c"]), kept) == 1
    assert calls == ["a", "b", "c"]
    assert [row["line"] for row in kept.all()] == ["a", "b", "c"]


def test_a_row_cut_short_is_run_again_and_other_settings_are_not_reused(tmp_path):
    kept = rows.Rows(tmp_path, "s")
    kept.add([{"experiment": "E1", "seed": 1, "estimator": "a", "line": "a", "r2": math.nan}])
    path = kept.path("E1", 1)
    path.write_text(path.read_text() + '{"experiment": "E1", "seed": 1, "estim')
    assert kept.finished("E1", 1) == {"a"}
    kept.add([{"experiment": "E1", "seed": 1, "estimator": "b", "line": "b"}])
    assert kept.finished("E1", 1) == {"a", "b"}
    assert kept.all()[0]["r2"] is None and json.loads(path.read_text().splitlines()[0])
    assert rows.Rows(tmp_path, "other").finished("E1", 1) == set()
    assert kept.all(seeds=(2,)) == []


def test_an_estimator_of_two_rows_is_finished_when_both_are_there(tmp_path):
    store = rows.Rows(tmp_path, "now")
    both = [
        {"experiment": "E1", "seed": 1, "estimator": "auto", "line": line} for line in ("auto", "stacked")
    ]
    store.add(both)
    assert store.finished("E1", 1) == {"auto"}
    path = store.path("E1", 1)
    path.write_text(path.read_text()[:-10])
    assert store.finished("E1", 1) == set()
    store.add(both)
    assert store.finished("E1", 1) == {"auto"}
    assert [row["line"] for row in store.all()] == ["auto", "stacked"]


@pytest.mark.parametrize(
    ("number", "low", "high", "coverage"), [(10, 2, 9, 0.9785), (6, 1, 6, 0.9688), (2, 1, 2, 0.5)]
)
def test_intervals_of_the_median_are_the_order_statistics_of_the_binomial(number, low, high, coverage):
    """Coverage of ranks r and n + 1 - r by David & Nagaraja (2003), Order Statistics, section 7.1."""
    found = tables.summary([float(k) for k in range(number, 0, -1)])
    assert (found.median, found.low, found.high) == ((number + 1) / 2, low, high)
    assert found.coverage == pytest.approx(coverage, abs=1e-4)


def test_tables_show_medians_and_leave_out_what_an_estimator_does_not_have():
    made = [
        {"experiment": "E1", "line": "ours", "seed": seed, "r2": r2, "toll_tv": None, "toll_tv_floor": 0.01}
        for seed, r2 in enumerate((0.1, 0.5, 0.9))
    ]
    text = tables.as_markdown(made, title="E1")
    assert "| ours | 0.500 [0.100, 0.900] |" in text
    assert "E1,ours,r2,0.5,0.1,0.9,0.75,3" in tables.as_csv(made)


def test_a_choice_that_shows_no_payoffs_says_so():
    row = {"experiment": "W", "line": "ours", "seed": 0, "r2": 0.9, "mechanism": "total", "learner": "Hedge"}
    made = [{**row, "status": "CONVERGED"}, {**row, "seed": 1, "status": "NO_INFORMATION"}]
    text = tables.as_markdown(made, title="W")
    assert "*ours*: total × Hedge (1), total × Hedge (no information) (1)." in text


def test_a_measure_of_fewer_seeds_says_of_how_many():
    made = [{"experiment": "E7", "line": "ours", "seed": seed, "r2": 0.9} for seed in range(3)]
    made[1]["toll_tv"] = 0.02
    text = tables.as_markdown(made, title="E7")
    assert "| ours | 0.900 | 0.0200 (1 of 3 seeds) | 3 |" in text and "of fewer logs" not in text
    made.append({"experiment": "E7", "line": "theirs", "seed": 0, "r2": 0.8})
    assert "Lines of fewer seeds are of fewer logs" in tables.as_markdown(made, title="E7")


@pytest.mark.slow
def test_the_quick_run_ends_and_leaves_the_committed_results_alone(tmp_path):
    script, results = ROOT / "scripts" / "reproduce" / "paper.py", ROOT / "scripts" / "reproduce" / "results"
    before = {path: path.stat().st_mtime_ns for path in results.glob("*.*")}
    command = [sys.executable, str(script), "--quick", "--out", str(tmp_path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    for group in paper.GROUPS:
        assert f"## {group}" in done.stdout
        assert (tmp_path / f"{group}.md").exists() and (tmp_path / f"{group}.csv").exists()
    assert list(tmp_path.glob("*.png"))
    assert before == {path: path.stat().st_mtime_ns for path in results.glob("*.*")}


def test_readme_table_equals_the_committed_results():
    import readme_table

    results = ROOT / "scripts" / "reproduce" / "results"
    assert {path.stem for path in results.glob("E*.csv")} >= {"E1", "E2", "E3", "E7"}
    assert readme_table.table(readme_table.read(results)) in (ROOT / "README.md").read_text(encoding="utf-8")


def test_readme_table_says_how_many_seeds_where_they_are_not_ten(tmp_path):
    import readme_table

    head = "experiment,estimator,measure,median,low,high,coverage,seeds\n"
    (tmp_path / "E1.csv").write_text(head + "E1,automatic choice,r2,0.8765,0,1,1,10\n", encoding="utf-8")
    (tmp_path / "E7.csv").write_text(head + "E7 4x3,paper's procedure,r2,0.5,0,1,1,1\n", encoding="utf-8")
    lines = readme_table.table(readme_table.read(tmp_path)).splitlines()
    assert lines[2:] == ["| E1 | – | – | 0.876 | – | – |", "| E7 4x3 | 0.500 (1 seed) | – | – | – | – |"]


def test_committed_tables_and_targets_are_those_of_the_committed_rows(tmp_path):
    results = ROOT / "scripts" / "reproduce" / "results"
    store = rows.Rows(results / "rows", "epochs 100, 200; steps 3000; folds 5")
    paper.write(store, experiments.full(), games.TABLE_SEEDS, tmp_path, "a command")
    for name in ("E1.csv", "E2.csv", "E3.csv", "E7.csv", "W.csv"):
        assert (tmp_path / name).read_text() == (results / name).read_text(), name

    def targets(folder):
        return [line for line in (folder / "targets.md").read_text().splitlines() if line.startswith("|")]

    assert targets(tmp_path) == targets(results)


def test_what_the_readme_says_of_predicted_play_is_in_the_targets():
    """Each line of a distance: ours, and the bound that is a third of the procedure's."""
    text = (ROOT / "scripts" / "reproduce" / "results" / "targets.md").read_text(encoding="utf-8")
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if "total variation" in line]
    names = {line[0].split(", ")[0] for line in lines}
    missed = {line[0].split(", ")[0] for line in lines if line[3] == "**missed**"}
    behind = {
        line[0].split(", ")[0] for line in lines if float(line[1]) > 3 * float(line[2].removeprefix("<= "))
    }
    assert len(lines) == 3 * len(names)
    assert behind == {"E7 bent 40x10"} and names - missed == {"E2", "E3", "E7 120x25", "E7 200x30"}
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert "closer to the truth than the procedure's in every game but `E7 bent`" in readme
    assert "in all three respects only in E2, E3, E7 120x25 and E7 200x30." in readme


def test_targets_compare_seeds_that_both_were_measured_on():
    made = [
        {"experiment": "E1", "line": line, "seed": seed, "shift_tv": value}
        for line, values in (("automatic choice", (0.01, None)), ("paper's procedure", (None, 0.9)))
        for seed, value in enumerate(values)
    ]
    assert "shift" not in targets.as_markdown(made)
    made += [{"experiment": "E1", "line": "automatic choice", "seed": 1, "shift_tv": 0.2}]
    assert "(seeds: 1) | 0.200 | <= 0.300 | met |" in targets.as_markdown(made)


def test_the_best_epoch_is_that_of_the_best_test_likelihood():
    row = {"experiment": "E1", "seed": 1, "estimator": "e", "commit": "c", "line": "net", "parameters": 3}
    row |= {"r2": 0.7, "held_out": -1.25, "seconds": 2.0}
    row["curve"] = [[1, 0.5, 0.2, -1.5], [2, 1.0, 0.4, -1.2], [3, 1.5, 0.6, -1.3]]
    _, best = tables.with_best_epochs([row])
    assert (best["line"], best["r2"], best["seconds"]) == ("net, best epoch", 0.4, 1.0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"seeds": "100:101"}, "some of 200:209 for the committed tables"),
        ({"seeds": "209:200"}, "first:last"),
        ({"seeds": "a:b"}, "first:last"),
        ({"only": ["E9"]}, "only: expected beginnings of E1"),
        ({"only": ["E1"], "lines": ["mine"]}, "lines: expected beginnings of"),
    ],
)
def test_wrong_words_are_refused_before_anything_runs(words, message):
    with pytest.raises(ValueError, match=message):
        paper.main(**words)
