"""`diml-inverse identify`: what it prints is what follows by hand for two logit-Q learners on a table."""

import dataclasses
import math
import re

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import diml_envs
import diml_inverse as di
from diml_inverse import cli
from diml_inverse.cli_actions import parse_contrast

RULE = diml_envs.LogitQ(step_size=0.25, inverse_temperature=3.0, exploration=0.06)
EPISODES = 12


@pytest.fixture
def run():
    """Runs the command line in this process."""
    return lambda *arguments: CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A log of ann and bob, a result on it, and where both are."""
    folder = tmp_path_factory.mktemp("identify")
    played = diml_envs.simulate(
        diml_envs.MatrixGame.named("stag_hunt"), RULE, episodes=EPISODES, horizon=20, seed=0
    )
    log = dataclasses.replace(played, agents=("ann", "bob")).save(folder / "log")
    data = di.load_log(log)
    rule = di.learners.LogitQ(
        (2, 2), step_size=di.Fixed(0.25), inverse_temperature=di.Fixed(3.0), exploration=di.Fixed(0.06)
    )
    result = di.fit(data, di.mechanisms.TabularJoint((2, 2), ridge=0.1), rule, progress=False)
    return log, result.save(folder / "fit"), data, result


def test_one_constant_per_agent_and_context_is_open_and_levels_have_no_standard_error(run, made):
    """8 payoffs; differences between own actions are known, not the levels of 2 agents x 2 contexts."""
    log, fit, data, result = made
    done = run("identify", fit, log)
    assert done.exit_code == 0, done.output
    assert done.stdout.rstrip() == di.identify(data, result).summary()
    assert "\n4 of 12 free coordinates identified" in done.stdout  # the family has 4 beside the 8 payoffs
    assert "not identified: 4 directions (4 more" in done.stdout
    assert "one constant per opponents' context: 4" in done.stdout
    for line in done.stdout.splitlines():
        if line.strip().startswith("mean (level)"):
            assert line.split(")", 1)[1].strip() == "not identified"
    assert "asked about" not in done.stdout


def test_a_contrast_is_the_table_s_difference_and_a_level_is_refused_a_standard_error(run, made):
    log, fit, data, result = made
    done = run("identify", fit, log, "--contrast", "ann:1-0@1", "--contrast", "bob:1", "--episodes-for", 0.01)
    assert done.exit_code == 0, done.output
    told = done.stdout[done.stdout.index("asked about") :].splitlines()[1:]
    payoffs = result.mechanism.payoffs([[0, 1], [1, 1]])[:, 0]
    assert told[0].startswith(
        f"  action 1 - action 0 of ann when others play (1): {float(payoffs.diff().detach()):.4g} (s.e."
    )
    assert ": identified, " in told[0]
    error = di.identify(data, result).verdict(di.contrast(agent=0, action=1, minus=0, others=(1,)))
    # information adds up over episodes: their number grows with the square of how much smaller the error is
    needed = math.ceil(EPISODES * (error.standard_error / 0.01) ** 2)
    assert f"takes about {needed:,} episodes like those of the log ({needed - EPISODES:,} more" in told[1]
    assert told[2].startswith("    ") and ("steps" in told[2] or "longer episodes" in told[2])
    assert told[3].startswith("  level of action 1 of bob, averaged over the log: not identified, ")
    assert "s.e." not in told[3] and "one constant" in told[3]
    assert told[4].strip() == "more episodes like these would not tell it" and len(told) == 5


def test_contrasts_are_read_as_written():
    agents, sizes = ("north:1", "b-c", "a@b"), (3, 3, 2)
    asked = parse_contrast("north:1:2-0@1,0", agents, sizes)
    assert (asked.agent, asked.action, asked.minus, asked.others) == (0, 2, 0, (1, 0))
    level = parse_contrast("b-c:1", agents, sizes, where_identified=True)
    assert (level.agent, level.action, level.minus, level.others) == (1, 1, None, None)
    assert level.where_identified and "of b-c" in level.name
    there = parse_contrast("a@b:1-0@2,2/0.5,-1", agents, sizes, where_identified=True)
    assert there.agent == 2 and there.others == (2, 2) and there.context == (0.5, -1.0)
    assert not there.where_identified  # nothing is averaged


BAD = [
    (
        ("--contrast", "anne:1-0"),
        r"expected an agent of the log, ann, bob; found 'anne'.* Did you mean 'ann'\?",
    ),
    (("--contrast", "ann:2-0"), r"expected an action of ann, 0 to 1; found '2'"),
    (("--contrast", "ann"), r"expected AGENT:ACTION-ACTION .*found 'ann'; for example --contrast ann:1-0"),
    (("--contrast", "ann:1-0@0,1"), r"expected the actions of the 1 other agents; found \(0, 1\)"),
    (("--episodes-for", "0.1"), "at least one --contrast; found no contrast"),
    (("--contrast", "ann:1-0", "--episodes-for", "-1"), "a standard error above 0 .* found -1"),
]


@pytest.mark.parametrize(("options", "message"), BAD)
def test_bad_requests_are_refused_with_exit_code_2(run, made, options, message):
    done = run("identify", made[1], made[0], *options)
    assert done.exit_code == 2, done.output
    assert re.search(message, " ".join(done.stderr.split())) and "Traceback" not in done.output


def test_log_of_other_agents_is_refused_and_other_choices_are_noticed(run, made, tmp_path):
    game = diml_envs.MatrixGame.named("stag_hunt")
    other = diml_envs.simulate(game, RULE, episodes=3, horizon=10, seed=9)
    strangers = run("identify", made[1], other.save(tmp_path / "strangers"))
    assert strangers.exit_code == 2 and "expected the log of the fit" in strangers.stderr
    again = dataclasses.replace(other, agents=("ann", "bob")).save(tmp_path / "again")
    warned = run("identify", made[1], again)
    assert warned.exit_code == 0 and "not the choices that the fit was made on" in warned.stderr


def test_no_number_is_printed_of_a_log_without_information(run, made, tmp_path):
    log, _, _, result = made
    nothing = dataclasses.replace(result, status=di.Status.NO_INFORMATION).save(tmp_path / "fit")
    done = run("identify", nothing, log, "--contrast", "ann:1-0")
    assert done.exit_code == 3 and di.Status.NO_INFORMATION.remedy in done.stdout
    assert "action" not in done.stdout.replace("actions", "")


def test_averages_are_over_the_log_s_own_situations(run, made):
    """By hand: the agent's payoff difference in each context, weighted by how often it met that context."""
    log, fit, data, result = made
    done = run("identify", fit, log, "--contrast", "ann:1-0")
    value = float(re.search(r"averaged over the log: (\S+) \(s\.e\.", done.stdout)[1])
    met = np.bincount(data.actions[..., 1].flatten().numpy(), minlength=2)
    with torch.no_grad():
        each = [float(result.mechanism.payoffs([[0, b], [1, b]])[:, 0].diff()) for b in (0, 1)]
    assert value == pytest.approx(float(np.average(each, weights=met)), rel=2e-3)
