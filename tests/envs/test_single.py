"""SeatEnv: one agent's seat; who the opponents are and how they learn."""

from dataclasses import dataclass

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded

import diml_envs
from diml_envs.learners.base import Learner
from diml_envs.single import SeatEnv

# three agents with 2, 3 and 2 actions; agent i earns 100 i + 9 a_0 + 3 a_1 + a_2
SIZES = (2, 3, 2)
TABLE = np.array(
    [
        [[[100 * i + 9 * a + 3 * b + c for i in range(3)] for c in range(2)] for b in range(3)]
        for a in range(2)
    ],
    dtype=np.float64,
)


@dataclass(frozen=True, eq=False)
class Counting(Learner):
    """Agent i plays (offset_i + number of updates) mod A_i; remembers what it was told."""

    offsets: tuple[int, ...]
    heard: list
    feedback = "full"

    def initial_state(self, episodes, num_actions):
        return np.zeros((episodes, len(num_actions), max(num_actions)))

    def probabilities(self, state, num_actions):
        rows = np.zeros_like(state)
        for i, size in enumerate(num_actions):
            rows[0, i, (self.offsets[i] + int(state[0, 0, 0])) % size] = 1.0
        return rows

    def update(self, state, actions, payoffs):
        self.heard.append((actions.copy(), payoffs.copy()))
        return state + 1.0


class BanditCounting(Counting):
    """The same, told its own payoffs only."""

    feedback = "bandit"


def seat_env(opponents, seat=0, payoffs=TABLE, **kwargs):
    env = diml_envs.IncentiveEnv(diml_envs.MatrixGame(payoffs), observation="joint", **kwargs)
    return SeatEnv(env, opponents=opponents, seat=seat)


def one_hot(*actions):
    return [float(a == k) for a, size in zip(actions, SIZES, strict=True) for k in range(size)]


def joint_actions(env, actions):
    """What was played, read off the one-hot observations."""
    played = []
    for action in actions:
        row = env.step(action)[0]
        played.append(tuple(int(np.argmax(row[s : s + k])) for s, k in zip((0, 2, 5), SIZES, strict=True)))
    return played


def test_the_seat_earns_its_own_payoff_and_sees_the_joint_action():
    env = seat_env(lambda seen: 1, seat=1)
    env.reset(seed=0)
    seen, reward, terminated, truncated, info = env.step(2)
    assert reward == 100 + 9 + 6 + 1
    assert seen.tolist() == one_hot(1, 2, 1)
    assert (terminated, truncated, info) == (False, False, {})


@pytest.mark.parametrize("seat", [2, "agent_2", np.int64(2)])
def test_a_seat_is_an_index_or_a_name(seat):
    env = seat_env(lambda seen: 0, seat=seat, feedback="full")
    assert env.action_space.n == 2
    env.reset(seed=0)
    _, reward, _, _, info = env.step(1)
    assert reward == 201
    assert info["deviation_payoffs"].tolist() == [200, 201]


def test_a_rule_serves_each_agent_by_its_own_row_and_starts_afresh_at_reset():
    env = seat_env(Counting(offsets=(0, 1, 0), heard=[]))
    for _ in range(2):
        env.reset(seed=0)
        assert joint_actions(env, [0, 0, 1, 1]) == [(0, 1, 0), (0, 2, 1), (1, 0, 0), (1, 1, 1)]


def test_full_feedback_rules_hear_what_every_own_action_would_have_earned():
    rule = Counting(offsets=(0, 2, 1), heard=[])
    env = seat_env(rule, feedback="bandit")
    env.reset(seed=0)
    env.step(1)
    [(actions, payoffs)] = rule.heard
    assert actions.tolist() == [[1, 2, 1]]
    np.testing.assert_array_equal(payoffs[0, 1], [100 + 9 + 3 * b + 1 for b in range(3)])
    np.testing.assert_array_equal(payoffs[0, 2, :2], [200 + 9 + 6 + c for c in range(2)])


def test_bandit_rules_hear_the_payoff_of_the_chosen_action_only():
    rule = BanditCounting(offsets=(0, 2, 1), heard=[])
    env = seat_env(rule, feedback="full")
    env.reset(seed=0)
    env.step(1)
    [(_, payoffs)] = rule.heard
    np.testing.assert_array_equal(payoffs[0], [[0, 16, 0], [0, 0, 116], [0, 216, 0]])


def test_sharp_logit_q_opponents_answer_the_last_joint_action_best():
    pennies = diml_envs.IncentiveEnv(diml_envs.MatrixGame.named("matching_pennies"), observation="joint")
    rule = diml_envs.LogitQ(step_size=1.0, inverse_temperature=500.0, exploration=0.0)
    env = SeatEnv(pennies, opponents=rule)
    seen, _ = env.reset(seed=0)
    mine = [0, 1, 1, 0, 1, 0, 0]
    rewards, theirs = [], []
    for action in mine:
        seen, reward, *_ = env.step(action)
        rewards.append(reward)
        theirs.append(int(seen[3]))
    best = [int(np.argmax([pennies.mechanism(np.array([a, b]))[1] for b in range(2)])) for a in mine]
    assert theirs[1:] == best[:-1]


@pytest.mark.parametrize("name", ["logit_q", "hedge", "bandit_q"])
def test_named_rules_learn_the_better_action(name):
    dominant = np.zeros((2, 2, 2))
    dominant[:, 1, 1] = 1.0  # agent_1 earns 1 by action 1 and 0 by action 0, whatever agent_0 does
    env = SeatEnv(
        diml_envs.IncentiveEnv(diml_envs.MatrixGame(dominant), max_cycles=200, observation="joint"),
        opponents=name,
    )
    env.reset(seed=0)
    played = [int(env.step(0)[0][3]) for _ in range(200)]
    assert np.mean(played[100:]) > 0.85  # whose limit is 0.92 for the bandit and 0.9 for the logit rule


def test_opponents_forget_between_episodes():
    dominant = np.zeros((2, 2, 2))
    dominant[:, 1, 1] = 1.0
    env = SeatEnv(diml_envs.IncentiveEnv(diml_envs.MatrixGame(dominant), max_cycles=30, observation="joint"))
    first, last = [], []
    for episode in range(200):
        env.reset(seed=0 if episode == 0 else None)
        played = [int(env.step(0)[0][3]) for _ in range(30)]
        first.append(played[0])
        last.append(played[-1])
    assert 0.35 < np.mean(first) < 0.65  # logit_q starts from equal values: 1/2, standard error 0.035
    assert np.mean(last) > 0.85


def test_policies_rules_and_names_mix_by_agent():
    seen_by_policy = []

    def policy(seen):
        seen_by_policy.append(seen.tolist())
        return np.int64(1)

    rule = Counting(offsets=(0, 2, 0), heard=[])
    env = seat_env({"agent_2": policy, "agent_1": rule})
    env.reset(seed=0)
    assert joint_actions(env, [0, 1]) == [(0, 2, 1), (1, 0, 1)]
    assert seen_by_policy == [one_hot(-1, -1, -1), one_hot(0, 2, 1)]
    env = seat_env([lambda seen: 2, "hedge"], seat="agent_0")
    env.reset(seed=0)
    assert [b for _, b, _ in joint_actions(env, [0] * 5)] == [2] * 5


def test_a_game_of_one_needs_no_opponents():
    env = SeatEnv(diml_envs.IncentiveEnv(diml_envs.MatrixGame(np.array([[1.0], [2.0]]))))
    env.reset(seed=0)
    assert env.step(1)[1] == 2.0


def test_swapped_mechanism_pays_the_seat():
    env = seat_env(lambda seen: 0)
    swapped = diml_envs.MatrixGame(-TABLE)
    env.reset(seed=0, options={"mechanism": swapped})
    assert env.mechanism is swapped
    assert env.step(1)[1] == -9
    env.mechanism = diml_envs.Scaled(swapped, 2.0)
    assert env.step(1)[1] == -18


def test_gymnasium_make_passes_every_argument_on():
    env = gymnasium.make(
        "diml_envs:diml/congestion-v0",
        opponents=lambda seen: 1,
        seat=3,
        num_agents=4,
        num_actions=2,
        linear=[1.0, 2.0],
        quadratic=[0.0, 0.0],
        toll=[0.0, 0.0],
        max_cycles=2,
    )
    env.reset(seed=0)
    assert env.step(1)[1] == -8.0  # all four share action 1: -2 * 4
    assert env.step(0)[1:4] == (-1.0, False, True)
    assert env.unwrapped.agent == "agent_3"


def test_rendering_delegates_to_the_inner_environment():
    env = gymnasium.make("diml/matrix-v0", render_mode="rgb_array_list", max_cycles=3)
    env.reset(seed=0)
    env.step(0)
    frames = env.render()
    assert len(frames) == 2 and frames[0].dtype == np.uint8 and frames[0].shape == frames[1].shape
    text = gymnasium.make("diml/matrix-v0", render_mode="ansi")
    text.reset(seed=0)
    assert "MatrixGame: step 0 of 60, 2 agents" in text.render()


def test_seat_actions_are_checked():
    env = seat_env("hedge")
    with pytest.raises(ResetNeeded, match="not been reset"):
        env.step(0)
    env.reset(seed=0)
    with pytest.raises(ValueError, match="from 0 to 1 as the action of agent_0, found 2"):
        env.step(2)


@pytest.mark.parametrize("seat", [3, -1, "agent_3", True, 1.0, None])
def test_wrong_seats_are_refused(seat):
    with pytest.raises(ValueError, match="index from 0 to 2 or an agent from agent_0 to agent_2, found"):
        seat_env("hedge", seat=seat)


@pytest.mark.parametrize(
    ("opponents", "error", "message"),
    [
        ("logitq", ValueError, "(?s)logitq.*did you mean 'logit_q'"),
        ({"agent_1": "hedge"}, ValueError, "every agent but the seat, found none for agent_2; add them"),
        ({"agent_1": "hedge", "agnt_2": "hedge"}, ValueError, "found 'agnt_2'; did you mean 'agent_2'"),
        ({"agent_0": "hedge", "agent_1": "hedge", "agent_2": "hedge"}, ValueError, "but the seat.*'agent_0'"),
        (["hedge"], ValueError, "expected 2 opponents in the order agent_1, agent_2, found 1; give one"),
        (7, TypeError, "a learner rule, a Learner, or a policy .*, found 7"),
        (diml_envs.LogitQ, TypeError, "found <class"),
    ],
)
def test_wrong_opponents_are_refused(opponents, error, message):
    with pytest.raises(error, match=message):
        seat_env(opponents)


def test_the_inner_environment_must_be_an_incentive_env():
    with pytest.raises(TypeError, match="expected an IncentiveEnv, found MatrixGame"):
        SeatEnv(diml_envs.MatrixGame(TABLE))
