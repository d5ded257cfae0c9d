"""The fit: what it must not touch or read, how it ends, and whether its estimates are right."""

import copy

import numpy as np
import pytest
import torch

import diml_envs
from diml_inverse import (
    LBFGS,
    Adam,
    Bounded,
    Fixed,
    LearningDynamics,
    Positive,
    Status,
    TrajectoryDataset,
    fit,
    metrics,
)
from diml_inverse.information import is_silent
from diml_inverse.learners import BanditQ, Batched, Hedge, LogitQ, MemoryK, Uniform
from diml_inverse.maximise import maximise
from diml_inverse.mechanisms import (
    Congestion,
    JointMechanism,
    Known,
    NeuralAnonymous,
    NeuralJoint,
    PublicGoods,
    TabularAnonymous,
    TabularJoint,
)
from diml_inverse.sample import Sample

pytestmark = pytest.mark.usefixtures("unchecked")  # for speed; test_results fits every family with checks
SIZES = (3, 3, 3)
GAME = diml_envs.Scaled(diml_envs.Congestion(3, 3, seed=1), 2.0)
QUICK = Adam(max_steps=40, evaluate_every=5)
FITS = {
    "parametric": (lambda: Congestion(SIZES), LBFGS()),
    "parametric and penalised": (lambda: PublicGoods(SIZES, width=8), LBFGS(max_steps=30)),
    "table": (lambda: TabularJoint(SIZES, ridge=1.0), LBFGS()),
    "table, ridge open": (lambda: TabularAnonymous(SIZES), LBFGS()),
    "network": (lambda: NeuralJoint(SIZES, width=8, ridge=0.1), QUICK),
    "network, ridge open": (lambda: NeuralAnonymous(SIZES, width=8), QUICK),
    "network, batches": (
        lambda: NeuralJoint(SIZES, width=8, ridge=0.1),
        Adam(max_steps=40, batch_size=3),
    ),
}
EVERY = pytest.mark.parametrize("name", FITS)


class Table(JointMechanism):
    """One payoff per agent and joint action, without any shrinkage."""

    def __init__(self, num_actions):
        super().__init__(num_actions)
        shape = (*num_actions, len(num_actions))
        self.cells = torch.nn.Parameter(torch.zeros(shape, dtype=torch.float64))

    def joint_payoffs(self, actions):
        return self.cells[tuple(actions.unbind(-1))]


def logit(sizes=SIZES, exploration=0.06, step_size=None, beta=3.0):
    return LogitQ(
        sizes,
        step_size=step_size or Fixed(0.25),
        inverse_temperature=Fixed(beta),
        exploration=exploration if isinstance(exploration, torch.nn.Module) else Fixed(exploration),
    )


def played(game=GAME, learner=None, episodes=12, horizon=20, seed=0):
    learner = learner or diml_envs.LogitQ(step_size=0.25, inverse_temperature=3.0, exploration=0.06)
    return diml_envs.simulate(game, learner, episodes=episodes, horizon=horizon, seed=seed)


def dataset(log, **kwargs):
    return TrajectoryDataset.from_arrays(log.actions, log.num_actions, **kwargs)


DATA = dataset(played())
SMALL = DATA.select(range(6))


def run(name, data=DATA, learner=None, **kwargs):
    build, optimizer = FITS[name]
    kwargs = {"optimizer": optimizer, "folds": 2, "progress": False} | kwargs
    return fit(data, build(), learner or logit(), **kwargs)


def parameters(result):
    return [p.detach() for module in (result.mechanism, result.learner) for p in module.parameters()]


def equal(one, other):
    return all(torch.equal(a, b) for a, b in zip(parameters(one), parameters(other), strict=True))


@EVERY
@pytest.mark.slow
def test_arguments_are_never_changed(name):
    build, optimizer = FITS[name]
    mechanism, learner = build(), logit(step_size=Bounded(0.3), exploration=Bounded(0.1))
    before = copy.deepcopy((mechanism.state_dict(), learner.state_dict(), mechanism.ridges))
    ridge, free = getattr(mechanism, "ridge", None), [p.requires_grad for p in mechanism.parameters()]
    actions, state = SMALL.actions.clone(), torch.random.get_rng_state()
    fit(SMALL, mechanism, learner, optimizer=optimizer, folds=2, progress=False)
    for old, module in zip(before, (mechanism, learner), strict=False):
        assert all(torch.equal(old[k], v) for k, v in module.state_dict().items())
    assert getattr(mechanism, "ridge", None) == ridge
    assert [p.requires_grad for p in mechanism.parameters()] == free
    assert torch.equal(SMALL.actions, actions)
    assert torch.equal(torch.random.get_rng_state(), state)


@EVERY
@pytest.mark.slow
def test_the_same_seed_gives_the_same_fit(name):
    assert equal(run(name, SMALL, seed=3), run(name, SMALL, seed=3))


@pytest.mark.parametrize("name", ["network", "network, batches"])
def test_another_seed_draws_other_validation_episodes(name):
    assert not equal(run(name, seed=3), run(name, seed=4))


@EVERY
@pytest.mark.slow
def test_payoffs_and_probabilities_in_the_log_are_never_read(name):
    log = played(episodes=6)
    plain = run(name, dataset(log))
    half = np.where(np.arange(20)[:, None] % 2, log.payoffs, np.nan)
    assert equal(plain, run(name, dataset(log, payoffs=half, probabilities=log.probabilities)))


@EVERY
@pytest.mark.slow
def test_results_are_in_double_precision(name):
    assert all(p.dtype == torch.float64 for p in parameters(run(name, SMALL)))


@pytest.mark.parametrize("name", ["parametric", "table", "network"])
@pytest.mark.slow
def test_a_fit_starts_from_the_mechanism_given(name):
    settings = LBFGS(max_steps=20)
    result = run(name, SMALL, optimizer=settings)
    again = fit(SMALL, result.mechanism, logit(), optimizer=settings, progress=False)
    assert again.history[0].objective >= result.history[-1].objective - 1e-12


def test_what_the_user_froze_stays_frozen_and_unchanged():
    mechanism = Congestion(SIZES)
    mechanism.quadratic.requires_grad_(False)
    result = fit(DATA, mechanism, logit(), progress=False)
    assert not result.mechanism.quadratic.requires_grad and result.mechanism.linear.requires_grad
    assert (result.mechanism.quadratic == 0).all() and (result.mechanism.linear != 0).any()


@pytest.mark.parametrize("name", ["parametric", "table"])
@pytest.mark.parametrize(
    "learner",
    [
        logit(),
        BanditQ(SIZES, step_size=Fixed(0.25), inverse_temperature=Fixed(3.0), exploration=Fixed(0.06)),
        Batched(Hedge(SIZES, step_size=Fixed(0.3), forgetting=Fixed(0.1)), every=3, innovation=Fixed(0.1)),
    ],
    ids=["logit-Q", "bandit Q", "batched"],
)
def test_quasi_newton_ends_where_the_gradient_vanishes(name, learner):
    """Numerical derivatives of the penalised log-likelihood, per choice, in random directions."""
    result = run(name, learner=learner)
    assert result.status is Status.CONVERGED
    model = LearningDynamics(result.mechanism, result.learner)
    generator, h = torch.Generator().manual_seed(0), 1e-4

    def objective():
        with torch.no_grad():
            return float(model.log_likelihood(DATA).sum() - model.penalty()) / DATA.num_choices

    top = objective()
    for _ in range(3):
        moved = list(result.mechanism.parameters())
        step = [torch.randn(p.shape, generator=generator, dtype=p.dtype) for p in moved]
        size = sum(float(s.square().sum()) for s in step) ** 0.5
        values = []
        for sign in (1, -2, 1):
            for p, s in zip(moved, step, strict=True):
                p.data += sign * h * s / size
            values.append(objective())
        assert abs(values[0] - values[1]) / (2 * h) < 1e-5
        assert max(values[:2]) <= top + 1e-12


def test_concave_fits_reach_the_same_maximum_from_anywhere():
    """Linear rule, no exploration, payoffs linear in parameters: the log-likelihood is concave."""
    game = diml_envs.Congestion(3, 3, seed=1)
    data = dataset(played(game, diml_envs.LogitQ(0.25, 3.0, 0.0), episodes=20))
    results = []
    for seed in range(3):
        mechanism = Congestion(SIZES)
        for p in mechanism.parameters():
            p.data = torch.randn(3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        results.append(fit(data, mechanism, logit(exploration=0.0), progress=False))
    assert all(result.status is Status.CONVERGED for result in results)
    for result in results[1:]:
        assert result.log_likelihood == pytest.approx(results[0].log_likelihood, abs=1e-4)
        torch.testing.assert_close(
            result.mechanism.deviation_payoffs(data.actions),
            results[0].mechanism.deviation_payoffs(data.actions),
            rtol=1e-2,
            atol=1e-2,
        )


def test_a_single_logit_choice_by_hand():
    """Static logit of one agent with two actions: the estimate is the log odds of the second choices."""
    actions = np.zeros((50, 2, 1), dtype=int)
    actions[:15, 1] = 1  # 35 of 50 choose action 0 at step 1; step 0 is uniform whatever the payoffs
    data = TrajectoryDataset.from_arrays(actions, (2,))
    result = fit(data, Table((2,)), logit((2,), 0.0, Fixed(1.0), 2.0), progress=False)
    first, second = result.mechanism.deviation_payoffs([0])[0].tolist()
    assert result.status is Status.CONVERGED
    assert first - second == pytest.approx(np.log(35 / 15) / 2, abs=1e-5)
    expected = 50 * np.log(0.5) + 35 * np.log(0.7) + 15 * np.log(0.3)
    assert result.log_likelihood == pytest.approx(expected, abs=1e-6)
    assert result.uniform == pytest.approx(100 * np.log(0.5))
    assert result.without_payoffs == pytest.approx(100 * np.log(0.5))


@pytest.mark.parametrize("name", [name for name in FITS if "open" not in name])
def test_a_budget_too_small_says_so(name):
    tiny = LBFGS(max_steps=1) if isinstance(FITS[name][1], LBFGS) else Adam(max_steps=10, patience=1000)
    data = dataset(played(diml_envs.Scaled(GAME, 3.0), episodes=30, horizon=40))
    model = LearningDynamics(FITS[name][0](), logit())
    outcome = maximise(model, Sample.of(data, model), tiny)
    assert outcome.status is Status.BUDGET
    assert "max_steps" in outcome.status.remedy


SEPARATED = {
    "everybody takes action 0 once it is known": lambda: np.concatenate(
        [np.random.default_rng(0).integers(0, 3, (20, 1, 3)), np.zeros((20, 9, 3), dtype=int)], axis=1
    ),
    "one agent's reply is certain, the others' is not": lambda: certain_reply(),
}


def certain_reply():
    actions = np.random.default_rng(0).integers(0, 3, (20, 30, 3))
    actions[:, 1:, 0] = actions[:, :-1, 1]  # agent 0 does what agent 1 did last
    return actions


@pytest.mark.parametrize("exploration", [0.0, 0.1])
@pytest.mark.parametrize("case", SEPARATED)
@pytest.mark.slow
def test_separated_choices_have_no_finite_estimate(case, exploration):
    data = TrajectoryDataset.from_arrays(SEPARATED[case](), SIZES)
    result = fit(data, Table(SIZES), logit(exploration=exploration, step_size=Fixed(1.0)), progress=False)
    assert result.status is Status.DIVERGED
    assert "use a ridge" in result.status.remedy
    assert np.isfinite(result.log_likelihood)
    shrunk = fit(data, TabularJoint(SIZES, ridge=1.0), logit(exploration=exploration), progress=False)
    assert shrunk.status is Status.CONVERGED


@pytest.mark.slow
def test_ordinary_data_are_not_called_separated():
    for seed in range(5):
        data = dataset(played(episodes=30, horizon=30, seed=seed))
        assert fit(data, Congestion(SIZES), logit(), progress=False).status is Status.CONVERGED


@pytest.mark.parametrize("learning_rate", [1e3, 1e6, 1e30])
def test_steps_that_are_too_long_diverge(learning_rate):
    result = run("network", optimizer=Adam(learning_rate=learning_rate, max_steps=100))
    assert result.status is Status.DIVERGED
    assert all(torch.isfinite(p).all() for p in parameters(result))


def test_a_start_that_is_not_finite_names_the_parameter():
    mechanism = Congestion(SIZES)
    mechanism.quadratic.data[1] = torch.nan
    with pytest.raises(FloatingPointError, match=r"parameter mechanism.quadratic is not finite"):
        fit(DATA, mechanism, logit(), progress=False)


@pytest.mark.parametrize(
    ("learner", "name"),
    [
        (
            lambda: LogitQ(SIZES, step_size=Fixed(0.2), inverse_temperature=Positive(1.0)),
            "inverse_temperature",
        ),
        (lambda: Hedge(SIZES, step_size=Positive(1.0)), "step_size"),
        (
            lambda: BanditQ(SIZES, step_size=Fixed(0.2), inverse_temperature=Bounded(0.5)),
            "inverse_temperature",
        ),
        (lambda: Batched(Hedge(SIZES, step_size=Positive(1.0)), every=2), "step_size"),
    ],
    ids=["logit-Q", "Hedge", "bandit Q", "batched"],
)
def test_a_free_scale_is_refused_unless_the_payoffs_are_known(learner, name):
    with pytest.raises(ValueError, match=rf"{name}: expected Fixed, .* write {name}=di.Fixed\(1.0\)"):
        fit(DATA, TabularJoint(SIZES), learner(), progress=False)
    result = fit(DATA, Known(GAME, SIZES), learner(), progress=False)
    assert result.log_likelihood > result.uniform - 0.01


def test_parameters_at_the_edge_of_their_domain_are_reported():
    """Agents who never explore, in a game whose payoffs are known."""
    strong = diml_envs.Scaled(diml_envs.Congestion(3, 3, seed=1), 6.0)
    log = played(strong, diml_envs.LogitQ(0.25, 3.0, 0.0), episodes=30, horizon=30)
    rule = logit(exploration=Bounded(0.1))
    result = fit(dataset(log), Known(strong, SIZES), rule, progress=False)
    assert result.learner.exploration.at_bound()
    assert "(at the edge of its domain)" in result.summary()


RECOVERED = {
    "step size": (
        diml_envs.LogitQ(0.3, 3.0, 0.06),
        lambda: logit(step_size=Bounded(0.5)),
        {"step_size": [0.3]},
    ),
    "step size per agent": (
        diml_envs.LogitQ([0.1, 0.3, 0.7], 3.0, 0.06),
        lambda: logit(step_size=Bounded(0.5, agents=3)),
        {"step_size": [0.1, 0.3, 0.7]},
    ),
    "exploration": (
        diml_envs.LogitQ(0.25, 3.0, 0.2),
        lambda: logit(exploration=Bounded(0.05)),
        {"exploration": [0.2]},
    ),
    "step size and exploration": (
        diml_envs.LogitQ(0.3, 3.0, 0.15),
        lambda: logit(step_size=Bounded(0.6), exploration=Bounded(0.05)),
        {"step_size": [0.3], "exploration": [0.15]},
    ),
    "forgetting": (
        diml_envs.Hedge(0.6, 0.3, 0.05),
        lambda: Hedge(SIZES, step_size=Fixed(0.6), forgetting=Bounded(0.6), exploration=Fixed(0.05)),
        {"forgetting": [0.3]},
    ),
    "bandit step size": (
        diml_envs.BanditQ(0.3, 3.0, 0.06),
        lambda: BanditQ(
            SIZES, step_size=Bounded(0.6), inverse_temperature=Fixed(3.0), exploration=Fixed(0.06)
        ),
        {"step_size": [0.3]},
    ),
}


@pytest.mark.parametrize("case", RECOVERED)
@pytest.mark.slow
def test_free_learner_parameters_are_recovered_with_the_payoffs(case):
    """Within 4 standard errors, which come from the inverse of the numerical Hessian at the estimate."""
    simulator, build, truth = RECOVERED[case]
    data = dataset(played(learner=simulator, episodes=80, horizon=40, seed=5))
    result = fit(data, Congestion(SIZES), build(), progress=False)
    assert result.status is Status.CONVERGED
    model = LearningDynamics(result.mechanism, result.learner)
    free = {k: p.detach().clone() for k, p in model.named_parameters()}
    flat = torch.cat([p.reshape(-1) for p in free.values()])

    def total(vector):
        parts = vector.split([p.numel() for p in free.values()])
        given = {f"model.{k}": v.reshape(p.shape) for (k, p), v in zip(free.items(), parts, strict=True)}
        return torch.func.functional_call(Total(model), given, (data,))

    information = -torch.autograd.functional.hessian(total, flat)
    errors = torch.linalg.inv(information).diagonal().sqrt().split([p.numel() for p in free.values()])
    errors = dict(zip(free, errors, strict=True))
    for name, values in truth.items():
        parameter = getattr(result.learner, name)
        estimate = parameter().detach().reshape(-1)
        slope = estimate * (1 - estimate)  # of the logistic map, by hand
        error = slope * errors[f"learner.{name}.raw"]
        z = (estimate - torch.tensor(values, dtype=torch.float64)) / error
        assert z.abs().max() < 4, (estimate, error)
        assert error.max() < 0.1  # and the data do say something
    assert metrics.payoff_difference_r2(result.mechanism, GAME, data) > 0.9


class Total(torch.nn.Module):
    """Log-likelihood of a data set as a function of a model's parameters."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, data):
        return self.model.log_likelihood(data).sum()


def test_truth_lies_within_four_standard_errors_of_the_payoffs():
    game = diml_envs.Congestion(3, 3, seed=1)
    z = []
    for seed in range(6):
        data = dataset(played(game, episodes=40, horizon=40, seed=seed))
        result = fit(data, Congestion(SIZES), logit(), progress=False)
        model = LearningDynamics(result.mechanism, result.learner)
        flat = torch.cat([p.detach() for p in result.mechanism.parameters()])

        def total(vector, model=model, data=data):
            given = {"model.mechanism.linear": vector[:3], "model.mechanism.quadratic": vector[3:]}
            return torch.func.functional_call(Total(model), given, (data,))

        covariance = torch.linalg.inv(-torch.autograd.functional.hessian(total, flat))
        truth = torch.from_numpy(np.concatenate([game.linear - game.toll, game.quadratic]))
        z.append((flat - truth) @ torch.linalg.solve(covariance, flat - truth))
    assert max(z) < 30  # chi-squared with 6 degrees of freedom exceeds 30 once in 25,000 times
    assert 1.5 < np.mean(z) < 12  # mean 6, standard error sqrt(12 / 6) = 1.4


def test_validation_episodes_choose_but_never_move_the_estimate():
    """The path of training objectives is the same whatever happens in the validation episodes."""
    train, one = DATA.select(range(8)), DATA.select(range(8, 12))
    other = TrajectoryDataset.from_arrays(2 - one.actions, SIZES)
    paths = []
    for validation in (one, other):
        model = LearningDynamics(NeuralJoint(SIZES, width=8, ridge=0.1), logit())
        settings = Adam(max_steps=50, patience=1000, batch_size=4)
        outcome = maximise(
            model, Sample.of(train, model), settings, validation=Sample.of(validation, model), seed=1
        )
        paths.append(outcome.history)
    assert [r.objective for r in paths[0]] == [r.objective for r in paths[1]]
    assert [r.validation for r in paths[0]] != [r.validation for r in paths[1]]


@pytest.mark.slow
def test_adam_returns_the_parameters_that_were_best_on_the_validation_episodes():
    train, held_out = DATA.select(range(8)), DATA.select(range(8, 12))
    model = LearningDynamics(NeuralJoint(SIZES, width=8, ridge=0.1), logit())
    validation = Sample.of(held_out, model)
    outcome = maximise(
        model, Sample.of(train, model), Adam(max_steps=300, dtype=torch.float64), validation=validation
    )
    assert validation.per_choice(model) == pytest.approx(max(r.validation for r in outcome.history))
    assert outcome.history[-1].validation <= validation.per_choice(model)


@pytest.mark.parametrize("name", ["parametric", "parametric and penalised", "table", "network"])
def test_the_fit_beats_the_model_without_payoffs_on_its_own_data(name):
    result = run(name)
    assert result.log_likelihood > result.without_payoffs
    assert result.uniform == pytest.approx(-DATA.num_choices * np.log(3))
    assert result.log_likelihood_per_choice == pytest.approx(result.log_likelihood / DATA.num_choices)


@pytest.mark.slow
def test_cross_validation_takes_the_ridge_with_the_best_held_out_likelihood():
    result = run("table, ridge open")
    path = result.ridge_path
    assert result.mechanism.ridge == path.best == path.ridges[int(np.argmax(path.held_out))]
    assert list(path.ridges) == sorted(path.ridges, reverse=True)
    assert run("table").ridge_path is None


@pytest.mark.slow
def test_held_out_likelihood_of_a_ridge_equals_fits_by_hand():
    """Fit the training part of every fold, score the held-out part, divide by all choices."""
    result = run("table, ridge open", seed=2)
    ridge, total = result.ridge_path.best, 0.0
    for train, held_out in DATA.folds(2, seed=2):
        part = fit(train, TabularAnonymous(SIZES, ridge=ridge), logit(), progress=False)
        model = LearningDynamics(part.mechanism, part.learner)
        total += metrics.log_likelihood_per_choice(model, held_out) * held_out.num_choices
    position = result.ridge_path.ridges.index(ridge)
    assert result.ridge_path.held_out[position] == pytest.approx(total / DATA.num_choices, abs=2e-4)


def test_too_few_episodes_to_hold_some_out_are_refused():
    one = DATA.select([0])
    for name in ("table, ridge open", "network"):
        with pytest.raises(ValueError, match="expected at least 2 episodes"):
            run(name, one)
    assert run("parametric", one).num_episodes == 1


def test_baselines_are_fitted_like_any_learner():
    """Behaviour cloning with no memory and no ridge: the maximum is the observed frequencies' entropy."""
    rule = MemoryK(SIZES, memory=0, ridge=1e-9)
    result = fit(DATA, Known(GAME, SIZES), rule, progress=False)
    counts = torch.stack([torch.bincount(DATA.actions[..., i].reshape(-1), minlength=3) for i in range(3)])
    share = counts / counts.sum(1, keepdim=True)
    assert result.log_likelihood == pytest.approx(float((counts * share.log()).sum()), rel=1e-6)
    assert fit(DATA, Known(GAME, SIZES), Uniform(SIZES), progress=False).log_likelihood == pytest.approx(
        -DATA.num_choices * np.log(3)
    )


def test_data_of_other_agents_are_refused():
    with pytest.raises(
        ValueError, match=r"expected a log of agents with \(2, 2\) actions; found \(3, 3, 3\)"
    ):
        fit(DATA, TabularJoint((2, 2)), logit((2, 2)), progress=False)


@pytest.mark.slow
def test_public_context_and_unequal_actions_and_lengths_go_through_every_family_that_takes_them():
    game = diml_envs.PublicState(diml_envs.Scaled(diml_envs.NeuralJoint(3, (2, 4, 3), seed=1), 20.0))
    log = played(game, episodes=30, horizon=30)
    lengths = np.random.default_rng(0).integers(10, 31, 30)
    data = dataset(log, context=log.context, lengths=lengths)
    learner = logit(game.num_actions)
    blind = fit(data, TabularJoint(game.num_actions, ridge=1.0), learner, progress=False)
    seeing = fit(
        data,
        NeuralJoint(game.num_actions, width=16, context_size=1, ridge=0.03),
        learner,
        optimizer=Adam(max_steps=300, learning_rate=1e-2),
        progress=False,
    )
    assert seeing.status in (Status.CONVERGED, Status.BUDGET)
    one, other = (metrics.payoff_difference_r2(r.mechanism, game, data) for r in (blind, seeing))
    assert other > one and other > 0.5


def test_a_learner_without_use_for_payoffs_is_still_estimated():
    actions = np.tile(np.array([0, 0, 0, 1]), (3, 5))[:, :, None].repeat(3, axis=2)
    data = TrajectoryDataset.from_arrays(actions, SIZES)
    result = fit(data, Congestion(SIZES), MemoryK(SIZES, memory=0, ridge=1e-9), progress=False)
    entropy = 0.75 * np.log(0.75) + 0.25 * np.log(0.25)  # of the observed frequencies
    assert result.status is Status.NO_INFORMATION
    assert result.log_likelihood_per_choice == pytest.approx(entropy, abs=1e-4)


@pytest.mark.slow
def test_the_unit_of_payoffs_does_not_change_a_cross_validated_fit():
    scores, ridges = [], []
    for unit in (0.01, 1.0, 100.0):
        game = diml_envs.Scaled(GAME, unit)
        rule = diml_envs.LogitQ(step_size=0.3, inverse_temperature=2.0 / unit, exploration=0.05)
        log = diml_envs.simulate(game, rule, episodes=20, horizon=30, seed=4)
        data = TrajectoryDataset.from_arrays(log.actions, log.num_actions)
        learner = LogitQ(
            SIZES,
            step_size=Fixed(0.3),
            inverse_temperature=Fixed(2.0 / unit),
            exploration=Fixed(0.05),
        )
        result = fit(data, TabularAnonymous(SIZES), learner, shrinkage="cross-validation", progress=False)
        assert result.status is Status.CONVERGED and result.ridge_path is not None
        ridges.append(result.ridge_path.best * unit**2)
        scores.append(float(metrics.payoff_difference_r2(result.mechanism, game, data)))
    assert ridges == pytest.approx([ridges[1]] * 3)
    assert scores == pytest.approx([scores[1]] * 3, abs=0.005)


def test_known_values_are_not_rounded_by_a_fit_in_single_precision():
    log = diml_envs.simulate(GAME, diml_envs.LogitQ(), episodes=6, horizon=10, seed=0)
    data = TrajectoryDataset.from_arrays(log.actions, log.num_actions)
    learner = LogitQ(SIZES, step_size=Fixed(0.3), inverse_temperature=Fixed(1.0), exploration=Fixed(0.06))
    result = fit(data, NeuralJoint(SIZES, width=8, ridge=0.1), learner, optimizer=QUICK, progress=False)
    assert result.learner.learner_parameters()["exploration"]().item() == 0.06


def test_payoffs_of_the_wrong_shape_are_refused_not_reshuffled():
    class Transposed(Table):
        def joint_payoffs(self, actions):
            return super().joint_payoffs(actions).T

    with pytest.raises(ValueError, match=r"Transposed.joint_payoffs: expected payoffs of shape \[R, n\]"):
        Transposed(SIZES).deviation_payoffs([[0, 1, 2], [1, 1, 1]])


def test_a_start_at_a_saddle_is_not_called_silent():
    class Product(JointMechanism):
        def __init__(self, num_actions):
            super().__init__(num_actions)
            self.bonus = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))
            self.weight = torch.nn.Parameter(torch.zeros(max(num_actions), dtype=torch.float64))

        def joint_payoffs(self, actions):
            return self.bonus * self.weight[actions]

    log = diml_envs.simulate(GAME, diml_envs.LogitQ(), episodes=6, horizon=10, seed=0)
    data = TrajectoryDataset.from_arrays(log.actions, log.num_actions)
    model = LearningDynamics(
        Product(SIZES), LogitQ(SIZES, step_size=Fixed(0.3), inverse_temperature=Fixed(1.0))
    )
    assert not is_silent(model, Sample.of(data, model))


def test_innovation_refuses_logs_with_closed_actions():
    log = diml_envs.simulate(GAME, diml_envs.LogitQ(), episodes=2, horizon=6, seed=0)
    open_actions = np.ones((2, 6, 3, 3), dtype=bool)
    data = TrajectoryDataset.from_arrays(log.actions, log.num_actions, available=open_actions)
    rule = Batched(Hedge(SIZES, step_size=Fixed(1.0)), every=2, innovation=Positive(0.1))
    with pytest.raises(ValueError, match="innovation: expected a log in which every action is always open"):
        LearningDynamics(Congestion(SIZES), rule).log_likelihood(data)
