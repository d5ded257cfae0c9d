"""IncentiveEnv: payoffs, observations, context timing, swapping of mechanisms, errors."""

import warnings

import gymnasium
import numpy as np
import pettingzoo
import pytest
from gymnasium.error import ResetNeeded

import diml_envs
from diml_envs.registration import REGISTRY, register_all

# two agents with 2 and 3 actions; entry [a, b] holds the payoffs of both
TABLE = np.array(
    [
        [[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]],
        [[4.0, 40.0], [5.0, 50.0], [6.0, 60.0]],
    ]
)


class Weather(diml_envs.Mechanism):
    """Two agents, two actions; pays (context, 2 context) plus own action; the context of step t is 10 + t."""

    num_actions = (2, 2)
    context_size = 1

    def payoffs(self, actions, context=None):
        return context * np.array([1.0, 2.0]) + actions

    def deviation_payoffs(self, actions, context=None):
        return (context * np.array([1.0, 2.0]))[:, None] + np.array([0.0, 1.0])

    def draw_context(self, rng, step, size, previous=None):
        return np.full((*size, 1), 10.0 + step)


class Index:
    """A whole number that is no subclass of int, as torch's are."""

    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value


def table_env(**kwargs):
    return diml_envs.IncentiveEnv(diml_envs.MatrixGame(TABLE), **kwargs)


def play(env, *joint):
    return env.step(dict(zip(env.possible_agents, joint, strict=True)))


def test_rewards_are_the_payoffs_of_the_joint_action():
    env = table_env()
    env.reset(seed=0)
    for a in range(2):
        for b in range(3):
            _, rewards, terminations, truncations, infos = play(env, a, b)
            assert rewards == {"agent_0": TABLE[a, b, 0], "agent_1": TABLE[a, b, 1]}
            assert {type(reward) for reward in rewards.values()} == {float}
            assert terminations == truncations == {"agent_0": False, "agent_1": False}
            assert infos == {"agent_0": {}, "agent_1": {}}


def test_action_spaces_have_each_agents_own_size_and_stay_the_same_objects():
    env = table_env()
    assert [env.action_space(agent).n for agent in env.possible_agents] == [2, 3]
    assert env.action_space("agent_1") is env.action_space("agent_1")
    assert env.observation_space("agent_1") is env.observation_space("agent_1")


@pytest.mark.parametrize(
    ("observation", "at_reset", "after"),
    [("none", [1], [1]), ("counts", [0, 0, 0], [0, 1, 1]), ("joint", [0] * 5, [0, 1, 0, 0, 1])],
)
def test_observations_by_hand(observation, at_reset, after):
    env = table_env(observation=observation)
    seen, _ = env.reset(seed=0)
    for agent in env.possible_agents:
        np.testing.assert_array_equal(seen[agent], at_reset)
    seen = play(env, 1, 2)[0]
    for agent in env.possible_agents:
        np.testing.assert_array_equal(seen[agent], after)
        assert seen[agent].dtype == np.float32
        assert env.observation_space(agent).contains(seen[agent])


def test_state_by_hand():
    env = table_env(max_cycles=4)
    env.reset(seed=0)
    np.testing.assert_array_equal(env.state(), [1, 0, 0, 0, 0, 0])
    play(env, 0, 1)
    np.testing.assert_array_equal(env.state(), [0.75, 1, 0, 0, 1, 0])
    assert env.state_space.contains(env.state())


def test_no_two_observations_share_memory():
    env = table_env(observation="counts")
    first, _ = env.reset(seed=0)
    second = play(env, 0, 0)[0]
    arrays = [*first.values(), *second.values()]
    assert not any(np.shares_memory(x, y) for i, x in enumerate(arrays) for y in arrays[:i])


def test_full_feedback_tells_what_every_own_action_would_have_earned():
    env = table_env(feedback="full")
    infos = env.reset(seed=0)[1]
    assert [infos[a]["deviation_payoffs"].tolist() for a in env.possible_agents] == [[0, 0], [0, 0, 0]]
    infos = play(env, 1, 2)[4]
    assert [infos[a]["deviation_payoffs"].tolist() for a in env.possible_agents] == [[3, 6], [40, 50, 60]]


def test_agents_see_the_context_before_they_are_paid_under_it():
    env = diml_envs.IncentiveEnv(Weather(), max_cycles=3, observation="counts", feedback="full")
    seen, _ = env.reset(seed=0)
    assert env.last_context is None
    for t in range(3):
        assert seen["agent_0"].tolist()[2:] == [10 + t]
        assert env.state().tolist()[-1] == 10 + t
        np.testing.assert_array_equal(env.context, [10 + t])
        seen, rewards, _, _, infos = play(env, 0, 1)
        assert rewards == {"agent_0": 10 + t, "agent_1": 2 * (10 + t) + 1}
        assert infos["agent_1"]["deviation_payoffs"].tolist() == [2 * (10 + t), 2 * (10 + t) + 1]
        np.testing.assert_array_equal(env.last_context, [10 + t])
        np.testing.assert_array_equal(env.last_actions, [0, 1])
    assert not env.agents


def test_max_cycles_is_read_at_every_step():
    env = table_env(max_cycles=50)
    env.reset(seed=0)
    assert not any(play(env, 0, 0)[3].values())
    env.max_cycles = 2
    assert all(play(env, 0, 0)[3].values())
    assert env.agents == []


def test_setting_the_mechanism_holds_from_the_next_step_on():
    env = table_env()
    env.reset(seed=0)
    assert play(env, 0, 1)[1] == {"agent_0": 2.0, "agent_1": 20.0}
    swapped = diml_envs.MatrixGame(-TABLE)
    env.mechanism = swapped
    assert env.mechanism is swapped
    assert play(env, 0, 1)[1] == {"agent_0": -2.0, "agent_1": -20.0}


@pytest.mark.parametrize("feedback", ["bandit", "full"])
def test_what_would_have_been_earned_is_told_by_the_mechanism_that_paid(feedback):
    env = table_env(feedback=feedback)
    game = env.mechanism
    env.reset(seed=0)
    play(env, 1, 2)
    env.mechanism = diml_envs.Switch(game, diml_envs.Scaled(game, 2.0), at=9, announced=False)
    np.testing.assert_array_equal(env.last_deviations()[:, :2], [[3.0, 6.0], [40.0, 50.0]])
    play(env, 1, 2)
    env.mechanism = diml_envs.Scaled(game, 0.0)
    np.testing.assert_array_equal(env.last_deviations()[:, :2], [[3.0, 6.0], [40.0, 50.0]])


def test_a_mechanism_given_to_reset_stays_in_force_until_changed():
    env = table_env(max_cycles=1)
    env.reset(seed=0, options={"mechanism": diml_envs.MatrixGame(-TABLE)})
    for options in (None, {}, {"something else": 1}):
        assert play(env, 1, 1)[1] == {"agent_0": -5.0, "agent_1": -50.0}
        env.reset(options=options)
    env.reset(options={"mechanism": diml_envs.Toll(diml_envs.MatrixGame(TABLE), rates=[0, 1, 0])})
    assert play(env, 1, 1)[1] == {"agent_0": 4.0, "agent_1": 49.0}


@pytest.mark.parametrize(
    ("mechanism", "found"),
    [
        (diml_envs.MatrixGame(TABLE.transpose(1, 0, 2)), r"found one for 2 agents with num_actions=\(3, 2\)"),
        (Weather(), "found one for 2 agents with 2 actions each and 1 context features"),
    ],
)
def test_an_incompatible_mechanism_is_refused_and_nothing_changes(mechanism, found):
    env = diml_envs.IncentiveEnv(diml_envs.MatrixGame(TABLE))
    before = env.mechanism
    env.reset(seed=0)
    play(env, 1, 0)
    expected = rf"for 2 agents with num_actions=\(2, 3\) and 0 context features, {found}.*new IncentiveEnv"
    with pytest.raises(ValueError, match=expected):
        env.mechanism = mechanism
    with pytest.raises(ValueError, match=expected):
        env.reset(seed=1, options={"mechanism": mechanism})
    assert env.mechanism is before
    assert env.last_actions.tolist() == [1, 0]


def test_a_mechanism_with_other_context_is_refused():
    plain = diml_envs.IncentiveEnv(diml_envs.MatrixGame.named("prisoners_dilemma"))
    with pytest.raises(
        ValueError, match="2 actions each and 0 context features, found .* 1 context features"
    ):
        plain.mechanism = Weather()


def test_a_plain_function_is_no_mechanism():
    with pytest.raises(TypeError, match="found function; wrap a plain function in diml_envs.PayoffFunction"):
        diml_envs.IncentiveEnv(lambda actions: actions)
    with pytest.raises(TypeError, match="found NoneType"):
        table_env().reset(options={"mechanism": None})


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ({"agent_0": 0}, "for each of the 2 agents .* found 1; missing: agent_1, unknown: none"),
        ({"agent_0": 0, "agent_1": 0, "agent_9": 0}, "missing: none, unknown: agent_9"),
        ({"agent_0": 0, "agent_1": 3}, "whole number from 0 to 2 as the action of agent_1, found 3; draw"),
        ({"agent_0": -1, "agent_1": 0}, "from 0 to 1 as the action of agent_0, found -1"),
        ({"agent_0": 1.0, "agent_1": 0}, "action of agent_0, found 1.0"),
        ({"agent_0": None, "agent_1": 0}, "action of agent_0, found None"),
        ({"agent_0": 0, "agent_1": np.array([1])}, r"action of agent_1, found array\(\[1\]\)"),
        ({"agent_0": np.array(0), "agent_1": 9}, "action of agent_1, found 9"),
        ({"agent_0": Index(0), "agent_1": 9}, "action of agent_1, found 9"),
        ([0, 0], "a dictionary with one action for each of the 2 agents .* found list"),
        (np.zeros(2, dtype=int), "a dictionary .* found ndarray"),
        (None, "a dictionary .* found NoneType"),
        ({"agent_0": 0, "agent_1": 2**70}, "action of agent_1, found 1180591620717411303424"),
    ],
)
def test_what_is_no_joint_action_is_refused(actions, message):
    env = table_env()
    env.reset(seed=0)
    with pytest.raises(ValueError, match=message):
        env.step(actions)
    play(env, 0, 0)  # the refused actions have not been played
    assert env.state()[0] == np.float32(59 / 60)


def test_payoffs_that_are_not_finite_are_refused():
    game = diml_envs.PayoffFunction(lambda actions, context: np.log(actions), (2, 2))
    env = diml_envs.IncentiveEnv(game)
    env.reset(seed=0)
    with (
        np.errstate(divide="ignore"),
        pytest.raises(ValueError, match="finite payoffs of PayoffFunction, found"),
    ):
        play(env, 1, 0)


@pytest.mark.parametrize("kind", [int, np.int32, np.int64, np.uint8, lambda a: np.array(a), Index])
def test_whole_numbers_of_any_type_are_actions(kind):
    env = table_env()
    env.reset(seed=0)
    assert play(env, kind(1), kind(2))[1] == {"agent_0": 6.0, "agent_1": 60.0}


def test_stepping_outside_an_episode_is_refused():
    env = table_env(max_cycles=1)
    with pytest.raises(ResetNeeded, match="has not been reset; call reset"):
        play(env, 0, 0)
    with pytest.raises(ResetNeeded, match="has not been reset; call reset"):
        env.state()
    env.reset(seed=0)
    play(env, 0, 0)
    with pytest.raises(ResetNeeded, match="episode has ended; call reset"):
        play(env, 0, 0)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        (
            {"observation": "count"},
            "observation to be one of 'none', .* found 'count'; did you mean 'counts'",
        ),
        ({"feedback": "ful"}, "feedback to be one of 'bandit', 'full', found 'ful'; did you mean 'full'"),
        (
            {"render_mode": "rgb_aray"},
            "render_mode to be one of 'human', .* found 'rgb_aray'; did you mean 'rgb_array'",
        ),
        ({"max_cycles": 0}, "max_cycles to be a whole number of at least 1, found 0"),
        ({"max_cycles": 2.5}, "max_cycles to be a whole number of at least 1, found 2.5"),
    ],
)
def test_constructor_arguments_are_checked(kwargs, message):
    with pytest.raises(ValueError, match=message):
        table_env(**kwargs)


def test_spaces_of_unknown_agents_are_refused():
    with pytest.raises(KeyError, match="expected an agent from agent_0 to agent_1, found 'agent_2'"):
        table_env().action_space("agent_2")
    with pytest.raises(KeyError, match="found 'player_0'"):
        table_env().observation_space("player_0")


def test_registered_arguments_reach_mechanism_and_environment():
    env = pettingzoo.make("parallel", "diml/congestion-v0", num_agents=5, num_actions=3, max_cycles=7, seed=3)
    assert env.unwrapped.mechanism.num_actions == (3,) * 5
    assert (len(env.possible_agents), env.unwrapped.max_cycles, str(env)) == (5, 7, "diml/congestion-v0")
    played = np.array([0, 0, 1, 2, 2])
    same = diml_envs.Congestion(num_agents=5, num_actions=3, seed=3)
    np.testing.assert_array_equal(env.unwrapped.mechanism(played), same(played))


def test_matrix_id_takes_a_name_or_a_table():
    named = pettingzoo.make("parallel", "diml/matrix-v0", game="rock_paper_scissors")
    assert named.unwrapped.mechanism.num_actions == (3, 3)
    table = pettingzoo.make("parallel", "diml/matrix-v0", payoffs=TABLE)
    assert table.unwrapped.mechanism(np.array([1, 0])).tolist() == [4.0, 40.0]


@pytest.mark.parametrize("env_id", sorted(REGISTRY))
def test_unknown_arguments_of_a_registered_id_are_refused(env_id):
    with pytest.raises(
        TypeError, match=f"arguments of {env_id} to be among .*'max_cycle'; did you mean 'max_cycles'"
    ):
        pettingzoo.make("parallel", env_id, max_cycle=3)


def test_registering_again_changes_nothing():
    before = {env_id: gymnasium.spec(env_id) for env_id in REGISTRY}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        register_all()
    assert {env_id: gymnasium.spec(env_id) for env_id in REGISTRY} == before
