"""One policy for all agents of all games: the slots, Stable-Baselines3's view of them, and their log."""

import gymnasium
import numpy as np
import pytest
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

import diml_envs
from diml_envs.external.sb3 import SB3Learner
from diml_envs.external.sb3_vector import as_sb3_vec_env
from diml_envs.vector import AgentsAsEnvs, Recording, VectorIncentiveEnv

GAME = diml_envs.Congestion(3, 4)
MODES = ["NextStep", "SameStep", "Disabled"]


def games(**kwargs):
    return VectorIncentiveEnv(GAME, **({"num_envs": 5, "max_cycles": 4, "observation": "joint"} | kwargs))


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_slots_are_the_agents_of_the_games_in_order(mode):
    env = AgentsAsEnvs(games(feedback="full", autoreset_mode=mode))
    twin = games(feedback="full", autoreset_mode=mode)
    assert env.num_envs == 15 and env.action_space.shape == (15,)
    assert isinstance(env, gymnasium.vector.VectorEnv)
    seen, _ = env.reset(seed=0)
    assert seen in env.observation_space and seen.shape == (15, 12)
    twin.reset(seed=0)
    env.action_space.seed(0)
    for t in range(10):
        actions = env.action_space.sample()
        seen, rewards, terminated, truncated, infos = env.step(actions)
        together = twin.step(actions.reshape(5, 3))
        np.testing.assert_array_equal(seen.reshape(5, 3, 12), together[0])
        np.testing.assert_array_equal(rewards.reshape(5, 3), together[1])
        np.testing.assert_array_equal(truncated, np.repeat(together[3], 3))
        assert not terminated.any() and infos["_deviation_payoffs"].all()
        own, joint = infos["deviation_payoffs"], infos["joint_action"]
        np.testing.assert_array_equal(own.reshape(5, 3, 4), together[4]["deviation_payoffs"])
        np.testing.assert_array_equal(joint.reshape(5, 3, 3)[:, 2], together[4]["joint_action"])
        if mode == "SameStep" and t % 4 == 3:
            last = np.stack(infos["final_obs"]).reshape(5, 3, 12)
            np.testing.assert_array_equal(last, together[4]["final_obs"])


@pytest.mark.parametrize(
    "mechanism",
    [diml_envs.Congestion(2, (2, 3)), diml_envs.DoubleAuction(num_buyers=1, num_sellers=1, num_asks=3)],
    ids=["sizes", "roles"],
)
def test_agents_who_differ_cannot_share_a_policy(mechanism):
    with pytest.raises(ValueError, match=r"equal action and observation spaces, found num_actions=\("):
        AgentsAsEnvs(VectorIncentiveEnv(mechanism, 2))


class Scripted(gymnasium.Env):
    """One agent's seat of game 0, told beforehand what the others will do."""

    def __init__(self, agent, others):
        env = diml_envs.IncentiveEnv(GAME, max_cycles=4, observation="joint")
        self.env, self.agent, self.others, self.t = env, f"agent_{agent}", others, 0
        self.observation_space = env.observation_space(self.agent)
        self.action_space = env.action_space(self.agent)

    def reset(self, *, seed=None, options=None):
        return self.env.reset()[0][self.agent], {}

    def step(self, action):
        joint = dict(zip(self.env.possible_agents, self.others[self.t], strict=True))
        self.t += 1
        return tuple(said[self.agent] for said in self.env.step(joint | {self.agent: action}))


@pytest.mark.parametrize("mode", MODES)
def test_the_sb3_view_speaks_as_dummy_vec_env(mode):
    actions = np.random.default_rng(0).integers(0, 4, size=(10, 3))
    ours = as_sb3_vec_env(games(num_envs=1, autoreset_mode=mode))
    theirs = DummyVecEnv([lambda i=i: Scripted(i, actions) for i in range(3)])
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space and ours.render_mode is None
    np.testing.assert_array_equal(ours.reset(), theirs.reset())
    for joint in actions:
        said, expected = ours.step(joint), theirs.step(joint)
        for mine, their in zip(said[:3], expected[:3], strict=True):
            np.testing.assert_array_equal(mine, their)
            assert mine.dtype == their.dtype
        for mine, their in zip(said[3], expected[3], strict=True):
            assert set(mine) == set(their)
            assert mine["TimeLimit.truncated"] == their["TimeLimit.truncated"]
            np.testing.assert_array_equal(
                mine.get("terminal_observation", 0), their.get("terminal_observation", 0)
            )


@pytest.mark.parametrize(
    ("model_class", "arguments"),
    [pytest.param(PPO, {"n_epochs": 4, "batch_size": 256}, marks=pytest.mark.slow), (A2C, {})],
)
def test_one_model_learns_in_all_slots_and_leaves_a_log(model_class, arguments):
    dominant = np.zeros((2, 2, 2))
    dominant[1, :, 0] += 1.0  # action 1 earns one more, whatever the other does
    dominant[:, 1, 1] += 1.0
    env = VectorIncentiveEnv(diml_envs.MatrixGame(dominant), num_envs=8, max_cycles=10)
    slots = VecMonitor(as_sb3_vec_env(env))
    model = model_class("MlpPolicy", slots, n_steps=16, learning_rate=0.02, seed=0, device="cpu", **arguments)
    learner = SB3Learner(model)
    with Recording(env, update_of=lambda: learner.update_index) as recording:
        model.learn(16 * 16 * 20)
    log = recording.log(learner="shared policy")
    assert log.actions.shape == (8, 320, 2)
    np.testing.assert_array_equal(log.payoffs, env.mechanism(log.actions))
    assert log.update[0, :, 0].tolist() == np.repeat(np.arange(20), 16).tolist()
    assert abs(log.actions[:, :16].mean() - 0.5) < 0.2 < 0.9 < log.actions[:, -16:].mean()
    assert log.provenance["learner"] == "shared policy"


def test_slots_have_one_mechanism_between_them():
    env = games(num_envs=2)
    slots = as_sb3_vec_env(env)
    other = diml_envs.Scaled(GAME, 2.0)
    slots.set_attr("mechanism", other)
    assert env.mechanism is other and slots.get_attr("mechanism", [0, 3]) == [other] * 2
    with pytest.raises(ValueError, match="expected all 6 slots, which share one environment"):
        slots.set_attr("mechanism", GAME, indices=[0])
    slots.seed(3)
    np.testing.assert_array_equal(slots.reset(), np.zeros((6, 12), dtype=np.float32))


@pytest.mark.parametrize("mode", MODES)
def test_a_sub_environment_is_one_episode_of_the_log(mode, tmp_path):
    swapped = diml_envs.Toll(GAME, rates=[0, 1, 0, 0])
    env = games(autoreset_mode=mode)
    env.reset(seed=0)
    env.action_space.seed(0)
    played = []
    with Recording(env) as recording:
        for t in range(8):
            if t == 4 and mode != "SameStep":
                env.reset(options={"mechanism": swapped})
            elif t == 4:
                env.mechanism = swapped
            played.append(env.action_space.sample())
            env.step(played[-1])
    env.reset()
    env.step(env.action_space.sample())  # unheard
    log = recording.log()
    np.testing.assert_array_equal(log.actions, np.stack(played, axis=1))
    np.testing.assert_array_equal(log.payoffs[:, :4], GAME(log.actions[:, :4]))
    np.testing.assert_array_equal(log.payoffs[:, 4:], swapped(log.actions[:, 4:]))
    assert [swap["step"] for swap in log.provenance["swaps"]] == [4]
    assert diml_envs.load(log.save(tmp_path / "log")).actions.tolist() == log.actions.tolist()


def test_recordings_keep_the_context_and_know_when_there_is_nothing():
    env = VectorIncentiveEnv(diml_envs.PublicState(GAME), 2)
    env.reset(seed=0)
    recording = Recording(env)
    with pytest.raises(ValueError, match="at least one step, found none"):
        recording.log()
    with recording:
        context = env.games.context
        env.step(np.zeros((2, 3), dtype=int))
        with pytest.raises(RuntimeError, match="one recording at a time"), Recording(env):
            pass
    np.testing.assert_array_equal(recording.log().context[:, 0], context)
