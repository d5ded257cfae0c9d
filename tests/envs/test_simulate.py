"""simulate: draws agree with policies, logs with mechanism and rule, seeds with results."""

import contextlib
import json
import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from diml_envs.learners import BanditQ, Hedge, LogitQ
from diml_envs.mechanisms import (
    Anonymous,
    Congestion,
    MatrixGame,
    NeuralJoint,
    PayoffFunction,
    PublicState,
    Toll,
)
from diml_envs.simulate import draw_actions, simulate

UNEQUAL = NeuralJoint(3, (2, 5, 3), seed=1, width=16)
RULES = {
    "logit_q": LogitQ(0.3, 8.0, 0.1, 0.2),
    "logit_q per agent": LogitQ([0.1, 0.5, 1.0], [5.0, 10.0, 20.0], [0.0, 0.1, 0.5], [0.0, 1.0, 2.0]),
    "hedge": Hedge(2.0, 0.1, 0.05),
    "bandit_q": BanditQ(0.3, 8.0, 0.1, 0.2),
    "bandit_q per agent": BanditQ([0.1, 0.5, 1.0], [5.0, 10.0, 20.0], [0.0, 0.1, 0.5]),
}
GAMES = {
    "unequal sizes": UNEQUAL,
    "public context": PublicState(Congestion(3, 4, seed=2)),
    "toll around context": Toll(PublicState(UNEQUAL, [0.5, 3.0]), [1, 0, 0, 0, 0]),
}
every_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
every_game = pytest.mark.parametrize("game", GAMES.values(), ids=GAMES.keys())


def of(value, agent):
    return value[agent] if isinstance(value, tuple) else value


def replayed_policy(game, rule, log, episode, agent):
    """Choice probabilities at every step, by plain loops over the formulas; payoffs by played deviations."""
    size = game.num_actions[agent]
    p = SimpleNamespace(**{name: of(value, agent) for name, value in vars(rule).items()})
    values = [0.0 if isinstance(rule, Hedge) else p.initial] * size
    sharpness = p.step_size if isinstance(rule, Hedge) else p.inverse_temperature
    for t, joint in enumerate(log.actions[episode]):
        weights = [math.exp(sharpness * value) for value in values]
        yield [(1 - p.exploration) * w / sum(weights) + p.exploration / size for w in weights]
        context = None if log.context is None else log.context[episode, t]
        for a in range(size):
            deviation = joint.copy()
            deviation[agent] = a
            payoff = game(deviation, context)[agent]
            if isinstance(rule, Hedge):
                values[a] = (1 - p.forgetting) * values[a] + payoff
            elif isinstance(rule, LogitQ) or a == joint[agent]:
                values[a] = (1 - p.step_size) * values[a] + p.step_size * payoff


@every_rule
@every_game
def test_recorded_probabilities_are_those_of_the_rule_fed_with_the_log(game, rule):
    log = simulate(game, rule, episodes=2, horizon=12, seed=3)
    for episode in range(2):
        for agent, size in enumerate(game.num_actions):
            expected = list(replayed_policy(game, rule, log, episode, agent))
            np.testing.assert_allclose(log.probabilities[episode, :, agent, :size], expected, atol=1e-10)
            assert (log.probabilities[episode, :, agent, size:] == 0).all()


@every_rule
@every_game
def test_action_frequencies_agree_with_recorded_probabilities(game, rule):
    log = simulate(game, rule, episodes=200, horizon=20, seed=4)
    chosen = log.actions[..., None] == np.arange(max(game.num_actions))
    surplus = (chosen - log.probabilities).sum(axis=(0, 1))  # [n, A], a martingale at its end
    error = np.sqrt((log.probabilities * (1 - log.probabilities)).sum(axis=(0, 1)))
    own = error > 0
    assert own.sum() == sum(game.num_actions)
    assert np.abs(surplus[own] / error[own]).max() < 4  # standard errors
    assert (surplus[~own] == 0).all()


@every_rule
def test_equal_seeds_give_equal_logs_and_different_seeds_different_ones(rule):
    game = GAMES["public context"]
    logs = [simulate(game, rule, episodes=5, horizon=15, seed=seed) for seed in (7, 7, 8)]
    for name in ("actions", "payoffs", "probabilities", "context"):
        np.testing.assert_array_equal(getattr(logs[0], name), getattr(logs[1], name))
    assert (logs[0].actions != logs[2].actions).any() and (logs[0].context != logs[2].context).any()


def test_simulation_leaves_the_global_generator_alone():
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    simulate(UNEQUAL, LogitQ(), episodes=2, horizon=3, seed=0)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@every_game
def test_logged_payoffs_are_what_the_mechanism_pays_for_the_logged_actions(game):
    log = simulate(game, LogitQ(), episodes=6, horizon=9, seed=1)
    np.testing.assert_allclose(log.payoffs, game(log.actions, log.context), atol=1e-12)


def test_the_log_has_the_shapes_of_the_run():
    log = simulate(GAMES["toll around context"], LogitQ(), episodes=6, horizon=9, seed=1)
    assert log.actions.shape == log.payoffs.shape == (6, 9, 3)
    assert log.probabilities.shape == (6, 9, 3, 5) and log.context.shape == (6, 9, 1)
    assert log.num_actions == (2, 5, 3) and log.agents == ("agent_0", "agent_1", "agent_2")
    assert log.lengths.tolist() == [9] * 6
    assert set(log.context.ravel()) == {0.5, 3.0}
    assert simulate(UNEQUAL, LogitQ(), episodes=1, horizon=1, seed=1).context is None


def test_record_probabilities_only_decides_what_is_kept():
    short = simulate(UNEQUAL, LogitQ(), episodes=3, horizon=8, seed=2, record_probabilities=False)
    full = simulate(UNEQUAL, LogitQ(), episodes=3, horizon=8, seed=2)
    assert short.probabilities is None and full.probabilities is not None
    np.testing.assert_array_equal(short.actions, full.actions)


def test_first_actions_are_uniform_when_nothing_has_been_learned():
    log = simulate(UNEQUAL, LogitQ(), episodes=3, horizon=1, seed=2)
    for agent, size in enumerate(UNEQUAL.num_actions):
        np.testing.assert_allclose(log.probabilities[:, 0, agent, :size], 1 / size, atol=1e-15)


def test_any_payoff_map_of_known_size_can_be_simulated():
    def payoffs(actions, context=None):
        return np.random.default_rng(5).normal(size=(2, 3, 2))[tuple(np.moveaxis(actions, -1, 0))]

    wrapped = PayoffFunction(payoffs, (2, 3))
    payoffs.num_actions = (2, 3)
    table = MatrixGame(np.random.default_rng(5).normal(size=(2, 3, 2)))
    logs = [simulate(m, LogitQ(), episodes=4, horizon=10, seed=0) for m in (payoffs, wrapped, table)]
    for log in logs[:2]:
        np.testing.assert_array_equal(log.actions, logs[2].actions)
        np.testing.assert_allclose(log.payoffs, logs[2].payoffs, atol=1e-14)


@pytest.mark.parametrize("shown", [True, False])
def test_bar_hears_of_every_step(shown, monkeypatch):
    heard = []

    @contextlib.contextmanager
    def bar(shown, total):
        heard.append((shown, total))
        yield heard.append

    monkeypatch.setattr(sys.modules["diml_envs.simulate"], "step_bar", bar)
    simulate(UNEQUAL, LogitQ(), episodes=1, horizon=3, seed=0, progress=shown)
    assert heard == [(shown, 3), 1, 1, 1]


def test_games_of_one_size_share_their_random_numbers():
    free = simulate(UNEQUAL, LogitQ(exploration=1.0), episodes=4, horizon=10, seed=6)
    tolled = simulate(Toll(UNEQUAL, [9, 0, 0, 0, 0]), LogitQ(exploration=1.0), episodes=4, horizon=10, seed=6)
    np.testing.assert_array_equal(free.actions, tolled.actions)


def test_provenance_names_mechanism_learner_and_seed():
    game = Toll(Congestion(2, 2, linear=[1, 2], quadratic=[0, 0], toll=[0, 0]), [0, 1])
    log = simulate(game, LogitQ([0.1, 0.2]), episodes=2, horizon=3, seed=5)
    found = json.loads(json.dumps(log.provenance))
    assert found["mechanism"]["class"] == "Toll" and found["mechanism"]["rates"] == [0, 1]
    assert found["mechanism"]["mechanism"]["class"] == "Congestion"
    assert found["mechanism"]["mechanism"]["linear"] == [1, 2]
    assert found["learner"]["class"] == "LogitQ" and found["learner"]["step_size"] == [0.1, 0.2]
    assert (found["episodes"], found["horizon"], found["seed"]) == (2, 3, 5)
    assert found["versions"]["numpy"] == np.__version__


class Levels:
    """A generator whose uniform numbers are known."""

    def __init__(self, *levels):
        self.levels = np.array(levels)

    def random(self, shape):
        return self.levels.reshape(shape)


@pytest.mark.parametrize(
    ("level", "expected"), [(0.0, 0), (0.249, 0), (0.25, 1), (0.49, 1), (0.5, 2), (0.99, 2), (1 - 2**-53, 2)]
)
def test_draws_invert_the_distribution_function(level, expected):
    probabilities = np.array([[0.25, 0.25, 0.5, 0.0]])  # the last entry is padding
    assert draw_actions(Levels(level), probabilities, (3,)).tolist() == [expected]


@pytest.mark.parametrize("total", [1 - 1e-12, 1, 1 + 1e-12])
def test_rounding_of_probabilities_never_draws_an_action_of_probability_zero(total):
    probabilities = np.array([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]) * total
    drawn = draw_actions(Levels(1 - 2**-53, 0.0, 1 - 2**-53), probabilities, (2, 3, 3))
    assert drawn.tolist() == [1, 2, 0]


def test_a_row_without_probabilities_still_gives_one_of_the_agents_actions():
    assert draw_actions(Levels(0.0, 0.0), np.array([[0.0, 0.0], [0.5, 0.5]]), (1, 2)).tolist() == [0, 0]


def broken(actions, context=None):
    return np.full(actions.shape, math.nan)


ERRORS = [
    (dict(episodes=0), ValueError, "episodes to be a whole number of at least 1, found 0"),
    (dict(horizon=2.5), ValueError, "horizon to be a whole number of at least 1, found 2.5"),
    (dict(seed=None), ValueError, "seed to be a whole number of at least 0, found None"),
    (dict(learner="logit_q"), TypeError, "one Learner for all agents or a list .*, found str"),
    (
        dict(learner=LogitQ([0.1, 0.2])),
        ValueError,
        r"step_size as one number or 3 \(one per agent\), found 2",
    ),
    (dict(mechanism=broken), TypeError, "attribute num_actions, found broken; wrap it: PayoffFunction"),
    (dict(mechanism=PayoffFunction(broken, (2, 2))), ValueError, "found NaN or infinity at step 0"),
]


@pytest.mark.parametrize(("change", "kind", "message"), ERRORS, ids=[message for *_, message in ERRORS])
def test_errors_say_what_was_expected_and_found(change, kind, message):
    arguments = dict(mechanism=UNEQUAL, learner=LogitQ(), episodes=1, horizon=1, seed=0) | change
    with pytest.raises(kind, match=message):
        simulate(arguments.pop("mechanism"), arguments.pop("learner"), **arguments)


def test_a_large_game_is_simulated_without_loops_over_agents():
    log = simulate(Anonymous(300, 40), LogitQ(0.2, 6.0, 0.02), episodes=2, horizon=3, seed=0)
    assert log.actions.shape == (2, 3, 300)
