"""Who plays the seats that are not yours: policies, and learner rules that learn inside the environment."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diml_envs import checks, learners
from diml_envs.arguments import did_you_mean
from diml_envs.learners.base import Learner
from diml_envs.learners.mixture import Followers, FollowersState, joined
from diml_envs.simulate import draw_actions

Policy = Callable[[np.ndarray], Any]
"""Observation -> action; in a vectorised environment observations [num_envs, S] -> int [num_envs]."""

Opponent = str | Learner | Policy
Opponents = Opponent | Mapping[str, Opponent] | Sequence[Opponent]


class Rules:
    """The learner rules among the opponents, playing one game or many side by side.

    Args:
        opponents: opponent of each agent; policies among them are passed over.
        agents: names of all agents, the seat included.
        num_actions: number of actions of each agent.

    Attributes:
        followers: index of every agent that follows some rule.
        hear_all: whether some rule learns from the payoffs of all own actions.
    """

    def __init__(
        self, opponents: Mapping[str, Learner | Policy], agents: Sequence[str], num_actions: Sequence[int]
    ):
        """Find out which agents share a rule."""
        rules: dict[int, tuple[Learner, list[int]]] = {}  # by identity: rules need not be hashable
        for index, agent in enumerate(agents):
            opponent = opponents.get(agent)
            if isinstance(opponent, Learner):
                rules.setdefault(id(opponent), (opponent, []))[1].append(index)
        self._groups = [Followers(rule, indices, len(agents)) for rule, indices in rules.values()]
        self._sizes = tuple(num_actions)
        self._states: list[FollowersState] = []
        self.followers = [index for group in self._groups for index in group.agents]
        self.hear_all = any(group.rule.feedback == "full" for group in self._groups)

    def begin(self, episodes: int) -> None:
        """Forget everything; from now on this many games are played side by side."""
        self._states = [group.initial_state(episodes, self._sizes) for group in self._groups]

    def draw(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw actions int64 [episodes, n], of which those of the followers count."""
        probabilities = joined(self._groups, self._states, self._sizes)
        return draw_actions(rng, probabilities, self._sizes)

    def learn(
        self, played: NDArray[np.int64], payoffs: NDArray[np.float64], own: NDArray[np.float64] | None
    ) -> None:
        """Update every rule.

        Args:
            played: int [episodes, n].
            payoffs: float64 [episodes, n], what was earned.
            own: float64 [episodes, n, A], deviation payoffs; read where a rule learns from them.
        """
        if not self.hear_all or own is None:
            own = np.zeros((*played.shape, max(self._sizes)))
            np.put_along_axis(own, played[..., None], payoffs[..., None], axis=-1)
        self._states = [
            group.update(state, played, own) for group, state in zip(self._groups, self._states, strict=True)
        ]


def seat_index(seat: int | str, agents: Sequence[str]) -> int:
    """Return the index of a seat that was given by index or by name.

    Raises:
        ValueError: no such seat.
    """
    if isinstance(seat, str) and seat in agents:
        return agents.index(seat)
    if isinstance(seat, int | np.integer) and not isinstance(seat, bool) and 0 <= seat < len(agents):
        return int(seat)
    raise ValueError(
        f"expected seat to be an index from 0 to {len(agents) - 1} or an agent from {agents[0]} to "
        f"{agents[-1]}, found {seat!r}"
    )


def assign(opponents: Opponents, agents: Sequence[str]) -> dict[str, Learner | Policy]:
    """Return the opponent of each agent; rules called by name are shared.

    Args:
        opponents: one for all, a mapping from agent name, or a sequence in the order of `agents`.
        agents: every agent but the seat.

    Raises:
        TypeError: an opponent is none of the three kinds.
        ValueError: an unknown agent or learner rule, or opponents missing.
    """
    if isinstance(opponents, Mapping):
        unknown = [agent for agent in opponents if agent not in agents]
        if unknown:
            raise ValueError(
                f"expected opponents for {checks.listed(agents)} (every agent but the seat), found "
                f"{unknown[0]!r}{did_you_mean(unknown[0], agents)}"
            )
        missing = [agent for agent in agents if agent not in opponents]
        if missing:
            raise ValueError(
                "expected opponents for every agent but the seat, found none for "
                f"{checks.listed(missing)}; add them to the mapping"
            )
        given = [opponents[agent] for agent in agents]
    elif isinstance(opponents, Sequence) and not isinstance(opponents, str):
        if len(opponents) != len(agents):
            raise ValueError(
                f"expected {len(agents)} opponents in the order {checks.listed(agents)}, found "
                f"{len(opponents)}; give one for each, or a single one for all"
            )
        given = list(opponents)
    else:
        given = [opponents] * len(agents)
    rules: dict[str, Learner] = {}
    return {agent: _opponent(opponent, rules) for agent, opponent in zip(agents, given, strict=True)}


def _opponent(opponent: Opponent, rules: dict[str, Learner]) -> Learner | Policy:
    if isinstance(opponent, str):
        if opponent not in rules:
            rules[opponent] = learners.make(opponent)
        return rules[opponent]
    if isinstance(opponent, Learner) or (callable(opponent) and not isinstance(opponent, type)):
        return opponent
    raise TypeError(
        "expected an opponent to be the name of a learner rule, a Learner, or a policy (callable: "
        f"observation -> action), found {opponent!r}"
    )
