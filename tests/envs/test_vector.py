"""Vectorised environments: what Gymnasium's own loop over the same games gives, thousands at a time."""

import itertools

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence as equal
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from diml_envs.registration import REGISTRY
from diml_envs.vector import VectorIncentiveEnv, VectorSeatEnv

IDS = sorted(REGISTRY)
MODES = [mode.value for mode in AutoresetMode if mode is not AutoresetMode.DISABLED]
SHOWN = [
    {},
    {"observation": "joint", "feedback": "full"},
    {"observation": "counts", "feedback": "full", "seat": -1},
]


def arguments(env_id, shown):
    """Arguments of a seat; the last seat where the seat is -1."""
    seat = shown.get("seat", 0) % REGISTRY[env_id].build().num_agents
    return {**shown, "seat": seat, "max_cycles": 4}


def mechanical(env_id):
    """Whether payoffs follow from the joint action alone, so that any two environments pay alike."""
    mechanism = REGISTRY[env_id].build()
    return mechanism.context_size == 0 and mechanism.draw_noise(np.random.default_rng(0), (1,)) is None


def policies(env_id):
    """The same deterministic policy, for one observation and for a batch of them."""
    size = min(REGISTRY[env_id].build().num_actions)

    def batch(seen):
        return (3 * seen[..., 0] + seen[..., -1]).astype(np.int64) % size

    return (lambda seen: int(batch(seen))), batch


def assert_same(ours, theirs):
    """Equal dictionaries, arrays and object arrays; payoffs may differ in rounding."""
    if isinstance(theirs, dict):
        assert set(ours) == set(theirs)
        for key in theirs:
            assert_same(ours[key], theirs[key])
    elif isinstance(theirs, np.ndarray) and theirs.dtype != object:
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)
    else:
        assert isinstance(ours, np.ndarray) and len(ours) == len(theirs)
        for mine, their in zip(ours, theirs, strict=True):
            assert_same(mine, their)


@pytest.mark.parametrize("env_id", IDS)
@pytest.mark.parametrize("shown", SHOWN, ids=str)
def test_make_vec_is_native_and_has_the_spaces_of_gymnasiums_loop(env_id, shown):
    kwargs = arguments(env_id, shown)
    env = gymnasium.make_vec(f"diml_envs:{env_id}", num_envs=3, **kwargs)
    loop = gymnasium.make_vec(env_id, num_envs=3, vectorization_mode="sync", **kwargs)
    assert type(env) is VectorSeatEnv and type(loop) is SyncVectorEnv
    for name in ("single_observation_space", "single_action_space", "observation_space", "action_space"):
        assert getattr(env, name) == getattr(loop, name)
    assert env.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    assert env.reset(seed=0)[0] in env.observation_space
    for _ in range(6):
        seen, rewards, *ends, _ = env.step(env.action_space.sample())
        assert seen in env.observation_space and seen.dtype == np.float32
        assert rewards.shape == (3,) and rewards.dtype == np.float64
        assert all(flags.shape == (3,) and flags.dtype == bool for flags in ends)


@pytest.mark.parametrize("env_id", [env_id for env_id in IDS if mechanical(env_id)])
@pytest.mark.parametrize(("shown", "mode"), list(itertools.product(SHOWN, MODES)), ids=str)
def test_autoreset_goes_as_in_gymnasiums_loop(env_id, shown, mode):
    kwargs = arguments(env_id, shown)
    one, batch = policies(env_id)
    env = gymnasium.make_vec(env_id, num_envs=5, opponents=batch, autoreset_mode=mode, **kwargs)
    loop = gymnasium.make_vec(
        env_id,
        num_envs=5,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": mode},
        opponents=one,
        **kwargs,
    )
    for ours, theirs in zip(env.reset(seed=0), loop.reset(seed=0), strict=True):
        assert_same(ours, theirs)
    env.action_space.seed(1)
    for _ in range(14):  # three episodes of four steps
        actions = env.action_space.sample()
        for ours, theirs in zip(env.step(actions), loop.step(actions), strict=True):
            assert_same(ours, theirs)


@pytest.mark.parametrize("env_id", IDS)
@pytest.mark.parametrize("rule", ["logit_q", "bandit_q"])
def test_one_game_is_the_seat_env_with_learning_opponents(env_id, rule):
    kwargs = {"opponents": rule, "observation": "joint", "feedback": "full", "max_cycles": 6}
    env = gymnasium.make_vec(env_id, num_envs=1, autoreset_mode="SameStep", **kwargs)
    seat = gymnasium.make(env_id, disable_env_checker=True, **kwargs).unwrapped
    batched, _ = env.reset(seed=3)
    seen, _ = seat.reset(seed=3)
    for t in range(20):
        np.testing.assert_array_equal(batched[0], seen)
        action = t % seat.action_space.n
        batched, rewards, _, truncated, infos = env.step(np.array([action]))
        seen, reward, _, over, info = seat.step(action)
        own = infos["final_info"] if over else infos
        assert rewards[0] == pytest.approx(reward, abs=1e-12) and truncated[0] == over
        np.testing.assert_allclose(own["deviation_payoffs"][0], info["deviation_payoffs"], atol=1e-12)
        assert own["joint_action"][0].tolist() == info["joint_action"].tolist()
        if over:
            np.testing.assert_array_equal(infos["final_obs"][0], seen)
            seen, _ = seat.reset()


@pytest.mark.parametrize("env_id", IDS)
@pytest.mark.parametrize("feedback", ["bandit", "full"])
def test_every_game_pays_by_the_mechanism(env_id, feedback):
    env = VectorIncentiveEnv(REGISTRY[env_id].build(), num_envs=7, feedback=feedback, max_cycles=9)
    seen, _ = env.reset(seed=0)
    env.action_space.seed(0)
    for t in range(9):
        assert seen in env.observation_space
        context, actions = env.games.context, env.action_space.sample()
        seen, payoffs, terminated, truncated, infos = env.step(actions)
        if env.mechanism.draw_noise(np.random.default_rng(0), (1,)) is None:
            np.testing.assert_allclose(payoffs, env.mechanism(actions, context), rtol=0, atol=1e-12)
        assert not terminated.any() and truncated.all() == (t == 8) == truncated.any()
        if feedback == "bandit":
            assert infos == {}
            continue
        np.testing.assert_array_equal(infos["joint_action"], actions)
        own = np.take_along_axis(infos["deviation_payoffs"], actions[..., None], -1)[..., 0]
        np.testing.assert_array_equal(own, payoffs)


@pytest.mark.parametrize("env_id", IDS)
def test_the_seed_determines_everything(env_id):
    def rollout(seed):
        env = gymnasium.make_vec(env_id, num_envs=8, observation="joint", feedback="full", max_cycles=5)
        said = [env.reset(seed=seed)]
        said += [env.step(np.full(8, t % env.single_action_space.n)) for t in range(11)]
        return said

    first = rollout(7)
    assert equal(first, rollout(7), exact=True)
    assert not equal(first, rollout(8), exact=True)
    assert not equal(first[1:6], first[7:12], exact=True)  # the next episode draws anew
    joint = first[1][0]
    assert (joint != joint[:1]).any()  # and so does each game
