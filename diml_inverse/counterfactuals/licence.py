"""May a log answer this question? The request against everything that the log does not tell."""

import enum
from dataclasses import dataclass

import torch

from diml_inverse.counterfactuals.moves import Lifted, Scaled
from diml_inverse.counterfactuals.paths import Play, World, play
from diml_inverse.counterfactuals.scenario import Scenario
from diml_inverse.dynamics import LearningDynamics
from diml_inverse.identification import null_directions, unseen_directions
from diml_inverse.identification.null_directions import Direction
from diml_inverse.mechanisms.base import Mechanism
from diml_inverse.situations import Situations, payoff_spread
from diml_inverse.uncertainty.with_parameters import with_parameters

TOLERANCE = 0.01
"""Change of a mean choice probability (over a quarter of the steps) that counts as no change, where what is
moved is moved along a null direction, which is one to first order only."""

OUTSIDE = 0.05
"""Share of simulated choices in contexts that the log never showed, beyond that without any change."""

SAME = 1e-6
"""Difference of choice probabilities that rounding may make, where exactly nothing should happen."""

LIFT = 10.0
"""Size of other payoff levels, in units of what own actions differ by; the log bounds them nowhere."""


class Verdict(enum.Enum):
    """The answer to whether a log can predict something."""

    IDENTIFIED = "identified"
    MONETARY = "identified given a monetary scale (pass `numeraire=`)"
    LEVELS = "needs payoff levels, which this log cannot tell"
    OUTSIDE = "outside the observed contexts"
    UNKNOWN = "depends on parameters that this log says nothing about"


class Unlicensed(ValueError):
    """A question that a log cannot answer; `licence` says why."""

    def __init__(self, message: str, licence: "Licence | None" = None):
        super().__init__(message)
        self.licence = licence


@dataclass(frozen=True)
class Licence:
    """Whether a log can answer a question, and why.

    Attributes:
        verdict: the answer.
        reasons: what stands in the way, the verdict's own first.
        payoffs: the answer for what the change does to mean payoffs (welfare).
        outside: share of choices in contexts without support in the log, without and with the change.
        moved: by how much what the log does not tell moves predicted choice probabilities, by its name.
        directions: whether null directions of the information were looked at, beside levels, scale, contexts.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    payoffs: Verdict
    outside: tuple[float, float]
    moved: dict[str, float]
    directions: bool

    @property
    def granted(self) -> bool:
        """Whether choices can be predicted."""
        return self.verdict is Verdict.IDENTIFIED

    def __str__(self) -> str:
        """The verdict and its reasons."""
        return "\n".join([self.verdict.value, *(f"  {reason}" for reason in self.reasons)])


class Examination:
    """One request, simulated with payoffs moved in ways of which the log says nothing.

    Args:
        model: mechanism and learner at the estimate.
        scenario: the request.
        episodes: simulated per look.
        horizon: steps simulated.
        seed: of the draws, the same for all looks.
        width: agents to draw numbers for.
    """

    def __init__(
        self,
        model: LearningDynamics,
        scenario: Scenario,
        *,
        episodes: int,
        horizon: int,
        seed: int,
        width: int,
    ):
        self.model, self.scenario = model, scenario
        self._numbers = {"episodes": episodes, "horizon": horizon, "seed": seed, "width": width}
        self.worlds = scenario.without(model), scenario.changed(model)
        self.plays = self._play(self.worlds[0]), self._play(self.worlds[1])
        self.spread = typical_difference(model.mechanism, scenario.situations)
        self.found: list[tuple[Verdict, str]] = []
        self.moved: dict[str, float] = {}
        self.payoffs, self.looked = Verdict.IDENTIFIED, False

    def levels(self) -> None:
        """Other payoff levels in every situation, where learners like those of the log would not notice."""

        def lift(mechanism: Mechanism) -> Mechanism:
            return Lifted(mechanism, LIFT * self.spread)

        factual = self._play(self.scenario.without(self.model, move=lift))
        if not _differ(factual, self.plays[0]) <= SAME:  # also where such payoffs are beyond the rule: NaN
            return
        changed = self._play(self.scenario.changed(self.model, move=lift))
        rule = type(self.model.learner).__name__
        self._exact(
            Verdict.LEVELS,
            "payoff levels",
            changed,
            f"{rule} learners choose by payoff differences between own actions: the level of payoffs in a "
            "context leaves no trace in the log, but what is asked depends on it",
        )
        before, after = ([play.payoffs.mean() for play in pair] for pair in (self.plays, (factual, changed)))
        effect = float((after[1] - after[0]) - (before[1] - before[0]))
        if abs(effect) > SAME * LIFT * self.spread:
            self.payoffs = Verdict.LEVELS

    def scale(self) -> None:
        """Another scale of each agent's payoffs, where no choice in the log would have been another."""
        if self.scenario.numeraire is not None:
            return
        factors = torch.linspace(0.5, 2.0, self.model.mechanism.num_agents, dtype=torch.float64)
        if self.model.mechanism.symmetric or self.scenario.num_agents is not None:
            factors = torch.tensor(1.7, dtype=torch.float64)

        def rescale(mechanism: Mechanism) -> Mechanism:
            return Scaled(mechanism, factors if factors.ndim else float(factors))

        factual = self._play(self.scenario.without(self.model, move=rescale))
        if _differ(factual, self.plays[0]) <= SAME:
            changed = self._play(self.scenario.changed(self.model, move=rescale))
            why = f"{type(self.model.learner).__name__} learners choose alike at any scale of their payoffs"
            self._exact(Verdict.MONETARY, "scale of payoffs", changed, why)
        elif self.model.mechanism.free_scale:
            changed = self._play(self.scenario.changed(self.model, unit=1.7))
            why = (
                f"payoffs are in a unit of their own, set by the learner's parameters: "
                f"{type(self.model.mechanism).__name__} holds them at any scale, and the request names "
                "amounts. numeraire=1.0 says that those parameters are known per unit of money"
            )
            self._exact(Verdict.MONETARY, "unit of payoffs", changed, why)

    def contexts(self, shares: tuple[float, float]) -> None:
        """The share of choices in contexts that the log never showed."""
        without, changed = shares
        if changed > without + OUTSIDE:
            why = (
                f"{changed:.0%} of the choices are in opponents' contexts without support in the log "
                f"({without:.0%} without the change)"
            )
            self.found.append((Verdict.OUTSIDE, why))

    def directions(self, directions: tuple[Direction, ...]) -> None:
        """Parameters moved along null directions of the information, all of a kind together, twice."""
        self.looked = True
        generator = torch.Generator().manual_seed(int(self._numbers["seed"]))
        for kind in dict.fromkeys(direction.kind for direction in directions):
            verdict = KINDS.get(kind, Verdict.UNKNOWN)
            if verdict is Verdict.MONETARY and self.scenario.numeraire is not None:
                continue
            same = [d for d in directions if d.kind == kind]
            span = torch.stack([d.vector for d in same], dim=1)
            for _ in range(2):
                step = span @ torch.randn(span.shape[1], generator=generator, dtype=span.dtype)
                step = step * (self.spread / step.abs().max())
                moved = with_parameters(self.model, step, relative=True)
                more = f" and {len(same) - 1} more" if len(same) > 1 else ""
                pair = (self.scenario.without(moved), self.scenario.changed(moved))
                without, changed = (_moved(self._play(w), p) for w, p in zip(pair, self.plays, strict=True))
                excess = max(changed - without, 0.0)
                self.moved[kind] = max(excess, self.moved.get(kind, 0.0))
                if excess > TOLERANCE:
                    self.found.append((verdict, f"the log does not tell {same[0].words}{more}"))

    def licence(self, shares: tuple[float, float]) -> Licence:
        """The verdict."""
        order = (Verdict.LEVELS, Verdict.OUTSIDE, Verdict.UNKNOWN, Verdict.MONETARY)
        found = sorted(self.found, key=lambda item: order.index(item[0]))
        verdict = found[0][0] if found else Verdict.IDENTIFIED
        payoffs = verdict if found else self.payoffs
        reasons = tuple(dict.fromkeys(why for _, why in found))
        return Licence(verdict, reasons, payoffs, shares, dict(self.moved), self.looked)

    def _exact(self, verdict: Verdict, name: str, changed: Play, why: str) -> None:
        self.moved[name] = _differ(changed, self.plays[1])
        if not self.moved[name] <= SAME:
            self.found.append((verdict, why))

    def _play(self, world: World) -> Play:
        return play(world, **self._numbers)


KINDS = {
    null_directions.CONSTANT: Verdict.LEVELS,
    null_directions.LEVEL: Verdict.LEVELS,
    "level": Verdict.LEVELS,
    null_directions.SCALE: Verdict.MONETARY,
    null_directions.UNUSED: Verdict.OUTSIDE,
    unseen_directions.UNSEEN: Verdict.OUTSIDE,
    unseen_directions.HIDDEN: Verdict.OUTSIDE,
}
"""What a kind of null direction stands for; all others are parameters of which the log says nothing."""


def _differ(one: Play, other: Play) -> float:
    return float((one.policies - other.policies).abs().max())


def _moved(one: Play, other: Play) -> float:
    """Largest difference of choice probabilities, means over episodes and a quarter of the steps.

    Two standard errors over episodes are taken off: where play parts ways, the draws differ.
    """
    difference = one.policies - other.policies
    parts = [part.mean(1) for part in difference.chunk(4, dim=1)]
    sizes = []
    for part in parts:
        error = part.std(0) / len(part) ** 0.5 if len(part) > 1 else torch.zeros_like(part[0])
        sizes.append((part.mean(0).abs() - 2 * error).max())
    return float(torch.stack(sizes).max())


def typical_difference(mechanism: Mechanism, situations: Situations) -> float:
    """What own actions typically differ by in the log's situations; 1 where they all pay alike."""
    payoffs = situations.payoffs(mechanism).double()
    return payoff_spread(payoffs, mechanism.mask[situations.agent], situations.visits.sum(1)) or 1.0
