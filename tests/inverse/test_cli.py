"""Properties of the command line `diml-inverse`."""

import dataclasses
import shlex
import subprocess
import sys

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import diml_envs
import diml_inverse as di
from diml_inverse import cli
from diml_inverse.cli_mechanism import build_mechanism
from diml_inverse.cli_options import build_learner
from diml_inverse.cli_tables import FAMILIES, LEARNER_NAMES, RULES, learner_defaults

KNOWN = ("step_size=0.25", "inverse_temperature=3", "exploration=0.06")
RING = np.ones((3, 3)) - np.eye(3)
PARAMETERS = tuple(word for pair in KNOWN for word in ("--parameter", pair))
FIT = ("--mechanism", "congestion", "--learner", "logit-q", *PARAMETERS)


@pytest.fixture
def run(monkeypatch):
    """Runs the command line in this process with a wide page."""
    monkeypatch.setenv("COLUMNS", "200")

    def invoke(*arguments):
        return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])

    return invoke


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """A log of three logit-Q learners, saved."""
    rule = diml_envs.LogitQ(step_size=0.25, inverse_temperature=3.0, exploration=0.06)
    game = diml_envs.Congestion(3, 3, seed=1)
    played = diml_envs.simulate(game, rule, episodes=10, horizon=20, seed=0)
    return played.save(tmp_path_factory.mktemp("logs") / "demo")


def python_fit(dataset):
    learner = di.learners.LogitQ(
        dataset.num_actions,
        step_size=di.Fixed(0.25),
        inverse_temperature=di.Fixed(3.0),
        exploration=di.Fixed(0.06),
    )
    return di.fit(dataset, di.mechanisms.Congestion(dataset.num_actions), learner)


def test_fit_saves_what_the_library_estimates_and_its_next_command_reports(run, log, tmp_path):
    out = tmp_path / "fit"
    done = run("fit", log, "--out", out, *FIT, "--test-fraction", 0.2, "--seed", 3)
    assert done.exit_code == 0, done.output
    train, test = di.load_log(log).split(0.2, seed=3)
    result, expected = di.load_result(out), python_fit(train)
    assert result.log_likelihood == pytest.approx(expected.log_likelihood, rel=1e-9)
    assert result.num_episodes == 8 and "status: converged. Nothing to do." in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("next: ")]
    program, *command = shlex.split(line.removeprefix("next: "))
    assert program == "diml-inverse"
    told = run(*command)
    assert told.exit_code == 0, told.output
    assert "8 fitted episodes" in told.stdout and "2 held-out episodes" in told.stdout
    assert "Warning" not in told.stdout and (out / "report.png").stat().st_size > 10_000
    recovery = di.metrics.realised_difference_r2(result.mechanism, train)
    assert f"R2 = {recovery:.3f}: " in told.stdout
    own = tmp_path / "own.png"
    assert run(*command, "--out", own).exit_code == 0 and own.exists()


@pytest.mark.slow
def test_csv_of_other_column_names_gives_the_same_estimate(run, log, tmp_path):
    table = diml_envs.load(log).to_pandas()[["episode", "step", "agent", "action", "payoff"]]
    names = {"agent": "driver", "action": "road", "payoff": "minutes"}
    table.rename(columns=names).to_csv(tmp_path / "trips.csv", index=False)
    mapping = [word for ours, theirs in names.items() for word in ("--columns", f"{ours}={theirs}")]
    reading = (*mapping, "--num-actions", "3,3,3")
    done = run("fit", tmp_path / "trips.csv", "--out", tmp_path / "fit", *FIT, *reading)
    assert done.exit_code == 0, done.output
    assert di.load_result(tmp_path / "fit").log_likelihood == pytest.approx(
        python_fit(di.load_log(log)).log_likelihood, rel=1e-9
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("next: ")]
    assert set(reading) <= set(shlex.split(line))
    told = run(*shlex.split(line)[2:])
    assert told.exit_code == 0 and "Warning" not in told.stdout, told.output


BAD = [
    (("--mechanism", "congestoin", "--learner", "hedge"), "Did you mean 'congestion'?"),
    (("--mechanism", "congestion", "--learner", "hegde"), "Did you mean 'hedge'?"),
    ((*FIT, "--parameter", "stepsize=1"), "Did you mean 'step_size'?"),
    ((*FIT, "--parameter", "initial"), "expected key=value; found 'initial'"),
    ((*FIT, "--parameter", "step_size=0.5"), "found 'step_size' twice"),
    ((*FIT[:4], "--parameter", "step_size=2"), "expected a number in 0 to 1; found 2"),
    ((*FIT[:4], "--parameter", "step_size=free:1"), "expected a start strictly inside 0 to 1; found 1"),
    ((*FIT[:4], "--parameter", "step_size=fast"), "free:start for one to be estimated"),
    ((*FIT[:4], "--parameter", "step_size=0.1,0.2"), "one for each of the 3 agents; found 2"),
    ((*FIT[:4], "--parameter", "inverse_temperature=free:2"), "same process for every c > 0"),
    ((*FIT, "--every", "16"), "use --learner batched-logit-q"),
    (("--mechanism", "congestion", "--learner", "batched-hedge"), "give the steps per batch with --every"),
    ((*FIT, "--ridge", "1"), "expected a family with a penalty; found congestion"),
    (("--mechanism", "tabular-joint", "--learner", "hedge", "--ridge", "-1"), "expected a number above 0"),
    ((*FIT, "--num-actions", "three"), "expected whole numbers"),
    ((*FIT, "--columns", "action=road"), "road"),
    (("--mechanism", "congestion", "--learner", "memory-k", "--parameter", "memory=x"), "whole number"),
]


@pytest.mark.parametrize(("options", "message"), BAD)
def test_bad_input_is_refused_with_exit_code_2_and_what_to_do(run, log, tmp_path, options, message):
    done = run("fit", log, "--out", tmp_path / "fit", *options)
    assert done.exit_code == 2, done.output
    assert message in " ".join(done.stderr.split()) and "Traceback" not in done.output
    assert not (tmp_path / "fit").exists()


def test_missing_log_or_result_and_foreign_picture_are_refused(run, log, tmp_path):
    missing = run("fit", tmp_path / "demo", "--out", tmp_path / "fit", *FIT)
    assert missing.exit_code == 2 and "Check the path" in missing.stderr
    no_result = run("report", tmp_path / "fit", log)
    assert no_result.exit_code == 2 and "expected result.json" in no_result.stderr
    picture = run("report", tmp_path / "fit", log, "--out", "picture.pdf")
    assert picture.exit_code == 2 and "ending in .png" in picture.stderr


def test_existing_result_is_refused_before_the_log_is_even_read(run, log, tmp_path):
    assert run("fit", log, "--out", tmp_path / "fit", *FIT, "--max-steps", 10).exit_code == 0
    before = (tmp_path / "fit" / "result.json").read_text()
    again = run("fit", tmp_path / "nowhere", "--out", tmp_path / "fit", *FIT)
    assert again.exit_code == 2 and "expected a new folder" in again.stderr
    assert (tmp_path / "fit" / "result.json").read_text() == before


@pytest.mark.slow
def test_budget_warns_and_failures_exit_with_3(run, log, tmp_path, monkeypatch):
    short = run("fit", log, "--out", tmp_path / "short", *FIT[:4], "--max-steps", 10)
    assert short.exit_code == 0 and "warning: stopped by budget" in short.stderr
    assert "raise the optimiser's max_steps" in short.stderr
    fitted = cli.fit_model
    for status in (di.Status.DIVERGED, di.Status.NO_INFORMATION):
        monkeypatch.setattr(
            cli, "fit_model", lambda *a, s=status, **k: dataclasses.replace(fitted(*a, **k), status=s)
        )
        done = run("fit", log, "--out", tmp_path / status.name, *FIT, "--max-steps", 10)
        assert done.exit_code == 3 and status.remedy in done.stdout, done.output
        assert di.load_result(tmp_path / status.name).status is status
        shown = "action 0" in done.stdout
        assert shown is (status is di.Status.DIVERGED)


def test_help_lists_every_name_and_every_default(run):
    text = " ".join(run("fit", "--help").output.split())
    for name in (*FAMILIES, *LEARNER_NAMES):
        assert name in text
    for name, rule in RULES.items():
        assert rule.about in text
        for key, default in learner_defaults(name).items():
            assert f"{key}={default}" in text
    assert "innovation=free:0.1" in text


def test_parameters_become_known_or_estimated_by_their_own_domain():
    given = {"step_size": "0.5", "exploration": "free", "forgetting": "free:0.1,0.2,0.3"}
    rule = build_learner("batched-hedge", given, (2, 2, 2), every=4)
    assert isinstance(rule, di.learners.Batched) and rule.every == 4
    inner = rule.rule
    assert isinstance(inner.step_size, di.Fixed) and inner.step_size().item() == 0.5
    assert isinstance(inner.exploration, di.Bounded) and inner.exploration().item() == pytest.approx(0.05)
    assert isinstance(inner.forgetting, di.Bounded)
    torch.testing.assert_close(inner.forgetting()[:, 0], torch.tensor([0.1, 0.2, 0.3]).double())
    assert isinstance(rule.innovation, di.Positive) and rule.innovation().item() == pytest.approx(0.1)
    assert build_learner("batched-hedge", {"innovation": "none"}, (2, 2)).innovation is None
    assert build_learner("hedge", {}, (2, 2)).optimism is None
    assert build_learner("hedge", {"optimism": "free:0.5"}, (2, 2)).optimism().item() == pytest.approx(0.5)
    assert build_learner("memory-k", {"memory": "3"}, (2, 2)).memory == 3


@pytest.mark.parametrize("learner", LEARNER_NAMES)
def test_every_learner_is_built_from_its_defaults_and_has_a_likelihood(learner, log):
    data = di.load_log(log).select([0])
    every = 5 if learner.startswith("batched") or learner == "actor-critic" else None
    rule = build_learner(learner, {}, data.num_actions, every=every)
    assert rule.free_scale_parameters() == []  # the defaults are an identified model
    mechanism = build_mechanism("congestion", data, ridge=None)
    assert torch.isfinite(di.LearningDynamics(mechanism, rule).log_likelihood(data)).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_built_for_the_agents_and_context_of_the_log(family):
    game = diml_envs.PublicState(diml_envs.Congestion(3, 3, seed=1))
    played = diml_envs.simulate(game, diml_envs.Hedge(), episodes=2, horizon=5, seed=0)
    data = di.TrajectoryDataset.from_arrays(played.actions, (3, 3, 3), context=played.context)
    ridge = 0.5 if "ridge" in FAMILIES[family].takes else None
    graph = RING if "adjacency" in FAMILIES[family].takes else None
    mechanism = build_mechanism(family, data, ridge=ridge, graph=graph)
    assert mechanism.num_actions == (3, 3, 3) and getattr(mechanism, "ridge", None) == ridge
    assert mechanism.context_size == (1 if family.startswith("neural") else 0)


@pytest.mark.slow
def test_batched_learners_read_the_log_marks_unless_told_otherwise(run, tmp_path):
    rule = diml_envs.Hedge(step_size=0.5, forgetting=0.2, exploration=0.05)
    played = diml_envs.simulate(diml_envs.Congestion(3, 3, seed=1), rule, episodes=3, horizon=24, seed=0)
    marks = (torch.arange(24)[None, :, None].expand(3, 24, 3) // 6).numpy()
    dataclasses.replace(played, update=marks).save(tmp_path / "marked")
    options = ("--mechanism", "congestion", "--learner", "batched_hedge", "--max-steps", 10)
    found = {}
    for name, more in {"marks": (), "six": ("--every", 6), "four": ("--every", 4)}.items():
        done = run("fit", tmp_path / "marked", "--out", tmp_path / name, *options, *more)
        assert done.exit_code in (0, 3), done.output
        found[name] = di.load_result(tmp_path / name).log_likelihood
    assert found["marks"] == pytest.approx(found["six"], rel=1e-9)
    assert abs(found["marks"] - found["four"]) > 1e-3


def test_python_m_diml_inverse_is_the_command_line():
    done = subprocess.run(
        [sys.executable, "-m", "diml_inverse", "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "fit" in done.stdout and "report" in done.stdout
