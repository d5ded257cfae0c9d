"""Variances by marginal likelihood: against integrals, finite differences and games drawn from the prior."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from scipy import integrate

import diml_envs
import diml_inverse as di
from diml_inverse import learners
from diml_inverse.dynamics import LearningDynamics
from diml_inverse.marginal.components import components_of
from diml_inverse.marginal.curvature import Derivatives, experience, observed_derivatives, payoff_functions
from diml_inverse.marginal.evidence import maximise_evidence
from diml_inverse.marginal.laplace import Expansion
from diml_inverse.maximise import maximise
from diml_inverse.mechanisms import (
    AdditivePairwise,
    AnonymousFactorial,
    Factorial,
    NeuralJoint,
    TabularAggregative,
    TabularAnonymous,
    TabularJoint,
    TabularNetwork,
)
from diml_inverse.sample import Sample

SIZES, UNEQUAL = (3, 3, 3), (2, 4, 3)
ALONG = {"inverse_temperature": di.Fixed(2.0)}
RULES = {
    "logit-Q": lambda s: learners.LogitQ(s, step_size=di.Fixed(0.3), exploration=di.Fixed(0.1), **ALONG),
    "hedge": lambda s: learners.Hedge(s, step_size=di.Fixed(0.1), optimism=di.Fixed(1.0)),
    "fictitious play": lambda s: learners.FictitiousPlay(s, **ALONG),
    "bandit Q": lambda s: learners.BanditQ(s, step_size=di.Fixed(0.3), exploration=di.Fixed(0.1), **ALONG),
    "EWA": lambda s: learners.EWA(
        s, delta=di.Fixed(0.4), phi=di.Fixed(0.9), rho=di.Fixed(0.8), initial=di.Fixed(1.0), **ALONG
    ),
}
FAMILIES = {
    "factorial": (lambda s: Factorial(s), UNEQUAL),
    "factorial, roles": (lambda s: Factorial(s, order=2, roles=("a", "b", "a")), SIZES),
    "counts": (lambda s: AnonymousFactorial(s), SIZES),
    "counts of each": (lambda s: AnonymousFactorial(s, symmetric=False), SIZES),
    "pairs": (lambda s: AdditivePairwise(s), UNEQUAL),
    "pairs alone": (lambda s: AdditivePairwise(s, joint=None), UNEQUAL),
    "joint": (lambda s: TabularJoint(s), UNEQUAL),
    "anonymous": (lambda s: TabularAnonymous(s), SIZES),
    "aggregative": (lambda s: TabularAggregative(s), SIZES),
    "network": (lambda s: TabularNetwork(s, [[0, 1, 0], [1, 0, 1], [0, 1, 0]]), SIZES),
}


def random_log(sizes, *, episodes=6, horizon=15, seed=0, available=False):
    rng = np.random.default_rng(seed)
    shape = (episodes, horizon, len(sizes))
    open_actions = None
    actions = rng.integers(0, sizes, shape)
    if available:
        open_actions = rng.random((*shape, max(sizes))) < 0.7
        np.put_along_axis(open_actions, actions[..., None], True, -1)
        open_actions &= np.arange(max(sizes)) < np.array(sizes)[:, None]
    return di.TrajectoryDataset.from_arrays(actions, sizes, available=open_actions)


def played(game, *, seed=0, episodes=30, horizon=40):
    rule = diml_envs.LogitQ(step_size=0.25, inverse_temperature=3.0, exploration=0.06)
    log = diml_envs.simulate(game, rule, episodes=episodes, horizon=horizon, seed=seed)
    return di.TrajectoryDataset.from_arrays(log.actions, log.num_actions)


def simulated(model, *, seed=0, episodes, horizon):
    sizes = model.mechanism.num_actions
    actions = model.simulate(di.draw_uniforms(episodes, horizon, len(sizes), seed=seed)).actions
    return di.TrajectoryDataset.from_arrays(actions.numpy(), sizes)


def paper_learner(sizes):
    return learners.LogitQ(
        sizes,
        step_size=di.Fixed(0.25),
        inverse_temperature=di.Fixed(3.0),
        exploration=di.Fixed(0.06),
    )


# derivatives of the likelihood


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("rule", RULES)
def test_information_of_choices_is_their_average_second_derivative(rule, closed):
    """With the policies as weights, slopes of the gradient are the expected ones."""
    data = random_log(UNEQUAL, available=closed)
    model = LearningDynamics(Factorial(UNEQUAL, variances=(1.0, 0.3, 0.1)), RULES[rule](UNEQUAL))
    torch.manual_seed(1)
    model.mechanism.effects.data.normal_()
    with torch.no_grad():
        policies = model.log_policies(data).exp()
    number = torch.tensor([1.0, 3.0]).repeat(3).view(-1, 1, 1, 1)  # as if three agents had chosen
    data = dataclasses.replace(data, weights=policies * number)
    sample = Sample.of(data, model)
    rows = payoff_functions(model, sample)
    table = model.mechanism.payoff_table(sample.contexts).detach().requires_grad_(True)
    value = model.likelihood_given(sample.contexts.look_up(table), data).sum()
    (gradient,) = torch.autograd.grad(value, table)
    found = 0.0
    for choices, own in zip(experience(model, sample, rows), rows, strict=True):
        here = table.detach()[own]
        one = choices.derivatives(here)
        found += one.value
        torch.testing.assert_close(one.gradient, gradient[own], rtol=1e-8, atol=1e-8)
        step = torch.randn(here.shape, dtype=torch.float64)
        up, down = (choices.derivatives(here + h * step).gradient for h in (1e-4, -1e-4))
        expected = torch.einsum("cadb,db->ca", one.information, step)
        torch.testing.assert_close((down - up) / 2e-4, expected, rtol=1e-6, atol=1e-6)
    assert found == pytest.approx(value.item())


@pytest.mark.parametrize("rule", ["hedge", "fictitious play", "EWA"])
def test_observed_information_is_the_expected_one_of_a_plain_softmax(rule):
    """Second derivatives of a conditional logit without exploration do not depend on what was chosen."""
    model = LearningDynamics(Factorial(UNEQUAL, variances=(1.0, 0.3, 0.1)), RULES[rule](UNEQUAL))
    torch.manual_seed(1)
    model.mechanism.effects.data.normal_()
    sample = Sample.of(random_log(UNEQUAL), model)
    rows = payoff_functions(model, sample)
    table = model.mechanism.payoff_table(sample.contexts).detach()
    choices = experience(model, sample, rows)
    found = observed_derivatives(model, sample, rows)
    for one, other, own in zip(choices, found, rows, strict=True):
        expected = one.derivatives(table[own])
        torch.testing.assert_close(other.gradient, expected.gradient, rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(other.information, expected.information, rtol=1e-8, atol=1e-8)


def test_derivatives_of_choices_are_finite_differences():
    data = random_log(SIZES)
    model = LearningDynamics(TabularAnonymous(SIZES), RULES["logit-Q"](SIZES))
    sample = Sample.of(data, model)
    (rows,) = payoff_functions(model, sample)
    (choices,) = experience(model, sample, [rows])
    torch.manual_seed(0)
    table, step = torch.randn(2, len(rows), 3, dtype=torch.float64)
    slope = (choices.derivatives(table).gradient * step).sum().item()
    up, down = (choices.log_likelihood(table + h * step) for h in (1e-5, -1e-5))
    assert slope == pytest.approx((up - down) / 2e-5, rel=1e-7)


@pytest.mark.parametrize(
    "rule",
    [
        lambda s: learners.RegretMatching(s, exploration=di.Fixed(0.1)),
        lambda s: learners.RothErev(s),
        lambda s: learners.PolicyGradient(s, step_size=di.Fixed(0.5)),
    ],
)
def test_rules_whose_logits_are_not_linear_in_payoffs_are_recognised(rule):
    data = random_log(SIZES)
    model = LearningDynamics(TabularJoint(SIZES), rule(SIZES))
    sample = Sample.of(data, model)
    assert experience(model, sample, payoff_functions(model, sample)) is None


# priors by their parts


@pytest.mark.parametrize("name", FAMILIES)
def test_parts_of_a_prior_are_those_of_the_penalty(name):
    """J D^-1 J' for payoffs J x and the penalty x' D x / 2, between any two cells of one payoff function."""
    family, sizes = FAMILIES[name]
    mechanism = family(sizes)
    contexts = mechanism.contexts(torch.tensor(list(itertools.product(*map(range, sizes)))))
    parts = components_of(mechanism)
    variances = np.array([0.7, 0.2, 0.05])[: len(parts.names)]
    parts.assign(variances.tolist())
    parameters = list(mechanism.parameters())
    own = mechanism.group_of(contexts.agent) == 1 % mechanism.num_groups
    values = mechanism.own_payoffs(contexts.agent[own], contexts.statistic[own])
    rows = [torch.autograd.grad(value, parameters, retain_graph=True) for value in values.flatten()]
    for parameter in parameters:
        parameter.data.fill_(1.0)
    precisions = torch.autograd.grad(mechanism.penalty(), parameters)
    jacobian = torch.stack([torch.cat([part.flatten() for part in row]) for row in rows])
    found = jacobian / torch.cat([p.flatten() for p in precisions]) @ jacobian.T
    kernel = torch.einsum("k,kcd->cd", torch.tensor(variances), parts.kernels(contexts.statistic[own]))
    expected = torch.kron(kernel, torch.eye(values.shape[1], dtype=torch.float64))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_families_without_such_a_prior_are_refused():
    with pytest.raises(TypeError, match="AnonymousFactorial, Factorial.*found NeuralJoint"):
        components_of(NeuralJoint(SIZES))


# evidence


def random_expansion(seed=0, situations=4, actions=3):
    rng = np.random.default_rng(seed)
    size = situations * actions
    half = rng.normal(size=(size, size))
    shape = (situations, actions)
    local = Derivatives(
        -5.0, torch.tensor(rng.normal(size=shape)), torch.tensor(half @ half.T).view(*shape, *shape)
    )
    kernels = torch.stack([torch.ones(situations, situations), torch.eye(situations)]).double()
    return Expansion(torch.tensor(rng.normal(size=shape)), local, kernels)


def test_evidence_of_a_quadratic_is_the_normal_integral():
    """log of the integral of exp(value + g'(u - t) - (u - t)' W (u - t) / 2) N(u; 0, K)."""
    expansion, variances = random_expansion(), np.array([0.5, 0.2])
    found = expansion.at(variances)
    kernel = np.einsum("k,kcd->cd", variances, expansion.kernels.numpy())
    covariance = np.kron(kernel, np.eye(3))
    information = expansion.local.information.reshape(12, 12).numpy()
    gradient, table = expansion.local.gradient.flatten().numpy(), expansion.table.flatten().numpy()
    precision = information + np.linalg.inv(covariance)
    mean = np.linalg.solve(precision, gradient + information @ table)
    away = mean - table
    largest = -5.0 + gradient @ away - away @ information @ away / 2
    largest -= mean @ np.linalg.solve(covariance, mean) / 2
    expected = largest - np.linalg.slogdet(precision)[1] / 2 - np.linalg.slogdet(covariance)[1] / 2
    assert found.log_evidence == pytest.approx(expected)
    np.testing.assert_allclose((found.to_table @ found.whitened).flatten(), mean, rtol=1e-9)


def test_a_payoff_function_that_nobody_faced_says_nothing():
    empty = torch.zeros(0, 3, dtype=torch.float64)
    local = Derivatives(0.0, empty, empty.view(0, 3, 0, 3))
    found = Expansion(empty, local, empty.view(2, 0, 0)).at(np.array([1.0, 0.1]))
    assert found.log_evidence == 0 and found.slope.tolist() == [0, 0]


def test_slopes_of_the_evidence_are_finite_differences():
    expansion, variances = random_expansion(), np.array([0.5, 0.2])
    slopes = expansion.at(variances).slope
    for k in range(2):
        step = np.eye(2)[k] * 1e-5
        up, down = (expansion.at(variances + sign * step).log_evidence for sign in (1, -1))
        assert slopes[k] == pytest.approx((up - down) / 2e-5, rel=1e-6)


def test_evidence_of_one_difference_is_the_integral():
    """One agent, two actions: u(0) - u(1) is normal with variance 2 v. Laplace's error is O(1 / choices)."""
    rule = learners.LogitQ((2,), step_size=di.Fixed(0.25), inverse_temperature=di.Fixed(3.0))
    model = LearningDynamics(Factorial((2,)), rule)
    model.mechanism.effects.data[0, 0, 0] = 0.4
    data = simulated(model, episodes=10, horizon=40)
    sample = Sample.of(data, model)
    path = maximise_evidence(model, sample)
    (choices,) = experience(model, sample, payoff_functions(model, sample))

    def marginal(variance):
        def density(difference):
            payoffs = torch.tensor([[difference / 2, -difference / 2]], dtype=torch.float64)
            log_likelihood = choices.log_likelihood(payoffs)
            prior = -(difference**2) / (4 * variance) - 0.5 * math.log(4 * math.pi * variance)
            return math.exp(log_likelihood + prior - path.log_evidence)

        return math.log(integrate.quad(density, -3, 3, points=[0.0, 0.5], limit=200)[0]) + path.log_evidence

    (variance,) = path.variances
    assert path.converged
    assert path.log_evidence == pytest.approx(marginal(variance), abs=0.02)
    # stopped within 0.01 nats of the maximum
    assert marginal(variance) > max(marginal(2 * variance), marginal(variance / 2)) - 0.02


@pytest.mark.parametrize("name", FAMILIES)
def test_the_model_is_left_at_its_penalised_maximum(name):
    family, sizes = FAMILIES[name]
    data = played(diml_envs.NeuralJoint(3, sizes, seed=2), episodes=15, horizon=30)
    model = LearningDynamics(family(sizes), paper_learner(sizes))
    sample = Sample.of(data, model)
    path = maximise_evidence(model, sample)
    assert path.converged and len(path.variances) == len(path.names)

    def objective():
        with torch.no_grad():
            return (sample.log_likelihood(model) - model.penalty()).item()

    before = objective()
    maximise(model, sample, di.LBFGS(max_steps=300))
    assert objective() - before < 0.02  # nats; rounds end below 0.01


def test_a_rule_without_linear_logits_is_left_at_its_maximum_too():
    sizes = (2, 2)
    data = played(diml_envs.NeuralJoint(2, sizes, seed=2), episodes=8, horizon=12)
    rule = learners.PolicyGradient(sizes, step_size=di.Fixed(1.0), exploration=di.Bounded(0.05))
    model = LearningDynamics(Factorial(sizes), rule)
    sample = Sample.of(data, model)
    path = maximise_evidence(model, sample)
    assert path.converged
    model.zero_grad()
    sample.descend(model, sample.num_choices)
    assert max(p.grad.abs().max().item() for p in model.parameters()) < 1e-4


def drawn(sizes, variances, seed, family=Factorial, episodes=80):
    """A log of agents whose payoffs are drawn from the prior."""
    model = LearningDynamics(family(sizes, variances=variances), paper_learner(sizes))
    generator = torch.Generator().manual_seed(seed)
    model.mechanism.effects.data.fill_(1.0)
    (precision,) = torch.autograd.grad(model.mechanism.penalty(), model.mechanism.effects)
    noise = torch.randn(precision.shape, generator=generator, dtype=torch.float64)
    model.mechanism.effects.data.copy_(noise / precision.sqrt())
    return simulated(model, seed=seed, episodes=episodes, horizon=60)


@pytest.mark.slow
def test_variances_of_games_drawn_from_the_prior_are_recovered():
    """Without expectations about their ratios: estimates from several games average to the truth."""
    sizes, truth, found = (4, 4, 4), (0.1, 0.05, 0.02), []
    for seed in range(16):
        data = drawn(sizes, truth, seed)
        model = LearningDynamics(Factorial(sizes), paper_learner(sizes))
        path = maximise_evidence(model, Sample.of(data, model), spread=math.inf)
        assert path.converged
        found.append(path.variances)
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / math.sqrt(len(found))
    assert (np.abs(mean - truth) < 3 * error).all(), (mean, error)
    assert (error < np.array(truth) / 4).all()  # so that the comparison says something


def test_evidence_tells_the_structure_that_made_the_log():
    """Payoffs drawn from effects of counts: those win by evidence over effects that tell the others apart."""
    sizes = (3, 3, 3)
    data = drawn(sizes, (0.3, 0.1, 0.01), 0, AnonymousFactorial)
    evidence = {}
    for family in (Factorial, AnonymousFactorial, TabularJoint):
        model = LearningDynamics(family(sizes), paper_learner(sizes))
        evidence[family] = maximise_evidence(model, Sample.of(data, model)).log_evidence
    assert max(evidence, key=lambda family: evidence[family]) is AnonymousFactorial


def test_expected_ratios_hold_where_the_log_says_nothing():
    """Two steps of play: the first variance may be anything, each further one is a tenth of it."""
    data = random_log((3, 3), episodes=1, horizon=2)
    model = LearningDynamics(Factorial((3, 3)), paper_learner((3, 3)))
    path = maximise_evidence(model, Sample.of(data, model), spread=0.1)
    assert path.variances[1] / path.variances[0] == pytest.approx(0.1, rel=0.1)


@pytest.mark.slow
def test_a_learner_is_estimated_along_with_the_variances():
    """Step size and exploration lie within three standard errors over games of what they were."""
    sizes, found = (3, 3, 3), []
    for seed in range(6):
        data = drawn(sizes, (0.2, 0.1, 0.05), seed, episodes=40)
        rule = learners.LogitQ(
            sizes,
            step_size=di.Bounded(0.5),
            inverse_temperature=di.Fixed(3.0),
            exploration=di.Bounded(0.1),
        )
        model = LearningDynamics(Factorial(sizes), rule)
        maximise_evidence(model, Sample.of(data, model))
        found.append([rule.step_size().item(), rule.exploration().item()])
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / math.sqrt(len(found))
    assert (np.abs(mean - (0.25, 0.06)) < 3 * error).all(), (mean, error)
    assert (error < (0.05, 0.03)).all()


def test_too_many_cells_are_refused():
    data = random_log((20, 20, 20), episodes=20, horizon=40)
    model = LearningDynamics(Factorial((20, 20, 20), order=2), paper_learner((20, 20, 20)))
    with pytest.raises(ValueError, match="expected at most 5,000 observed cells.*cross-validation"):
        maximise_evidence(model, Sample.of(data, model))


@pytest.mark.slow
def test_effects_of_counts_recover_a_congestion_game():
    """The paper's sizes; a free table of counts stays below 0.93 on the same log."""
    game = diml_envs.Congestion(4, 5, seed=100)
    data, _ = played(game, seed=100, episodes=60, horizon=60).split(0.2, seed=100)
    model = LearningDynamics(AnonymousFactorial(data.num_actions), paper_learner(data.num_actions))
    maximise_evidence(model, Sample.of(data, model))
    assert di.metrics.payoff_difference_r2(model.mechanism, game, data) > 0.96


def test_fit_by_evidence_keeps_its_variances_and_can_be_saved(tmp_path):
    data = simulated_pair_log()
    result = di.fit(data, Factorial((3, 3)), logit_q((3, 3)), shrinkage="evidence", progress=False)
    assert result.evidence is not None and result.mechanism.variances == result.evidence.variances
    assert result.status is di.Status.CONVERGED and "marginal likelihood" in result.summary()
    again = di.load_result(result.save(tmp_path / "fit"))
    assert again.evidence == result.evidence
    joint = [[0, 1], [2, 2]]
    torch.testing.assert_close(again.mechanism.payoffs(joint), result.mechanism.payoffs(joint))


def test_fit_by_evidence_of_random_choices_says_that_there_is_no_information():
    rng = np.random.default_rng(3)
    data = di.TrajectoryDataset.from_arrays(rng.integers(3, size=(20, 30, 2)), (3, 3))
    result = di.fit(data, Factorial((3, 3)), logit_q((3, 3)), shrinkage="evidence", progress=False)
    assert result.status is di.Status.NO_INFORMATION


@pytest.mark.parametrize(
    ("mechanism", "shrinkage", "message"),
    [
        (lambda: Factorial((3, 3)), "lasso", "shrinkage: expected one of"),
        (lambda: Factorial((3, 3), variances=(1.0, 0.1)), "evidence", "left open"),
        (lambda: NeuralJoint((3, 3)), "evidence", "left open"),
    ],
)
def test_shrinkage_that_cannot_be_chosen_is_refused(mechanism, shrinkage, message):
    with pytest.raises(ValueError, match=message):
        di.fit(simulated_pair_log(), mechanism(), logit_q((3, 3)), shrinkage=shrinkage, progress=False)


def logit_q(sizes):
    return learners.LogitQ(
        sizes, step_size=di.Fixed(0.25), inverse_temperature=di.Fixed(3.0), exploration=di.Fixed(0.06)
    )


def simulated_pair_log():
    game = diml_envs.MatrixGame(np.random.default_rng(0).normal(size=(3, 3, 2)))
    twin = diml_envs.LogitQ(step_size=0.25, inverse_temperature=3.0, exploration=0.06)
    log = diml_envs.simulate(game, twin, episodes=20, horizon=30, seed=0, progress=False)
    return di.TrajectoryDataset.from_arrays(log.actions, log.num_actions)


def test_evidence_of_a_stream_is_refused(tmp_path):
    data = simulated_pair_log()
    folder = tmp_path / "log"
    diml_envs_log().save(folder)
    with pytest.raises(ValueError, match="found a stream"):
        di.fit(di.open_log(folder), Factorial(data.num_actions), logit_q((3, 3)), shrinkage="evidence")


def diml_envs_log():
    game = diml_envs.MatrixGame(np.random.default_rng(0).normal(size=(3, 3, 2)))
    twin = diml_envs.LogitQ(step_size=0.25, inverse_temperature=3.0, exploration=0.06)
    return diml_envs.simulate(game, twin, episodes=4, horizon=5, seed=0, progress=False)


def test_a_batched_rule_is_expanded_like_the_rule_inside():
    """Logits of a batch are linear in payoffs too: one step per batch is the rule itself."""
    game = diml_envs.MatrixGame.named("rock_paper_scissors")
    log = diml_envs.simulate(game, diml_envs.Hedge(step_size=0.4), episodes=20, horizon=12, seed=0)
    data = di.TrajectoryDataset.from_arrays(log.actions, log.num_actions)
    inside = di.learners.Hedge(data.num_actions, step_size=di.Fixed(0.4))
    paths = {}
    for name, rule in {"alone": inside, "batched": di.learners.Batched(inside, every=1)}.items():
        model = di.LearningDynamics(di.mechanisms.Factorial(data.num_actions), rule).double()
        sample = Sample.of(data, model)
        assert experience(model, sample, payoff_functions(model, sample)) is not None
        paths[name] = maximise_evidence(model, sample)
    assert paths["batched"].log_evidence == pytest.approx(paths["alone"].log_evidence, abs=1e-6)
    model = di.LearningDynamics(
        di.mechanisms.Factorial(data.num_actions), di.learners.Batched(inside, every=3)
    )
    sample = Sample.of(data, model.double())
    assert experience(model, sample, payoff_functions(model, sample)) is not None
