"""The two packages agree about the log and the payoff callable, and the promised names exist."""

import inspect

import gymnasium
import numpy as np
import pettingzoo
import pytest
import torch

import diml_envs
import diml_inverse as di

GAMES = {
    "unequal sizes": diml_envs.NeuralJoint(3, (2, 4, 3), seed=1),
    "congestion": diml_envs.Congestion(4, 3, seed=2),
    "public context": diml_envs.PublicState(diml_envs.Scaled(diml_envs.NeuralJoint(2, (3, 2), seed=3), 5.0)),
}


def log_of(game):
    return diml_envs.simulate(game, diml_envs.LogitQ(), episodes=5, horizon=12, seed=0)


@pytest.mark.parametrize("rows", [7, 1_000_000], ids=["shards", "one file"])
@pytest.mark.parametrize("game", GAMES.values(), ids=GAMES)
def test_a_saved_log_is_read_by_the_solver_without_loss(game, rows, tmp_path):
    log = log_of(game)
    log.save(tmp_path / "demo", shard_rows=rows)
    data = di.load_log(tmp_path / "demo")
    assert data.num_actions == log.num_actions and data.agents == log.agents
    assert np.array_equal(data.actions.numpy(), log.actions)
    np.testing.assert_array_equal(data.payoffs.numpy(), log.payoffs)
    np.testing.assert_allclose(data.probabilities.numpy(), log.probabilities, atol=1e-7)  # float32 on disk
    assert bool(data.mask.all()) and data.num_choices == log.actions.size
    if game.context_size:
        np.testing.assert_array_equal(data.context.numpy(), log.context)
    else:
        assert data.context is None
    assert data.provenance["seed"] == 0 and data.provenance["learner"]["class"] == "LogitQ"
    again = diml_envs.load(tmp_path / "demo")
    assert np.array_equal(again.actions, log.actions)


def test_episodes_of_different_lengths_and_update_marks_survive(tmp_path):
    actions = np.array([[[0, 1], [1, 1], [-1, -1]], [[1, 0], [0, 0], [1, 1]]])
    marks = np.array([[[0, 0], [0, 1], [-1, -1]], [[0, 0], [1, 0], [1, 2]]])
    log = diml_envs.Log(actions, (2, 2), update=marks, lengths=np.array([2, 3]))
    log.save(tmp_path / "log")
    data = di.load_log(tmp_path / "log")
    assert data.mask.tolist() == [[True, True, False], [True, True, True]]
    assert data.actions[~data.mask].tolist() == [[0, 0]]
    mask = data.mask.numpy()
    assert np.array_equal(data.update.numpy()[mask], marks[mask])


@pytest.mark.parametrize("game", GAMES.values(), ids=GAMES)
def test_a_mechanism_of_either_side_is_the_same_callable(game):
    log = log_of(game)
    known = di.mechanisms.Known(game, game.num_actions, context_size=game.context_size)
    ours = known.deviation_payoffs(log.actions, log.context)
    np.testing.assert_allclose(ours, game.deviation_payoffs(log.actions, log.context), rtol=1e-12)
    np.testing.assert_allclose(known.payoffs(log.actions, log.context), game(log.actions, log.context))


def test_a_recovered_mechanism_can_be_played_as_an_environment():
    data = di.TrajectoryDataset.from_arrays(log_of(GAMES["congestion"]).actions, (3,) * 4)
    mechanism = di.mechanisms.TabularAnonymous(data.num_actions)
    mechanism.table.own.data += torch.tensor([0.0, 1.0, 2.0])
    game = diml_envs.PayoffFunction(lambda a, x=None: mechanism.payoffs(a, x).detach(), mechanism.num_actions)
    log = diml_envs.simulate(game, diml_envs.LogitQ(), episodes=2, horizon=5, seed=0)
    assert np.array_equal(log.payoffs, log.actions.astype(float))
    env = diml_envs.IncentiveEnv(game, max_cycles=3)
    env.reset(seed=0)
    _, rewards, *_ = env.step({f"agent_{i}": i % 3 for i in range(4)})
    assert rewards == {"agent_0": 0.0, "agent_1": 1.0, "agent_2": 2.0, "agent_3": 0.0}


def test_the_promised_lines_of_diml_envs_run(tmp_path):
    env = pettingzoo.make("parallel", "diml/congestion-v0", num_agents=4, num_actions=5, max_cycles=60)
    mechanism = env.unwrapped.mechanism
    tolled = diml_envs.Toll(mechanism, rates=[0, 1, 0, 0, 0])
    actions = np.ones((2, 4), dtype=int)
    assert mechanism(actions).shape == (2, 4)
    env.reset(seed=0, options={"mechanism": tolled})
    assert np.array_equal(env.unwrapped.mechanism(actions), mechanism(actions) - 1)
    seat = gymnasium.make("diml_envs:diml/congestion-v0", opponents="logit_q")
    assert isinstance(seat.action_space, gymnasium.spaces.Discrete)
    assert diml_envs.IncentiveEnv(mechanism, max_cycles=60).mechanism is mechanism
    rule = diml_envs.LogitQ(step_size=0.25, inverse_temperature=3.0, exploration=0.06)
    log = diml_envs.simulate(mechanism, rule, episodes=3, horizon=6, seed=0)
    assert log.actions.shape == log.payoffs.shape == (3, 6, 4)
    log.save(tmp_path / "demo")
    assert diml_envs.load(tmp_path / "demo").actions.shape == (3, 6, 4)
    assert list(inspect.signature(diml_envs.run_external).parameters)[:4] == [
        "env",
        "make_learner",
        "steps",
        "seed",
    ]


def test_the_promised_lines_of_diml_inverse_run(tmp_path):
    log = diml_envs.simulate(diml_envs.Congestion(3, 3), diml_envs.LogitQ(), episodes=8, horizon=10, seed=0)
    log.save(tmp_path / "demo")
    data = di.load_log(tmp_path / "demo")
    result = di.fit(
        data,
        di.mechanisms.NeuralJoint(data.num_actions, width=8, ridge=0.1),
        di.learners.LogitQ(
            data.num_actions,
            step_size=di.Fixed(0.25),
            inverse_temperature=di.Fixed(3.0),
            exploration=di.Fixed(0.06),
        ),
        optimizer=di.Adam(max_steps=20),
    )
    actions = log.actions[0, 0]
    assert result.mechanism.payoffs(actions).shape == (3,)
    assert result.mechanism.deviation_payoffs(actions).shape == (3, 3)
    assert isinstance(result.summary(), str)
    result.save(tmp_path / "fit")
    assert di.load_result(tmp_path / "fit").status is result.status
    score = di.metrics.payoff_difference_r2(result.mechanism, diml_envs.Congestion(3, 3), data)
    assert isinstance(score, float)


@pytest.mark.parametrize("package", [di, di.mechanisms, di.learners, diml_envs])
def test_exported_names_exist_and_are_sorted_once(package):
    assert len(set(package.__all__)) == len(package.__all__)
    assert all(hasattr(package, name) for name in package.__all__)


@pytest.mark.parametrize("name", ["Bounded", "Fixed", "Positive", "LBFGS", "Adam", "Status", "LogError"])
def test_names_of_the_solver_are_at_the_top(name):
    assert name in di.__all__


def test_every_family_and_rule_of_the_issue_is_exported():
    families = "TabularJoint TabularAnonymous NeuralJoint NeuralAnonymous Congestion PublicGoods".split()
    bases = "JointMechanism AnonymousMechanism Mechanism".split()
    rules = "LogitQ Hedge BanditQ Batched Uniform StaticLogit MemoryK LearnerRule LinearRule".split()
    assert set(families + bases) <= set(di.mechanisms.__all__)
    assert set(rules) <= set(di.learners.__all__)
    games = "NeuralJoint Congestion PublicGoods Anonymous MatrixGame Toll Subsidy Scaled".split()
    assert set(games) <= set(diml_envs.__all__)
