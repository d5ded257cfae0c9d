"""Mechanisms: what is computed once per distinct situation equals brute force over joint actions.

A new family is one line in FAMILIES.
"""

import copy
import itertools
import math

import numpy as np
import pytest
import torch
from torch.func import functional_call

import diml_envs
from diml_inverse import Fixed, LearningDynamics, TrajectoryDataset
from diml_inverse.learners import BanditQ, Batched, Hedge, LogitQ
from diml_inverse.mechanisms import (
    AdditiveCounts,
    AdditivePairwise,
    AnonymousFactorial,
    ByContext,
    Congestion,
    Factorial,
    JointMechanism,
    Known,
    LinearInContext,
    NetworkGame,
    NeuralAggregative,
    NeuralAnonymous,
    NeuralJoint,
    NeuralNeighbours,
    Offset,
    PublicGoods,
    SmoothAggregative,
    TabularAggregative,
    TabularAnonymous,
    TabularJoint,
    TabularNetwork,
)

EXACT = {"rtol": 1e-10, "atol": 1e-10}
EQUAL, UNEQUAL = (3, 3, 3, 3), (2, 4, 3)
SIZES = {"symmetric": False, "levels": [[0, 1, 0, 0], [0, 0.5, 1, 2.5], [1, 2, 0.1, 0]]}
CHAIN = [[0, 1, 0], [1, 0, 1], [0, 1, 0]]
STAR = [[0, 1, 2, 0.5], [1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]]
RING = [[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]]
ROLES = ("buyer", "seller", "buyer", "seller")
TWO_ROLES = ("buyer", "seller", "buyer")
LEVELS = [[0.5, -1.0], [2.0, 0.0]]


class Product(JointMechanism):
    """A user's own family as the documentation says: agent i is paid weight_i * (sum of actions)^2."""

    def __init__(self, num_actions):
        super().__init__(num_actions)
        self.weight = torch.nn.Parameter(torch.ones(len(num_actions), dtype=torch.float64))

    def joint_payoffs(self, actions):
        return self.weight * actions.sum(-1, keepdim=True).square()


def toll(actions, context=None):
    """Known payoffs that differ between agents and, with a context, between steps."""
    steep = np.arange(1, actions.shape[-1] + 1)
    return -steep * actions**2 * (1.0 if context is None else context[..., :1])


FAMILIES = {
    "tabular joint": (TabularJoint, EQUAL),
    "tabular joint, unequal": (TabularJoint, UNEQUAL),
    "tabular anonymous": (TabularAnonymous, EQUAL),
    "tabular anonymous, a table each": (lambda s: TabularAnonymous(s, symmetric=False), EQUAL),
    "neural joint": (lambda s: NeuralJoint(s, width=16), EQUAL),
    "neural joint, unequal": (lambda s: NeuralJoint(s, width=16), UNEQUAL),
    "neural joint, context": (lambda s: NeuralJoint(s, width=16, context_size=2), UNEQUAL),
    "neural anonymous": (lambda s: NeuralAnonymous(s, width=16), EQUAL),
    "neural anonymous, context": (lambda s: NeuralAnonymous(s, width=16, context_size=2), EQUAL),
    "congestion": (Congestion, EQUAL),
    "public goods": (PublicGoods, EQUAL),
    "known": (lambda s: Known(diml_envs.NeuralJoint(len(s), s, seed=3), s), UNEQUAL),
    "a user's own": (Product, UNEQUAL),
    "tabular aggregative": (TabularAggregative, EQUAL),
    "tabular aggregative, unequal": (lambda s: TabularAggregative(s, **SIZES), UNEQUAL),
    "tabular aggregative, weights": (lambda s: TabularAggregative(s, weights=STAR, symmetric=False), EQUAL),
    "tabular aggregative, roles": (lambda s: TabularAggregative(s, roles=ROLES), EQUAL),
    "neural aggregative": (lambda s: NeuralAggregative(s, width=16), EQUAL),
    "neural aggregative, unequal": (lambda s: NeuralAggregative(s, width=16, **SIZES), UNEQUAL),
    "neural aggregative, context": (lambda s: NeuralAggregative(s, width=16, context_size=2), EQUAL),
    "tabular network": (lambda s: TabularNetwork(s, RING), EQUAL),
    "tabular network, unequal": (lambda s: TabularNetwork(s, CHAIN, symmetric=False), UNEQUAL),
    "tabular network, roles": (lambda s: TabularNetwork(s, STAR, roles=ROLES), EQUAL),
    "neural neighbours": (lambda s: NeuralNeighbours(s, RING, width=16), EQUAL),
    "neural neighbours, context": (
        lambda s: NeuralNeighbours(s, CHAIN, width=16, context_size=2, symmetric=False),
        UNEQUAL,
    ),
    "network game": (lambda s: NetworkGame(s, STAR), EQUAL),
    "network game, unequal": (lambda s: NetworkGame(s, CHAIN, highest=1.5), UNEQUAL),
    "additive pairwise": (AdditivePairwise, UNEQUAL),
    "additive counts": (AdditiveCounts, EQUAL),
    "additive counts by role": (lambda s: AdditiveCounts(s, roles=TWO_ROLES), (2, 4, 2)),
    "smooth aggregative": (SmoothAggregative, EQUAL),
    "smooth aggregative, unequal": (lambda s: SmoothAggregative(s, **SIZES), UNEQUAL),
    "smooth aggregative, roles": (lambda s: SmoothAggregative(s, roles=ROLES), EQUAL),
    "one agent, smooth aggregative": (SmoothAggregative, (3,)),
    "factorial": (Factorial, UNEQUAL),
    "factorial, roles": (lambda s: Factorial(s, order=2, roles=ROLES), EQUAL),
    "factorial, counts": (AnonymousFactorial, EQUAL),
    "factorial, counts of each": (lambda s: AnonymousFactorial(s, symmetric=False), EQUAL),
    "factorial, counts by role": (lambda s: AnonymousFactorial(s, roles=TWO_ROLES), (2, 4, 2)),
    "one agent, factorial": (Factorial, (3,)),
    "additive pairwise, pairs alone": (lambda s: AdditivePairwise(s, joint=None), EQUAL),
    "additive pairwise, roles": (lambda s: AdditivePairwise(s, roles=ROLES), EQUAL),
    "tabular joint, roles": (lambda s: TabularJoint(s, roles=(0, 1, 0)), (2, 4, 2)),
    "neural joint, roles": (lambda s: NeuralJoint(s, width=16, roles=ROLES), EQUAL),
    "tabular, counts by role": (lambda s: TabularAnonymous(s, roles=ROLES), EQUAL),
    "tabular, counts by role, unequal": (lambda s: TabularAnonymous(s, roles=TWO_ROLES), (2, 4, 2)),
    "neural, counts by role": (lambda s: NeuralAnonymous(s, width=16, roles=ROLES), EQUAL),
    "a table each context": (lambda s: ByContext(TabularJoint(s), LEVELS), UNEQUAL),
    "a network each context": (lambda s: ByContext(NeuralJoint(s, width=8), LEVELS), UNEQUAL),
    "a table linear in context": (lambda s: LinearInContext(TabularAnonymous(s), 2), EQUAL),
    "a toll beside a table": (lambda s: Offset(toll, TabularJoint(s)), UNEQUAL),
    "a toll beside a network": (lambda s: Offset(toll, NeuralJoint(s, width=8)), UNEQUAL),
    "a toll that moves with the context": (
        lambda s: Offset(Known(toll, s, context_size=2), TabularJoint(s)),
        UNEQUAL,
    ),
    "known costs beside a table each context": (
        lambda s: Offset(ByContext(Congestion(s), LEVELS), ByContext(TabularAnonymous(s), LEVELS)),
        EQUAL,
    ),
    "one agent, aggregative": (TabularAggregative, (3,)),
    "one agent, network of nobody": (lambda s: TabularNetwork(s, [[0]]), (3,)),
    "one agent, additive": (AdditivePairwise, (3,)),
    "one agent, tabular": (TabularJoint, (3,)),
    "one agent, network": (lambda s: NeuralJoint(s, width=8), (3,)),
    "one agent, anonymous": (TabularAnonymous, (3,)),
    "one action": (TabularAnonymous, (1, 1)),
}
EVERY = pytest.mark.parametrize("name", FAMILIES)
SYMMETRIC = [name for name, (f, s) in FAMILIES.items() if f(s).symmetric and len(s) > 1]
ESTIMATED = [name for name, (f, s) in FAMILIES.items() if list(f(s).parameters()) and max(s) > 1]


def build(name):
    """The family with random parameters (tables start at zero, which would hide a lot)."""
    factory, sizes = FAMILIES[name]
    mechanism, generator = factory(sizes), torch.Generator().manual_seed(4)
    for parameter in mechanism.parameters():
        parameter.data += torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return mechanism


def play(mechanism, episodes=4, steps=6, seed=0):
    """Random joint actions and, where the family has one, a context that repeats."""
    rng = np.random.default_rng(seed)
    actions = np.stack([rng.integers(0, m, (episodes, steps)) for m in mechanism.num_actions], axis=-1)
    context = None
    if mechanism.context_size:
        values = np.array(LEVELS)
        context = torch.from_numpy(values[rng.integers(0, 2, (episodes, steps))])
    return torch.from_numpy(actions), context


def brute_force(mechanism, actions, context):
    """Deviation payoffs by playing each agent's every own action through `payoffs`."""
    found = torch.zeros(*actions.shape, max(mechanism.num_actions), dtype=torch.float64)
    for i, size in enumerate(mechanism.num_actions):
        for own in range(size):
            changed = actions.clone()
            changed[..., i] = own
            found[..., i, own] = mechanism.payoffs(changed, context)[..., i]
    return found


@EVERY
def test_deviation_payoffs_equal_brute_force_over_own_actions(name):
    mechanism = build(name)
    actions, context = play(mechanism)
    with torch.no_grad():
        ours = mechanism.deviation_payoffs(actions, context)
        expected = brute_force(mechanism, actions, context)
    torch.testing.assert_close(ours, expected, **EXACT)
    assert ours.std() > 0.05 or max(mechanism.num_actions) == 1


@EVERY
def test_distinct_situations_give_what_every_row_alone_gives(name):
    mechanism = build(name)
    actions, context = play(mechanism)
    statistic = mechanism.statistic(actions)
    contexts = mechanism.contexts(actions, context)
    assert contexts.agent.shape[0] <= actions.numel()
    with torch.no_grad():
        together = mechanism.payoff_table(contexts)[contexts.index]
        for e, t, i in itertools.product(*map(range, actions.shape)):
            alone = mechanism.own_payoffs(
                torch.tensor([i * (not mechanism.symmetric)]),
                statistic[e, t, i].reshape(1, -1),
                None if context is None else context[e, t].reshape(1, -1),
            )[0]
            size = mechanism.num_actions[i]
            torch.testing.assert_close(together[e, t, i, :size], alone[:size], **EXACT)
            assert (together[e, t, i, size:] == 0).all()


@EVERY
def test_every_distinct_situation_is_kept_once(name):
    mechanism = build(name)
    actions, context = play(mechanism)
    actions, context = actions.repeat(2, 1, 1), None if context is None else context.repeat(2, 1, 1)
    contexts = mechanism.contexts(actions, context)
    rows = {
        (int(a), *s.tolist(), *(() if contexts.context is None else contexts.context[u].tolist()))
        for u, (a, s) in enumerate(zip(contexts.agent, contexts.statistic, strict=True))
    }
    assert len(rows) == contexts.agent.shape[0] <= actions.numel() // 2


@EVERY
def test_any_batch_shape_and_any_array_gives_the_same_payoffs(name):
    mechanism = build(name)
    actions, context = play(mechanism)
    whole = mechanism.payoffs(actions, context)
    one = mechanism.payoffs(actions[0, 0], None if context is None else context[0, 0])
    arrays = mechanism.payoffs(actions.tolist(), None if context is None else context.numpy())
    none = mechanism.deviation_payoffs(actions[:0], None if context is None else context[:0])
    torch.testing.assert_close(one, whole[0, 0], **EXACT)
    torch.testing.assert_close(arrays, whole, **EXACT)
    assert none.shape == (0, *actions.shape[1:], max(mechanism.num_actions))


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in FAMILIES
        if "anonymous" in name
        or name in ("congestion", "public goods", "tabular aggregative", "neural aggregative")
    ],
)
def test_anonymous_payoffs_do_not_change_when_the_others_swap_actions(name):
    mechanism = build(name)
    actions, context = play(mechanism)
    payoffs = mechanism.payoffs(actions, context)
    for order in itertools.permutations(range(1, mechanism.num_agents)):
        swapped = mechanism.payoffs(actions[..., [0, *order]], context)
        torch.testing.assert_close(swapped[..., 0], payoffs[..., 0], **EXACT)


@pytest.mark.parametrize("name", SYMMETRIC)
def test_symmetric_families_pay_all_agents_alike(name):
    mechanism = build(name)
    actions, context = play(mechanism)
    order = list(range(1, mechanism.num_agents)) + [0]
    payoffs, moved = mechanism.payoffs(actions, context), mechanism.payoffs(actions[..., order], context)
    torch.testing.assert_close(moved, payoffs[..., order], **EXACT)


@pytest.mark.parametrize("name", ESTIMATED)
def test_log_likelihood_gradients_equal_finite_differences(name):
    """Central differences along a random direction of all parameters, for three kinds of rules."""
    mechanism = build(name)
    parameters = {k: p.detach() for k, p in mechanism.named_parameters()}
    sizes = mechanism.num_actions
    actions, context = play(mechanism, episodes=2, steps=8)
    data = TrajectoryDataset.from_arrays(actions, sizes, context=context)
    logit = LogitQ(sizes, step_size=Fixed(0.5), inverse_temperature=Fixed(0.3), exploration=Fixed(0.1))
    bandit = BanditQ(sizes, step_size=Fixed(0.5), inverse_temperature=Fixed(0.3))
    for rule in (logit, bandit, Batched(Hedge(sizes, step_size=Fixed(0.2)), every=2, innovation=Fixed(0.1))):
        model = LearningDynamics(mechanism, rule)
        generator = torch.Generator().manual_seed(1)
        step = {
            k: torch.randn(p.shape, generator=generator, dtype=torch.float64) for k, p in parameters.items()
        }

        def at(h, model=model, step=step):
            moved = {f"mechanism.{k}": p + h * step[k] for k, p in parameters.items()}
            return functional_call(Total(model), {f"model.{k}": v for k, v in moved.items()}, (data,))

        h = torch.zeros((), dtype=torch.float64, requires_grad=True)
        (slope,) = torch.autograd.grad(at(h), h)
        small = 1e-5
        with torch.no_grad():
            difference = (at(small) - at(-small)) / (2 * small)
        assert float(slope) == pytest.approx(float(difference), rel=1e-6, abs=1e-6)
        assert abs(float(slope)) > 1e-3


class Total(torch.nn.Module):
    """Log-likelihood of a data set as a function of a model's parameters."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, data):
        return self.model.log_likelihood(data).sum()


@pytest.mark.parametrize("name", ESTIMATED)
def test_precision_follows_the_parameters(name):
    mechanism = build(name)
    actions, context = play(mechanism)
    double = mechanism.deviation_payoffs(actions, context)
    single = copy.deepcopy(mechanism).to(torch.float32).deviation_payoffs(actions, context)
    assert double.dtype == torch.float64 and single.dtype == torch.float32
    torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("n", "width"), [(1, 3), (2, 1), (2, 4), (3, 2), (4, 4), (6, 3)])
def test_rank_of_counts_is_a_bijection(n, width):
    mechanism = TabularAnonymous((width,) * n)
    counts = [c for c in itertools.product(range(n), repeat=width) if sum(c) == n - 1]
    ranks = mechanism.rank(torch.tensor(counts)).tolist()
    assert sorted(ranks) == list(range(math.comb(n + width - 2, width - 1)))
    assert mechanism.table.interaction.shape == (1, len(counts), width)


@pytest.mark.parametrize("sizes", [(3,), (2, 2), UNEQUAL, (1, 5, 2, 3)])
def test_index_of_the_others_joint_action_is_a_bijection(sizes):
    mechanism = TabularJoint(sizes)
    joint = torch.tensor(list(itertools.product(*map(range, sizes))))
    index = mechanism.statistic(joint)[..., 0]
    for i, size in enumerate(sizes):
        others = [tuple(row[:i] + row[i + 1 :]) for row in joint.tolist()]
        pairs = set(zip(others, index[:, i].tolist(), strict=True))
        assert len(pairs) == len(set(others)) == math.prod(sizes) // size
        assert {k for _, k in pairs} == set(range(len(pairs)))


def test_opponents_counts_by_hand():
    mechanism = Congestion((3, 3, 3))
    counts = mechanism.statistic(torch.tensor([[0, 2, 2]]))
    assert counts.tolist() == [[[0, 0, 2], [1, 0, 1], [1, 0, 1]]]


def test_congestion_equals_the_environments_game():
    game = diml_envs.Congestion(4, 3, seed=5)
    mechanism = Congestion((3,) * 4)
    mechanism.linear.data = torch.from_numpy(game.linear - game.toll)
    mechanism.quadratic.data = torch.tensor(game.quadratic)
    actions, _ = play(mechanism)
    expected = game.deviation_payoffs(actions.numpy())
    np.testing.assert_allclose(mechanism.deviation_payoffs(actions).detach().numpy(), expected, rtol=1e-12)


def test_public_goods_equals_the_environments_game():
    mechanism = PublicGoods((3,) * 4, width=5)

    def subsidy(total, level):
        inputs = torch.from_numpy(np.stack([total, level], axis=-1))
        return mechanism.subsidy(inputs).detach().numpy()[..., 0]

    mechanism.scale.raw.data, mechanism.rate.raw.data = torch.tensor(1.3).log(), torch.tensor(2.0).log()
    mechanism.cost.raw.data = torch.tensor(0.8).log()
    mechanism.double()
    game = diml_envs.PublicGoods(4, 3, scale=1.3, rate=2.0, cost=0.8, subsidy=subsidy)
    actions, _ = play(mechanism)
    expected = game.deviation_payoffs(actions.numpy())
    np.testing.assert_allclose(mechanism.deviation_payoffs(actions).detach().numpy(), expected, rtol=1e-6)


def test_read_only_arrays_are_taken_without_a_warning(recwarn):
    log = diml_envs.simulate(diml_envs.Congestion(3, 2), diml_envs.LogitQ(), episodes=2, horizon=3, seed=0)
    assert not log.actions.flags.writeable
    TabularJoint((2, 2, 2)).payoffs(log.actions)
    assert not recwarn.list


def test_known_takes_torch_and_numpy_functions_with_and_without_context():
    actions = torch.tensor([[0, 1], [1, 1]])
    context = torch.tensor([[2.0], [3.0]])
    one = Known(lambda a: a * 1.0, (2, 2)).payoffs(actions)
    two = Known(lambda a, x: a * x, (2, 2), context_size=1).payoffs(actions, context)
    three = Known(lambda a, x: torch.as_tensor(a * x), (2, 2), context_size=1).payoffs(actions, context)
    assert one.tolist() == [[0.0, 1.0], [1.0, 1.0]]
    assert two.tolist() == three.tolist() == [[0.0, 2.0], [3.0, 3.0]]


def test_context_moves_the_payoffs_of_networks_with_one():
    names = [name for name in FAMILIES if name.startswith("neural") and name.endswith("context")]
    assert len(names) == 4
    for name in names:
        mechanism = build(name)
        actions, context = play(mechanism)
        gap = mechanism.payoffs(actions, context) - mechanism.payoffs(actions, context + 1)
        assert gap.abs().min() > 1e-6
        with pytest.raises(ValueError, match="expected 2 public covariates; found none"):
            mechanism.payoffs(actions)
        with pytest.raises(ValueError, match="expected 2 public covariates; found 1"):
            mechanism.payoffs(actions, context[..., :1])


@pytest.mark.parametrize(
    "name", [name for name in FAMILIES if "joint" in name or name in ("known", "a user's own")]
)
def test_the_memory_of_joint_actions_is_never_stale(name):
    """A fresh copy is asked each question once; one mechanism is asked them all, some of them twice."""
    mechanism = build(name)
    questions = [mechanism.contexts(*play(mechanism, steps=s, seed=s)) for s in (3, 5, 3)]
    other = questions[0]
    same_statistic = type(other)(other.agent.flip(0) * 0, other.statistic, other.context, other.index)
    same_agent = type(other)(other.agent, other.statistic.flip(0), other.context, other.index)
    asked = [*questions, questions[0], same_statistic, same_agent, questions[1], questions[1]]
    if other.context is not None:
        asked.append(type(other)(other.agent, other.statistic, other.context + 1, other.index))
    valid = [q for q in asked if fits(mechanism, q)]
    for question in valid:
        torch.testing.assert_close(
            mechanism.payoff_table(question), build(name).payoff_table(question), **EXACT
        )
        for parameter in mechanism.parameters():  # parameters change between two questions in a fit
            before = mechanism.payoff_table(question).detach()
            parameter.data += 1.0
            assert not torch.equal(before, mechanism.payoff_table(question)) or parameter.dim() == 0
            parameter.data -= 1.0
    question = valid[0]
    clone = copy.deepcopy(mechanism)
    torch.testing.assert_close(clone.payoff_table(question), mechanism.payoff_table(question), **EXACT)
    if list(mechanism.parameters()):
        single = clone.to(torch.float32).payoff_table(question)
        assert single.dtype == torch.float32
        torch.testing.assert_close(single.double(), mechanism.payoff_table(question), rtol=1e-4, atol=1e-4)


def fits(mechanism, question):
    """Whether the others' actions in the question are actions that the others have."""
    if (
        "others" not in dict(mechanism.named_buffers())
        or question.statistic.shape[1] != mechanism.num_agents - 1
    ):
        return True
    sizes = torch.tensor(mechanism.num_actions)[mechanism.others[question.agent]]
    return bool((question.statistic < sizes).all())


@pytest.mark.parametrize("family", [NeuralJoint, NeuralAnonymous, PublicGoods])
def test_seeds_reproduce_and_leave_the_global_state_alone(family):
    state = torch.random.get_rng_state()
    one, same, other = (list(family(EQUAL, seed=s).parameters()) for s in (3, 3, 4))
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_random_starts_have_the_stated_spread():
    mechanism = NeuralJoint((6,) * 3, seed=0)
    first = mechanism.network[0].weight  # uniform within 1 / sqrt(18), variance 1 / (3 * 18)
    assert first.abs().max() <= 18**-0.5
    assert first.var().item() == pytest.approx(1 / 54, rel=0.1)
    assert mechanism.embeddings.var().item() == pytest.approx(1.0, rel=0.4)  # 108 normal numbers, 3 s.e.


def test_penalties_by_hand():
    table = TabularJoint((2, 2), ridge=4.0)
    table.table.own.data[0, 1], table.table.interaction.data[1, 0, 1] = 3.0, 2.0
    assert table.penalty().item() == 0.5 * 4.0 * (9 + 4)
    assert TabularJoint((2, 2)).penalty().item() == 0.0  # a ridge left open shrinks nothing yet
    assert Congestion((2, 2)).penalty().item() == 0.0
    network = NeuralAnonymous((2, 2), width=3, ridge=0.5)
    expected = 0.0
    for layer in (network.network[0], network.network[2], network.network[4]):
        variance = 1 / (3 * layer.in_features)
        expected += sum(p.square().sum().item() for p in layer.parameters()) / (2 * variance)
    assert network.penalty().item() == pytest.approx(0.5 * expected)


@pytest.mark.parametrize("family", [Congestion, NeuralAnonymous, PublicGoods, TabularAnonymous])
def test_families_of_equal_agents_refuse_unequal_actions(family):
    with pytest.raises(ValueError, match=r"found \(2, 3\); use a joint mechanism"):
        family((2, 3))


@pytest.mark.parametrize(
    ("actions", "match"),
    [
        ([[0, 4, 0]], r"expected 0 <= action < 4 for agent 1; found 4 at \(0, 1\)"),
        ([[-1, 0, 0]], "found -1"),
        ([[0.0, 1.0, 0.0]], "expected whole numbers with a last axis of 3 agents"),
        ([[0, 1]], r"found torch.int64 of shape \(1, 2\)"),
    ],
)
def test_bad_joint_actions_are_refused(actions, match):
    with pytest.raises(ValueError, match=match):
        TabularJoint(UNEQUAL).payoffs(actions)


def test_tables_that_cannot_be_held_and_bad_sizes_are_refused():
    with pytest.raises(ValueError, match="at most 5,000,000 cells"):
        TabularJoint((10,) * 8)
    with pytest.raises(ValueError, match="at most 5,000,000 cells"):
        TabularAnonymous((10,) * 40)
    for ridge in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="ridge: expected a number above 0"):
            TabularJoint((2, 2), ridge=ridge)
    for sizes in ((), (2, 0)):
        with pytest.raises(ValueError, match="at least one agent and one action"):
            TabularJoint(sizes)
