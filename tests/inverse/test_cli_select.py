"""Properties of `diml-inverse select`."""

import csv
import dataclasses
import shlex

import numpy as np
import pytest
from typer.testing import CliRunner

import diml_envs
import diml_inverse as di
from diml_inverse import cli
from diml_inverse.selecting import rivals

VALUES = ("step_size=0.5", "exploration=0.05", "forgetting=0")
KNOWN = ("--learners", "hedge", *(word for pair in VALUES for word in ("--parameter", pair)))
CHOICE = ("--mechanisms", "congestion,tabular_anonymous", *KNOWN, "--folds", 2)


@pytest.fixture
def run(monkeypatch):
    """Runs the command line in this process with a wide page, without the slow baseline of memory."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(rivals, "MOST_WEIGHTS", 0)

    def invoke(*arguments):
        return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])

    return invoke


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """A log of three Hedge learners, saved."""
    game = diml_envs.Congestion(3, 3, seed=0)
    rule = diml_envs.Hedge(step_size=0.5, exploration=0.05)
    played = diml_envs.simulate(game, rule, episodes=10, horizon=15, seed=0)
    return played.save(tmp_path_factory.mktemp("logs") / "demo")


def test_select_saves_and_prints_what_the_library_chooses(run, log, tmp_path):
    out = tmp_path / "choice"
    families = ("--mechanisms", "factorial,Congestion", *KNOWN, "--folds", 2)
    done = run("select", log, "--out", out, *families, "--test-fraction", 0.2, "--seed", 3)
    assert done.exit_code == 0, done.output
    train, test = di.load_log(log).split(0.2, seed=3)
    rule = di.learners.Hedge(
        train.num_actions,
        step_size=di.Fixed(0.5),
        exploration=di.Fixed(0.05),
        forgetting=di.Fixed(0.0),
    )
    sizes = train.num_actions
    families = {"factorial": di.mechanisms.Factorial(sizes), "congestion": di.mechanisms.Congestion(sizes)}
    expected = di.select(
        train, mechanisms=families, learners={"hedge": rule}, folds=2, seed=3, progress=False
    )
    chosen, stacked = di.load_result(out), di.load_result(out / "stacked")
    assert chosen.log_likelihood == pytest.approx(expected.result.log_likelihood, rel=1e-9)
    assert stacked.log_likelihood == pytest.approx(expected.stacked.log_likelihood, rel=1e-9)
    assert chosen.num_episodes == 8 and isinstance(stacked.mechanism, di.mechanisms.Average)
    with (out / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["mechanism"] for row in rows] == [row.mechanism for row in expected.table]
    assert [float(row["held_out"]) for row in rows] == [row.held_out for row in expected.table]
    assert [row["chosen"] for row in rows] == [str(row.chosen) for row in expected.table]
    model = di.LearningDynamics(chosen.mechanism, chosen.learner)
    score = model.log_likelihood(test).sum().item() / test.num_choices
    assert f"of {test.num_episodes} test episodes" in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("  chosen ")]
    assert line.split()[-1] == f"{score:.4f}"
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("next: ")]
    told = run(*shlex.split(line)[2:])
    assert told.exit_code == 0, told.output


@pytest.mark.slow
def test_no_information_is_said_before_any_number_and_exits_with_3(run, tmp_path):
    actions = np.random.default_rng(0).integers(0, 3, (8, 10, 3))
    game, rule = diml_envs.Congestion(3, 3), diml_envs.Hedge()
    played = diml_envs.simulate(game, rule, episodes=8, horizon=10, seed=0, record_probabilities=False)
    random = dataclasses.replace(played, actions=actions, payoffs=None)
    path = random.save(tmp_path / "random")
    done = run("select", path, "--out", tmp_path / "out", "--mechanisms", "congestion", *KNOWN)
    assert done.exit_code == 3, done.output
    said = done.stdout.index(di.Status.NO_INFORMATION.value)
    assert not any(character.isdigit() for character in done.stdout[:said])
    assert "warning: " + di.Status.NO_INFORMATION.value in done.stderr
    assert di.load_result(tmp_path / "out").status is di.Status.NO_INFORMATION


BAD = [
    (("--mechanisms", "congestoin", *KNOWN), "--mechanisms: expected one of"),
    (("--mechanisms", "congestoin", *KNOWN), "Did you mean 'congestion'?"),
    (("--learners", "hegde"), "--learners: expected one of"),
    (("--mechanisms", "congestion,congestion", *KNOWN), "expected each name once"),
    (("--parameter", "step_size=0.5"), "expected one learner, whose it is; found the default menu"),
    (("--learners", "hedge,logit-q", "--parameter", "step_size=0.5"), "found 2; give --learners one name"),
    ((*CHOICE, "--parameter", "stepsize=1"), "Did you mean 'step_size'?"),
    (("--learners", "batched-hedge"), "--learners: a batched learner expected update marks in the log"),
    (("--mechanisms", "tabular-network", *KNOWN), "choose among graphs in Python"),
    (("--mechanisms", "by-context-congestion", *KNOWN), "expected a log with a context"),
    (("--learners", "hedge", "--parameter", "step_size=free:1"), "same process for every c > 0"),
    ((*CHOICE, "--num-actions", "three"), "expected whole numbers"),
]


@pytest.mark.parametrize(("options", "message"), BAD)
def test_bad_input_is_refused_with_exit_code_2_and_what_to_do(run, log, tmp_path, options, message):
    done = run("select", log, "--out", tmp_path / "out", *options)
    assert done.exit_code == 2, done.output
    assert message in " ".join(done.stderr.split()) and "Traceback" not in done.output
    assert not (tmp_path / "out").exists()


def test_existing_result_is_refused_before_the_log_is_even_read(run, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "result.json").write_text("mine")
    done = run("select", tmp_path / "nowhere", "--out", tmp_path / "out", *CHOICE)
    assert done.exit_code == 2 and "expected a new folder" in done.stderr
    assert (tmp_path / "out" / "result.json").read_text() == "mine"


def test_too_few_folds_are_refused_by_the_option_itself(run, log, tmp_path):
    done = run("select", log, "--out", tmp_path / "out", *CHOICE[:-2], "--folds", 1)
    assert done.exit_code == 2 and "--folds" in done.stderr


def test_help_names_the_families(run):
    text = " ".join(run("select", "--help").output.split())
    for name in ("factorial", "anonymous-factorial", "congestion", "--learners", "--parameter"):
        assert name in text
