"""Recovery of the paper's mechanisms with the learner known (issue 2, "Holds when", 3); slow."""

import statistics

import pytest

import diml_envs
import diml_inverse as di

SEEDS = range(5)


def known_learner(num_actions):
    return di.learners.LogitQ(
        num_actions,
        step_size=di.Fixed(0.25),
        inverse_temperature=di.Fixed(3.0),
        exploration=di.Fixed(0.06),
    )


def recovered(game, family, seed):
    """R^2 over all situations of 60 episodes x 60 steps, fitted on the 48 training episodes."""
    rule = diml_envs.LogitQ(step_size=0.25, inverse_temperature=3.0, exploration=0.06)
    log = diml_envs.simulate(game, rule, episodes=60, horizon=60, seed=seed)
    data = di.TrajectoryDataset.from_arrays(log.actions, log.num_actions)
    train, _ = data.split(0.2, seed=seed)
    result = di.fit(
        train, family(data.num_actions), known_learner(data.num_actions), seed=seed, progress=False
    )
    score = di.metrics.payoff_difference_r2(result.mechanism, game, data)
    share = di.metrics.interaction_share(game, data)
    print(
        f"{type(game).__name__} seed {seed}: R2 {score}, {result.status.value}, share of the others "
        f"{share:.2f}, {result.seconds:.0f} s"
    )
    return float(score)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("game", "family"),
    [
        (diml_envs.Congestion, di.mechanisms.Congestion),
        (diml_envs.PublicGoods, di.mechanisms.PublicGoods),
    ],
    ids=["E2 congestion toll", "E3 public goods subsidy"],
)
def test_structured_fits_recover_the_payoff_differences(game, family, seed, unchecked):
    assert recovered(game(seed=seed), family, seed) >= 0.99


@pytest.mark.slow
def test_the_network_recovers_the_unstructured_mechanism(unchecked):
    scores = [recovered(diml_envs.NeuralJoint(seed=s), di.mechanisms.NeuralJoint, s) for s in SEEDS]
    assert statistics.median(scores) >= 0.80, scores
