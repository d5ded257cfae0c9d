"""Every registered environment passes the conformance tests of PettingZoo, Gymnasium and SB3, and our own."""

import itertools
import types
import warnings

import gymnasium
import numpy as np
import pettingzoo
import pytest
import stable_baselines3.common.env_checker as sb3_checker
from gymnasium.utils.env_checker import check_env
from gymnasium.utils.env_checker import data_equivalence as equal
from pettingzoo.test import (
    api_test,
    max_cycles_test,
    parallel_api_test,
    parallel_seed_test,
    render_test,
    seed_test,
)
from pettingzoo.test.state_test import state_test
from pettingzoo.utils.conversions import parallel_to_aec

import diml_envs
from diml_envs.registration import REGISTRY

IDS = sorted(REGISTRY)
OBSERVATIONS = ["none", "counts", "joint"]
FEEDBACK = ["bandit", "full"]
CASES = list(itertools.product(IDS, OBSERVATIONS, FEEDBACK))
KINDS = ("anonymous", "congestion", "double_auction", "network_game", "routing")  # of pictures
DRAWN = [env_id if env_id[5:-3] in KINDS else pytest.param(env_id, marks=pytest.mark.slow) for env_id in IDS]
SEATS = [{}, {"observation": "counts", "feedback": "full"}, {"observation": "joint", "opponents": "hedge"}]

# what PettingZoo remarks on and we mean: observation="none" is one constant number, and the last joint action
# is zeros before anything has been played
MEANT = ["Observation is a single number", "Observation numpy array is all zeros"]


@pytest.fixture(autouse=True)
def _strict(monkeypatch):
    """Headless windows; every warning of a conformance test is an error."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for message in MEANT:
            warnings.filterwarnings("ignore", message=message)
        yield


def parallel(env_id, **kwargs):
    return pettingzoo.make("parallel", env_id, **kwargs)


def with_public_state(env_id, **kwargs):
    mechanism = parallel(env_id).unwrapped.mechanism
    return diml_envs.IncentiveEnv(diml_envs.PublicState(mechanism), **kwargs)


BUILDERS = {"plain": parallel, "public state": with_public_state}


def test_all_promised_ids_are_registered_in_both_libraries():
    promised = {f"diml/{name}-v0" for name in ("neural", "congestion", "public_goods", "anonymous", "matrix")}
    assert promised <= set(REGISTRY)
    assert promised <= set(pettingzoo.parallel_registry)
    assert promised <= set(gymnasium.registry)


@pytest.mark.parametrize(("env_id", "observation", "feedback"), CASES)
def test_parallel_and_aec_api(env_id, observation, feedback):
    parallel_api_test(parallel(env_id, observation=observation, feedback=feedback), num_cycles=30)
    env = parallel(env_id, observation=observation, feedback=feedback, max_cycles=8)
    api_test(parallel_to_aec(env), num_cycles=20)


@pytest.mark.parametrize("env_id", IDS)
@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_pettingzoo_seed_tests(env_id, build):
    def make():
        return build(env_id, observation="joint", feedback="full", max_cycles=10)

    parallel_seed_test(make, num_cycles=10)
    seed_test(lambda: parallel_to_aec(make()), num_cycles=10)


@pytest.mark.parametrize("env_id", IDS)
def test_episodes_last_max_cycles(env_id):
    max_cycles_test(
        types.SimpleNamespace(
            parallel_env=lambda **kwargs: parallel(env_id, **kwargs),
            env=lambda **kwargs: parallel_to_aec(parallel(env_id, **kwargs)),
        )
    )


@pytest.mark.parametrize("env_id", DRAWN)
def test_every_render_mode_returns_its_kind(env_id):
    modes = []

    def make(render_mode):
        modes.append(render_mode)
        return parallel_to_aec(parallel(env_id, render_mode=render_mode))

    render_test(make)
    assert set(modes) == {"human", "rgb_array", "ansi"}


@pytest.mark.parametrize("env_id", IDS)
@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_state_stays_in_its_space(env_id, build):
    if build is with_public_state:  # a public context is unbounded as far as the environment knows
        warnings.filterwarnings("ignore", message="Environment's m.* state space value is")
    env = build(env_id)
    state_test(parallel_to_aec(env), env)


def rollout(env, seed, actions):
    """Everything an environment says over an episode, and then over a second one without a seed."""
    said = []
    for options in ({"seed": seed}, {}):
        said.append((*env.reset(**options), env.state()))
        for joint in actions:
            said.append((*env.step(dict(zip(env.possible_agents, joint, strict=True))), env.state()))
        assert not env.agents
    return said


@pytest.mark.parametrize(("env_id", "observation", "feedback"), CASES)
@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_same_seed_and_actions_repeat_the_whole_horizon(env_id, observation, feedback, build):
    envs = [build(env_id, observation=observation, feedback=feedback, max_cycles=15) for _ in range(2)]
    sizes = envs[0].mechanism.num_actions
    actions = np.random.default_rng(1).integers(0, sizes, size=(15, len(sizes)))
    first = rollout(envs[0], 7, actions)
    assert len(first) == 2 * 16
    assert equal(first, rollout(envs[1], 7, actions), exact=True)
    assert equal(first, rollout(envs[0], 7, actions), exact=True)  # nor does an earlier episode leave traces
    other = rollout(envs[1], 8, actions)
    assert equal(first, other, exact=True) == (build is parallel)  # the public state is the only randomness


@pytest.mark.parametrize("env_id", IDS)
@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_rewards_and_full_feedback_agree_under_the_context_seen(env_id, build):
    env = build(env_id, feedback="full", max_cycles=20)
    env.reset(seed=5)
    sizes = np.array(env.mechanism.num_actions)
    for joint in np.random.default_rng(2).integers(0, sizes, size=(20, len(sizes))):
        seen = env.context
        _, rewards, _, _, infos = env.step(dict(zip(env.possible_agents, joint, strict=True)))
        expected = env.mechanism(joint, seen)
        for agent, action, payoff in zip(env.possible_agents, joint, expected, strict=True):
            assert rewards[agent] == payoff
            assert infos[agent]["deviation_payoffs"][action] == pytest.approx(payoff, abs=1e-12)


@pytest.mark.parametrize("env_id", IDS)
def test_mechanism_parameters_do_not_depend_on_the_seed_of_reset(env_id):
    env = parallel(env_id)
    played = np.zeros(env.unwrapped.mechanism.num_agents, dtype=np.int64)
    env.reset(seed=0)
    before = env.unwrapped.mechanism(played)
    env.reset(seed=1)
    np.testing.assert_array_equal(before, env.unwrapped.mechanism(played))


@pytest.mark.parametrize("env_id", IDS)
@pytest.mark.parametrize("kwargs", SEATS, ids=str)
def test_seat_passes_gymnasium_and_sb3_checkers(env_id, kwargs):
    env = gymnasium.make(f"diml_envs:{env_id}", **kwargs)
    check_env(env.unwrapped, skip_render_check=bool(kwargs))  # pictures are the same for all of these
    sb3_checker.check_env(env)
    env.close()


@pytest.mark.parametrize("env_id", IDS)
def test_seat_repeats_the_whole_horizon_by_its_seed(env_id):
    def episode(seed):
        env = gymnasium.make(env_id, observation="joint", feedback="full", max_cycles=12).unwrapped
        said = [env.reset(seed=seed)]
        for t in range(12):
            said.append(env.step(t % env.action_space.n))
        assert said[-1][3] and not said[-2][3]
        return said

    assert equal(episode(3), episode(3), exact=True)
    assert not equal(episode(3), episode(4), exact=True)  # the opponents draw differently
