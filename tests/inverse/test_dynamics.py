"""The likelihood of a log: what must not change it, and play simulated under a model."""

import math

import numpy as np
import pytest
import torch

import diml_envs
from diml_inverse import Bounded, Fixed, LearningDynamics, Positive, TrajectoryDataset, draw_uniforms
from diml_inverse.learners import (
    EWA,
    FAQ,
    ActorCritic,
    BanditQ,
    Batched,
    Exp3,
    FictitiousPlay,
    ForgettingQ,
    Hedge,
    LearnerRule,
    LinearSchedule,
    LogitQ,
    MemoryK,
    PlugIn,
    PolicyGradient,
    RegretMatching,
    RegretMatchingPlus,
    Reinforce,
    ReplayedQ,
    RothErev,
    SoftmaxRule,
    Uniform,
)
from diml_inverse.mechanisms import Congestion, Known, Mechanism, NeuralJoint, TabularJoint

SIZES = (2, 4, 3)
GAME = diml_envs.Scaled(diml_envs.NeuralJoint(3, SIZES, seed=1), 8.0)
RULES = {
    "logit-Q": lambda s: LogitQ(
        s, step_size=Fixed(0.25), inverse_temperature=Fixed(3.0), exploration=Bounded(0.06)
    ),
    "Hedge": lambda s: Hedge(s, step_size=Positive(0.3), forgetting=Fixed(0.2)),
    "bandit Q": lambda s: BanditQ(s, step_size=Fixed(0.3), inverse_temperature=Fixed(2.0)),
    "optimistic Hedge": lambda s: Hedge(s, step_size=Positive(0.3), optimism=Fixed(1.0)),
    "fictitious play": lambda s: FictitiousPlay(
        s, inverse_temperature=Positive(2.0), forgetting=Bounded(0.1), prior_weight=Fixed([0.0, 1.0, 3.0])
    ),
    "EWA": lambda s: EWA(
        s,
        inverse_temperature=Fixed(2.0),
        delta=Bounded([0.2, 0.5, 0.9]),
        phi=Bounded(0.9),
        rho=Fixed(0.7),
        exploration=Bounded(0.06),
    ),
    "forgetting Q": lambda s: ForgettingQ(
        s, step_size=Bounded(0.3), inverse_temperature=Fixed(2.0), forgetting=Fixed([0.0, 0.1, 0.5])
    ),
    "regret matching": lambda s: RegretMatching(s, exploration=Bounded(0.1)),
    "regret matching+": lambda s: RegretMatchingPlus(s, exploration=Bounded([0.1, 0.2, 0.3])),
    "Roth-Erev": lambda s: RothErev(
        s, forgetting=Bounded(0.1), initial=Positive([3.0, 5.0, 9.0]), exploration=Fixed(0.1)
    ),
    "batched EWA": lambda s: Batched(
        EWA(s, inverse_temperature=Fixed(2.0), delta=Bounded(0.5), phi=Bounded(0.9), rho=Fixed(0.7)),
        every=3,
    ),
    "batched": lambda s: Batched(
        Hedge(s, step_size=Fixed(0.5), exploration=Bounded(0.1)), every=3, innovation=Positive(0.5)
    ),
    "batched, no innovation": lambda s: Batched(Hedge(s, step_size=Fixed(0.5)), every=3),
    "batched by marks": lambda s: Batched(BanditQ(s, step_size=Fixed(0.5), inverse_temperature=Fixed(2.0))),
    "FAQ": lambda s: FAQ(s, step_size=Bounded(0.3), inverse_temperature=Fixed(2.0), threshold=Bounded(0.3)),
    "Exp3": lambda s: Exp3(s, step_size=Positive(0.1), implicit_exploration=Fixed(0.05)),
    "Reinforce": lambda s: Reinforce(s, step_size=Positive(0.4), baseline_step=Bounded(0.2)),
    "policy gradient": lambda s: PolicyGradient(s, step_size=Positive(0.5), exploration=Fixed(0.05)),
    "batched Reinforce, innovation": lambda s: Batched(
        Reinforce(s, step_size=Fixed(0.4), baseline_step=Bounded(0.2)), every=3, innovation=Positive(0.2)
    ),
    "batched FAQ by marks": lambda s: Batched(
        FAQ(s, step_size=Fixed(0.3), inverse_temperature=Fixed(2.0), threshold=Bounded(0.3))
    ),
    "Reinforce, plugged in until exact": lambda s: PlugIn(
        Reinforce(s, step_size=Positive(0.4), baseline_step=Bounded(0.2)), iterations=20
    ),
    "actor-critic": lambda s: ActorCritic(
        s, step_size=Positive(0.7), value_step=Bounded(0.2), discount=Fixed(0.9), every=3
    ),
    "actor-critic by marks": lambda s: ActorCritic(
        s, step_size=Positive(0.7), value_step=Fixed(0.2), normalise=True, clip=Fixed(0.2)
    ),
    "replayed Q": lambda s: ReplayedQ(
        s,
        step_size=Bounded(0.3),
        inverse_temperature=Fixed(4.0),
        exploration=LinearSchedule(Fixed(1.0), Bounded(0.05), 10),
    ),
    "memory": lambda s: MemoryK(s, memory=2),
    "uniform": Uniform,
}
EVERY = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)


def played(seed=0, episodes=6, horizon=20):
    return diml_envs.simulate(
        GAME,
        diml_envs.LogitQ(step_size=0.25, inverse_temperature=3.0, exploration=0.06),
        episodes=episodes,
        horizon=horizon,
        seed=seed,
    )


def marks(actions):
    return np.arange(actions.shape[1])[None, :, None] // np.array([2, 3, 5]) + np.zeros_like(actions)


def reads_its_policy(rule):
    return rule.reads_policy or getattr(rule, "innovation", None) is not None


def model_of(rule):
    return LearningDynamics(Known(GAME, SIZES), rule(SIZES))


@EVERY
def test_log_likelihood_is_the_sum_of_log_policies_at_the_actions(rule):
    actions = played().actions
    data = TrajectoryDataset.from_arrays(actions, SIZES, update=marks(actions))
    model = model_of(rule)
    policies = model.log_policies(data).detach()
    by_hand = torch.zeros(6, dtype=torch.float64)
    for e, t, i in np.ndindex(*actions.shape):
        by_hand[e] += policies[e, t, i, actions[e, t, i]]
    torch.testing.assert_close(model.log_likelihood(data).detach(), by_hand, rtol=1e-10, atol=1e-10)


def test_the_first_step_counts_and_uniform_is_minus_log_of_the_actions():
    actions = played().actions
    whole = LearningDynamics(Known(GAME, SIZES), Uniform(SIZES))
    data = TrajectoryDataset.from_arrays(actions[:, :1], SIZES)
    expected = -math.log(2) - math.log(4) - math.log(3)
    np.testing.assert_allclose(whole.log_likelihood(data).numpy(), np.full(6, expected))


@EVERY
@pytest.mark.parametrize("masked", [False, True], ids=["all open", "some closed"])
def test_padding_changes_neither_likelihood_nor_gradient(rule, masked):
    if masked and reads_its_policy(rule(SIZES)):
        pytest.skip("refused where actions are closed: see the tests of that")
    actions, lengths = played().actions, np.array([20, 1, 7, 13, 20, 2])
    own = np.arange(4) < np.asarray(SIZES)[:, None]
    available = (np.random.default_rng(1).random((*actions.shape, 4)) < 0.6) & own
    np.put_along_axis(available, actions[..., None], True, axis=-1)
    extra = {"available": available} if masked else {}
    whole = TrajectoryDataset.from_arrays(actions, SIZES, update=marks(actions), lengths=lengths, **extra)
    model, apart = model_of(rule), model_of(rule)
    together = model.log_likelihood(whole)
    for e, length in enumerate(lengths):
        part = {name: array[e : e + 1, :length] for name, array in extra.items()}
        cut = actions[e : e + 1, :length]
        alone = TrajectoryDataset.from_arrays(cut, SIZES, update=marks(cut), **part)
        total = apart.log_likelihood(alone)
        torch.testing.assert_close(total[0], together[e], rtol=1e-10, atol=1e-10)
        if total.requires_grad:
            total.sum().backward()
    if together.requires_grad:
        together.sum().backward()
        for one, other in zip(model.parameters(), apart.parameters(), strict=True):
            assert one.grad is not None and torch.isfinite(one.grad).all()
            torch.testing.assert_close(one.grad, other.grad, rtol=1e-8, atol=1e-8)


@EVERY
def test_the_order_of_episodes_does_not_matter(rule):
    actions = played().actions
    order = [3, 0, 5, 1, 4, 2]
    one = TrajectoryDataset.from_arrays(actions, SIZES, update=marks(actions))
    other = TrajectoryDataset.from_arrays(actions[order], SIZES, update=marks(actions))
    model = model_of(rule)
    a, b = model.log_likelihood(one).detach(), model.log_likelihood(other).detach()
    torch.testing.assert_close(a[order], b, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(model.log_likelihood(one.select(order)).detach(), b, rtol=1e-10, atol=1e-10)


@EVERY
def test_rules_whose_replay_asks_for_a_policy_say_so(rule, monkeypatch):
    actions, asked = played().actions, []
    data, model = TrajectoryDataset.from_arrays(actions, SIZES, update=marks(actions)), model_of(rule)
    for kind in (LearnerRule, SoftmaxRule):
        policy = kind.policy
        monkeypatch.setattr(kind, "policy", lambda *x, policy=policy: asked.append(1) or policy(*x))
    model.log_policies(data)
    assert bool(asked) == reads_its_policy(model.learner)


@EVERY
def test_logs_with_closed_actions_are_refused_where_the_learner_reads_its_policy(rule):
    """The policy is read over all own actions, while the learner drew from those that were open."""
    actions = played().actions
    own = np.broadcast_to(np.arange(4) < np.asarray(SIZES)[:, None], (*actions.shape, 4)).copy()
    data = TrajectoryDataset.from_arrays(actions, SIZES, update=marks(actions), available=own)
    model = model_of(rule)
    if not reads_its_policy(model.learner):
        assert torch.isfinite(model.log_likelihood(data)).all()
        return
    for verb in (model.log_likelihood, model.log_policies, model.contexts):
        with pytest.raises(ValueError, match="expected a log in which every action is always open"):
            verb(data)


ABSENT = np.ones((6, 3), dtype=bool)
ABSENT[1, 2] = False


@pytest.mark.parametrize(
    ("rule", "column", "remedy"),
    [
        (RULES["batched by marks"], "update", r"give Batched\(..., every="),
        (RULES["batched FAQ by marks"], "update", r"give Batched\(..., every="),
        (RULES["actor-critic by marks"], "update", r"give ActorCritic\(..., every="),
        (RULES["Reinforce, plugged in until exact"], "probabilities", "replace.*probabilities=None"),
    ],
)
def test_columns_that_absent_agents_do_not_have_are_refused_for_that_reason(rule, column, remedy):
    log = played()
    given = {"update": marks(log.actions)} if column == "update" else {"probabilities": log.probabilities}
    data = TrajectoryDataset.from_arrays(log.actions, SIZES, present=ABSENT, **given)
    model = LearningDynamics(AloneAndAll(SIZES), rule(SIZES))
    with pytest.raises(ValueError, match=rf"{column}: expected .* absent from .*episode 1.*{remedy}"):
        model.log_likelihood(data)


def test_absent_agents_are_no_trouble_to_rules_that_read_no_column_of_theirs():
    data = TrajectoryDataset.from_arrays(played().actions, SIZES, present=ABSENT)
    for name in ("batched, no innovation", "actor-critic", "Reinforce, plugged in until exact"):
        model = LearningDynamics(AloneAndAll(SIZES), RULES[name](SIZES))
        assert torch.isfinite(model.log_likelihood(data)).all()


class AloneAndAll(Mechanism):
    """Payoffs that depend on one's own action alone, whoever is there."""

    def statistic(self, actions):
        return torch.zeros(*actions.shape, 1, dtype=torch.int64)

    def count_statistic(self, others):
        return torch.zeros(others.shape[0], 1, dtype=torch.int64)

    def own_payoffs(self, agent, statistic, context=None):
        return torch.arange(4.0, dtype=torch.float64).expand(len(agent), 4)


def test_payoffs_in_the_log_are_not_read():
    log = played()
    plain = TrajectoryDataset.from_arrays(log.actions, SIZES)
    nonsense = TrajectoryDataset.from_arrays(log.actions, SIZES, payoffs=1e6 * log.payoffs)
    for rule in (RULES["logit-Q"], RULES["bandit Q"]):
        assert torch.equal(model_of(rule).log_likelihood(plain), model_of(rule).log_likelihood(nonsense))


def test_the_truth_beats_a_wrong_step_size_and_uniform_choice():
    data = TrajectoryDataset.from_arrays(played(episodes=40, horizon=40).actions, SIZES)

    def total(step_size):
        rule = LogitQ(
            SIZES, step_size=Fixed(step_size), inverse_temperature=Fixed(3.0), exploration=Fixed(0.06)
        )
        return LearningDynamics(Known(GAME, SIZES), rule).log_likelihood(data).sum()

    uniform = LearningDynamics(Known(GAME, SIZES), Uniform(SIZES)).log_likelihood(data).sum()
    assert total(0.25) > max(total(0.1), total(0.6)) > uniform


def test_expected_score_at_the_truth_is_zero():
    """Scores are martingale differences: their mean over many episodes lies within 4 standard errors of 0."""
    log = diml_envs.simulate(
        diml_envs.Congestion(3, 3, seed=1),
        diml_envs.LogitQ(step_size=0.25, inverse_temperature=3.0, exploration=0.06),
        episodes=400,
        horizon=20,
        seed=3,
    )
    game = diml_envs.Congestion(3, 3, seed=1)
    mechanism = Congestion((3,) * 3)
    mechanism.linear.data = torch.from_numpy(game.linear - game.toll)
    mechanism.quadratic.data = torch.tensor(game.quadratic)
    rule = LogitQ((3,) * 3, step_size=Fixed(0.25), inverse_temperature=Fixed(3.0), exploration=Fixed(0.06))
    data = TrajectoryDataset.from_arrays(log.actions, (3,) * 3)
    total = LearningDynamics(mechanism, rule).log_likelihood(data)
    weight = torch.ones_like(total, requires_grad=True)  # the sum's gradient is linear in it: two passes back
    slopes = torch.autograd.grad(total, list(mechanism.parameters()), weight, create_graph=True)
    scores = torch.stack(
        [torch.autograd.grad(slope, weight, retain_graph=True)[0] for slope in torch.cat(slopes)], dim=1
    )  # [E, parameters]
    z = scores.mean(0) / (scores.std(0) / len(scores) ** 0.5)
    assert z.abs().max() < 4
    mechanism.linear.data[0] += 0.2
    (score,) = torch.autograd.grad(
        LearningDynamics(mechanism, rule).log_likelihood(data).sum(), mechanism.linear
    )
    assert score[0] < -4 * scores[:, 0].std() * len(scores) ** 0.5  # and is not zero elsewhere


@EVERY
def test_simulated_policies_are_those_that_the_replay_gives(rule):
    if getattr(rule(SIZES), "every", 1) is None:
        with pytest.raises(ValueError, match="marks exist only in a log"):
            model_of(rule).simulate(draw_uniforms(2, 3, 3, seed=0))
        return
    model = model_of(rule)
    play = model.simulate(draw_uniforms(5, 15, 3, seed=2))
    data = TrajectoryDataset.from_arrays(play.actions, SIZES)
    torch.testing.assert_close(model.log_policies(data).exp().detach(), play.policies, rtol=1e-10, atol=1e-10)


def test_actions_are_drawn_by_inverse_distribution_function():
    """With probabilities 1/2; 1/4 each; 1/3 each the drawn action is the uniform's cell."""
    model = LearningDynamics(Known(GAME, SIZES), Uniform(SIZES))
    uniforms = torch.tensor([[[0.0, 0.26, 0.34]], [[0.51, 0.999999, 0.66]]], dtype=torch.float64)
    assert model.simulate(uniforms).actions.tolist() == [[[0, 1, 1]], [[1, 3, 1]]]


def test_simulated_frequencies_match_the_environments():
    """Two implementations, independent draws: mean frequencies of 800 episodes within 5 standard errors."""
    model = LearningDynamics(Known(GAME, SIZES), RULES["logit-Q"](SIZES))
    ours = model.simulate(draw_uniforms(800, 10, 3, seed=5)).policies.mean(0)
    theirs = played(episodes=800, horizon=10).probabilities
    error = np.sqrt(2 * theirs.var(0) / 800) + 1e-12
    assert np.abs((ours.numpy() - theirs.mean(0)) / error).max() < 5


def test_common_random_numbers_and_seeds():
    model = model_of(RULES["logit-Q"])
    one, same = (model.simulate(draw_uniforms(3, 5, 3, seed=1)).actions for _ in range(2))
    other = model.simulate(draw_uniforms(3, 5, 3, seed=2)).actions
    assert torch.equal(one, same) and not torch.equal(one, other)
    state = torch.random.get_rng_state()
    draw_uniforms(3, 5, 3, seed=1)
    assert torch.equal(state, torch.random.get_rng_state())


def test_simulation_with_a_public_context():
    game = diml_envs.PublicState(GAME)
    model = LearningDynamics(Known(game, SIZES, context_size=1), RULES["logit-Q"](SIZES))
    uniforms = draw_uniforms(3, 5, 3, seed=1)
    low, high = (torch.full((3, 5, 1), level, dtype=torch.float64) for level in (0.5, 2.0))
    weak, strong = (model.simulate(uniforms, context=x).policies[:, -1].std() for x in (low, high))
    assert strong > 1.5 * weak


def test_disagreements_about_agents_actions_and_parameters_are_refused():
    with pytest.raises(ValueError, match=r"found \(2, 4, 3\) and \(2, 4\); build both from"):
        LearningDynamics(TabularJoint(SIZES), Uniform((2, 4)))
    data = TrajectoryDataset.from_arrays([[[0, 1], [1, 0]]], (2, 2))
    with pytest.raises(ValueError, match=r"expected a log of agents with \(2, 4, 3\) actions"):
        LearningDynamics(TabularJoint(SIZES), Uniform(SIZES)).log_likelihood(data)
    rule = LogitQ(SIZES, step_size=Fixed([0.1, 0.2]), inverse_temperature=Fixed(1.0))
    with pytest.raises(
        ValueError, match="step_size: expected one value, or one for each of 3 agents; found 2"
    ):
        LearningDynamics(TabularJoint(SIZES), rule)
    inner = Hedge(SIZES, step_size=Fixed([0.1, 0.2]))
    with pytest.raises(ValueError, match="rule.step_size: expected one value"):
        LearningDynamics(TabularJoint(SIZES), Batched(inner, every=2))


def test_networks_with_context_need_the_logs_context():
    actions = played().actions
    model = LearningDynamics(NeuralJoint(SIZES, context_size=1), RULES["logit-Q"](SIZES))
    with pytest.raises(ValueError, match="expected 1 public covariates; found none"):
        model.log_likelihood(TrajectoryDataset.from_arrays(actions, SIZES))
    context = np.random.default_rng(0).random((6, 20, 1))
    one = TrajectoryDataset.from_arrays(actions, SIZES, context=context)
    two = TrajectoryDataset.from_arrays(actions, SIZES, context=2 * context)
    assert not torch.allclose(model.log_likelihood(one), model.log_likelihood(two))


def test_agents_who_never_explore_beside_one_who_does_keep_their_small_probabilities():
    """Known exploration, 0 for the first agent: a logit gap of 900 is log-probability -900, not -inf."""
    rule = LogitQ((2, 2), step_size=Fixed(0.5), inverse_temperature=Fixed(1.0), exploration=Fixed([0.0, 0.1]))
    state = torch.tensor([[[0.0, 900.0], [0.0, 900.0]]], dtype=torch.float64, requires_grad=True)
    actions = torch.zeros(1, 2, dtype=torch.int64)
    found = rule.log_choice(state, actions)
    torch.testing.assert_close(found, torch.tensor([[-900.0, math.log(0.05)]], dtype=torch.float64))
    (slope,) = torch.autograd.grad(found.sum(), state)
    torch.testing.assert_close(slope[0, 0], torch.tensor([1.0, -1.0], dtype=torch.float64))
    torch.testing.assert_close(found, rule.log_policy(state)[..., 0])
