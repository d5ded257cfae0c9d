"""Properties of `diml-inverse fit` with graphs, contexts and schedules: what it builds, what it refuses."""

import numpy as np
import pytest
from typer.testing import CliRunner

import diml_envs
import diml_inverse as di
from diml_inverse import cli
from diml_inverse.cli_graph import read_graph
from diml_inverse.cli_mechanism import build_mechanism, context_levels
from diml_inverse.cli_options import build_learner

AGENTS = ("ann", "bob", "cem", "dee")
RULE = diml_envs.LogitQ(step_size=0.25, inverse_temperature=3.0, exploration=0.06)
LOGIT = ("--learner", "logit-q", "--parameter", "step_size=0.25", "--parameter", "inverse_temperature=3")
SHORT = ("--max-steps", 10)


@pytest.fixture
def run(monkeypatch):
    """Runs the command line in this process with a wide page."""
    monkeypatch.setenv("COLUMNS", "200")

    def invoke(*arguments):
        return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])

    return invoke


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """A log of four agents under two weathers, saved."""
    game = diml_envs.PublicState(diml_envs.Congestion(4, 3, seed=1))
    played = diml_envs.simulate(game, RULE, episodes=6, horizon=20, seed=0)
    return played.save(tmp_path_factory.mktemp("logs") / "demo")


@pytest.fixture
def ring(tmp_path):
    """A file of pairs, some of them given twice, by the names of `log`."""
    names = [f"agent_{k}" for k in range(4)]
    rows = [f"{a}, {b}" for a, b in zip(names, names[1:] + names[:1], strict=True)]
    path = tmp_path / "edges.csv"
    path.write_text("\n".join([*rows, "agent_1,agent_0", ""]), encoding="utf-8")
    return path


def test_a_file_of_pairs_is_a_symmetric_graph_in_the_order_of_the_agents(tmp_path):
    path = tmp_path / "edges.csv"
    path.write_text("\ufeffdee,ann\n\nbob , dee\n", encoding="utf-8")
    expected = np.zeros((4, 4))
    for one, other in ((3, 0), (1, 3)):
        expected[one, other] = expected[other, one] = 1
    np.testing.assert_array_equal(read_graph(path, AGENTS), expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("agent_a,agent_b\nann,bob",
         "row 1: expected agents of the log, ann, bob, cem, dee; found 'agent_a'; the file has no header"),
        ("ann,bob\nann,deee", "row 2: expected agents of the log.*found 'deee'. Did you mean 'dee'"),
        ("ann,bob,0.5", "row 1: expected two agents, agent_a,agent_b; found 3 cells"),
        ("ann", "found 1 cells"),
        ("ann,ann", "expected two different agents; found 'ann' twice"),
        ("", "expected at least one pair of agents; found none"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_graph_of_the_agents_is_refused(tmp_path, text, message):
    path = tmp_path / "edges.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_graph(path, AGENTS)


@pytest.mark.parametrize(
    "family",
    ["tabular-network", pytest.param("neural-neighbours", marks=pytest.mark.slow), "network_game"],
)
def test_families_on_a_graph_are_fitted_saved_and_reported(run, log, ring, tmp_path, family):
    ridge = () if family == "network_game" else ("--ridge", 1)
    chosen = ("--mechanism", family, "--graph", ring, *ridge)
    done = run("fit", log, "--out", tmp_path / "fit", *chosen, *LOGIT, *SHORT)
    assert done.exit_code in (0, 3), done.output
    np.testing.assert_array_equal(di.load_result(tmp_path / "fit").mechanism.adjacency, ring_of_four())
    told = run("report", tmp_path / "fit", log)
    assert told.exit_code == 0, told.output


def ring_of_four():
    return np.array([[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]], dtype=float)


@pytest.mark.slow
def test_by_context_has_a_member_for_each_value_also_of_episodes_kept_out(run, log, tmp_path):
    chosen = ("--mechanism", "by_context_congestion", "--test-fraction", 0.3)
    done = run("fit", log, "--out", tmp_path / "fit", *chosen, *LOGIT, *SHORT)
    assert done.exit_code in (0, 3), done.output
    mechanism = di.load_result(tmp_path / "fit").mechanism
    assert isinstance(mechanism, di.mechanisms.ByContext)
    assert isinstance(mechanism.member, di.mechanisms.Congestion)
    whole = di.load_log(log)
    seen = np.unique(whole.context[whole.mask].numpy(), axis=0)
    np.testing.assert_array_equal(mechanism.levels, seen)
    one, other = contexts([[0.0]]), contexts([[2.0], [1.0]])
    np.testing.assert_array_equal(context_levels(one, None, other), [[0.0], [1.0], [2.0]])


def contexts(values):
    steps = len(values)
    return di.TrajectoryDataset.from_arrays(np.zeros((1, steps, 2), int), 2, context=[values])


def test_linear_in_context_has_a_part_for_each_covariate_and_passes_the_ridge_on(log):
    data = di.load_log(log)
    mechanism = build_mechanism("linear-in-context-tabular-joint", data, ridge=0.5)
    assert isinstance(mechanism, di.mechanisms.LinearInContext)
    assert len(mechanism.families()) == 2 and mechanism.ridge == 0.5
    network = build_mechanism("by-context-neural-joint", data, ridge=0.5)
    assert network.member.context_size == 0 and network.context_size == 1


def test_replayed_q_explores_along_a_line():
    rule = build_learner("replayed-q", {}, (3, 3), schedule="1,free:0.05,100")
    line = rule.exploration
    assert isinstance(line, di.learners.LinearSchedule) and line.steps == 100
    assert isinstance(line.start, di.Fixed) and isinstance(line.end, di.Bounded)
    assert line.start().item() == 1.0 and line.end().item() == pytest.approx(0.05)


@pytest.mark.slow
def test_a_fit_with_a_schedule_is_saved(run, log, tmp_path):
    chosen = ("--mechanism", "congestion", "--learner", "replayed_q", "--exploration-schedule", "0.9,0.05,15")
    done = run("fit", log, "--out", tmp_path / "fit", *chosen, *SHORT)
    assert done.exit_code in (0, 3), done.output
    line = di.load_result(tmp_path / "fit").learner.exploration
    assert (line.start().item(), line.end().item(), line.steps) == (0.9, 0.05, 15)


CONGESTION = ("--mechanism", "congestion")
REPLAYED = (*CONGESTION, "--learner", "replayed-q", "--exploration-schedule")
BAD = [
    (("--mechanism", "tabular-network", *LOGIT), "--graph: expected a file of pairs agent_a,agent_b"),
    ((*CONGESTION, *LOGIT, "--graph", "RING"), "expected a family on a graph (tabular-network, neural-neigh"),
    (("--mechanism", "network-game", *LOGIT, "--graph", "nowhere.csv"), "Check the path"),
    (("--mechanism", "by-context-congestoin", *LOGIT), "Did you mean 'by-context-congestion'?"),
    (("--mechanism", "offset", *LOGIT), "expected one of tabular-anonymous"),
    (
        (*CONGESTION, *LOGIT, "--exploration-schedule", "1,0.1,50"),
        "expected --learner replayed-q; found logit-q",
    ),
    ((*REPLAYED, "1,0.1,50", "--parameter", "exploration=0.1"), "found both; leave one out"),
    ((*REPLAYED, "1,0.1"), "expected start,end,steps, two shares and at least 1 step"),
    ((*REPLAYED, "1,0.1,0"), "at least 1 step"),
    ((*REPLAYED, "1,0.1,soon"), "found '1,0.1,soon'"),
    ((*REPLAYED, "2,0.1,50"), "--exploration-schedule: expected a number in 0 to 1; found 2"),
    ((*REPLAYED, "free:1,0.1,50"), "--exploration-schedule: expected a start strictly inside 0 to 1"),
    ((*REPLAYED, "0,0.1,50"), "start: expected a share above 0"),
]


@pytest.mark.parametrize(("options", "message"), BAD)
def test_bad_input_is_refused_with_exit_code_2_and_what_to_do(run, log, ring, tmp_path, options, message):
    options = [ring if option == "RING" else option for option in options]
    done = run("fit", log, "--out", tmp_path / "fit", *options)
    assert done.exit_code == 2, done.output
    assert message in " ".join(done.stderr.split()) and "Traceback" not in done.output
    assert not (tmp_path / "fit").exists()


def test_by_context_on_a_log_without_one_is_refused(run, tmp_path):
    log = diml_envs.simulate(diml_envs.Congestion(3, 3, seed=1), RULE, episodes=2, horizon=5, seed=0)
    chosen = ("--mechanism", "by-context-congestion", *LOGIT)
    done = run("fit", log.save(tmp_path / "log"), "--out", tmp_path / "fit", *chosen)
    assert done.exit_code == 2, done.output
    assert "expected a log with a context; found none; use congestion" in " ".join(done.stderr.split())


def test_families_by_context_need_one_with_few_values():
    bare = di.TrajectoryDataset.from_arrays(np.zeros((1, 2, 2), int), 2)
    for name in ("by-context-congestion", "linear-in-context-congestion"):
        with pytest.raises(ValueError, match="expected a log with a context; found none; use congestion"):
            build_mechanism(name, bare, ridge=None)
    with pytest.raises(ValueError, match="takes 1 to 50 values; found 51; use linear-in-context-"):
        context_levels(contexts(np.arange(51.0)[:, None]))


def test_help_names_graphs_contexts_schedules_and_says_that_offsets_are_for_python(run):
    text = " ".join(run("fit", "--help").output.split())
    for words in ("by-context-NAME", "linear-in-context-NAME", "--graph", "--exploration-schedule"):
        assert words in text
    assert "di.mechanisms.Offset" in text and "in Python" in text
