"""The payoffs that a log is about: a free number for every own action in every situation it shows."""

import copy
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor, nn

from diml_inverse.episodes import EpisodeDataset
from diml_inverse.mechanisms.base import Contexts, Mechanism
from diml_inverse.memory import Memory
from diml_inverse.population import PopulationDataset
from diml_inverse.situations import Situations, payoff_spread
from diml_inverse.unique import unique_rows

PAYOFFS = 1_500
"""Most payoffs and learner parameters for which the information on unrestricted payoffs is formed."""


class ObservedPayoffs(Mechanism):
    """A table of the situations of a log, in the words of a family but without its structure.

    Its only parameters are the cells: the payoffs of the existing own actions in the situations kept.

    Args:
        family: whose statistic, roles and symmetry say what a situation is; a copy is held.
        contexts: distinct situations.
        kept: which of them have cells, [U]. Others, and situations that are not among them, pay 0.
    """

    def __init__(self, family: Mechanism, contexts: Contexts, kept: Bool[Tensor, " U"]):
        super().__init__(family.num_actions, roles=family.roles)
        self.symmetric, self.context_size = family.symmetric, family.context_size
        self.family = copy.deepcopy(family).requires_grad_(False)
        with torch.no_grad():
            table = family.payoff_table(contexts).double()
        self.to(contexts.agent.device)
        cell = (kept[:, None] & self.mask[contexts.agent]).nonzero()
        self.cells = nn.Parameter(table[cell[:, 0], cell[:, 1]].clone())
        self.register_buffer("row", cell[:, 0], persistent=False)
        self.register_buffer("action", cell[:, 1], persistent=False)
        self._known, self._memory = contexts, Memory()

    def statistic(self, actions: Int[Tensor, "*b n"]) -> Num[Tensor, "*b n F"]:
        """The family's."""
        return self.family.statistic(actions)

    def count_statistic(self, others: Int[Tensor, "N R A"]) -> Num[Tensor, "N F"]:
        """The family's."""
        return self.family.count_statistic(others)

    def own_payoffs(
        self,
        agent: Int[Tensor, " U"],
        statistic: Num[Tensor, "U F"],
        context: Float[Tensor, "U d"] | None = None,
    ) -> Float[Tensor, "U A"]:
        """The cells of each situation; 0 where there are none."""
        known = self._known.agent.shape[0]
        table = self.cells.new_zeros(known + 1, self.mask.shape[1])
        table = table.index_put((self.get_buffer("row"), self.get_buffer("action")), self.cells)
        return table[self._memory(self._rows, agent, statistic, context)]

    def has_cells(self, contexts: Contexts) -> Bool[Tensor, " V"]:
        """Which situations have cells."""
        place = rows_among(self._known, contexts)
        kept = torch.zeros(self._known.agent.shape[0] + 1, dtype=torch.bool, device=place.device)
        kept[self.get_buffer("row")] = True
        return kept[place]

    def _rows(self, agent: Tensor, statistic: Tensor, context: Tensor | None) -> Int[Tensor, " U"]:
        """Which of the known situations each is; one past the last for others."""
        return rows_among(self._known, Contexts(agent, statistic, context, agent))


def rows_among(known: Contexts, asked: Contexts) -> Int[Tensor, " V"]:
    """Which of some known situations each asked for is; one past the last for others."""
    number = known.agent.shape[0]
    pairs = [(known.agent[:, None], asked.agent[:, None]), (known.statistic, asked.statistic)]
    if known.context is not None and asked.context is not None:
        pairs.append((known.context, asked.context))
    _, inverse = unique_rows(*(torch.cat(pair) for pair in pairs))
    place = torch.full((int(inverse.max()) + 1,), number, device=inverse.device)
    place[inverse[:number]] = torch.arange(number, device=inverse.device)
    return place[inverse[number:]]


@dataclass(frozen=True, eq=False)
class Cells:
    """The payoffs that a log is about, as coordinates, followed by the learner's free parameters.

    Attributes:
        family: the mechanism.
        contexts: the log's situations.
        situations: how often each own action was taken in each.
        followed: how often each own action was taken in each with a later choice of the agent in the episode.
        row: situation of each cell, [C].
        action: own action of each cell, [C].
        payoffs: under the mechanism, [C].
        learner: names of the learner's free coordinates, in order.
        agents: the agents' labels.
    """

    family: Mechanism
    contexts: Contexts
    situations: Situations
    followed: Float[Tensor, "U A"]
    row: Int[Tensor, " C"]
    action: Int[Tensor, " C"]
    payoffs: Float[Tensor, " C"]
    learner: tuple[str, ...]
    agents: tuple[str, ...]

    @property
    def number(self) -> int:
        """How many cells there are, C."""
        return len(self.row)

    def pick(self, table: Float[Tensor, "*k U A"]) -> Float[Tensor, "*k C"]:
        """The cells of a table of all situations."""
        return table[..., self.row, self.action]

    @property
    def group(self) -> Int[Tensor, " C"]:
        """Which payoff function each cell belongs to."""
        return self.family.group_of(self.contexts.agent[self.row])

    def weights(self) -> Float[Tensor, " C"]:
        """How often the situation of each cell was met."""
        return self.situations.visits.sum(1)[self.row]

    def spread(self) -> float:
        """What own actions typically differ by (`payoff_spread`)."""
        with torch.no_grad():
            table = self.family.payoff_table(self.contexts).double()
        visits = self.situations.visits.sum(1).to(table)
        return payoff_spread(table, self.family.mask[self.contexts.agent], visits)


def times_followed(dataset: EpisodeDataset, contexts: Contexts) -> Float[Tensor, "U A"]:
    """How often each own action was taken in each situation with a later choice of the agent's to follow."""
    seen = dataset.observed()
    if isinstance(dataset, PopulationDataset):
        seen = dataset.counts.sum(-1) > 0
    later = seen.flip(1).cumsum(1).flip(1) - seen.long() > 0  # [E, T, n]
    count = torch.zeros(contexts.agent.shape[0], dataset.max_actions, dtype=torch.float64)
    index = contexts.by_action()
    if isinstance(dataset, PopulationDataset):
        weight = torch.where(later.unsqueeze(-1), dataset.counts, 0.0)
        actions = torch.arange(dataset.max_actions).expand(weight.shape)
        return count.index_put((index.cpu(), actions), weight.double().cpu(), accumulate=True)
    weight = (seen & later).double().cpu()
    return count.index_put((index.cpu(), dataset.actions.cpu()), weight, accumulate=True)
