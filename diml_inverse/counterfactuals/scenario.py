"""What world is asked about? A request, and the worlds without and with it that a model makes of it."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from diml_inverse.counterfactuals.log_conditions import Conditions, states_at_end
from diml_inverse.counterfactuals.moves import Scaled
from diml_inverse.counterfactuals.other_population import other_learner, other_mechanism
from diml_inverse.counterfactuals.paths import World
from diml_inverse.counterfactuals.tolls import Tolled
from diml_inverse.dynamics import LearningDynamics
from diml_inverse.episodes import EpisodeDataset
from diml_inverse.learners.base import LearnerRule
from diml_inverse.mechanisms.base import Mechanism
from diml_inverse.situations import Situations

Change = Callable[[Mechanism], Mechanism]


@dataclass(frozen=True, eq=False)
class Scenario:
    """A request. Everything is in the unit of the recovered payoffs, but the toll, which is in money.

    Attributes:
        mechanism: what is made of the recovered mechanism; None: nothing.
        learner: another rule, or what is made of the recovered one; None: the recovered one.
        num_agents: another number of agents (of members, in a crowd); None: as many.
        available: actions left open, [n, A]; None: all.
        toll: fee per own action, [A] or [n, A], in money; None: none.
        numeraire: money that one unit of recovered payoff is worth, () or (n, 1); None: not said.
        data: the log at whose end play begins; None: learning starts.
        conditions: what the log passes on.
        situations: of the log.
    """

    mechanism: Change | None
    learner: LearnerRule | Callable[[LearnerRule], LearnerRule] | None
    num_agents: int | None
    available: Bool[Tensor, "n A"] | None
    toll: Float[Tensor, "..."] | None
    numeraire: Float[Tensor, "..."] | None
    data: EpisodeDataset | None
    conditions: Conditions
    situations: Situations

    def without(self, model: LearningDynamics, *, move: Change | None = None) -> World:
        """The world as it was recovered.

        Args:
            model: mechanism and learner.
            move: a change of the recovered payoffs themselves, of which the log may say nothing.
        """
        mechanism = model.mechanism if move is None else move(model.mechanism)
        return World(mechanism, model.learner, None, self.conditions, self._start(mechanism, model.learner))

    def recovered(self, model: LearningDynamics) -> Mechanism:
        """The recovered mechanism, for as many agents as are asked about."""
        if self.num_agents is None or self.conditions.members is not None:
            return model.mechanism
        return other_mechanism(model.mechanism, self.num_agents, self.situations)

    def changed(
        self,
        model: LearningDynamics,
        *,
        move: Change | None = None,
        unit: float = 1.0,
        toll: Float[Tensor, "..."] | None = None,
    ) -> World:
        """The world asked about.

        Args:
            model: mechanism and learner.
            move: as in `without`.
            unit: payoffs taken to be this many times those recovered, in money as in the learner's eyes: a
                request that names amounts of money then changes choice by as much less.
            toll: in place of the scenario's.

        Raises:
            TypeError: if what is made of the recovered mechanism or rule is neither.
            ValueError: if mechanism and learner do not fit each other, or the rule cannot be simulated there.
        """
        recovered, crowd = self.recovered(model), self.conditions.members is not None
        moved = recovered if move is None else move(recovered)
        mechanism = moved
        if self.mechanism is not None:
            mechanism = self.mechanism(moved if unit == 1 else Scaled(moved, unit))
            if not isinstance(mechanism, Mechanism):
                raise TypeError(
                    f"mechanism: expected a function that gives a mechanism; found {mechanism!r}; e.g. "
                    "mechanism=lambda m: di.with_toll(m, [0, 1])"
                )
            mechanism = mechanism if unit == 1 else Scaled(mechanism, 1 / unit)
        if (fee := self.toll if toll is None else toll) is not None:
            mechanism = Tolled(mechanism, self._fee(fee) / unit)
        learner = self._learner(model.learner, crowd)
        both = LearningDynamics(mechanism, learner)
        self._require_playable(both, crowd)
        start = None
        if self.data is not None:
            if type(learner) is not type(model.learner):
                raise ValueError(
                    f"initial: expected the recovered rule, {type(model.learner).__name__}, whose states at "
                    f"the log's end are known; found {type(learner).__name__}; leave initial out: a new "
                    "rule learns from the start"
                )
            start = self._start(model.mechanism if move is None else move(model.mechanism), model.learner)
        return World(mechanism, learner, self.available, self._conditions(), start)

    def _fee(self, toll: Tensor) -> Tensor:
        if self.numeraire is None:
            return toll
        if self.numeraire.ndim == 2 and toll.ndim == 1:
            toll = toll.expand(len(self.numeraire), -1)
        return toll / self.numeraire

    def _learner(self, recovered: LearnerRule, crowd: bool) -> LearnerRule:
        if isinstance(self.learner, LearnerRule):
            return self.learner
        if self.num_agents is not None and not crowd:
            recovered = other_learner(recovered, self.num_agents)
        if self.learner is None:
            return recovered
        found = self.learner(copy.deepcopy(recovered))
        if not isinstance(found, LearnerRule):
            raise TypeError(
                f"learner: expected a function that gives a rule; found {found!r}; return the changed rule"
            )
        return found

    def _conditions(self) -> Conditions:
        members = self.conditions.members
        if self.num_agents is None or members is None:
            return self.conditions
        if len(members) > 1:
            raise ValueError(
                f"num_agents: expected a log of one group, whose members they are; found {len(members)} "
                "groups; leave num_agents out"
            )
        return Conditions(
            self.conditions.length,
            self.conditions.context,
            self.conditions.available,
            torch.full_like(members, self.num_agents),
        )

    def _start(self, mechanism: Mechanism, learner: LearnerRule) -> Tensor | None:
        if self.data is None:
            return None
        return states_at_end(LearningDynamics(mechanism, learner), self.data)

    def _require_playable(self, model: LearningDynamics, crowd: bool) -> None:
        rule = model.learner
        closed = self.available is not None or self.conditions.available is not None
        if closed and rule.reads_policy:
            raise ValueError(
                "available: expected a rule that reads payoffs alone, since one that reads its choice "
                f"probabilities takes them over all own actions; found {type(rule).__name__}; put a "
                "prohibitive toll on the action instead, which this rule learns to avoid"
            )
        if crowd and (rule.reads_action or rule.reads_others):
            raise ValueError(
                "learner: expected a rule that learns from the payoffs of all actions alone, since a crowd "
                f"is simulated by a representative of each group; found {type(rule).__name__}; use a rule "
                "such as LogitQ, Hedge or FictitiousPlay"
            )
