"""Rules that read their own policy, through long logs: chunks computed again, and plugged-in policies."""

import dataclasses
import math

import numpy as np
import pytest
import torch

import diml_envs
from diml_inverse import Bounded, Fixed, LearningDynamics, Positive, TrajectoryDataset, fit
from diml_inverse.learners import FAQ, Batched, Exp3, Hedge, LearnerRule, PlugIn, PolicyGradient, Reinforce
from diml_inverse.learners.chunks import CHUNK
from diml_inverse.learners.frequencies import MEMORIES, past_frequencies
from diml_inverse.mechanisms import Congestion, Known

SIZES = (2, 4, 3)
EXACT = {"rtol": 1e-10, "atol": 1e-10}
RULES = {
    "FAQ": lambda s: FAQ(
        s,
        step_size=Bounded(0.3),
        inverse_temperature=Positive(2.0),
        threshold=Bounded(0.3),
        exploration=Bounded(0.1),
    ),
    "Exp3": lambda s: Exp3(s, step_size=Positive(0.1), implicit_exploration=Positive(0.1)),
    "Reinforce": lambda s: Reinforce(s, step_size=Positive(0.4), baseline_step=Bounded(0.2)),
    "policy gradient": lambda s: PolicyGradient(s, step_size=Positive(0.4), exploration=Bounded(0.1)),
}
EVERY = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)


def random_play(sizes=SIZES, episodes=3, steps=25, seed=0):
    rng = np.random.default_rng(seed)
    actions = np.stack([rng.integers(0, size, (episodes, steps)) for size in sizes], axis=-1)
    own = np.arange(max(sizes)) < np.asarray(sizes)[:, None]
    payoffs = np.where(own, rng.standard_normal((*actions.shape, max(sizes))), 0.0)
    return torch.from_numpy(actions), torch.from_numpy(payoffs)


def likelihood_and_slopes(rule, states, actions, payoffs):
    total = rule.log_choice(states, actions).sum()
    return total, torch.autograd.grad(total, [payoffs, *rule.parameters()])


@EVERY
@pytest.mark.slow
def test_chunks_computed_again_give_the_values_and_gradients_of_one_long_graph(rule):
    rule = rule(SIZES)
    actions, payoffs = random_play(steps=3 * CHUNK + 5)
    payoffs.requires_grad_()
    one = likelihood_and_slopes(rule, rule.replay(actions, payoffs), actions, payoffs)
    two = likelihood_and_slopes(rule, LearnerRule.replay(rule, actions, payoffs), actions, payoffs)
    torch.testing.assert_close(one, two, rtol=1e-9, atol=1e-9)


def test_chunks_are_computed_again_with_the_parameters_that_were_put_in():
    """Under functional_call the module holds other numbers by the time of the backward pass."""

    class Likelihood(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.rule = RULES["Reinforce"](SIZES)

        def forward(self, replay):
            return self.rule.log_choice(replay(self.rule, actions, payoffs), actions).sum()

    actions, payoffs = random_play(steps=2 * CHUNK)
    model, slopes = Likelihood(), []
    for replay in (type(model.rule).replay, LearnerRule.replay):
        given = {k: (p + 0.3).detach().requires_grad_() for k, p in model.named_parameters()}
        total = torch.func.functional_call(model, given, (replay,))
        slopes.append(torch.autograd.grad(total, list(given.values())))
    torch.testing.assert_close(*slopes, rtol=1e-9, atol=1e-9)


def test_chunks_can_be_differentiated_twice():
    """Episodes' scores by two passes: the weighted sum's gradient is linear in the episodes' weights."""
    rule = RULES["Reinforce"](SIZES)
    actions, payoffs = random_play(steps=2 * CHUNK)
    scores = []
    for replay in (type(rule).replay, LearnerRule.replay):
        totals = rule.log_choice(replay(rule, actions, payoffs), actions).sum((1, 2))
        weight = torch.ones_like(totals, requires_grad=True)
        slopes = torch.autograd.grad(totals, list(rule.parameters()), weight, create_graph=True)
        scores.append([torch.autograd.grad(slope, weight, retain_graph=True)[0] for slope in slopes])
    torch.testing.assert_close(*scores, rtol=1e-9, atol=1e-9)


@pytest.mark.slow
def test_batches_of_a_long_log_are_chunked_too():
    rule = Batched(RULES["Reinforce"](SIZES), every=2)
    actions, payoffs = random_play(steps=5 * CHUNK)
    payoffs.requires_grad_()
    one = likelihood_and_slopes(rule, rule.replay(actions, payoffs), actions, payoffs)
    loop = [rule.initial_state(3)]
    for t in range(actions.shape[1] - 1):
        loop.append(rule.update(loop[-1], actions[:, t], payoffs[:, t]))
    two = likelihood_and_slopes(rule, torch.stack(loop, 1), actions, payoffs)
    torch.testing.assert_close(one, two, rtol=1e-9, atol=1e-9)


@EVERY
@pytest.mark.slow
def test_every_iteration_makes_one_more_step_exact(rule):
    rule = rule(SIZES)
    actions, payoffs = random_play()
    exact = rule.log_policy(rule.replay(actions, payoffs))
    errors = []
    for k in range(actions.shape[1]):
        plugged = PlugIn(rule, iterations=k)
        policy = plugged.log_policy(plugged.replay(actions, payoffs))
        torch.testing.assert_close(policy[:, : k + 1], exact[:, : k + 1], **EXACT)
        errors.append(float((policy - exact).detach().abs().max()))
    assert errors[0] > 0.01 and errors[-1] < 1e-10


@EVERY
def test_iterated_to_the_end_likelihood_and_gradient_are_exact(rule):
    rule = rule(SIZES)
    actions, payoffs = random_play()
    payoffs.requires_grad_()
    plugged = PlugIn(rule, iterations=actions.shape[1])
    one = likelihood_and_slopes(rule, plugged.replay(actions, payoffs), actions, payoffs)
    two = likelihood_and_slopes(rule, rule.replay(actions, payoffs), actions, payoffs)
    torch.testing.assert_close(one, two, rtol=1e-9, atol=1e-9)


SIMULATORS = {
    "FAQ": (
        diml_envs.FAQ(0.3, 2.0, 0.3, 0.05),
        lambda s: FAQ(
            s,
            step_size=Fixed(0.3),
            inverse_temperature=Fixed(2.0),
            threshold=Fixed(0.3),
            exploration=Fixed(0.05),
        ),
    ),
    "Exp3": (
        diml_envs.Exp3(0.1, 0.05),
        lambda s: Exp3(s, step_size=Fixed(0.1), implicit_exploration=Fixed(0.05)),
    ),
    "Reinforce": (
        diml_envs.Reinforce(0.4, 0.1),
        lambda s: Reinforce(s, step_size=Fixed(0.4), baseline_step=Fixed(0.1)),
    ),
    "policy gradient": (
        diml_envs.PolicyGradient(0.4),
        lambda s: PolicyGradient(s, step_size=Fixed(0.4)),
    ),
}


@pytest.mark.parametrize(("simulator", "rule"), SIMULATORS.values(), ids=SIMULATORS)
def test_at_the_truth_logged_probabilities_give_the_exact_likelihood_by_one_scan(simulator, rule):
    game = diml_envs.NeuralJoint(3, SIZES, seed=1)
    log = diml_envs.simulate(game, simulator, episodes=4, horizon=100, seed=0)
    lengths = [100, 40, 100, 7]
    data = TrajectoryDataset.from_arrays(log.actions, SIZES, probabilities=log.probabilities, lengths=lengths)
    exact = LearningDynamics(Known(game, SIZES), rule(SIZES)).log_likelihood(data)
    plugged = LearningDynamics(Known(game, SIZES), PlugIn(rule(SIZES)))
    torch.testing.assert_close(plugged.log_likelihood(data), exact, rtol=1e-9, atol=1e-9)
    guessed = plugged.log_likelihood(dataclasses.replace(data, probabilities=None))
    assert (guessed - exact).abs().max() > 1e-3  # frequencies are an approximation


@pytest.mark.parametrize(
    ("logged", "episodes", "horizon"),
    [(True, 50, 25), pytest.param(False, 60, 60, marks=pytest.mark.slow)],
    ids=["logged", "iterated frequencies"],
)
@pytest.mark.slow
def test_a_fit_by_plug_in_equals_the_exact_fit_within_standard_errors(unchecked, logged, episodes, horizon):
    game, sizes = diml_envs.Congestion(3, 3, seed=1), (3, 3, 3)
    log = diml_envs.simulate(game, diml_envs.Reinforce(0.5, 0.1), episodes=episodes, horizon=horizon, seed=2)
    data = TrajectoryDataset.from_arrays(
        log.actions, sizes, probabilities=log.probabilities if logged else None
    )

    def estimate(wrap):
        rule = Reinforce(sizes, step_size=Fixed(0.5), baseline_step=Fixed(0.1))
        return fit(data, Congestion(sizes), wrap(rule), progress=False, seed=0)

    exact = estimate(lambda rule: rule)
    plugged = estimate(lambda rule: PlugIn(rule, iterations=0 if logged else 10))
    model = LearningDynamics(exact.mechanism, exact.learner)
    free = [p.requires_grad_() for p in model.parameters()]
    scores = []
    for total in model.log_likelihood(data):
        slopes = torch.autograd.grad(total, free, retain_graph=True)
        scores.append(torch.cat([slope.reshape(-1) for slope in slopes]))
    information = torch.stack(scores).T @ torch.stack(scores)
    errors = torch.linalg.inv(information).diagonal().sqrt()
    one, two = (
        torch.cat([p.detach().reshape(-1) for m in (r.mechanism, r.learner) for p in m.parameters()])
        for r in (exact, plugged)
    )
    assert ((one - two).abs() / errors).max() < 1.5
    truth = torch.from_numpy(game.linear - game.toll)
    assert torch.corrcoef(torch.stack([plugged.mechanism.linear.detach(), truth]))[0, 1] > 0.8


def test_past_frequencies_equal_a_loop_written_by_hand():
    actions, _ = random_play(episodes=2, steps=12)
    own = torch.arange(4) < torch.tensor(SIZES)[:, None]
    ours = past_frequencies(actions, own).numpy()
    for e, i in np.ndindex(2, 3):
        size, weight = SIZES[i], np.ones(len(MEMORIES))
        counts = np.zeros((len(MEMORIES), size))
        for t in range(12):
            candidates = (counts + 0.5) / (counts.sum(1, keepdims=True) + size / 2)
            expected = weight @ candidates / weight.sum()
            np.testing.assert_allclose(ours[e, t, i, :size], expected, **EXACT)
            assert (ours[e, t, i, size:] == 0).all()
            taken = int(actions[e, t, i])
            weight = weight * candidates[:, taken]
            counts = (1 - 1 / np.array(MEMORIES))[:, None] * counts
            counts[:, taken] += 1


def test_past_frequencies_lose_at_most_the_logarithm_of_their_number_to_the_best_memory():
    rng = np.random.default_rng(0)
    habit = np.repeat(rng.integers(0, 3, 20), 40)  # now this, now that, for 40 steps each
    actions = torch.from_numpy(np.where(rng.random(800) < 0.8, habit, rng.integers(0, 3, 800)))[None, :, None]
    mixed = past_frequencies(actions, torch.ones(1, 3, dtype=torch.bool))
    loss = float(-mixed.gather(-1, actions[..., None]).log().sum())
    best, counts = math.inf, {m: np.full(3, 0.5) for m in MEMORIES}
    losses = dict.fromkeys(MEMORIES, 0.0)
    for t in range(800):
        for m in MEMORIES:
            taken = int(actions[0, t, 0])
            losses[m] -= math.log(counts[m][taken] / counts[m].sum())
            counts[m] = (1 - 1 / m) * (counts[m] - 0.5) + 0.5
            counts[m][taken] += 1
    best = min(losses.values())
    assert loss <= best + math.log(len(MEMORIES)) + 1e-9
    assert best < 0.7 * 800 * math.log(3)  # and the habits show


def test_missing_probabilities_are_refused_by_name():
    actions, payoffs = random_play()
    probabilities = torch.full((3, 25, 3, 4), 0.25, dtype=torch.float64)
    probabilities[1, 4, 2] = math.nan
    plugged = PlugIn(RULES["Reinforce"](SIZES))
    with pytest.raises(ValueError, match="found none for agent 2 at step 4 of episode 1"):
        plugged.replay(actions, payoffs, None, probabilities)


def test_rules_that_need_no_plug_in_are_refused(unchecked):
    with pytest.raises(TypeError, match=r"reads its own policy .* found Hedge; use it as it is"):
        PlugIn(Hedge(SIZES, step_size=Fixed(1.0)))
    with pytest.raises(ValueError, match="0 or more; found -1"):
        PlugIn(RULES["FAQ"](SIZES), iterations=-1)


def test_parameters_of_policy_driven_rules_are_checked(unchecked):
    with pytest.raises(ValueError, match="threshold: expected a probability above 0"):
        FAQ(SIZES, step_size=Fixed(0.1), inverse_temperature=Fixed(1.0), threshold=Fixed(0.0))
    with pytest.raises(ValueError, match="implicit_exploration: expected 0 or more"):
        Exp3(SIZES, step_size=Fixed(0.1), implicit_exploration=Fixed(-0.1))
    with pytest.raises(ValueError, match="baseline_step: expected a share"):
        Reinforce(SIZES, step_size=Fixed(0.1), baseline_step=Fixed(1.5))
    with pytest.raises(TypeError, match="step_size: expected Fixed"):
        PolicyGradient(SIZES, step_size=0.1)
