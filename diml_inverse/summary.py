"""Prints a fit: how it ended, how well it predicts, what the learners are like, what actions pay."""

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from diml_inverse.situations import less_mean
from diml_inverse.status import Status

if TYPE_CHECKING:
    from diml_inverse.results import FitResult

WIDEST = 20
"""Agents or actions beyond which the payoff table is left to `result.mechanism`."""


def summarise(result: "FitResult") -> str:
    """The summary as text."""
    null = "without payoffs" if result.mechanism.known_part() is None else "known part alone"
    lines = [
        f"{type(result.mechanism).__name__} x {_rule_name(result.learner)}",
        f"status: {result.status.value}. {result.status.remedy}",
        f"{result.num_episodes} episodes, {len(result.agents)} agents, {result.num_choices:,} choices, "
        f"{result.situations.agent.shape[0]:,} distinct situations; {result.seconds:.1f} s",
        "",
        "log-likelihood per choice (nats)",
        f"  this fit            {result.log_likelihood_per_choice:10.4f}",
        f"  {null:<20}{result.without_payoffs / result.num_choices:10.4f}",
        f"  uniform choice      {result.uniform / result.num_choices:10.4f}",
    ]
    if result.ridge_path is not None:
        best = max(result.ridge_path.held_out)
        end = ", the end of those tried" if result.ridge_path.at_end else ""
        lines.append(f"  held-out episodes   {best:10.4f}   at ridge {result.ridge_path.best:.3g}{end}")
    if result.evidence is not None:
        found = zip(result.evidence.names, result.evidence.variances, strict=True)
        lines.append(
            "  prior variances by marginal likelihood: " + ", ".join(f"{k} {v:.3g}" for k, v in found)
        )
    validated = [record.validation for record in result.history if record.validation is not None]
    if validated and result.ridge_path is None:
        lines.append(f"  validation, at best {max(validated):10.4f}")
    lines += ["", "learner parameters", *_parameter_lines(result)]
    if result.status is Status.NO_INFORMATION:
        return "\n".join(lines)
    return "\n".join([*lines, "", *_payoff_lines(result)])


def _rule_name(rule: torch.nn.Module) -> str:
    inner = getattr(rule, "rule", None)
    return type(rule).__name__ if inner is None else f"{type(rule).__name__}({_rule_name(inner)})"


def _parameter_lines(result: "FitResult") -> list[str]:
    lines = []
    for name, parameter in result.learner.learner_parameters().items():
        values = parameter().detach()
        values = values[result.learner.mask] if parameter.of_actions else values.reshape(-1)
        more = ", ..." if len(values) > WIDEST else ""
        text = ", ".join(f"{float(v):.4g}" for v in values[:WIDEST]) + more
        kind = "estimated" if parameter.free else "known"
        warning = " (at the edge of its domain)" if parameter.at_bound() else ""
        lines.append(f"  {name:<26}{text}  {kind}{warning}")
    return lines or ["  none"]


def mean_differences(result: "FitResult") -> Float[Tensor, "g A"]:
    """Payoff of each own action less the mean over own actions, averaged over a log's situations.

    One row per agent, or a single one where all agents share one payoff function; NaN beyond an agent's
    actions, and where another agent stands for the role.
    """
    situations, mask = result.situations, result.mechanism.mask
    payoffs = situations.payoffs(result.mechanism)
    differences = less_mean(payoffs, mask[situations.agent]).double()
    weight = situations.visits.sum(1)
    groups = int(situations.agent.max()) + 1
    total = torch.zeros(groups, payoffs.shape[1], dtype=torch.float64)
    total = total.index_add(0, situations.agent, differences * weight[:, None])
    share = torch.zeros(groups, dtype=torch.float64).index_add(0, situations.agent, weight)
    return torch.where(mask[:groups], total / share[:, None], torch.nan)


def _payoff_lines(result: "FitResult") -> list[str]:
    table = mean_differences(result)
    lines = [
        f"identified: {result.learner.identifies}",
        "payoff of each own action less the mean over own actions, averaged over the log's situations",
    ]
    if max(table.shape) > WIDEST:
        size = f"{table.shape[0]} x {table.shape[1]}"
        return [*lines, f"  {size} values: see result.mechanism.deviation_payoffs"]
    lines.append(" " * 14 + "".join(f"{'action ' + str(a):>11}" for a in range(table.shape[1])))
    for agent, name in result.mechanism.sharers(result.agents).items():
        cells = "".join(" " * 11 if v != v else f"{v:>11.4f}" for v in table[agent].tolist())
        lines.append(f"  {name:<12}{cells}")
    return lines
