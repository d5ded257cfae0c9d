"""`diml-inverse counterfactual`: the licence first, then what the library predicts; what is typed."""

import csv
import dataclasses
import re

import numpy as np
import pytest
from typer.testing import CliRunner

import diml_envs
import diml_inverse as di
from diml_inverse import cli
from diml_inverse.cli_actions import parse_deleted, parse_tolls

QUICK = ("--episodes", 20, "--draws", 4, "--steps", 12)
AGENTS, SIZES = ("agent_0", "agent_1", "agent_2"), (3, 3, 3)


@pytest.fixture
def run():
    """Runs the command line in this process."""
    return lambda *arguments: CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A log of three drivers on three roads, a result on it, and where both are."""
    folder = tmp_path_factory.mktemp("counterfactual")
    rule = diml_envs.LogitQ(step_size=0.25, inverse_temperature=3.0, exploration=0.06)
    played = diml_envs.simulate(diml_envs.Congestion(3, 3, seed=1), rule, episodes=12, horizon=20, seed=0)
    log = played.save(folder / "log")
    data = di.load_log(log)
    known = {"step_size": di.Fixed(0.25), "inverse_temperature": di.Fixed(3.0), "exploration": di.Fixed(0.06)}
    result = di.fit(data, di.mechanisms.Congestion(SIZES), di.learners.LogitQ(SIZES, **known), progress=False)
    return log, result.save(folder / "fit"), data, result


def rows(text):
    """Numbers of the printed table: (agent, action) -> without, changed, effect."""
    found = re.findall(r"^  (agent_\d) +(\d) +(\S+) +(\S+) +(\S+) ", text, re.MULTILINE)
    return {(agent, int(action)): tuple(map(float, numbers)) for agent, action, *numbers in found}


def test_a_toll_equal_on_all_roads_changes_nothing_and_is_paid_by_all_three(run, made):
    tolls = [word for action in range(3) for word in ("--toll", f"{action}=0.4")]
    done = run("counterfactual", made[1], made[0], *tolls, "--numeraire", 1, *QUICK)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("licence: identified\n")
    found = rows(done.stdout)
    assert len(found) == 9 and all(effect == 0 for _, _, effect in found.values())
    assert "tolls paid per step: 1.2000" in done.stdout  # 3 drivers x 0.4


def test_a_deleted_action_is_never_taken_by_its_agent_and_the_table_is_the_library_s(run, made, tmp_path):
    log, fit, data, result = made
    out = tmp_path / "new" / "paths.csv"
    done = run("counterfactual", fit, log, "--delete-action", "agent_0:2", *QUICK, "--seed", 5, "--out", out)
    assert done.exit_code == 0, done.output
    found = rows(done.stdout)
    without, changed, effect = found["agent_0", 2]
    assert changed == 0 and effect == -without and found["agent_1", 2][1] > 0
    expected = di.counterfactual(
        result,
        data=data,
        available=np.array([[True, True, False], [True] * 3, [True] * 3]),
        episodes=20,
        draws=4,
        horizon=12,
        seed=5,
    )
    assert done.stdout.startswith(expected.summary())
    with out.open(newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == 3 * 12 * 3 and {row["agent"] for row in table} == set(AGENTS)
    row = table[(1 * 12 + 7) * 3 + 2]  # agent 1, step 7, action 2
    assert (row["agent"], row["step"], row["action"]) == ("agent_1", "7", "2")
    for name, part in (("without", expected.path_without), ("changed", expected.path_changed)):
        assert float(row[name]) == float(part.value[7, 1, 2])
    for name in ("low", "high", "monte_carlo"):
        assert float(row[name]) == float(getattr(expected.path_effect, name)[7, 1, 2])
    again = run("counterfactual", fit, log, "--delete-action", "agent_0:2", *QUICK, "--out", out)
    assert again.exit_code == 2 and "expected a new file; found one" in again.stderr


def test_unlicensed_requests_end_with_the_licence_and_code_2_unless_forced(run, made):
    """The tables' unit is the inverse temperature's: a toll of 0.5 means nothing without a numeraire."""
    request = ("counterfactual", made[1], made[0], "--toll", "1=0.5", *QUICK)
    refused = run(*request)
    assert refused.exit_code == 2 and not refused.stdout
    assert refused.stderr.startswith("licence: identified given a monetary scale (pass `numeraire=`)\n")
    assert "payoffs are in a unit of their own" in refused.stderr and "--force" in refused.stderr
    forced = run(*request, "--force")
    assert forced.exit_code == 0
    first, second = forced.stdout.splitlines()[:2]
    assert first.startswith("FORCED against the licence") and second.startswith("licence: identified given")
    granted = run(*request, "--numeraire", 1)
    assert granted.exit_code == 0 and rows(granted.stdout) == rows(forced.stdout)
    assert "interval" in granted.stdout and "simulation" in granted.stdout  # Monte-Carlo error


def test_from_the_log_s_end_is_the_library_s_log_end(run, made):
    log, fit, data, result = made
    done = run("counterfactual", fit, log, "--toll", "1=0.5", "--numeraire", 1, "--from-end", *QUICK)
    expected = di.counterfactual(
        result,
        data=data,
        toll=[0, 0.5, 0],
        numeraire=1.0,
        initial="log end",
        episodes=20,
        draws=4,
        horizon=12,
    )
    assert done.stdout.rstrip() == expected.summary()


def test_learners_fitted_with_the_log_s_marks_are_refused_with_the_remedy(run, made, tmp_path):
    """When they update elsewhere than in the log, nothing says."""
    log, _, _, result = made
    marked = dataclasses.replace(result, learner=di.learners.Batched(result.learner)).save(tmp_path / "fit")
    done = run("counterfactual", marked, log, "--toll", "1=0.5", *QUICK)
    assert done.exit_code == 2 and "--every" in done.stderr


def test_tolls_and_deletions_are_read_as_written():
    assert parse_tolls({}, AGENTS, SIZES) is None and parse_deleted([], AGENTS, SIZES) is None
    assert parse_tolls({"1": "0.5", "2": "-1"}, AGENTS, SIZES).tolist() == [0, 0.5, -1]
    own = parse_tolls({"agent_1:1": "2", "1": "0.5"}, AGENTS, SIZES)  # the agent's own fee takes precedence
    assert own.tolist() == [[0, 0.5, 0], [0, 2, 0], [0, 0.5, 0]]
    left = parse_deleted(["agent_0:2", "1"], AGENTS, SIZES)
    assert left.tolist() == [[True, False, False], [True, False, True], [True, False, True]]


BAD = [
    ((), "expected a change, --toll or --delete-action; found neither"),
    (("--toll", "agent_01:1=0.5"), r"found 'agent_01'.* Did you mean 'agent_\d'\?"),
    (("--toll", "3=0.5"), "expected an action of everybody, 0 to 2; found '3'"),
    (("--toll", "1=half"), "expected a number; found 'half'"),
    (("--toll", "1"), "expected key=value; found '1'; for example --toll 1=0.5"),
    (("--delete-action", "agent_0:7"), "expected an action of agent_0, 0 to 2; found '7'"),
    (
        tuple(w for a in range(3) for w in ("--delete-action", f"{a}")),
        "found none for agent 0; leave one open",
    ),
    (("--toll", "1=0.5", "--numeraire", "-1"), "expected a number above 0"),
    (("--toll", "1=0.5", "--out", "paths.txt"), r"ending in \.csv"),
]


@pytest.mark.parametrize(("options", "message"), BAD)
def test_bad_requests_are_refused_with_exit_code_2(run, made, options, message):
    done = run("counterfactual", made[1], made[0], *options, *QUICK)
    assert done.exit_code == 2, done.output
    assert re.search(message, " ".join(done.stderr.split())) and "Traceback" not in done.output
