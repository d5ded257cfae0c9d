"""What a counterfactual returns: paths, the long run, what changes, with intervals and Monte-Carlo error."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from diml_inverse.counterfactuals.licence import Licence, Unlicensed, Verdict

NORMAL = 1.959963984540054
"""Quantile of the normal distribution that leaves 2.5 % above."""

FEWEST = 39
"""Parameter draws from which on 2.5 % lie beyond the lowest: with fewer, intervals are too short."""

WIDEST = 12
"""Agents beyond which a summary leaves rows to `table`."""


@dataclass(frozen=True, eq=False)
class Predicted:
    """Predicted numbers of any shape.

    Attributes:
        value: at the estimate, mean over simulated episodes.
        low: lower end of the interval; NaN without parameter draws.
        high: upper end. Half-widths are those of the 2.5 % and 97.5 % quantiles over parameter draws (every
            draw plays with the same random numbers), with 1.96 Monte-Carlo errors added in quadrature.
        monte_carlo: standard error of `value` from the finite number of simulated episodes; NaN of a single
            one, and then not in the interval.
    """

    value: Float[Tensor, "*k"]
    low: Float[Tensor, "*k"]
    high: Float[Tensor, "*k"]
    monte_carlo: Float[Tensor, "*k"]

    @classmethod
    def of(
        cls,
        value: Float[Tensor, "*k"],
        monte_carlo: Float[Tensor, "*k"],
        draws: Float[Tensor, "..."] | None,
    ) -> "Predicted":
        """From the value at the estimate and at every parameter draw, [D, *k]."""
        if draws is None:
            nothing = torch.full_like(value, torch.nan)
            return cls(value, nothing, nothing, monte_carlo)
        drawn, tails = draws.detach().numpy(), (0.025, 0.975)
        low, high = torch.as_tensor(np.quantile(drawn, tails, axis=0, method="weibull"))  # unbiased tails
        down, up = (value - low).clamp(min=0), (high - value).clamp(min=0)
        simulated = NORMAL * monte_carlo.nan_to_num(nan=0.0)  # unknown of a single episode
        return cls(
            value, value - torch.hypot(down, simulated), value + torch.hypot(up, simulated), monte_carlo
        )


@dataclass(frozen=True)
class Row:
    """Long-run choice of one action by one agent.

    Attributes:
        agent: its name, or `all agents`.
        action: the action.
        without: choice probability without the change.
        changed: with it.
        effect: the difference.
        low: lower end of the effect's 95 % interval.
        high: upper end.
        monte_carlo: standard error of the effect from simulating.
    """

    agent: str
    action: int
    without: float
    changed: float
    effect: float
    low: float
    high: float
    monte_carlo: float


@dataclass(frozen=True, eq=False)
class Counterfactual:
    """Predicted play under a change, beside play without it under common random numbers.

    The long run is the mean over the last quarter of the steps.

    Attributes:
        licence: whether the log can answer the question.
        forced: whether it was answered against the licence; nothing here should then be believed.
        agents: names, or `all agents` where the change is in their number.
        num_actions: of each.
        path_without: choice probabilities, [T, n, A], without the change.
        path_changed: with it.
        path_effect: the difference.
        without: choice probabilities in the long run, [n, A], without the change.
        changed: with it.
        effect: the difference.
        revenue: tolls paid per step by all agents together in the long run, (), in money; None without.
        draws: parameter draws behind the intervals; 0 for none.
        episodes: simulated episodes.
        horizon: steps of each.
        seed: of all draws.
    """

    licence: Licence
    forced: bool
    agents: tuple[str, ...]
    num_actions: tuple[int, ...]
    path_without: Predicted
    path_changed: Predicted
    path_effect: Predicted
    without: Predicted
    changed: Predicted
    effect: Predicted
    revenue: Predicted | None
    draws: int
    episodes: int
    horizon: int
    seed: int
    _payoffs: Predicted

    @property
    def payoff_effect(self) -> Predicted:
        """Change of mean payoffs in the long run, [n]: tolls paid are taken off, subsidies added.

        Raises:
            Unlicensed: where the log does not tell payoff levels, unless forced.
        """
        if self.licence.payoffs is not Verdict.IDENTIFIED and not self.forced:
            raise Unlicensed(
                "payoff_effect: expected a log that tells payoff levels, on which welfare depends; found "
                f"that it {self.licence.payoffs.value}; read `effect`, what agents choose, or log learners "
                "who react to levels (bandit rules)",
                self.licence,
            )
        return self._payoffs

    @property
    def table(self) -> tuple[Row, ...]:
        """One row per agent and action: the long run."""
        parts = (
            self.without.value, self.changed.value, self.effect.value,
            self.effect.low, self.effect.high, self.effect.monte_carlo,
        )  # fmt: skip
        return tuple(
            Row(agent, action, *(float(part[i, action]) for part in parts))
            for i, agent in enumerate(self.agents)
            for action in range(self.num_actions[i])
        )

    def summary(self) -> str:
        """The licence and the long run as text."""
        lines = ["FORCED against the licence: these numbers are not evidence"] if self.forced else []
        intervals = (
            f"95 % intervals from {self.draws} parameter draws"
            + (f", too few for their ends: take at least {FEWEST}" if self.draws < FEWEST else "")
            if self.draws
            else ("no intervals (they need data=, draws and from 1 to 5,000 free parameters)")
        )
        unknown = "; error of simulating not known from one episode" if self.episodes == 1 else ""
        lines += [
            f"licence: {self.licence}",
            f"choices in contexts without support in the log: {self.licence.outside[0]:.1%} without the "
            f"change, {self.licence.outside[1]:.1%} with it",
            *([] if self.licence.directions else ["null directions of the information were not looked at"]),
            "",
            f"choice probabilities in the long run (last quarter of {self.horizon} steps, {self.episodes} "
            f"episodes); {intervals}{unknown}",
            f"  {'agent':<14}{'action':>6}{'without':>10}{'changed':>10}{'effect':>10}"
            f"{'interval':>22}{'simulation':>12}",
        ]
        for row in self.table[: WIDEST * max(self.num_actions)]:
            interval = f"[{row.low:+.4f}, {row.high:+.4f}]" if row.low == row.low else "none"
            lines.append(
                f"  {row.agent:<14}{row.action:>6}{row.without:>10.4f}{row.changed:>10.4f}"
                f"{row.effect:>+10.4f}{interval:>22}{row.monte_carlo:>12.4f}"
            )
        if self.revenue is not None:
            r = self.revenue
            lines.append(f"tolls paid per step: {r.value:.4f}  [{r.low:.4f}, {r.high:.4f}]")
        if self.licence.payoffs is Verdict.IDENTIFIED or self.forced:
            for name, value in zip(self.agents[:WIDEST], self._payoffs.value.tolist(), strict=False):
                lines.append(f"change of mean payoff, {name}: {value:+.4f}")
        else:
            lines.append(f"change of mean payoffs: {self.licence.payoffs.value}")
        return "\n".join(lines)
