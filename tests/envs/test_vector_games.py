"""Many games at once: opponents who learn in each, private values, swaps, resets, and what is refused."""

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded

import diml_envs
from diml_envs.vector import VectorIncentiveEnv, VectorSeatEnv

MODES = ["NextStep", "SameStep"]


class Private(diml_envs.Mechanism):
    """Agent i earns its action times the covariates that it alone sees, plus 0.01 of the other's action."""

    def __init__(self, visible=((1, 0, 0), (0, 1, 1)), noise=0.0):
        self.num_actions, self.visible, self.noise = (3, 3), np.array(visible, dtype=bool), noise
        self.context_size = self.visible.shape[1]

    def deviation_payoffs(self, actions, context=None):
        values = np.where(self.visible, context[..., None, :], 0.0).sum(-1)[..., None]  # [..., n, 1]
        return values * np.arange(3) + 0.01 * actions[..., ::-1, None]

    def payoffs(self, actions, context=None):
        own = self.deviation_payoffs(actions, context)
        return np.take_along_axis(own, actions[..., None], -1)[..., 0]

    def draw_context(self, rng, step, size, previous=None):
        return rng.normal(size=(*size, self.context_size)) if previous is None else previous

    def draw_noise(self, rng, size, context=None):
        return self.noise * rng.normal(size=(*size, 2, 3)) if self.noise else None


def test_opponents_learn_in_their_own_game_alone():
    rule = diml_envs.LogitQ(step_size=1.0, inverse_temperature=500.0, exploration=0.0)
    game = diml_envs.MatrixGame.named("matching_pennies")
    env = VectorSeatEnv(VectorIncentiveEnv(game, 50, observation="joint"), opponents=rule)
    env.reset(seed=0)
    previous = None
    for actions in np.random.default_rng(0).integers(0, 2, size=(10, 50)):
        theirs = env.step(actions)[0][:, 3].astype(int)
        if previous is not None:
            np.testing.assert_array_equal(theirs, 1 - previous)  # who matches nothing wants to differ
        previous = actions


@pytest.mark.parametrize("mode", MODES)
def test_opponents_forget_between_episodes(mode):
    dominant = np.zeros((2, 2, 2))
    dominant[:, 1, 1] = 1.0
    games = VectorIncentiveEnv(
        diml_envs.MatrixGame(dominant), 2000, max_cycles=30, feedback="full", autoreset_mode=mode
    )
    env = VectorSeatEnv(games)
    env.reset(seed=0)
    played = []
    for t in range(61):
        infos = env.step(np.zeros(2000, dtype=np.int64))[-1]
        if mode == "SameStep" or t != 30:  # which else only resets
            played.append(infos.get("final_info", infos)["joint_action"][:, 1].mean())
    assert abs(played[0] - 0.5) < 0.06 and abs(played[30] - 0.5) < 0.06  # standard error 0.011
    assert played[29] > 0.9 and played[59] > 0.9  # 0.92 in the limit


def test_policies_rules_and_names_mix_by_agent():
    def policy(seen):
        assert seen.shape == (4, 7)
        return np.array([0, 1, 0, 1])

    env = VectorSeatEnv(
        VectorIncentiveEnv(diml_envs.MatrixGame(np.zeros((2, 3, 2, 3))), 4, observation="joint"),
        opponents={"agent_2": policy, "agent_1": diml_envs.Hedge()},
    )
    env.reset(seed=0)
    seen = env.step(np.array([1, 1, 0, 0]))[0]
    assert seen[:, 1].tolist() == [1, 1, 0, 0] and seen[:, 6].tolist() == [0, 1, 0, 1]


def test_a_swapped_mechanism_pays_all_games():
    game = diml_envs.MatrixGame.named("prisoners_dilemma")
    env = VectorIncentiveEnv(game, 2)
    env.reset(seed=0, options={"mechanism": diml_envs.Scaled(game, 2.0)})
    assert env.step([[0, 0], [1, 0]])[1].tolist() == [[6, 6], [10, 0]]
    for other in (diml_envs.PublicState(game), diml_envs.Congestion(2, 3)):
        with pytest.raises(ValueError, match=f"cannot swap in {type(other).__name__}"):
            env.mechanism = other
    seat = VectorSeatEnv(VectorIncentiveEnv(game, 2), opponents=lambda seen: np.array([0, 1]))
    seat.reset(seed=0, options={"mechanism": diml_envs.Scaled(game, 3.0)})
    assert seat.step(np.array([0, 0]))[1].tolist() == [9, 0]
    seat.mechanism = game
    assert seat.step(np.array([0, 0]))[1].tolist() == [3, 0]


def test_private_values_are_seen_by_their_owner_alone():
    env = VectorIncentiveEnv(Private(), 6, observation="counts")
    seen, _ = env.reset(seed=0)
    values = env.games.context
    assert env.observation_sizes == [4, 5] and seen.shape == (6, 2, 5) and seen in env.observation_space
    np.testing.assert_array_equal(seen[:, 0, 3:], np.c_[values[:, :1], np.zeros(6)].astype(np.float32))
    np.testing.assert_array_equal(seen[:, 1, 3:], values[:, 1:].astype(np.float32))
    _, payoffs, *_ = env.step(np.tile([2, 1], (6, 1)))
    np.testing.assert_allclose(payoffs, np.c_[2 * values[:, 0] + 0.01, values[:, 1:].sum(1) + 0.02])
    assert len(np.unique(values)) == values.size  # each game has its own

    def truthful(seen):
        return (seen[:, 3] > 0).astype(np.int64) * 2  # the opponent acts on the value that it alone sees

    seat = VectorSeatEnv(env, seat="agent_1", opponents=truthful)
    seen, _ = seat.reset(seed=1)
    assert seen.shape == (6, 5) and seen in seat.observation_space
    mine, theirs = env.games.context[:, 1:].sum(1), env.games.context[:, 0]
    _, rewards, *_ = seat.step(np.ones(6, dtype=int))
    np.testing.assert_allclose(rewards, mine + 0.02 * (theirs > 0))


@pytest.mark.parametrize("mode", [*MODES, "Disabled"])
def test_a_series_as_long_as_the_episode_is_enough(mode):
    game = diml_envs.PublicState(diml_envs.Congestion(2, 3), process=diml_envs.Series([1.0, 2.0, 3.0]))
    env = VectorIncentiveEnv(game, 2, max_cycles=3, autoreset_mode=mode)
    seen = [env.reset(seed=0)[0]]
    for _ in range(3):
        seen.append(env.step(np.zeros((2, 2), dtype=np.int64))[0])
    assert [rows[0, 0, -1] for rows in seen[:3]] == [1, 2, 3]
    assert seen[3][0, 0, -1] == (1 if mode == "SameStep" else 3)  # the next episode's, or no news


def test_rewards_and_deviation_payoffs_hold_the_same_noise():
    env = VectorIncentiveEnv(Private(noise=1.0), 4, feedback="full")
    env.reset(seed=0)
    context, actions = env.games.context, np.tile([2, 1], (4, 1))
    _, payoffs, _, _, infos = env.step(actions)
    np.testing.assert_array_equal(payoffs[:, 0], infos["deviation_payoffs"][:, 0, 2])
    noise = infos["deviation_payoffs"] - env.mechanism.deviation_payoffs(actions, context)
    assert (np.abs(noise) > 1e-6).all() and len(np.unique(noise)) == noise.size


def test_disabled_autoreset_waits_for_a_reset_and_masks_must_name_all():
    env = gymnasium.make_vec("diml/matrix-v0", num_envs=2, autoreset_mode="Disabled", max_cycles=1)
    with pytest.raises(ResetNeeded, match="not been reset"):
        env.step(np.zeros(2, dtype=int))
    env.reset(seed=0)
    assert env.step(np.zeros(2, dtype=int))[3].all()
    with pytest.raises(ResetNeeded, match="have ended; call reset"):
        env.step(np.zeros(2, dtype=int))
    with pytest.raises(ValueError, match="True for all 2 sub-environments"):
        env.reset(options={"reset_mask": np.array([True, False])})
    env.reset(options={"reset_mask": np.ones(2, dtype=bool)})
    assert env.step(np.zeros(2, dtype=int))[3].all()


def test_gymnasiums_vector_wrappers_apply():
    env = gymnasium.make_vec("diml/congestion-v0", num_envs=3, max_cycles=5)
    env = gymnasium.wrappers.vector.RecordEpisodeStatistics(env)
    env.reset(seed=0)
    total = np.zeros(3)
    for _ in range(5):
        _, rewards, *_, infos = env.step(env.action_space.sample())
        total += rewards
    np.testing.assert_allclose(infos["episode"]["r"], total)
    assert infos["episode"]["l"].tolist() == [5, 5, 5]


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ([[0, 0]], r"expected actions int \[2, 2\] \(num_envs, agents\), found int64 \[1, 2\]"),
        ([[0.0, 0.0], [0.0, 0.0]], "found float64"),
        ([[0, 0], [0, 2]], "from 0 to 1 as the action of agent_1, found 2 in sub-environment 1"),
        ([[0, 0], [-1, 0]], "as the action of agent_0, found -1"),
    ],
)
def test_joint_actions_are_checked(actions, message):
    env = VectorIncentiveEnv(diml_envs.MatrixGame.named("stag_hunt"), 2)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=message):
        env.step(actions)


def test_actions_of_the_seat_and_of_policies_are_checked():
    games = VectorIncentiveEnv(diml_envs.MatrixGame.named("stag_hunt"), 2)
    env = VectorSeatEnv(games, opponents=lambda seen: 1)
    env.reset(seed=0)
    with pytest.raises(
        ValueError, match=r"int \[2\] of agent_0, one for each sub-environment, found shape \[\]"
    ):
        env.step(0)
    with pytest.raises(ValueError, match="from 0 to 1 as the action of agent_0, found 2"):
        env.step(np.array([0, 2]))
    with pytest.raises(ValueError, match=r"of agent_1, one for each sub-environment, found shape \[\]"):
        env.step(np.array([0, 1]))


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"seat": 2}, ValueError, "index from 0 to 1 or an agent from agent_0 to agent_1, found 2"),
        ({"opponents": "logitq"}, ValueError, "(?s)logitq.*did you mean 'logit_q'"),
        ({"opponents": 7}, TypeError, "a learner rule, a Learner, or a policy .*, found 7"),
        ({"autoreset_mode": "NextStp"}, ValueError, "'NextStep', .*did you mean 'NextStep'"),
        ({"num_envs": 0}, ValueError, "num_envs to be a whole number of at least 1, found 0"),
        ({"max_cycle": 3}, TypeError, "found 'max_cycle'; did you mean 'max_cycles'"),
        ({"render_mode": "ansi"}, ValueError, 'vectorization_mode="sync"'),
    ],
)
def test_wrong_arguments_are_refused(kwargs, error, message):
    with pytest.raises(error, match=message):
        gymnasium.make_vec("diml/matrix-v0", **({"num_envs": 2} | kwargs))


def test_the_inner_environment_must_be_vectorised():
    with pytest.raises(TypeError, match="expected a VectorIncentiveEnv, found IncentiveEnv"):
        VectorSeatEnv(diml_envs.IncentiveEnv(diml_envs.MatrixGame.named("stag_hunt")))
