"""Scores and information: as finite differences have them for every rule, by hand for one, equal on average.

A new rule is one line in RULES.
"""

import math

import numpy as np
import pytest
import torch

import diml_envs
from diml_inverse import (
    Bounded,
    Fixed,
    LearningDynamics,
    PopulationDataset,
    Positive,
    TrajectoryDataset,
    learners,
    mechanisms,
)
from diml_inverse.maximise import maximise
from diml_inverse.optimizers import LBFGS
from diml_inverse.sample import Sample
from diml_inverse.uncertainty.score_matrices import (
    episode_scores,
    expected_information,
    free_parameters,
    information_by_episode,
    observed_information,
)

SIZES = (2, 3)
STEP = 1e-5
BETA = {"inverse_temperature": Fixed(2.0)}
FREE = {"inverse_temperature": Positive(2.0)}

RULES = {
    "logit-Q": lambda s: learners.LogitQ(s, step_size=Bounded(0.3), **BETA, exploration=Bounded(0.1)),
    "Hedge": lambda s: learners.Hedge(s, step_size=Fixed(1.0), forgetting=Bounded([0.3, 0.2])),
    "fictitious play": lambda s: learners.FictitiousPlay(
        s, **BETA, forgetting=Bounded(0.1), prior_weight=Positive(1.0)
    ),
    "EWA": lambda s: learners.EWA(
        s, **BETA, delta=Bounded(0.5), phi=Bounded(0.9), rho=Bounded(0.8), initial_experience=Fixed(1.0)
    ),
    "bandit Q": lambda s: learners.BanditQ(s, step_size=Bounded(0.3), **FREE),
    "forgetting Q": lambda s: learners.ForgettingQ(
        s, step_size=Bounded(0.3), **BETA, forgetting=Bounded(0.3)
    ),
    "FAQ": lambda s: learners.FAQ(s, step_size=Bounded(0.3), **BETA, threshold=Bounded(0.4)),
    "Exp3": lambda s: learners.Exp3(s, step_size=Positive(0.3), exploration=Fixed(0.2)),
    "Reinforce": lambda s: learners.Reinforce(s, step_size=Positive(0.3), baseline_step=Bounded(0.2)),
    "policy gradient": lambda s: learners.PolicyGradient(s, step_size=Positive(0.5)),
    "regret matching": lambda s: learners.RegretMatching(s, exploration=Bounded(0.1)),
    "regret matching+": lambda s: learners.RegretMatchingPlus(s, exploration=Bounded(0.1)),
    "Roth-Erev": lambda s: learners.RothErev(s, initial=Positive(5.0), forgetting=Bounded(0.1)),
    "batched": lambda s: learners.Batched(
        learners.Reinforce(s, step_size=Positive(0.3), baseline_step=Fixed(0.2)), every=3
    ),
    "batched at marks, with innovation": lambda s: learners.Batched(
        learners.LogitQ(s, step_size=Bounded(0.3), **BETA), innovation=Positive(0.1)
    ),
    "actor-critic": lambda s: learners.ActorCritic(
        s, step_size=Positive(0.3), every=4, value_step=Bounded(0.2), discount=Fixed(0.9), entropy=Fixed(0.1)
    ),
    "replayed Q": lambda s: learners.ReplayedQ(s, step_size=Bounded(0.3), **BETA),
    "plug-in": lambda s: learners.PlugIn(
        learners.Exp3(s, step_size=Positive(0.3), exploration=Fixed(0.2)), iterations=2
    ),
    "static logit": lambda s: learners.StaticLogit(s, **BETA),
    "memory": lambda s: learners.MemoryK(s, memory=1),
    "uniform": lambda s: learners.Uniform(s),
}


def some_log():
    """Three episodes, one of them shorter, of two agents with two and three actions, with update marks."""
    random = np.random.default_rng(0)
    actions = np.stack([random.integers(0, size, (3, 7)) for size in SIZES], -1)
    marks = np.broadcast_to(np.arange(7)[None, :, None] // 3, actions.shape)
    return TrajectoryDataset.from_arrays(actions, SIZES, lengths=[7, 4, 7], update=marks)


def some_model(mechanism, learner):
    model = LearningDynamics(mechanism, learner).double()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in mechanism.parameters():
            p.copy_(0.5 * torch.rand(p.shape, generator=generator, dtype=torch.float64))
    return model


def some_directions(model):
    """Three random directions of all free numbers, [P, 3]: matrices that agree along them agree."""
    size = sum(p.numel() for _, p in free_parameters(model))
    generator = torch.Generator().manual_seed(2)
    return torch.randn(size, 3, generator=generator, dtype=torch.float64)


def central_differences(model, function, directions):
    """Slope of a function of nothing along each direction, [3, ...]."""
    parameters = [p for _, p in free_parameters(model)]
    start = torch.nn.utils.parameters_to_vector(parameters).detach()
    rows = []
    for direction in directions.T:
        sides = []
        for step in (STEP, -STEP):
            torch.nn.utils.vector_to_parameters(start + step * direction, parameters)
            sides.append(function())
        rows.append((sides[0] - sides[1]) / (2 * STEP))
    torch.nn.utils.vector_to_parameters(start, parameters)
    return torch.stack(rows)


def require_equal_to_differences(model, data):
    along = some_directions(model)
    with torch.no_grad():
        slopes = central_differences(model, lambda: model.log_likelihood(data), along).T
        moves = central_differences(model, lambda: model.log_policies(data), along)
        policy = model.log_policies(data).exp()
    torch.testing.assert_close(episode_scores(model, data) @ along, slopes, rtol=1e-5, atol=1e-6)
    second = -central_differences(model, lambda: episode_scores(model, data).sum(0), along).T
    size = max(1.0, float(second.abs().max()))
    observed = observed_information(model, data)
    torch.testing.assert_close(observed @ along / size, second / size, rtol=0, atol=1e-6)
    weights = data.choice_weights()
    members = 1.0 if weights is None else weights.sum(-1, keepdim=True)
    mass = torch.where(data.observed().unsqueeze(-1) & (policy > 0), policy * members, 0.0)
    moves = torch.where(mass > 0, moves, 0.0)
    by_hand = torch.einsum("petia,qetia,etia->epq", moves, moves, mass)
    size = max(1.0, float(by_hand.abs().max()))
    each = information_by_episode(model, data, basis=along)
    torch.testing.assert_close(each / size, by_hand / size, rtol=0, atol=1e-6)
    expected = expected_information(model, data)
    torch.testing.assert_close(along.T @ expected @ along / size, by_hand.sum(0) / size, rtol=0, atol=1e-6)
    assert float(torch.linalg.eigvalsh(expected).min()) > -1e-9 * float(expected.abs().max()) - 1e-12


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.slow
def test_every_rule_has_the_scores_and_information_that_finite_differences_give(rule):
    mechanism = mechanisms.TabularJoint(SIZES, ridge=1.0)
    require_equal_to_differences(some_model(mechanism, RULES[rule](SIZES)), some_log())


@pytest.mark.parametrize(
    "mechanism", [lambda: mechanisms.NeuralJoint(SIZES, width=3), lambda: mechanisms.Factorial(SIZES)]
)
def test_payoffs_that_are_no_table_have_them_too(mechanism):
    require_equal_to_differences(some_model(mechanism(), RULES["bandit Q"](SIZES)), some_log())


def test_a_population_log_has_them_too():
    counts = np.random.default_rng(2).multinomial(20, [0.3, 0.3, 0.4], size=(4, 6, 2))
    data = PopulationDataset.from_arrays(counts, 3)
    mechanism = mechanisms.Congestion(data.num_actions, unit=40.0)
    require_equal_to_differences(some_model(mechanism, RULES["Hedge"](data.num_actions)), data)


def test_absent_agents_and_closed_actions_have_them_too():
    random = np.random.default_rng(3)
    actions = random.integers(0, 3, (5, 6, 4))
    present = np.ones((5, 4), bool)
    present[0, 1] = present[2, 3] = False
    available = random.random((5, 6, 4, 3)) < 0.7
    np.put_along_axis(available, actions[..., None], True, -1)
    for more in ({"present": present}, {"available": available}):
        data = TrajectoryDataset.from_arrays(actions, 3, **more)
        mechanism = mechanisms.Congestion(data.num_actions)
        require_equal_to_differences(some_model(mechanism, RULES["bandit Q"](data.num_actions)), data)


def test_one_choice_after_one_payoff_by_hand():
    """One agent, two actions, Hedge with step size 1: the second choice has logits u, the first none.

    p = exp(u1) / (exp(u0) + exp(u1)); the score of action 1 in u1 is 1 - p, the information p (1 - p).
    """
    data = TrajectoryDataset.from_arrays([[[0], [1]], [[1], [0]]], num_actions=(2,))
    mechanism = mechanisms.TabularJoint((2,), ridge=1.0)
    with torch.no_grad():
        mechanism.table.own.copy_(torch.tensor([[0.3, 1.0]]))
    model = LearningDynamics(mechanism, learners.Hedge((2,), step_size=Fixed(1.0)))
    p = 1 / (1 + math.exp(0.3 - 1.0))
    scores = torch.tensor([[-(1 - p), 1 - p], [p, -p]], dtype=torch.float64)  # of the main effects
    torch.testing.assert_close(episode_scores(model, data)[:, :2], scores)
    block = p * (1 - p) * torch.tensor([[1.0, -1.0], [-1.0, 1.0]], dtype=torch.float64)
    torch.testing.assert_close(expected_information(model, data)[:2, :2], 2 * block)
    torch.testing.assert_close(observed_information(model, data)[:2, :2], 2 * block)


def test_penalties_do_not_count():
    data, learner = some_log(), RULES["logit-Q"](SIZES)
    weak, strong = (some_model(mechanisms.TabularJoint(SIZES, ridge=r), learner) for r in (1.0, 100.0))
    torch.testing.assert_close(episode_scores(weak, data), episode_scores(strong, data))
    torch.testing.assert_close(observed_information(weak, data), observed_information(strong, data))


def test_parts_of_a_log_give_the_same_as_the_whole(monkeypatch):
    data, model = some_log(), some_model(mechanisms.TabularJoint(SIZES, ridge=1.0), RULES["EWA"](SIZES))
    functions = (episode_scores, observed_information, expected_information)
    whole = [function(model, data) for function in functions]
    monkeypatch.setattr("diml_inverse.uncertainty.policy_jacobians.PART", 100)
    monkeypatch.setattr("diml_inverse.uncertainty.policy_jacobians.HELD", 600)
    monkeypatch.setattr("diml_inverse.uncertainty.score_matrices.HELD", 100)
    for function, known in zip(functions, whole, strict=True):
        torch.testing.assert_close(function(model, data), known, rtol=1e-9, atol=1e-9)


def test_payoffs_of_a_users_own_operation_need_no_vectorised_gradient():
    class Opaque(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return torch.from_numpy(2.0 * x.detach().numpy())

        @staticmethod
        def backward(ctx, slope):
            return 2.0 * slope

    class Doubled(mechanisms.JointMechanism):
        def __init__(self, sizes):
            super().__init__(sizes)
            self.weight = torch.nn.Parameter(torch.tensor([0.3, -0.2], dtype=torch.float64))

        def joint_payoffs(self, actions, context=None):
            return Opaque.apply(self.weight) * actions + actions.sum(-1, keepdim=True)

    require_equal_to_differences(some_model(Doubled(SIZES), RULES["logit-Q"](SIZES)), some_log())


def test_too_many_parameters_are_refused_with_the_way_out(monkeypatch):
    monkeypatch.setattr("diml_inverse.uncertainty.policy_jacobians.MOST", 9)
    model = some_model(mechanisms.NeuralJoint(SIZES, width=3), RULES["logit-Q"](SIZES))
    with pytest.raises(ValueError, match="expected at most 9 free parameters"):
        expected_information(model, some_log())
    assert episode_scores(model, some_log()).shape[0] == 3


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["LogitQ", "BanditQ"])
def test_expected_observed_and_outer_product_agree_if_the_model_is_true(rule):
    """Information equality at the truth: differences of traces within four of their standard errors."""
    game = diml_envs.MatrixGame(np.random.default_rng(4).normal(size=(3, 3, 2)))
    log = diml_envs.simulate(
        game, getattr(diml_envs, rule)(0.3, 2.0, 0.1), episodes=800, horizon=20, seed=5, progress=False
    )
    data = TrajectoryDataset.from_arrays(log.actions, log.num_actions)
    learner = getattr(learners, rule)(
        (3, 3), step_size=Bounded(0.3), inverse_temperature=Fixed(2.0), exploration=Bounded(0.1)
    )
    model = LearningDynamics(mechanisms.TabularJoint((3, 3), ridge=1e-4), learner).double()
    maximise(model, Sample.of(data, model), LBFGS(gain=1e-3))
    expected = information_by_episode(model, data)
    total = expected.sum(0)
    root = torch.linalg.pinv(total, hermitian=True, rtol=1e-8)
    rank = int(torch.linalg.matrix_rank(total, hermitian=True, rtol=1e-8))
    scores = episode_scores(model, data)
    spread = torch.einsum("ep,pq,eq->e", scores, root, scores)
    difference = spread - torch.einsum("epq,pq->e", expected, root)
    assert abs(float(difference.sum())) < 4 * float(difference.std()) * len(difference) ** 0.5
    observed = torch.trace(root @ observed_information(model, data)) / rank
    assert abs(float(observed) - 1) < 0.1
