"""How do agents play in a world, step by step? Exact choice probabilities, common random numbers."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from diml_inverse.counterfactuals.log_conditions import Conditions
from diml_inverse.crowds import member_contexts
from diml_inverse.dynamics import draw_uniforms
from diml_inverse.learners.base import LearnerRule
from diml_inverse.mechanisms.base import Mechanism

LARGEST_TABLE = 4096
"""Joint actions up to which the payoffs of all are looked up in a table made once."""

LARGEST_PLAY = 4_000_000
"""Choice probabilities held at a time, where several worlds are played side by side."""

Payer = Callable[[Tensor, Tensor | None], Tensor]
"""Deviation payoffs [E, n, A] of joint actions [E, n] and covariates [E, d]."""

NO_CONDITIONS = Conditions(torch.ones(1, dtype=torch.int64))


@dataclass(frozen=True, eq=False)
class World:
    """Where agents play, and how they learn.

    Attributes:
        mechanism: what pays.
        learner: how agents learn.
        open: actions that each agent has, [n, A]; None for all.
        conditions: what the log passes on.
        start: states in which simulated episodes begin, [E, ...], taken in turn; None: learning starts.
    """

    mechanism: Mechanism
    learner: LearnerRule
    open: Bool[Tensor, "n A"] | None = None
    conditions: Conditions = field(default=NO_CONDITIONS)
    start: Tensor | None = None

    def first_state(self, episodes: int) -> Tensor:
        """The state before the first simulated step."""
        if self.start is None:
            return self.learner.initial_state(episodes)
        return self.start[torch.arange(episodes) % len(self.start)]

    def open_at(self, step: int, episodes: int) -> Bool[Tensor, "e n A"] | None:
        """Actions open at a step of that many episodes."""
        logged = self.conditions.available_at(step, episodes)
        if self.open is None:
            return logged
        mine = self.open.expand(episodes, *self.open.shape)
        return mine if logged is None else mine & logged


@dataclass(frozen=True, eq=False)
class Play:
    """Simulated play.

    Attributes:
        policies: choice probabilities, [E, T, n, A].
        payoffs: payoff expected over an agent's own draw, given what the others did, [E, T, n].
        actions: joint actions, [E, T, n]; of a crowd, how many members took each action, [E, T, G, A].
    """

    policies: Float[Tensor, "E T n A"]
    payoffs: Float[Tensor, "E T n"]
    actions: Int[Tensor, "E T *n"]


@torch.no_grad()
def play(world: World, *, episodes: int, horizon: int, seed: int, width: int | None = None) -> Play:
    """Lets agents play in a world; equal seeds give common random numbers.

    Without changes these are the policies of `LearningDynamics.simulate` given
    `draw_uniforms(episodes, horizon, n, seed=seed)`.

    Args:
        world: where they play.
        episodes: independent runs.
        horizon: steps of each.
        seed: of the draws.
        width: agents to draw numbers for, where worlds of different numbers of agents are compared.
    """
    members = world.conditions.members
    if members is not None:
        return _play_crowd(world, members, episodes, horizon, seed)
    agents = len(world.learner.num_actions)
    uniforms = draw_uniforms(episodes, horizon, width or agents, seed=seed)[..., :agents]
    return _walk(world, payer(world.mechanism), world.first_state(episodes), uniforms)


def play_alike(
    worlds: Sequence[World], *, episodes: int, horizon: int, seed: int, width: int | None = None
) -> Iterator[Play]:
    """The same as `play` in each of several worlds that differ in nothing but what pays.

    Small games are played side by side, which is far faster.

    Args:
        worlds: equal but for their mechanisms' parameters (and the states in which play begins).
        episodes: as in `play`.
        horizon: as in `play`.
        seed: as in `play`.
        width: as in `play`.
    """
    first, agents = worlds[0], len(worlds[0].learner.num_actions)
    given = first.conditions
    if not has_table(first.mechanism) or given.members is not None or given.available is not None:
        for world in worlds:
            yield play(world, episodes=episodes, horizon=horizon, seed=seed, width=width)
        return
    uniforms = draw_uniforms(episodes, horizon, width or agents, seed=seed)[..., :agents]
    per_world = episodes * horizon * first.learner.mask.numel()
    size = max(1, LARGEST_PLAY // per_world)
    for begin in range(0, len(worlds), size):
        part = worlds[begin : begin + size]
        tables, place = (
            torch.stack([payoff_table(world.mechanism) for world in part]),
            _place(first.mechanism),
        )
        which = torch.arange(len(part)).repeat_interleave(episodes)
        start = torch.cat([world.first_state(episodes) for world in part])

        def pay(actions: Tensor, context: Tensor | None, which=which, tables=tables, place=place) -> Tensor:
            return tables[which, (actions * place).sum(-1)]

        found = _walk(first, pay, start, uniforms.repeat(len(part), 1, 1))
        columns = (found.policies, found.payoffs, found.actions)
        for pieces in zip(*(column.split(episodes) for column in columns), strict=True):
            yield Play(*pieces)


@torch.no_grad()
def _walk(world: World, pay: Payer, state: Tensor, uniforms: Float[Tensor, "E T n"]) -> Play:
    """Step by step from given states."""
    learner, (episodes, horizon, _) = world.learner, uniforms.shape
    last, policies, payoffs, actions = learner.mask.sum(-1) - 1, [], [], []
    for t in range(horizon):
        policy = _policy(learner, state, world.open_at(t, episodes))
        cumulative = policy.cumsum(-1)
        below = uniforms[:, t].unsqueeze(-1) * cumulative[..., -1:] >= cumulative
        action = below.sum(-1).minimum(last)
        paid = pay(action, world.conditions.context_at(t, episodes))
        state = learner.update(state, action, paid)
        policies.append(policy)
        payoffs.append((policy * paid).sum(-1))
        actions.append(action)
    return Play(torch.stack(policies, 1), torch.stack(payoffs, 1), torch.stack(actions, 1))


def _policy(
    learner: LearnerRule, state: Tensor, available: Bool[Tensor, "E n A"] | None
) -> Float[Tensor, "E n A"]:
    """Choice probabilities; without closed actions formed without logarithms, which is faster."""
    return learner.policy(state) if available is None else learner.log_policy(state, available).exp()


def payer(mechanism: Mechanism) -> Payer:
    """Deviation payoffs [E, n, A] of joint actions [E, n]: from a table of all of them if it is small."""
    if not has_table(mechanism):
        return mechanism.deviation_payoffs
    table, place = payoff_table(mechanism), _place(mechanism)
    return lambda actions, context: table[(actions * place).sum(-1)]


def has_table(mechanism: Mechanism) -> bool:
    """Whether the payoffs of all joint actions are few enough to be listed."""
    return not mechanism.context_size and math.prod(mechanism.num_actions) <= LARGEST_TABLE


@torch.no_grad()
def payoff_table(mechanism: Mechanism) -> Float[Tensor, "J n A"]:
    """Deviation payoffs at every joint action, the last agent's action changing fastest."""
    sizes = mechanism.num_actions
    grid = torch.cartesian_prod(*(torch.arange(size) for size in sizes)).view(-1, len(sizes))
    return mechanism.deviation_payoffs(grid)


def _place(mechanism: Mechanism) -> Int[Tensor, " n"]:
    sizes = mechanism.num_actions
    return torch.tensor([math.prod(sizes[k + 1 :]) for k in range(len(sizes))])


def _play_crowd(world: World, members: Tensor, episodes: int, horizon: int, seed: int) -> Play:
    """The same for crowds, by a representative of each group, who learns from its members' mean payoffs.

    Counts are drawn from a generator that starts afresh at every step, so that equal policies draw equal
    counts.
    """
    mechanism, learner = world.mechanism, world.learner
    nothing = torch.zeros(episodes, len(members), dtype=torch.int64)
    state, policies, payoffs, actions = world.first_state(episodes), [], [], []
    for t in range(horizon):
        policy = _policy(learner, state, world.open_at(t, episodes))
        counts = _drawn(policy, members, np.random.default_rng((seed, t)))
        context = world.conditions.context_at(t, episodes)
        contexts = member_contexts(
            mechanism, counts.double().unsqueeze(1), None if context is None else context.unsqueeze(1)
        )
        paid = contexts.look_up(mechanism.payoff_table(contexts)).squeeze(1)
        state = learner.update(state, nothing, paid)
        policies.append(policy)
        payoffs.append((policy * paid).sum(-1))
        actions.append(counts)
    return Play(torch.stack(policies, 1), torch.stack(payoffs, 1), torch.stack(actions, 1))


def _drawn(policy: Tensor, members: Tensor, rng: np.random.Generator) -> Int[Tensor, "E G A"]:
    """How many members of each group take each action."""
    chances = policy.double().numpy()
    chances = chances / chances.sum(-1, keepdims=True)
    drawn = [rng.multinomial(int(size), chances[:, g]) for g, size in enumerate(members)]
    return torch.as_tensor(np.stack(drawn, 1))
