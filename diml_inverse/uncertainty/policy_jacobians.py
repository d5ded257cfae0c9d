"""How do choice probabilities, and the payoffs behind them, move with each free parameter."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.mechanisms.base import Contexts

MOST = 5_000
"""Free parameters beyond which no matrix of their second moments is formed."""

PART = 1 << 17
"""Numbers (directions x episodes x steps x agents x actions) that one pass takes at a time."""

HELD = 1 << 23
"""Numbers of a Jacobian that are held at a time."""


@dataclass(frozen=True, eq=False)
class Coordinates:
    """A model's free parameters, and what of a log depends on data alone.

    Attributes:
        model: the model in float64, where the log is.
        mechanism: its mechanism's free parameters.
        learner: its learner's free parameters.
        contexts: the log's distinct situations.
        table: payoffs of all situations, [U, A], without a graph.
    """

    model: LearningDynamics
    mechanism: list[nn.Parameter]
    learner: list[nn.Parameter]
    contexts: Contexts
    table: Float[Tensor, "U A"]

    @classmethod
    def of(cls, model: LearningDynamics, data: EpisodeDataset) -> "Coordinates":
        """Find the situations and evaluate their payoffs."""
        contexts = model.contexts(data)
        mechanism, learner = (
            [p for p in part.parameters() if p.requires_grad] for part in (model.mechanism, model.learner)
        )
        with torch.no_grad():
            table = model.mechanism.payoff_table(contexts)
        return cls(model, mechanism, learner, contexts, table)

    @property
    def sizes(self) -> tuple[int, int]:
        """Free numbers of mechanism and learner."""
        mechanism, learner = (sum(p.numel() for p in part) for part in (self.mechanism, self.learner))
        return mechanism, learner

    def refuse_too_many(self) -> None:
        """Refuse matrices that do not fit into memory.

        Raises:
            ValueError: for more than `MOST` free parameters.
        """
        if (number := sum(self.sizes)) > MOST:
            raise ValueError(
                f"expected at most {MOST:,} free parameters, since a matrix of them all is formed; found "
                f"{number:,}; fit a network to resampled episodes (`di.ensemble`) to know how sure it is"
            )

    def payoff_directions(self) -> Float[Tensor, "P U A"]:
        """Derivative of every situation's payoffs in each of the mechanism's free parameters."""
        count = self.sizes[0]
        if not count:
            return self.table.new_zeros(0, *self.table.shape)
        table = self.model.mechanism.payoff_table(self.contexts)
        if not table.requires_grad:
            return self.table.new_zeros(count, *self.table.shape)
        unit = torch.zeros_like(table, requires_grad=True)  # the slope is linear in it: twice is forward
        slopes = flat(
            torch.autograd.grad(table, self.mechanism, unit, create_graph=True, allow_unused=True),
            self.mechanism,
        )
        if not slopes.requires_grad:
            return self.table.new_zeros(count, *self.table.shape)
        eye = torch.eye(count, dtype=table.dtype, device=table.device)
        return slopes_of(slopes, [unit], eye).view(count, *self.table.shape)

    def by_copy(self, contexts: Contexts, copies: int) -> Contexts:
        """Situations numbered anew in each of so many equal parts of the episodes, each with a table."""
        shift = torch.arange(copies, device=contexts.index.device) * self.table.shape[0]
        shift = shift.repeat_interleave(contexts.index.shape[0] // copies)
        return replace(contexts, index=contexts.index + shift.view(-1, *[1] * (contexts.index.ndim - 1)))

    def pulled_back(
        self, slopes: Float[Tensor, "E T n A"], contexts: Contexts, copies: int
    ) -> Float[Tensor, "k U A"]:
        """Slopes in every step's payoffs as slopes in tables, one for each part of the episodes."""
        tables = self.table.expand(copies, -1, -1).flatten(0, 1).detach().requires_grad_()
        (rows,) = torch.autograd.grad(self.by_copy(contexts, copies).look_up(tables), tables, slopes)
        return rows.view(copies, *self.table.shape)


def policy_jacobians(
    coordinates: Coordinates, data: EpisodeDataset
) -> Iterator[tuple[range, Float[Tensor, "e T n A"], Float[Tensor, "P e T n A"]]]:
    """For some episodes after others: which, their log policies, and the derivative in each free parameter.

    Derivatives in a payoff direction are taken forwards by going back twice, all directions side by side as
    copies of the episodes. 0 where an action cannot be taken or nobody chose.
    """
    coordinates.refuse_too_many()
    width = data.actions[0].numel() * data.max_actions
    directions = coordinates.payoff_directions()
    size = max(1, HELD // (max(1, sum(coordinates.sizes)) * max(1, width)))
    for first in range(0, data.num_episodes, size):
        episodes = range(first, min(first + size, data.num_episodes))
        part, contexts = data.select(list(episodes)), coordinates.contexts.select(list(episodes))
        logs, rows = _in_learner(coordinates, part, contexts)
        rows = [*_in_payoffs(coordinates, part, contexts, directions), *rows]
        jacobian = torch.cat(rows) if rows else logs.new_zeros(0, *logs.shape)
        yield episodes, logs, torch.where(possible(coordinates.model, part), jacobian, 0.0)


def possible(model: LearningDynamics, data: EpisodeDataset) -> Bool[Tensor, "E T n A"]:
    """Actions that could be taken, where somebody chose."""
    open_actions = model.learner.mask.expand(*data.mask.shape, -1, -1)
    if data.available is not None:
        open_actions = open_actions & data.available
    return open_actions & data.observed().unsqueeze(-1)


def blocks(count: int, each: int) -> Iterator[range]:
    """Directions that one pass takes side by side, where a copy of the episodes has so many numbers."""
    size = max(1, PART // max(1, each))
    return (range(at, min(at + size, count)) for at in range(0, count, size))


def copied_episodes(data: EpisodeDataset, contexts: Contexts, copies: int) -> tuple[EpisodeDataset, Contexts]:
    """The same episodes so many times in a row."""
    order = list(range(data.num_episodes)) * copies
    return data.select(order), contexts.select(order)


def _log_policies(model: LearningDynamics, payoffs: Tensor, data: EpisodeDataset) -> Tensor:
    rule = model.learner
    states = rule.replay(data.actions, payoffs, data.update, data.probabilities)
    return rule.log_policy(states, data.available)


def _in_payoffs(
    coordinates: Coordinates, data: EpisodeDataset, contexts: Contexts, directions: Float[Tensor, "P U A"]
) -> Iterator[Float[Tensor, "p E T n A"]]:
    """Derivatives along directions of the payoffs."""
    base = contexts.look_up(coordinates.table)
    for block in blocks(len(directions), base.numel()):
        many, _ = copied_episodes(data, contexts, len(block))
        payoffs = base.repeat(len(block), 1, 1, 1).requires_grad_()
        logs = _log_policies(coordinates.model, payoffs, many)
        moves = torch.cat([contexts.look_up(directions[k]) for k in block])
        (found,) = _forwards(logs, [payoffs], [moves])
        yield found.view(len(block), *base.shape[:-1], logs.shape[-1])


def _in_learner(
    coordinates: Coordinates, data: EpisodeDataset, contexts: Contexts
) -> tuple[Tensor, list[Tensor]]:
    """Log policies, and their derivatives in the learner's free parameters."""
    logs = _log_policies(coordinates.model, contexts.look_up(coordinates.table), data)
    units = []
    for k, parameter in enumerate(coordinates.learner):
        for entry in range(parameter.numel()):
            unit = [torch.zeros_like(p) for p in coordinates.learner]
            unit[k].view(-1)[entry] = 1.0
            units.append(unit)
    found = _forwards(logs, coordinates.learner, *units) if units else []
    return logs.detach(), [row.unsqueeze(0) for row in found]


def _forwards(values: Tensor, inputs: Sequence[Tensor], *moves: Sequence[Tensor]) -> list[Tensor]:
    """Derivatives of the values as the inputs move: the slope u' J is linear in u, and has the slope J."""
    empty = [torch.zeros_like(values) for _ in moves]
    if not values.requires_grad:
        return empty
    unit = torch.zeros_like(values, requires_grad=True)
    slopes = torch.autograd.grad(values, inputs, unit, create_graph=True, allow_unused=True)
    used = [k for k, slope in enumerate(slopes) if slope is not None and slope.requires_grad]
    if not used:
        return empty
    found = []
    for move in moves:
        (row,) = torch.autograd.grad(
            [slopes[k] for k in used], unit, [move[k] for k in used], retain_graph=True, allow_unused=True
        )
        found.append(torch.zeros_like(values) if row is None else row)
    return found


def slopes_of(
    values: Float[Tensor, "..."], inputs: Sequence[Tensor], weights: Float[Tensor, "k ..."]
) -> Float[Tensor, "k _"]:
    """Slopes of k weighted sums of the values in all inputs; many sums at a time where torch can do so."""
    rows = []
    for part in weights.split(max(1, min(64, HELD // max(1, weights[0].numel())))):
        try:
            found = torch.autograd.grad(
                values, inputs, part, retain_graph=True, allow_unused=True, is_grads_batched=True
            )
            pairs = list(zip(found, inputs, strict=True))
        except RuntimeError:  # an operation of the user's own that cannot be vectorised
            rows += [
                flat(torch.autograd.grad(values, inputs, one, retain_graph=True, allow_unused=True), inputs)
                for one in part
            ]
            continue
        wide = [
            x.new_zeros(len(part), x.numel()) if s is None else s.reshape(len(part), -1) for s, x in pairs
        ]
        rows += torch.cat(wide, 1).unbind(0)
    return torch.stack(rows).detach()


def flat(slopes: Sequence[Tensor | None], inputs: Sequence[Tensor]) -> Float[Tensor, " _"]:
    """Slopes in all inputs as one vector, 0 where there is none."""
    pairs = zip(slopes, inputs, strict=True)
    return torch.cat([(torch.zeros_like(x) if s is None else s).reshape(-1) for s, x in pairs])
