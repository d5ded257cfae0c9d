"""Mixture: agents who follow different rules learn side by side; equal rules share one vectorised state."""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diml_envs.learners.base import Learner, ParametricLearner, own_mask


class FollowersState(NamedTuple):
    """State of one rule, and which actions are own ones of the agents it is kept for."""

    state: Any
    own: NDArray[np.bool_]  # [E, n', A']


class Followers:
    """The agents that follow one rule, among all.

    Args:
        rule: the rule; parameters given per agent have one entry for every agent, followers or not.
        agents: indices of its followers.
        num_agents: number of all agents.

    Raises:
        ValueError: a parameter was given per agent, for another number of agents.
    """

    def __init__(self, rule: Learner, agents: Sequence[int], num_agents: int):
        """Take out the followers' parameters."""
        self.agents = list(agents)
        if rule.reads_others or not isinstance(rule, ParametricLearner):  # a user's own may know who is who
            self._kept, self._rows = list(range(num_agents)), self.agents
            self.rule = rule
        else:
            self._kept, self._rows = self.agents, list(range(len(self.agents)))
            self.rule = _for_agents(rule, self.agents, num_agents)

    def initial_state(self, episodes: int, num_actions: Sequence[int]) -> FollowersState:
        """Return the rule's state at step 0; `num_actions` of all agents."""
        sizes = [num_actions[agent] for agent in self._kept]
        return FollowersState(self.rule.initial_state(episodes, sizes), own_mask(episodes, sizes))

    def probabilities(self, state: FollowersState, num_actions: Sequence[int]) -> NDArray[np.float64]:
        """Return the followers' choice probabilities, float64 [E, number of followers, A' <= A]."""
        sizes = [num_actions[agent] for agent in self._kept]
        return self.rule.probabilities(state.state, sizes)[:, self._rows]

    def update(
        self, state: FollowersState, actions: NDArray[np.integer], payoffs: NDArray[np.float64]
    ) -> FollowersState:
        """Return the state after a step; actions [E, n] and payoffs [E, n, A] of all agents."""
        seen = payoffs[:, self._kept, : state.own.shape[-1]]
        return FollowersState(self.rule.update(state.state, actions[:, self._kept], seen), state.own)


def joined(
    groups: Sequence[Followers], states: Sequence[FollowersState], num_actions: Sequence[int]
) -> NDArray[np.float64]:
    """Return choice probabilities float64 [E, n, A] of all groups' agents; rows of 0 for everybody else."""
    together = np.zeros((len(states[0].own), len(num_actions), max(num_actions)))
    for group, state in zip(groups, states, strict=True):
        rows = group.probabilities(state, num_actions)
        together[:, group.agents, : rows.shape[-1]] = rows
    return together


@dataclass(frozen=True)
class Mixture(Learner):
    """One rule per agent. Its state is a tuple with the state of each different rule.

    Args:
        rules: one for each agent. A rule may occur several times; equal rules are computed together.
            Parameters given per agent have one entry for every agent; each follower takes its own.

    Raises:
        TypeError: something else than a rule for one agent.
        ValueError: no rules; in `initial_state`, another number of agents.

    Example:
        >>> from diml_envs.learners import Hedge, TitForTat
        >>> rule = Mixture([Hedge(), TitForTat(first=1), Hedge()])
        >>> rule.probabilities(rule.initial_state(1, (2, 2, 2)), (2, 2, 2)).tolist()
        [[[0.5, 0.5], [0.0, 1.0], [0.5, 0.5]]]
    """

    rules: Sequence[Learner]
    _groups: tuple[Followers, ...] = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self):
        """Check the rules and group the agents by them."""
        if isinstance(self.rules, str) or not isinstance(self.rules, Iterable):
            raise TypeError(f"expected a list of one rule per agent, found {type(self.rules).__name__}")
        rules = tuple(self.rules)
        if not rules:
            raise ValueError("expected one rule per agent, found none")
        followers: dict[Any, list[int]] = {}
        for agent, rule in enumerate(rules):
            if not isinstance(rule, Learner) or isinstance(rule, Mixture):
                raise TypeError(
                    f"expected a Learner for each agent, found {type(rule).__name__} for agent {agent}"
                    + ("; list its rules instead" if isinstance(rule, Mixture) else "")
                )
            # rules of users need be neither comparable nor hashable
            followers.setdefault(rule if isinstance(rule, ParametricLearner) else id(rule), []).append(agent)
        groups = tuple(Followers(rules[agents[0]], agents, len(rules)) for agents in followers.values())
        object.__setattr__(self, "rules", rules)
        object.__setattr__(self, "_groups", groups)

    @property
    def feedback(self) -> Literal["full", "bandit"]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What the rule that needs most reads: "full" if there is one that does."""
        return "full" if any(rule.feedback == "full" for rule in self.rules) else "bandit"

    @property
    def reads_action(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether one of the rules does."""
        return any(rule.reads_action for rule in self.rules)

    @property
    def reads_others(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether one of the rules does."""
        return any(rule.reads_others for rule in self.rules)

    def initial_state(self, episodes: int, num_actions: Sequence[int]) -> tuple[FollowersState, ...]:
        """Return the state of each different rule at step 0."""
        if len(num_actions) != len(self.rules):
            raise ValueError(
                f"expected one rule for each of the {len(num_actions)} agents, found {len(self.rules)}"
            )
        return tuple(group.initial_state(episodes, num_actions) for group in self._groups)

    def probabilities(
        self, state: tuple[FollowersState, ...], num_actions: Sequence[int]
    ) -> NDArray[np.float64]:
        """Return choice probabilities float64 [E, n, A]."""
        return joined(self._groups, state, num_actions)

    def update(
        self, state: tuple[FollowersState, ...], actions: NDArray[np.integer], payoffs: NDArray[np.float64]
    ) -> tuple[FollowersState, ...]:
        """Return the next state of each different rule."""
        return tuple(
            group.update(part, actions, payoffs) for group, part in zip(self._groups, state, strict=True)
        )


def as_learner(given: Any) -> Learner:
    """Return a learner of all agents: the given one, or a `Mixture` of a sequence with one rule per agent.

    Raises:
        TypeError: neither a `Learner` nor a sequence of them.
        ValueError: an empty sequence.
    """
    if isinstance(given, Learner):
        return given
    if isinstance(given, Sequence) and not isinstance(given, str):
        return Mixture(given)
    raise TypeError(
        f"expected one Learner for all agents or a list with one for each, found {type(given).__name__}; for "
        "example LogitQ(), LogitQ(step_size=[0.1, 0.3]) or [LogitQ(), Hedge()]"
    )


def _for_agents(rule: ParametricLearner, agents: Sequence[int], num_agents: int) -> Learner:
    """The rule with the parameters of some of its agents."""
    rule.require_agents(num_agents)
    given = {name: getattr(rule, name) for name in rule.bounds}
    per_agent = {name: value for name, value in given.items() if isinstance(value, tuple)}
    own = {name: [value[agent] for agent in agents] for name, value in per_agent.items()}
    return dataclasses.replace(rule, **own)  # pyright: ignore[reportArgumentType]  # rules are dataclasses
