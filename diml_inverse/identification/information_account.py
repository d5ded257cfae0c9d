"""What an account of information says: its parts, and how much longer a log would have to be."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from diml_inverse.identification.null_space import NullSpace

FROZEN = 0.01
"""Information per step in the last phase, as a share of the mean, below which policies count as frozen."""

SHOWN = 8
"""Situations that a printed account lists."""

LONGEST = 1_000_000
"""Times the last phase's length beyond which no longer episode is considered."""


@dataclass(frozen=True, eq=False)
class Phase:
    """Steps `first` to `last` of all episodes (counted from 0, both included).

    Attributes:
        first: its first step.
        last: its last step.
        steps: steps of all episodes that fall into it.
        information: what its choices say.
    """

    first: int
    last: int
    steps: int
    information: float

    @property
    def per_step(self) -> float:
        """Information per step of an episode."""
        return self.information / self.steps if self.steps else 0.0


@dataclass(frozen=True, eq=False)
class Forecast:
    """How long a log would have to be.

    Attributes:
        needed: episodes, or steps per episode, in all; None if no number is enough.
        more: how many more than there are.
        words: the answer, with a warning where one is due.
    """

    needed: int | None
    more: int | None
    words: str

    def __str__(self) -> str:
        """The words."""
        return self.words


@dataclass(frozen=True, eq=False)
class InformationAccount:
    """Where the information on a number comes from; `account` makes one.

    Attributes:
        about: the number.
        information: in all, 1 / standard error^2 (of everything identified: its number of dimensions).
        by_episode: parts that add up to it, [E].
        by_agent: likewise, by who chose, [n].
        phases: likewise, by step.
        by_situation: likewise, by the situation that the agent had met one step before it chose (the first
            choice of an episode has none), [V].
        words: these situations, [V].
        slope: of the number in the free coordinates; None for everything identified.
        total: information on these, and its null space.
        late: the part of it of the last phase, [P, P].
    """

    about: str
    information: float
    by_episode: Float[Tensor, " E"]
    by_agent: Float[Tensor, " n"]
    phases: tuple[Phase, ...]
    by_situation: Float[Tensor, " V"]
    words: tuple[str, ...]
    slope: Float[Tensor, " P"] | None
    total: tuple[Float[Tensor, "P P"], NullSpace]
    late: Float[Tensor, "P P"]

    @property
    def frozen(self) -> bool:
        """Whether steps of the last phase say almost nothing: longer episodes would not help."""
        steps = sum(phase.steps for phase in self.phases)
        return self.phases[-1].per_step < FROZEN * self.information / max(1, steps)

    def episodes_needed(self, *, standard_error: float) -> Forecast:
        """Episodes like those of the log until the standard error is down to a given one.

        Information adds up over independent episodes, so the number is E (s.e. / wanted)^2.

        Args:
            standard_error: wanted, in the unit of the number.
        """
        self._require_number(standard_error)
        episodes, wanted = len(self.by_episode), standard_error**-2
        needed = math.ceil(wanted / (self.information / episodes) * (1 - 1e-12))
        more = max(0, needed - episodes)
        spread = (
            float(self.by_episode.std() / self.by_episode.mean()) / episodes**0.5 if episodes > 1 else 1.0
        )
        words = (
            f"{self.about}: a standard error of {standard_error:.3g} takes about {needed:,} episodes like "
            f"those of the log ({more:,} more, give or take {spread:.0%}); now it is "
            f"{self.information**-0.5:.3g}"
        )
        return Forecast(needed, more, words)

    def steps_needed(self, *, standard_error: float) -> Forecast:
        """Steps per episode until the standard error is down to a given one, if play went on as it ended.

        Every further step is taken to say what one of the last phase did. Where policies have frozen it says
        next to nothing, and the answer is more episodes instead.

        Args:
            standard_error: wanted, in the unit of the number.
        """
        self._require_number(standard_error)
        horizon, phase = self.phases[-1].last + 1, self.phases[-1]
        now = self.information**-0.5
        if now <= standard_error:
            return Forecast(horizon, 0, f"{self.about}: the standard error is {now:.3g} already")
        length = phase.last - phase.first + 1
        low, high = 0.0, 1.0
        while (reached := self._error_after(high)) > standard_error and high < LONGEST:
            high *= 2
        instead = self.episodes_needed(standard_error=standard_error)
        warning = (
            f"policies have all but stood still by steps {phase.first} to {phase.last} (information per step "
            f"there is {self._late_share():.2%} of the mean): record more episodes instead, about "
            f"{instead.more:,} more"
        )
        if reached > standard_error:
            return Forecast(None, None, f"{self.about}: longer episodes do not help, {warning}")
        for _ in range(60):
            middle = 0.5 * (low + high)
            low, high = (low, middle) if self._error_after(middle) <= standard_error else (middle, high)
        more = math.ceil(high * length)
        words = f"{self.about}: a standard error of {standard_error:.3g} takes episodes of about "
        words += f"{horizon + more:,} steps"
        words += f" ({more:,} more)" if not self.frozen else f"; longer episodes hardly help, {warning}"
        return Forecast(horizon + more, more, words)

    def _late_share(self) -> float:
        steps = sum(phase.steps for phase in self.phases)
        return self.phases[-1].per_step / (self.information / max(1, steps))

    def _error_after(self, times: float) -> float:
        """Standard error after so many more last phases."""
        information, space = self.total
        assert self.slope is not None
        return float((space.root(information + times * self.late).T @ self.slope).norm())

    def _require_number(self, standard_error: float) -> None:
        if self.slope is None:
            raise ValueError(
                "contrast: expected a number whose standard error is asked for; found everything identified; "
                "name one, e.g. identification.accounting(di.contrast(agent=0, action=1, minus=0))"
            )
        if not 0 < standard_error < math.inf:
            raise ValueError(
                f"standard_error: expected a number above 0; found {standard_error}; give it in the unit of "
                "the contrast"
            )

    def __str__(self) -> str:
        """Tables by phase, by agent and by situation."""
        error = "" if self.slope is None else f" (standard error {self.information**-0.5:.3g})"
        lines = [f"information on {self.about}: {self.information:.4g}{error}", "  by phase of learning"]
        for p in self.phases:
            share = p.information / self.information
            lines.append(f"    steps {p.first:>5} to {p.last:>5} {share:>8.1%}   {p.per_step:.3g} per step")
        mean, least, most = (float(f(self.by_episode)) for f in (torch.mean, torch.min, torch.max))
        lines.append(f"  per episode: {mean:.3g} ({least:.3g} to {most:.3g})")
        lines.append("  by what the agent had met just before it chose")
        for k in self.by_situation.abs().argsort(descending=True)[:SHOWN].tolist():
            lines.append(f"    {float(self.by_situation[k]) / self.information:>8.1%}   {self.words[k]}")
        if self.frozen:
            lines.append("  policies have all but stood still at the end: longer episodes would hardly help")
        return "\n".join(lines)
