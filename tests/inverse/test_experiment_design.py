"""Which experiment tells most: closed forms of a static logit learner against a fixed opponent."""

import math

import numpy as np
import pytest
import torch

from diml_inverse import Bounded, Fixed, LearningDynamics, TrajectoryDataset, draw_uniforms
from diml_inverse.identification.contrasts import contrast
from diml_inverse.identification.experiment_design import rank_designs
from diml_inverse.identification.experiments import Design, staged
from diml_inverse.identification.identify import identify
from diml_inverse.learners import EWA, Batched, LogitQ, Reinforce, RothErev, StaticLogit
from diml_inverse.mechanisms import Congestion, LinearInContext, TabularJoint
from diml_inverse.uncertainty.score_matrices import expected_information

BETA = 1.5
EACH = BETA**2 / 4  # information of one choice after the situation was met, at payoffs of zero
WANTED = contrast(agent=0, action=1, minus=0, others=(1,))


def static(beta=BETA):
    return StaticLogit((2, 2), inverse_temperature=Fixed(beta))


def known_log(others=(1, 0, 0, 0, 0), episodes=20):
    """Agent 1 played `others`, agent 0 whatever."""
    actions = np.zeros((episodes, len(others), 2), int)
    actions[..., 0] = np.random.default_rng(0).integers(0, 2, actions.shape[:2])
    actions[..., 1] = others
    return TrajectoryDataset.from_arrays(actions, 2)


def zero_model(rule=None):
    return LearningDynamics(TabularJoint((2, 2), ridge=1.0), rule or static())


def test_predicted_standard_errors_by_hand():
    """Agent 1 playing 1 throughout adds one informative choice per step but the first."""
    found = identify(known_log(), zero_model())
    assert found.verdict(WANTED).standard_error == pytest.approx((20 * EACH) ** -0.5)
    always = Design("plays 1", fixed={1: 1})
    ranking = rank_designs(found, [always], WANTED, episodes=30, horizon=5, seed=0)
    assert ranking.best is always and ranking.now == pytest.approx((20 * EACH) ** -0.5)
    best = ranking.scores[0]
    assert best.standard_error == pytest.approx(((20 + 30 * 4) * EACH) ** -0.5)
    assert best.monte_carlo_error == pytest.approx(0, abs=1e-12)  # nothing about it is random


def test_more_visits_to_the_situation_rank_first():
    found = identify(known_log(), zero_model())
    designs = [Design(f"plays 1 at {p}", fixed={1: [1 - p, p]}) for p in (0.3, 0.9, 0.1, 0.7)]
    ranking = rank_designs(found, designs, WANTED, episodes=30, horizon=12, seed=0, simulated=60)
    names = [score.design.name for score in ranking.scores]
    assert names == ["plays 1 at 0.9", "plays 1 at 0.7", "as before", "plays 1 at 0.3", "plays 1 at 0.1"]
    errors = [score.standard_error for score in ranking.scores]
    assert errors == sorted(errors)
    for score in ranking.scores:  # 11 of 12 steps are followed by a choice
        p = float(score.design.name.split()[-1]) if "plays" in score.design.name else 0.5
        by_hand = ((20 + 30 * 11 * p) * EACH) ** -0.5
        assert score.standard_error == pytest.approx(by_hand, abs=4 * score.monte_carlo_error)
    assert "plays 1 at 0.9" in str(ranking) and "as before" in str(ranking)


def test_what_a_fixed_opponent_does_carries_no_information():
    model = staged(zero_model(), Design("", fixed={1: [0.3, 0.7]}))
    play = model.simulate(draw_uniforms(400, 5, 2, seed=0))
    assert play.policies[..., 1, :].unique().tolist() == pytest.approx([0.3, 0.7])
    assert float((play.actions[..., 1] == 1).double().mean()) == pytest.approx(
        0.7, abs=4 * (0.21 / 2000) ** 0.5
    )
    information = expected_information(model, TrajectoryDataset.from_arrays(play.actions, 2))
    own = [k for k, (name, p) in enumerate(model.named_parameters()) if p.requires_grad]
    assert own == [0, 1]
    table = information.diagonal()
    assert table[[0, 1]].min() > 0 and table[[2, 3]].max() == 0  # own effects of agents 0 and 1
    assert table[4:8].min() > 0 and table[8:12].max() == 0  # their interactions


def test_an_experiment_may_identify_what_the_log_does_not():
    found = identify(known_log(others=(0, 0, 0)), zero_model())
    assert found.verdict(WANTED).standard_error is None
    ranking = rank_designs(found, [Design("plays 0", fixed={1: 0})], WANTED, episodes=9, horizon=4, seed=0)
    assert math.isinf(ranking.now) and ranking.best.name == "as before"
    assert math.isinf(ranking.scores[1].standard_error) and "not identified" in str(ranking)


def test_a_toll_is_taken_from_payoffs():
    generator = torch.Generator().manual_seed(0)
    model = LearningDynamics(
        Congestion((3, 3)), LogitQ((3, 3), step_size=Bounded(0.3), inverse_temperature=Fixed(2.0))
    )
    for parameter in model.mechanism.parameters():
        parameter.data = torch.rand(parameter.shape, generator=generator, dtype=torch.float64)
    joint = torch.cartesian_prod(torch.arange(3), torch.arange(3))
    before = model.mechanism.payoffs(joint)
    after = staged(model, Design("", toll=[[0.0, 1.0, 2.0], [0.5, 0.0, 0.0]])).mechanism.payoffs(joint)
    toll = torch.tensor([[0.0, 1.0, 2.0], [0.5, 0.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(before - after, toll[torch.arange(2), joint])
    sizes = [p.shape for p in model.parameters()]
    assert sizes == [p.shape for p in staged(model, Design("", toll=[0, 1, 2])).parameters()]


@pytest.mark.parametrize(
    ("rule", "logits"),
    [
        (lambda: LogitQ((2, 2), step_size=Fixed(0.3), inverse_temperature=Fixed(2.0)), 2.0),
        (
            lambda: Batched(LogitQ((2, 2), step_size=Fixed(0.3), inverse_temperature=Fixed(2.0)), every=2),
            2.0,
        ),
        (
            lambda: EWA(
                (2, 2),
                inverse_temperature=Fixed(2.0),
                delta=Fixed(1.0),
                phi=Fixed(0.9),
                rho=Fixed(0.8),
                initial_experience=Fixed(3.0),
            ),
            2.0,
        ),
        (lambda: Reinforce((2, 2), step_size=Fixed(0.4), baseline_step=Fixed(0.2)), 1.0),
    ],
    ids=["logit-Q", "logit-Q, every 2", "EWA", "REINFORCE"],
)
def test_initial_attractions_move_the_first_choice_as_logits_do(rule, logits):
    model = staged(zero_model(rule()), Design("", attractions=[[0.0, 0.7], [0.0, 0.0]]))
    data = known_log()
    first = model.log_policies(data)[0, 0].exp()
    p = 1 / (1 + math.exp(-logits * 0.7))
    torch.testing.assert_close(first, torch.tensor([[1 - p, p], [0.5, 0.5]], dtype=torch.float64))
    simulated = model.simulate(torch.full((1, 1, 2), 0.5, dtype=torch.float64))
    torch.testing.assert_close(simulated.policies[0, 0], first)


def test_initial_propensities_move_the_first_choice_in_proportion():
    rule = RothErev((2, 2), initial=Fixed(1.0))
    model = staged(zero_model(rule), Design("", attractions=[0.0, 2.0]))
    torch.testing.assert_close(
        model.log_policies(known_log())[0, 0].exp(),
        torch.tensor([[0.25, 0.75]] * 2, dtype=torch.float64),
    )


def test_public_covariates_are_those_of_the_log():
    rng = np.random.default_rng(0)
    data = TrajectoryDataset.from_arrays(
        rng.integers(0, 2, (6, 8, 2)), 2, context=rng.normal(size=(6, 8, 1)), lengths=[8] * 5 + [3]
    )
    mechanism = LinearInContext(TabularJoint((2, 2), ridge=1.0), 1)
    found = identify(data, LearningDynamics(mechanism, static()))
    asked = contrast(agent=0, action=1, minus=0, others=(1,), context=(1.0,))
    ranking = rank_designs(found, [Design("toll", toll=[0.0, 1.0])], asked, episodes=5, horizon=8, seed=0)
    assert all(score.standard_error < ranking.now for score in ranking.scores)
    with pytest.raises(ValueError, match="at most 8 steps.*found 9"):
        rank_designs(found, [], asked, episodes=5, horizon=9, seed=0)


@pytest.mark.parametrize(
    ("design", "message"),
    [
        (Design("", toll=[1.0]), "toll: expected 2 finite numbers"),
        (Design("", attractions=[[1.0, math.nan]] * 2), "attractions: expected 2 finite numbers"),
        (Design("", fixed={2: 0}), "agents from 0 to 1; found 2"),
        (Design("", fixed={1: 2}), "action from 0 to 1 for agent 1; found 2"),
        (Design("", fixed={1: [0.5, 0.6]}), "2 probabilities that sum to 1"),
    ],
)
def test_experiments_that_do_not_fit_the_game_are_refused(design, message):
    with pytest.raises(ValueError, match=message):
        staged(zero_model(), design)


def test_too_few_simulations_are_refused():
    found = identify(known_log(), zero_model())
    with pytest.raises(ValueError, match="at least 20 simulated"):
        rank_designs(found, [], WANTED, episodes=9, horizon=4, seed=0, simulated=5)
