"""Evidence in coefficients: the same as in payoffs where both can be formed, and what it takes where not."""

import dataclasses

import numpy as np
import pytest
import torch

import diml_envs
import diml_inverse as di
from diml_inverse import learners
from diml_inverse.dynamics import LearningDynamics
from diml_inverse.marginal import choices as choices_module
from diml_inverse.marginal.choices import Derivatives, _representatives
from diml_inverse.marginal.components import components_of
from diml_inverse.marginal.coordinates import coordinates_of
from diml_inverse.marginal.curvature import experience, observed_derivatives, payoff_functions
from diml_inverse.marginal.evidence import maximise_evidence
from diml_inverse.marginal.laplace import Expansion
from diml_inverse.marginal.payoff_steps import present_tables
from diml_inverse.maximise import maximise
from diml_inverse.mechanisms import (
    AdditiveCounts,
    AnonymousFactorial,
    SmoothAggregative,
    TabularAggregative,
    TabularAnonymous,
)
from diml_inverse.sample import Sample

SIZES = (3,) * 5
ALONG = {"inverse_temperature": di.Fixed(2.0)}
RULES = {
    "logit-Q": lambda s: learners.LogitQ(s, step_size=di.Fixed(0.3), exploration=di.Fixed(0.1), **ALONG),
    "hedge": lambda s: learners.Hedge(s, step_size=di.Fixed(0.1), optimism=di.Fixed(1.0)),
    "bandit Q": lambda s: learners.BanditQ(s, step_size=di.Fixed(0.3), exploration=di.Fixed(0.1), **ALONG),
}
ROLES = ("a", "b", "a", "a", "b")
FAMILIES = {  # with the table of the same statistic
    "additive counts": (AdditiveCounts, TabularAnonymous),
    "additive counts by role": (
        lambda s: AdditiveCounts(s, roles=ROLES),
        lambda s: TabularAnonymous(s, roles=ROLES),
    ),
    "counts, pairs": (lambda s: AnonymousFactorial(s, order=2), TabularAnonymous),
    "counts, pairs, of each": (
        lambda s: AnonymousFactorial(s, order=2, symmetric=False),
        lambda s: TabularAnonymous(s, symmetric=False),
    ),
    "smooth": (SmoothAggregative, TabularAggregative),
    "smooth, of each": (
        lambda s: SmoothAggregative(s, symmetric=False),
        lambda s: TabularAggregative(s, symmetric=False),
    ),
}


def random_log(sizes, episodes=4, horizon=15, seed=0):
    rng = np.random.default_rng(seed)
    return di.TrajectoryDataset.from_arrays(rng.integers(0, sizes, (episodes, horizon, len(sizes))), sizes)


def shaken(mechanism):
    torch.manual_seed(1)
    mechanism.effects.data.normal_()
    return mechanism


def in_cells(model, sample, rows, place, table):
    """One payoff function's expansion in all its payoffs at once, [C A, 1], with priors J D J'."""
    own, mechanism = rows[place], model.mechanism
    other = LearningDynamics(table(mechanism.num_actions), model.learner)
    seen = experience(other, Sample(sample.dataset, sample.contexts), rows)[place]
    payoffs = mechanism.payoff_table(sample.contexts)[own]
    local = seen.derivatives(payoffs.detach())
    cells = payoffs.numel()
    jacobian = torch.stack(
        [torch.autograd.grad(u, mechanism.effects, retain_graph=True)[0][place] for u in payoffs.flatten()]
    ).flatten(1)
    parts = components_of(mechanism).kernels(sample.contexts.statistic[own])
    parts = parts.repeat_interleave(jacobian.shape[1] // parts.shape[1], dim=1)
    kernels = torch.stack([jacobian * part @ jacobian.T for part in parts])
    flat = Derivatives(
        local.value, local.gradient.reshape(cells, 1), local.information.reshape(cells, 1, cells, 1)
    )
    return Expansion(payoffs.detach().reshape(cells, 1), flat, kernels)


@pytest.mark.parametrize("rule", ["logit-Q", "bandit Q"])
@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.slow
def test_evidence_in_coefficients_is_that_in_payoffs(name, rule):
    family, table = FAMILIES[name]
    model = LearningDynamics(shaken(family(SIZES)), RULES[rule](SIZES))
    sample = Sample.of(random_log(SIZES, episodes=12), model)
    rows = payoff_functions(model, sample)
    components = components_of(model.mechanism)
    seen = experience(model, sample, rows)
    tables = present_tables(model, sample, coordinates_of(model.mechanism, sample.contexts, rows))
    variances = np.array([0.7, 0.2, 0.05])[: len(components.names)]
    for place, (one, table_, own) in enumerate(zip(seen, tables, rows, strict=True)):
        assert components.in_coefficients(len(own))
        kernels = components.kernels(sample.contexts.statistic[own])
        found = Expansion(table_, one.derivatives(table_), kernels).at(variances)
        expected = in_cells(model, sample, rows, place, table).at(variances)
        assert found.log_evidence == pytest.approx(expected.log_evidence, rel=1e-8)
        np.testing.assert_allclose(found.slope, expected.slope, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(found.curvature, expected.curvature, rtol=1e-6, atol=1e-8)
        mean = found.to_table @ found.whitened
        payoffs = coordinates_of(model.mechanism, sample.contexts, rows)[place].payoffs(mean)
        torch.testing.assert_close(
            payoffs.flatten(), (expected.to_table @ expected.whitened)[:, 0], rtol=1e-6, atol=1e-8
        )


@pytest.mark.parametrize("name", FAMILIES)
def test_the_model_is_left_at_its_penalised_maximum(name):
    game = diml_envs.PublicGoods(5, 3, seed=2)
    rule = diml_envs.LogitQ(step_size=0.3, inverse_temperature=2.0, exploration=0.1)
    log = diml_envs.simulate(game, rule, episodes=10, horizon=20, seed=0, progress=False)
    data = di.TrajectoryDataset.from_arrays(log.actions, log.num_actions)
    model = LearningDynamics(FAMILIES[name][0](SIZES), RULES["logit-Q"](SIZES))
    sample = Sample.of(data, model)
    path = maximise_evidence(model, sample)
    assert path.converged and model.mechanism.variances == path.variances

    def objective():
        with torch.no_grad():
            return (sample.log_likelihood(model) - model.penalty()).item()

    before = objective()
    maximise(model, sample, di.LBFGS(max_steps=300))
    assert objective() - before < 0.02  # nats; rounds end below 0.01


@pytest.mark.parametrize("name", FAMILIES)
def test_observed_information_about_coefficients_is_the_expected_one_of_a_plain_softmax(name):
    """Second derivatives of a conditional logit without exploration do not depend on what was chosen."""
    model = LearningDynamics(shaken(FAMILIES[name][0](SIZES)), RULES["hedge"](SIZES))
    sample = Sample.of(random_log(SIZES), model)
    rows = payoff_functions(model, sample)
    tables = present_tables(model, sample, coordinates_of(model.mechanism, sample.contexts, rows))
    seen, found = experience(model, sample, rows), observed_derivatives(model, sample, rows)
    assert sum(one.value for one in found) == pytest.approx(
        sum(one.log_likelihood(table) for one, table in zip(seen, tables, strict=True))
    )
    for one, other, table in zip(seen, found, tables, strict=True):
        expected = one.derivatives(table)
        torch.testing.assert_close(other.gradient, expected.gradient, rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(other.information, expected.information, rtol=1e-8, atol=1e-8)


def test_population_logs_have_the_information_of_their_members():
    """Counts of a crowd as weights: derivatives are finite differences of the model's own likelihood."""
    counts = np.random.default_rng(0).multinomial(50, (0.5, 0.3, 0.2), size=(3, 6))[:, :, None]
    data = di.PopulationDataset.from_arrays(counts, 3)
    model = LearningDynamics(shaken(AdditiveCounts((3,))), RULES["logit-Q"]((3,)))
    sample = Sample.of(data, model)
    (rows,) = payoff_functions(model, sample)
    (seen,) = experience(model, sample, [rows])
    table = model.mechanism.effects.detach().clone().view(-1, 1)
    local = seen.derivatives(table)
    step = torch.randn(table.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def value(size):
        with torch.no_grad():
            model.mechanism.effects.copy_((table + size * step).view(1, -1))
            return float(sample.log_likelihood(model))

    assert local.value == pytest.approx(value(0.0))
    slope = (value(1e-5) - value(-1e-5)) / 2e-5
    assert float((local.gradient * step).sum()) == pytest.approx(slope, rel=1e-6)


# a part of the choices for all


def test_representatives_stand_for_all_choices_one_of_each_run_of_neighbours():
    assert _representatives(10, 10) is None
    picked, number = _representatives(1000, 7.5)
    ends = number.cumsum(0).long()
    assert len(picked) == 7 and number.sum() == 1000 and number.max() - number.min() <= 1
    assert (picked < ends).all() and (picked >= ends - number.long()).all()


def test_a_part_of_the_choices_changes_the_information_by_chance_alone(monkeypatch):
    """Value and slope are exact; errors of the trace lie within four standard errors."""
    model = LearningDynamics(shaken(AdditiveCounts(SIZES)), RULES["logit-Q"](SIZES))
    sample = Sample.of(random_log(SIZES, episodes=40), model)
    rows = payoff_functions(model, sample)
    (seen,) = experience(model, sample, rows)
    table = model.mechanism.effects.detach().view(-1, 1)
    whole = seen.derivatives(table)
    number = len(seen.start)
    each = torch.stack(
        [_single(seen, k).derivatives(table).information.view(12, 12).trace() for k in range(100)]
    )
    monkeypatch.setattr(choices_module, "WORK", (4 * 3) ** 2 * number / 5)
    part = seen.derivatives(table)
    assert part.value == whole.value
    torch.testing.assert_close(part.gradient, whole.gradient)
    off = float((part.information - whole.information).view(12, 12).trace())
    assert 0 < abs(off) < 4 * float(each.std()) * 5 * (number / 5) ** 0.5


def _single(seen, k):
    kept = {
        name: getattr(seen, name)[k : k + 1] for name in ("start", "weights", "open_actions", "exploration")
    }
    return dataclasses.replace(seen, features=seen.features[:, k : k + 1], **kept)


@pytest.mark.slow
def test_a_maximum_found_with_a_part_of_the_choices_is_the_maximum(monkeypatch):
    """The information only says how steps are taken, and the variances, which then differ a little."""
    game = diml_envs.Anonymous(20, 3, interaction_share=0.5, seed=1)
    rule = diml_envs.LogitQ(step_size=0.3, inverse_temperature=2.0, exploration=0.1)
    log = diml_envs.simulate(game, rule, episodes=10, horizon=20, seed=0, progress=False)
    data = di.TrajectoryDataset.from_arrays(log.actions, log.num_actions)
    paths = []
    for share in (1, 10):
        model = LearningDynamics(AdditiveCounts(data.num_actions), RULES["logit-Q"](data.num_actions))
        sample = Sample.of(data, model)
        monkeypatch.setattr(choices_module, "WORK", (4 * 3) ** 2 * data.num_choices / share)
        paths.append(maximise_evidence(model, sample))
        before = float((sample.log_likelihood(model) - model.penalty()).detach())
        maximise(model, sample, di.LBFGS(max_steps=300))
        assert float((sample.log_likelihood(model) - model.penalty()).detach()) - before < 0.02
    assert paths[1].converged and paths[1].log_evidence == pytest.approx(paths[0].log_evidence, abs=1.0)


def test_too_many_weights_are_refused(monkeypatch):
    monkeypatch.setattr("diml_inverse.marginal.curvature.FEATURES", 100)
    model = LearningDynamics(AdditiveCounts(SIZES), RULES["logit-Q"](SIZES))
    with pytest.raises(ValueError, match="expected at most 100 weights of payoffs in choices"):
        maximise_evidence(model, Sample.of(random_log(SIZES), model))
