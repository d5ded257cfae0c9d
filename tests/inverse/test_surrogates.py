"""Surrogates for deep learners, and rules that read their policy updated in batches: equal to plain loops."""

import itertools

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from diml_inverse import Bounded, Fixed, Positive
from diml_inverse.learners import FAQ, ActorCritic, Batched, Exp3, LinearSchedule, Reinforce, ReplayedQ
from diml_inverse.learners.batches import Batches

SIZES = (2, 4, 3)
EXACT = {"rtol": 1e-10, "atol": 1e-10}
MARKS = np.array([[0, 5, 2], [0, 5, 3], [0, 6, 3], [2, 6, 3], [2, 6, 4], [2, 9, 4], [3, 9, 4], [3, 9, 5]])
MARKS = np.stack([MARKS, MARKS[:, ::-1], np.zeros_like(MARKS)])  # the last episode is one batch


def random_play(sizes=SIZES, episodes=3, steps=8, seed=0):
    rng = np.random.default_rng(seed)
    actions = np.stack([rng.integers(0, size, (episodes, steps)) for size in sizes], axis=-1)
    own = np.arange(max(sizes)) < np.asarray(sizes)[:, None]
    payoffs = np.where(own, rng.standard_normal((*actions.shape, max(sizes))), 0.0)
    return torch.from_numpy(actions), torch.from_numpy(payoffs)


def softmax(logits):
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


def policies_of(rule, actions, payoffs, marks=None):
    marks = None if marks is None else torch.from_numpy(marks)
    return rule.log_policy(rule.replay(actions, payoffs, marks)).exp().detach().numpy()


def batched_loop(actions, payoffs, marks, start, policy, move):
    """Policies of agents who gather (action, reward) pairs and move at the end of each batch."""
    expected = np.zeros(payoffs.shape)
    for e, i in itertools.product(range(actions.shape[0]), range(actions.shape[2])):
        state, batch = start(SIZES[i]), []
        for t in range(actions.shape[1]):
            if t and marks[e, t, i] != marks[e, t - 1, i]:
                state, batch = move(state, batch), []
            expected[e, t, i, : SIZES[i]] = policy(state)
            batch.append((actions[e, t, i], payoffs[e, t, i, actions[e, t, i]]))
    return expected


A2C = {
    "step_size": 0.7,
    "value_step": 0.3,
    "discount": 0.9,
    "trace": 0.8,
    "entropy": 0.2,
    "initial_value": 0.4,
}
OPTIONS = {
    "plain": {},
    "no discount": {"discount": 0.0, "trace": 0.0},
    "innovation": {"innovation": 0.3},
    "normalised": {"normalise": True},
    "clipped": {"clip": 0.1},
    "all": {"normalise": True, "clip": 0.2, "innovation": 0.3},
}


def actor_critic(options, sizes=SIZES, parameter=Fixed, **kwargs):
    given = {**A2C, **options}
    normalise = given.pop("normalise", False)
    return ActorCritic(sizes, normalise=normalise, **{k: parameter(v) for k, v in given.items()}, **kwargs)


def actor_critic_loop(actions, payoffs, marks, options):
    p = {"normalise": False, "clip": None, "innovation": 0.0, **A2C, **options}

    def move(state, batch):
        logits, value = state
        pi, steps = softmax(logits), len(batch)
        advantages = []
        for t in range(steps):
            surprises = [reward + p["discount"] * value - value for _, reward in batch[t:]]
            advantages.append(sum((p["discount"] * p["trace"]) ** k * d for k, d in enumerate(surprises)))
        raw = np.array(advantages)
        used = (raw - raw.mean()) / (raw.std() + 1e-8) if p["normalise"] else raw
        change = np.zeros_like(pi)
        for advantage, (action, _) in zip(used, batch, strict=True):
            change += p["step_size"] * advantage * (np.eye(len(pi))[action] - pi) / steps
        change -= p["entropy"] * pi * (logits - pi @ logits)
        frequency = np.bincount([action for action, _ in batch], minlength=len(pi)) / steps
        if p["clip"] is not None:
            change = change - pi @ change
            bounded = np.clip(change, np.log(1 - p["clip"]), np.log(1 + p["clip"]))
            change = np.where(frequency > 0, bounded, change)
        logits = logits + change + p["innovation"] * (frequency - pi)
        return logits, value + p["value_step"] * raw.mean()

    return batched_loop(
        actions,
        payoffs,
        marks,
        lambda size: (np.zeros(size), p["initial_value"]),
        lambda s: softmax(s[0]),
        move,
    )


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_actor_critic_equals_a_plain_loop_over_the_steps_of_each_batch(options):
    actions, payoffs = random_play()
    expected = actor_critic_loop(actions.numpy(), payoffs.numpy(), MARKS, options)
    ours = policies_of(actor_critic(options), actions, payoffs, MARKS)
    np.testing.assert_allclose(ours, expected, **EXACT)
    assert expected.std() > 0.01


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_actor_critic_gathers_its_batch_step_by_step_when_it_simulates(options):
    actions, payoffs = random_play(steps=11)
    rule = actor_critic(options, every=3)
    states = [rule.initial_state(3)]
    for t in range(10):
        states.append(rule.update(states[-1], actions[:, t], payoffs[:, t]))
    one = rule.log_policy(torch.stack(states, 1))
    torch.testing.assert_close(rule.log_policy(rule.replay(actions, payoffs)), one, **EXACT)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_actor_critic_has_the_gradient_of_finite_differences(options):
    rule = actor_critic(options, (2, 3), every=3, parameter=lambda v: Bounded(v) if v else Fixed(v))
    assert gradients_are_right(rule)


def gradients_are_right(rule):
    actions, payoffs = random_play((2, 3), episodes=2, steps=10)
    names = [k for k, _ in rule.named_parameters()]

    class Likelihood(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.rule = rule

        def forward(self, payoffs):
            return self.rule.log_choice(self.rule.replay(actions, payoffs), actions).sum((1, 2))

    def total(payoffs, *values):
        given = {f"rule.{k}": v for k, v in zip(names, values, strict=True)}
        return torch.func.functional_call(Likelihood(), given, (payoffs,))

    start = [rule.get_parameter(k).detach().clone().requires_grad_() for k in names]
    return gradcheck(total, (payoffs.requires_grad_(), *start), fast_mode=True)


def test_without_discount_actor_critic_is_batched_reinforce():
    actions, payoffs = random_play(steps=20)
    inner = Reinforce(SIZES, step_size=Fixed(0.6), baseline_step=Fixed(0.3), initial_baseline=Fixed(0.2))
    one = policies_of(Batched(inner, every=4, innovation=Fixed(0.1)), actions, payoffs)
    other = ActorCritic(
        SIZES,
        step_size=Fixed(0.6),
        value_step=Fixed(0.3),
        initial_value=Fixed(0.2),
        every=4,
        innovation=Fixed(0.1),
    )
    np.testing.assert_allclose(policies_of(other, actions, payoffs), one, **EXACT)


def test_batched_reinforce_equals_a_loop_over_marked_batches():
    actions, payoffs = random_play()

    def move(state, batch):
        logits, baseline = state
        pi, steps = softmax(logits), len(batch)
        change = sum(0.7 * (r - baseline) * (np.eye(len(pi))[a] - pi) for a, r in batch) / steps
        frequency = np.bincount([a for a, _ in batch], minlength=len(pi)) / steps
        moved = logits + change + 0.4 * (frequency - pi)
        return moved, baseline + 0.2 * (np.mean([r for _, r in batch]) - baseline)

    expected = batched_loop(
        actions.numpy(), payoffs.numpy(), MARKS, lambda k: (np.zeros(k), 0.3), lambda s: softmax(s[0]), move
    )
    inner = Reinforce(SIZES, step_size=Fixed(0.7), baseline_step=Fixed(0.2), initial_baseline=Fixed(0.3))
    ours = policies_of(Batched(inner, innovation=Fixed(0.4)), actions, payoffs, MARKS)
    np.testing.assert_allclose(ours, expected, **EXACT)


@pytest.mark.parametrize("discount", [0.0, 0.9])
def test_a_constant_added_to_payoffs_and_initial_value_is_invisible_to_actor_critic(discount):
    actions, payoffs = random_play(steps=20)
    plain = actor_critic({"discount": discount}, every=3)
    shifted = actor_critic(
        {"discount": discount, "initial_value": A2C["initial_value"] + 2 / (1 - discount)}, every=3
    )
    one, other = policies_of(plain, actions, payoffs), policies_of(shifted, actions, payoffs + 2)
    np.testing.assert_allclose(other, one, **EXACT)
    assert np.abs(policies_of(plain, actions, payoffs + 2) - one).max() > 0.01  # level known otherwise


def test_normalised_advantages_lose_level_and_scale():
    actions, payoffs = random_play(steps=20)
    rule = actor_critic({"normalise": True, "initial_value": 0.0, "discount": 0.0}, every=4)
    one, other = policies_of(rule, actions, payoffs), policies_of(rule, actions, 5 * payoffs)
    np.testing.assert_allclose(other, one, rtol=1e-6)
    assert rule.scale_parameters == () and "scale" in rule.identifies


def schedule(step):
    return 0.5 / (1 + step)


EXPLORATIONS = {
    "number": (lambda: Fixed(0.1), lambda t: 0.1),
    "line": (lambda: LinearSchedule(Fixed(1.0), Fixed(0.05), 6), lambda t: 1 - 0.95 * min(t / 6, 1)),
    "map": (lambda: schedule, schedule),
}


@pytest.mark.parametrize(("build", "share"), EXPLORATIONS.values(), ids=EXPLORATIONS)
def test_replayed_q_equals_a_plain_loop(build, share):
    actions, payoffs = random_play(steps=15)
    rule = ReplayedQ(
        SIZES,
        step_size=Fixed([0.3, 0.5, 1.0]),
        inverse_temperature=Fixed(3.0),
        exploration=build(),
        forgetting=Fixed(0.1),
        initial=Fixed(0.2),
    )
    ours, loop = policies_of(rule, actions, payoffs), [rule.initial_state(3)]
    for e, i in itertools.product(range(3), range(3)):
        size, memory, values = SIZES[i], [], np.full(SIZES[i], 0.2)
        for t in range(15):
            policy = (1 - share(t)) * softmax(3 * values) + share(t) / size
            np.testing.assert_allclose(ours[e, t, i, :size], policy, **EXACT)
            a = int(actions[e, t, i])
            memory = [(0.9 * w, b, r) for w, b, r in memory] + [(1.0, a, float(payoffs[e, t, i, a]))]
            total, old = sum(w for w, _, _ in memory), values.copy()
            for w, b, r in memory:  # the expected step over a reward drawn from the memory
                values[b] += w / total * [0.3, 0.5, 1.0][i] * (r - old[b])
    for t in range(14):
        loop.append(rule.update(loop[-1], actions[:, t], payoffs[:, t]))
    np.testing.assert_allclose(rule.log_policy(torch.stack(loop, 1)).exp().numpy(), ours, **EXACT)


def test_replayed_q_with_a_fitted_schedule_has_the_gradient_of_finite_differences():
    rule = ReplayedQ(
        (2, 3),
        step_size=Bounded(0.4),
        inverse_temperature=Positive(2.0),
        exploration=LinearSchedule(Bounded(0.9), Bounded(0.05), 4),
        forgetting=Bounded(0.1),
        initial=Positive(0.3),
    )
    assert gradients_are_right(rule)
    assert {"exploration.start", "exploration.end"} <= set(rule.learner_parameters())


@pytest.mark.parametrize("wrong", [1.2, -0.1, np.nan])
def test_schedules_that_leave_the_unit_interval_are_refused_at_the_step_where_they_do(wrong):
    rule = ReplayedQ(
        SIZES,
        step_size=Fixed(0.1),
        inverse_temperature=Fixed(1.0),
        exploration=lambda step: torch.where(step < 3, 0.5, wrong).to(step.dtype),
    )
    actions, payoffs = random_play()
    with pytest.raises(ValueError, match=rf"exploration: expected .* found {wrong} at step 3"):
        rule.log_choice(rule.replay(actions, payoffs), actions)
    rule.log_choice(rule.replay(actions[:, :3], payoffs[:, :3]), actions[:, :3])


def test_schedules_and_surrogates_refuse_what_makes_no_sense(unchecked):
    with pytest.raises(ValueError, match="end: expected a share above 0; found 0.0"):
        LinearSchedule(Fixed(1.0), Fixed(0.0), 5)
    for steps in (0, np.nan, np.inf):
        with pytest.raises(ValueError, match=f"steps: expected at least 1; found {steps}"):
            LinearSchedule(Fixed(1.0), Fixed(0.1), steps)
    with pytest.raises(TypeError, match="exploration: expected Fixed"):
        ReplayedQ(SIZES, step_size=Fixed(0.1), inverse_temperature=Fixed(1.0), exploration=0.1)
    with pytest.raises(ValueError, match="discount: expected a share"):
        ActorCritic(SIZES, step_size=Fixed(1.0), value_step=Fixed(0.1), discount=Fixed(1.5))
    rule = ActorCritic(SIZES, step_size=Fixed(1.0), value_step=Fixed(0.1))
    actions, payoffs = random_play()
    with pytest.raises(ValueError, match="expected a log with update marks, since ActorCritic"):
        rule.replay(actions, payoffs)
    with pytest.raises(ValueError, match=r"give ActorCritic\(..., every=...\) to simulate"):
        rule.update(rule.initial_state(3), actions[:, 0], payoffs[:, 0])


POLICY_DRIVEN = {
    "FAQ": lambda: FAQ(
        SIZES, step_size=Fixed(0.4), inverse_temperature=Fixed(2.0), threshold=Fixed(0.3), initial=Fixed(0.2)
    ),
    "Reinforce": lambda: Reinforce(SIZES, step_size=Fixed(0.6), baseline_step=Fixed([0.1, 0.2, 0.3])),
    "Exp3": lambda: Exp3(SIZES, step_size=Fixed([0.1, 0.2, 0.3]), exploration=Fixed(0.1)),
}


def unequal_marks(steps):
    """Agent 0 updates at every step, agent 1 never, agent 2 in batches that grow."""
    steps = np.arange(steps)
    return np.stack([steps, 0 * steps, np.sqrt(steps).astype(int)], axis=1)[None]


@pytest.mark.parametrize("steps", [50, 800])
def test_what_is_laid_out_by_batch_grows_with_the_log_however_unequal_the_batches(steps):
    marks = torch.from_numpy(unequal_marks(steps))
    batches = Batches.of(marks, torch.zeros_like(marks), 2)
    assert batches.packed(marks).numel() <= 3 * marks.numel()
    assert batches.packed(marks).shape[1] <= 3 * steps


@pytest.mark.parametrize("rule", POLICY_DRIVEN.values(), ids=POLICY_DRIVEN)
def test_agents_with_very_unequal_batches_learn_as_they_would_alone(rule):
    actions, payoffs = random_play(episodes=1, steps=30)
    marks, rule = unequal_marks(30), rule()

    def alone(i):
        """The same agent among copies of itself whose batches all are its own."""
        own = torch.from_numpy(marks)[..., [i]].expand(actions.shape)
        states = Batched(rule).replay(actions, payoffs, own)
        return rule.log_policy(states)[:, :, i]

    ours = rule.log_policy(Batched(rule).replay(actions, payoffs, torch.from_numpy(marks)))
    for i in range(3):
        torch.testing.assert_close(ours[:, :, i], alone(i), **EXACT)
    torch.testing.assert_close(alone(0), rule.log_policy(rule.replay(actions, payoffs))[:, :, 0], **EXACT)
    assert (ours[:, :, 1] - ours[:, :1, 1]).abs().max() == 0  # never moves


NORMALISED = {"normalise": True, "initial_value": 0.0}


@pytest.mark.parametrize("level", [0.0, 0.7])
@pytest.mark.parametrize("discount", [0.0, 0.9])
def test_payoffs_that_are_all_alike_move_a_normalised_actor_critic_by_nothing(level, discount):
    """At payoffs of 0, or equal ones without discount, advantages do not differ: no step, and no slope."""
    if level and discount:
        pytest.skip("under a discount earlier advantages count more steps")
    actions, _ = random_play(steps=20)
    payoffs = torch.full((3, 20, 3, 4), level, dtype=torch.float64, requires_grad=True)
    rule = actor_critic({**NORMALISED, "discount": discount, "entropy": 0.0}, every=4)
    logs = rule.log_policy(rule.replay(actions, payoffs))
    for i, size in enumerate(SIZES):
        own = logs[:, :, i, :size]
        torch.testing.assert_close(own, torch.full_like(own, -np.log(size)), **EXACT)
    rule.log_choice(rule.replay(actions, payoffs), actions).sum().backward()
    assert payoffs.grad.abs().max() == 0


def test_a_normalised_actor_critic_starts_from_one_that_is_not():
    """Its likelihood knows no scale of payoffs, hence no slope at payoffs of 0; the stand-in's has one."""
    actions, _ = random_play(steps=20)
    payoffs = torch.zeros(3, 20, 3, 4, dtype=torch.float64, requires_grad=True)
    rule = actor_critic(NORMALISED, every=4, parameter=lambda v: Positive(v) if v == 0.7 else Fixed(v))
    other = rule.stand_in()
    assert rule.normalise and not other.normalise and other.fixes_scale and other.stand_in() is None
    assert other.free_scale_parameters() == [] and rule.step_size.free  # scale and step size would be one
    other.log_choice(other.replay(actions, payoffs), actions).sum().backward()
    assert 0.01 < payoffs.grad.abs().max() < 10
    assert actor_critic({}, every=4).stand_in() is None


@pytest.mark.parametrize("discount", [0.0, 0.9])
def test_normalised_advantages_survive_float32_at_a_high_level(discount):
    """Payoffs around 300, apart by 1: their squares would leave float32 no digit of the variance."""
    actions, payoffs = random_play(steps=24)
    payoffs = (payoffs + 300).float()
    rule = actor_critic(
        {"normalise": True, "discount": discount, "initial_value": 300 / (1 - discount)}, every=4
    )
    exact = policies_of(rule, actions, payoffs.double())
    single = policies_of(rule.float(), actions, payoffs)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, exact, atol=5e-4)


def test_batches_of_one_step_cannot_be_normalised():
    with pytest.raises(ValueError, match="every: expected at least 2 steps per batch .* found 1"):
        actor_critic({"normalise": True}, every=1)
    actor_critic({}, every=1)


@pytest.mark.parametrize("steps", [3, 7])  # as many steps as agents, and more
@pytest.mark.parametrize("every", [3, None])
def test_discounts_and_traces_of_each_agent_are_its_own(steps, every):
    sizes = (3, 3, 3)
    actions, payoffs = random_play(sizes, steps=steps)
    marks = None if every else torch.arange(steps)[None, :, None].expand(actions.shape) // 3
    discounts, traces = (0.9, 0.1, 0.5), (0.7, 1.0, 0.2)

    def rule(discount, trace):
        return ActorCritic(
            sizes,
            step_size=Fixed(0.7),
            value_step=Fixed(0.3),
            discount=Fixed(discount),
            trace=Fixed(trace),
            every=every,
        )

    together = rule(discounts, traces).replay(actions, payoffs, marks)
    for agent, (discount, trace) in enumerate(zip(discounts, traces, strict=True)):
        alone = rule(discount, trace).replay(actions, payoffs, marks)
        torch.testing.assert_close(together[:, :, agent], alone[:, :, agent], **EXACT)
