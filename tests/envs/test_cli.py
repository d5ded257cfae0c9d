"""Properties of the command line `diml-envs`."""

import inspect
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import diml_envs
from diml_envs import learners
from diml_envs.cli import app
from diml_envs.learners import EWA, Alternation, Mixture, TitForTat
from diml_envs.log import load
from diml_envs.mechanisms import Congestion, MatrixGame
from diml_envs.registration import REGISTRY, make_parallel
from diml_envs.simulate import simulate


@pytest.fixture
def run(monkeypatch):
    """Runs the command line in this process with a wide page."""
    monkeypatch.setenv("COLUMNS", "200")

    def invoke(*arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return invoke


def table_rows(output):
    """The rows of a printed table as lists of cells; a cell wrapped over several lines is joined again."""
    rows = []
    for line in output.splitlines():
        if "│" not in line:
            continue
        cells = [cell.strip() for cell in line.split("│")[1:-1]]
        if cells[0]:
            rows.append(cells)
        else:
            rows[-1] = [f"{one} {more}".strip() for one, more in zip(rows[-1], cells, strict=True)]
    return rows


@pytest.mark.parametrize("columns", ["80", "200"])
def test_list_names_every_registered_environment_with_its_sizes(run, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    result = run("list")
    assert result.exit_code == 0
    rows = {cells[0]: cells[1:] for cells in table_rows(result.output)}
    assert list(rows) == list(REGISTRY)
    for env_id, (agents, actions, description) in rows.items():
        game = make_parallel(env_id).mechanism
        by_role = {"diml/double_auction-v0": "buyer 5, seller 4"}
        assert agents == str(game.num_agents) and actions == by_role.get(env_id, str(game.num_actions[0]))
        first_line = inspect.getdoc(type(game)).splitlines()[0]
        assert description == first_line


@pytest.mark.parametrize("env_id", list(REGISTRY))
def test_show_prints_arguments_payoffs_and_an_episode(run, env_id):
    result = run("show", env_id)
    assert result.exit_code == 0, result.output
    for expected in (env_id, "argument", "max_cycles", "payoffs of agent_0, agent_1", "step 12 of 12"):
        assert expected in result.output


def test_show_prints_the_payoffs_of_the_small_instance(run):
    output = run("show", "diml/matrix-v0", "--env", "game=stag_hunt").output
    table = MatrixGame.named("stag_hunt").payoffs
    for own in range(2):
        for other in range(2):
            mine, theirs = table(np.array([own, other]))
            assert f"{mine:.2f}, {theirs:.2f}" in output
    assert (
        "(a payoff table is shown for two agents only, not for 5)"
        in run("show", "diml/congestion-v0", "--env", "num_agents=5").output
    )


def test_record_of_a_built_in_rule_writes_the_simulated_log(run, tmp_path):
    out = tmp_path / "demo"
    result = run(
        *("record", "diml/congestion-v0", "--out", out, "--learners", "hedge", "--learner", "step_size=0.5"),
        *("--env", "num_agents=3", "--env", "num_actions=(2, 3, 3)", "--env", "seed=4"),
        *("--episodes", 2, "--steps", 15, "--seed", 9),
    )
    assert result.exit_code == 0, result.output
    log = load(out)
    assert log.actions.shape == (2, 15, 3) and log.num_actions == (2, 3, 3)
    game = Congestion(3, (2, 3, 3), seed=4)
    np.testing.assert_allclose(log.payoffs, game(log.actions))
    assert log.provenance["env"] == {
        "id": "diml/congestion-v0",
        "observation": "none",
        "num_agents": 3,
        "num_actions": [2, 3, 3],
        "seed": 4,
        "feedback": "full",
    }
    assert log.provenance["learner"]["step_size"] == 0.5 and log.provenance["seed"] == 9
    # Hedge from zero attractions: uniform, then softmax of half the deviation payoffs
    np.testing.assert_allclose(
        log.probabilities[:, 0], [[[0.5, 0.5, 0], [1 / 3] * 3, [1 / 3] * 3]] * 2, atol=1e-7
    )
    weights = np.exp(0.5 * game.deviation_payoffs(log.actions[0, 0])[1])
    np.testing.assert_allclose(log.probabilities[0, 1, 1], weights / weights.sum(), atol=1e-7)


def test_record_of_mixed_learners_one_per_agent_with_their_own_hyper_parameters(run, tmp_path):
    arguments = (
        *("record", "diml/congestion-v0", "--learners", "a2c,bandit_q,hedge", "--steps", 12, "--episodes", 2),
        *("--env", "num_agents=3", "--env", "num_actions=3", "--observation", "joint"),
        *("--learner", "a2c.n_steps=4", "--learner", "bandit_q.step_size=0.9", "--jobs", 1),
    )
    for name in ("one", "two"):
        result = run(*arguments, "--out", tmp_path / name)
        assert result.exit_code == 0, result.output
    one, two = load(tmp_path / "one"), load(tmp_path / "two")
    np.testing.assert_array_equal(one.actions, two.actions)
    assert one.provenance["learners"] == {
        "agent_0": "A2C",
        "agent_1": "BanditQ",
        "agent_2": "Hedge",
    }
    assert one.update[0, :, 0].tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert one.provenance["env"]["observation"] == "joint"


@pytest.mark.parametrize("name", learners.NAMES)
def test_record_takes_every_built_in_rule(run, tmp_path, name):
    result = run(
        *("record", "diml/matrix-v0", "--env", "game=stag_hunt", "--learners", name, "--steps", 4),
        *("--out", tmp_path / "demo"),
    )
    assert result.exit_code == 0, result.output
    log = load(tmp_path / "demo")
    assert log.actions.shape == (1, 4, 2)
    assert log.provenance["learner"]["class"] == learners.NAMES[name].__name__


def test_record_of_different_built_in_rules_is_simulated_as_a_mixture(run, tmp_path):
    result = run(
        *("record", "diml/congestion-v0", "--learners", "ewa,alternation,tit_for_tat", "--steps", 6),
        *("--env", "num_agents=3", "--env", "num_actions=(2, 3, 3)", "--episodes", 2, "--seed", 5),
        *("--learner", "ewa.delta=1", "--learner", "tit_for_tat.first=1", "--out", tmp_path / "demo"),
    )
    assert result.exit_code == 0, result.output
    log, rules = load(tmp_path / "demo"), [EWA(delta=1), Alternation(), TitForTat(first=1)]
    game = Congestion(3, (2, 3, 3))
    expected = simulate(game, Mixture(rules), episodes=2, horizon=6, seed=5)
    np.testing.assert_array_equal(log.actions, expected.actions)
    assert log.actions[0, :, 1].tolist() == [0, 1, 2, 0, 1, 2]
    assert log.provenance["made_by"] == "diml_envs.simulate"
    assert [rule["class"] for rule in log.provenance["learner"]["rules"]] == [
        "EWA",
        "Alternation",
        "TitForTat",
    ]


def test_record_seats_rules_that_read_others_or_differ_between_agents_beside_sb3(run, tmp_path):
    result = run(
        *("record", "diml/congestion-v0", "--learners", "a2c,tit_for_tat,logit_q", "--steps", 12),
        *("--env", "num_agents=3", "--env", "num_actions=(4, 3, 2)", "--jobs", 1, "--out", tmp_path / "demo"),
        *("--learner", "tit_for_tat.first=2", "--learner", "logit_q.step_size=[0, 0, 1]"),
    )
    assert result.exit_code == 0, result.output
    log = load(tmp_path / "demo")
    assert log.actions[0, :, 1].tolist() == [2, *log.actions[0, :-1, 2]]
    game = Congestion(3, (4, 3, 2))
    last = game.deviation_payoffs(log.actions[0, :-1])[:, 2, :2]  # all that a step size of 1 remembers
    odds = np.exp(3.0 * last)
    np.testing.assert_allclose(
        log.probabilities[0, 1:, 2, :2], 0.94 * odds / odds.sum(-1, keepdims=True) + 0.03, atol=1e-6
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "diml/congestoin-v0"], "did you mean 'diml/congestion-v0'?"),
        (["record", "diml/matrix-v9", "--out", "OUT"], "did you mean 'diml/matrix-v0'?"),
        (["record", "diml/matrix-v0", "--out", "OUT", "--learners", "hegde"], "did you mean 'hedge'?"),
        (["record", "diml/matrix-v0", "--out", "OUT", "--learners", "HEDGE"], "did you mean 'hedge'?"),
        (
            [
                *("record", "diml/matrix-v0", "--out", "OUT", "--learners", "ppo,hedge"),
                *("--env", "feedback=bandit"),
            ],
            "--env feedback=bandit: expected full",
        ),
        (["record", "diml/matrix-v0", "--out", "/dev/null/log"], "Not a directory"),
        (["record", "diml/matrix-v0", "--out", "/dev/null/log", "--learners", "a2c"], "Not a directory"),
        (["record", "diml/matrix-v0", "--out", "OUT", "--learner", "0.1"], "example --learner step_size="),
        (
            ["record", "diml/matrix-v0", "--out", "OUT", "--learners", "ppo", "--learner", "n_steps=many"],
            "raised in the learner of agent_0",
        ),
        (
            ["record", "diml/matrix-v0", "--out", "OUT", "--learners", "hedge,hedge,hedge"],
            "one for each of the 2 agents, found 3",
        ),
        (["record", "diml/matrix-v0", "--out", "OUT", "--env", "games=x"], "did you mean 'game'?"),
        (
            ["record", "diml/matrix-v0", "--out", "OUT", "--env", "game"],
            "expected --env key=value, found 'game'",
        ),
        (
            ["record", "diml/matrix-v0", "--out", "OUT", "--env", "game=a", "--env", "game=b"],
            "found 'game' twice",
        ),
        (
            ["record", "diml/matrix-v0", "--out", "OUT", "--learner", "stepsize=1"],
            "did you mean 'step_size'?",
        ),
        (["record", "diml/matrix-v0", "--out", "OUT", "--learner", "ppo.gamma=1"], "expected one of logit_q"),
        (["record", "diml/matrix-v0", "--out", "OUT", "--learner", "step_size=7"], "step_size"),
        (
            ["record", "diml/matrix-v0", "--out", "OUT", "--learners", "ppo", "--learner", "n_step=1"],
            "did you mean 'n_steps'?",
        ),
        (
            ["record", "diml/matrix-v0", "--out", "OUT", "--learners", "dqn", "--learner", "buffer_size=few"],
            "error: ",
        ),
        (
            [
                *("record", "diml/matrix-v0", "--out", "OUT", "--learners", "roth_erev"),
                *("--env", "game=matching_pennies"),
            ],
            "RothErev: expected payoffs of at least 0",
        ),
        (
            [
                *("record", "diml/matrix-v0", "--out", "OUT", "--learners", "hedge,logit_q"),
                *("--learner", "logit_q.step_size=[1, 1, 1]"),
            ],
            "expected step_size as one number or 2",
        ),
        (["record", "diml/matrix-v0", "--out", "OUT", "--observation", "count"], "did you mean 'counts'?"),
        (["record", "diml/congestion-v0", "--out", "OUT", "--env", "num_agents=0"], "error: "),
        (["record", "diml/matrix-v0", "--out", "OUT", "--steps", "0"], "steps"),
    ],
)
def test_bad_input_is_refused_with_exit_code_2_and_what_to_do(run, tmp_path, arguments, message):
    out = tmp_path / "demo"
    result = run(*(str(out) if argument == "OUT" else argument for argument in arguments))
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert not list(out.glob("*.parquet"))


def test_existing_log_is_neither_overwritten_nor_lost(run, tmp_path):
    arguments = ("record", "diml/matrix-v0", "--out", tmp_path / "demo", "--steps", 5)
    assert run(*arguments).exit_code == 0
    before = load(tmp_path / "demo").actions
    result = run(*arguments, "--seed", 1)
    assert result.exit_code == 2 and "found a log; choose another name" in result.output
    np.testing.assert_array_equal(load(tmp_path / "demo").actions, before)


@pytest.mark.slow
def test_python_m_diml_envs_records_with_sb3_learners_in_worker_processes(tmp_path):
    arguments = [
        *("record", "diml/congestion-v0", "--out", str(tmp_path / "demo"), "--learners", "a2c"),
        *(
            "--env",
            "num_agents=2",
            "--env",
            "num_actions=2",
            "--episodes",
            "2",
            "--steps",
            "20",
            "--jobs",
            "2",
        ),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "diml_envs", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "40 joint steps of a2c" in done.stdout
    shards = sorted((tmp_path / "demo").iterdir())
    assert [pq.read_metadata(shard).num_rows for shard in shards] == [40, 40]
    log = load(tmp_path / "demo")
    assert log.update[:, :, 0].tolist() == [[t // 5 for t in range(20)]] * 2


def test_record_population_keeps_counts_of_a_million_agents(run, tmp_path):
    options = [
        "--env",
        "num_agents=1000000",
        "--env",
        "num_actions=5",
        "--steps",
        "20",
        "--learner",
        "step_size=0.2",
    ]
    groups = [
        "--population",
        "--group",
        "fast=400000",
        "--group",
        "slow=600000",
        "--learners",
        "logit_q,hedge",
    ]
    result = run("record", "diml/anonymous-v0", "--out", str(tmp_path / "log"), *options, *groups)
    assert result.exit_code == 0, result.output
    log = diml_envs.load(tmp_path / "log")
    assert isinstance(log, diml_envs.PopulationLog) and log.groups == ("fast", "slow")
    assert (log.counts.sum(axis=-1) == [400_000, 600_000]).all() and log.counts.shape == (1, 20, 2, 5)
    assert log.provenance["env"] == {"id": "diml/anonymous-v0", "num_agents": 1_000_000, "num_actions": 5}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["diml/anonymous-v0", "--group", "all=40"], "expected --population beside it"),
        (["diml/matrix-v0", "--population"], "also depend on who acts"),
        (
            ["diml/anonymous-v0", "--population", "--learners", "ppo"],
            "expected built-in rules with --population",
        ),
        (["diml/anonymous-v0", "--population", "--learners", "exp3"], "feedback"),
        (["diml/anonymous-v0", "--population", "--group", "all=41"], "40"),
    ],
)
def test_record_population_refuses_what_counts_cannot_play(run, tmp_path, arguments, message):
    env_id, *options = arguments
    result = run("record", env_id, "--out", str(tmp_path / "log"), *options)
    assert result.exit_code == 2 and message in " ".join(result.output.split()), result.output
    assert not (tmp_path / "log").exists()
