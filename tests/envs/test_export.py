"""One agent's side of a log as a Minari data set."""

import sys

import numpy as np
import pytest
from gymnasium.error import DependencyNotInstalled

import diml_envs
from diml_envs.log import Log

minari = pytest.importorskip("minari", reason="Minari is not installed")


@pytest.fixture(autouse=True)
def _datasets(monkeypatch, tmp_path):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))


def small(**columns):
    actions = np.array([[[0, 1], [1, 2], [0, 0]], [[1, 1], [-1, -1], [-1, -1]]])
    payoffs = np.array([[[0.5, 1], [2, 3], [4, 5]], [[6, 7], [np.nan, np.nan], [np.nan, np.nan]]])
    return Log(actions, (2, 3), payoffs=payoffs, lengths=[3, 1], **columns)


def test_each_episode_holds_what_the_agent_saw_did_and_earned():
    dataset = small().to_minari("agent_1", "diml/small-v0")
    first, second = list(minari.load_dataset("diml/small-v0").iterate_episodes())
    assert dataset.total_episodes == 2 and dataset.total_steps == 4
    assert first.actions.tolist() == [1, 2, 0] and second.actions.tolist() == [1]
    assert first.rewards.tolist() == [1, 3, 5] and second.rewards.tolist() == [7]
    assert first.truncations.tolist() == [False, False, True] and not first.terminations.any()
    expected = [[0, 0, 0, 0, 0], [1, 0, 0, 1, 0], [0, 1, 0, 0, 1], [1, 0, 1, 0, 0]]
    np.testing.assert_array_equal(first.observations, expected)
    assert dataset.spec.action_space.n == 3 and dataset.spec.observation_space.shape == (5,)


def test_observations_end_with_the_context_the_agent_saw():
    context = np.arange(12.0).reshape(2, 3, 2)
    small(context=context).to_minari("agent_0", "diml/context-v0", covariates=[1])
    first = next(iter(minari.load_dataset("diml/context-v0").iterate_episodes()))
    assert first.observations[:, 5:].tolist() == [[1], [3], [5], [5]]


def test_observations_are_those_of_the_environment():
    env = diml_envs.IncentiveEnv(diml_envs.Congestion(3, 2), max_cycles=4, observation="joint")
    seen = [env.reset(seed=0)[0]["agent_0"]]
    plays = np.random.default_rng(0).integers(2, size=(4, 3))
    rows = []
    for joint in plays:
        observations, rewards, *_ = env.step(dict(zip(env.possible_agents, joint, strict=True)))
        seen.append(observations["agent_0"])
        rows.append(list(rewards.values()))
    Log(plays[None], (2, 2, 2), payoffs=np.array([rows])).to_minari("agent_0", "diml/env-v0")
    episode = next(iter(minari.load_dataset("diml/env-v0").iterate_episodes()))
    np.testing.assert_array_equal(episode.observations, seen)


@pytest.mark.parametrize(
    ("log", "agent", "options", "message"),
    [
        (small(), "agent_2", {}, "among agent_0, agent_1, found 'agent_2'; did you mean"),
        (Log(small().actions, (2, 3), lengths=[3, 1]), "agent_0", {}, "a payoff of agent_0 at every step"),
        (small(), "agent_0", {"covariates": [0]}, r"the log has 0\), found \[0\]"),
    ],
)
def test_errors_say_what_was_expected_and_found(log, agent, options, message):
    with pytest.raises(ValueError, match=message):
        log.to_minari(agent, "diml/refused-v0", **options)


def test_without_minari_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "minari", None)
    with pytest.raises(DependencyNotInstalled, match="pip install minari"):
        small().to_minari("agent_0", "diml/missing-v0")
