"""Prints a comparison of a fit with its log: status, checks, behaviour, recovered payoffs, situations."""

import io
import math

import torch
from rich import box
from rich.console import Console
from rich.table import Table

from diml_inverse.comparison import Comparison, Differences, Recovery
from diml_inverse.report_checks import (
    Checks,
    adequacy_text,
    identification_text,
    interval_cells,
    kind_in_words,
    parameters_text,
)
from diml_inverse.same_log import ANOTHER
from diml_inverse.situation_words import situation_in_words
from diml_inverse.status import Status

MOST_VISITED = 8
"""Situations shown; with one payoff function per agent, shared out among the agents shown."""

MOST_AGENTS = 8
"""Agents shown one by one."""

MOST_ACTIONS = 8
"""Own actions beyond which situations are not shown one by one."""


def report_text(comparison: Comparison, checks: Checks | None = None) -> str:
    """The report as text; whatever contradicts the model stands before any number."""
    checks = checks or Checks()
    heading = comparison.result.summary().splitlines()[:2]  # what was fitted, and its status with the remedy
    sections = ["\n".join(heading), adequacy_text(checks), _behaviour(comparison)]
    if comparison.differences is None:
        sections.append(
            f"No payoffs are shown: {Status.NO_INFORMATION.value}. Whatever numbers the estimate holds, the "
            "choices in this log do not depend on them beyond chance."
        )
        return "\n\n".join(section for section in sections if section)
    sections += [_recovery(comparison), parameters_text(checks)]
    sections.append(_mean_differences(comparison, comparison.differences, checks))
    sections += [_situations(comparison, comparison.differences), identification_text(checks)]
    return "\n\n".join(section for section in sections if section)


def _behaviour(comparison: Comparison) -> str:
    rows = comparison.behaviour, comparison.held_out_behaviour
    shown = [(name, row) for name, row in zip(("fitted", "held-out"), rows, strict=True) if row is not None]
    columns = [f"{_count(row.episodes, f'{name} episode')}" for name, row in shown]
    table = _table("log-likelihood per choice (nats)", *columns)
    memory = "memory of the last joint action" if comparison.memory else "constant frequencies"
    null = " without payoffs" if comparison.result.mechanism.known_part() is None else ", known part alone"
    kinds = {
        "this fit": "fit",
        f"same learner{null}": "without_payoffs",
        f"{memory}, payoffs ignored": "memory",
        "uniform choice": "uniform",
    }
    for label, attribute in kinds.items():
        table.add_row(label, *(f"{getattr(row, attribute):.4f}" for _, row in shown))
    name, last = shown[-1]
    best = max(last.without_payoffs, last.memory, last.uniform)
    verdict = "better" if last.fit > best else "worse"
    lines = [
        _rendered(table),
        f"On the {name} episodes the fit predicts choices {abs(last.fit - best):.4f} nats per choice "
        f"{verdict} than the best of the others.",
    ]
    if len(shown) == 1:
        lines.append("In-sample: these are the episodes of the fit (--test-fraction keeps some out).")
    if not comparison.same_choices:
        lines.append(f"Warning: {ANOTHER}.")
    return "\n".join(lines)


def _recovery(comparison: Comparison) -> str:
    if comparison.recovery is None:
        return (
            "The log carries no payoffs, so there is nothing to compare the recovered ones with; "
            f"identified are {comparison.result.learner.identifies}."
        )
    table = _table("recovery of realised payoff differences", "R2", "mean squared error", "zero predictor's")
    _add_scores(table, comparison.recovery, "fitted episodes")
    if comparison.held_out_recovery is not None:
        _add_scores(table, comparison.held_out_recovery, "held-out episodes")
    return "\n".join([_rendered(table), *_scale_lines(comparison, comparison.recovery)])


def _add_scores(table: Table, recovery: Recovery, where: str) -> None:
    for label, score in (("as estimated", recovery.plain), ("scale-free", recovery.scale_free)):
        cells = f"{float(score):.4f}", f"{score.mean_squared_error:.4g}", f"{score.zero_predictor:.4g}"
        table.add_row(f"{label}, {where}", *cells)


def _scale_lines(comparison: Comparison, recovery: Recovery) -> list[str]:
    headline = comparison.headline
    assert headline is not None  # there is a recovery
    if math.isnan(headline):
        return ["No R2: no situation was seen with two own actions, or realised payoffs never differ."]
    if comparison.scale_known:
        return [f"R2 = {float(headline):.3f}: the learner's scale was given, so payoffs keep their units."]
    count = 1 if comparison.result.mechanism.symmetric else len(comparison.factors)
    fitted = recovery.scale_free.factors[:count]
    values = ", ".join(f"{factor:.4g}" for factor in fitted[:MOST_AGENTS])
    more = ", ..." if count > MOST_AGENTS else ""
    lines = [
        f"R2 = {float(headline):.3f}, scale-free: the learner's scale was set to 1, not identified, so",
        f"recovered differences below are multiplied by a fitted factor ({values}{more}).",
    ]
    if min(fitted) <= 0:
        lines.append(
            "A factor of 0 means that no positive one fits: those differences are left as estimated."
        )
    return lines


def _mean_differences(comparison: Comparison, differences: Differences, checks: Checks) -> str:
    """Averages over situations, per agent and own action."""
    symmetric = comparison.result.mechanism.symmetric
    weight, agent = differences.weight, differences.situations.agent
    taken = differences.situations.visits
    realised = differences.realised
    ends = _if(checks.means, "interval")
    table = _table("agent", "own action", "times taken", "recovered", *ends, *_if(realised, "realised"))
    names = {0: "all"} if symmetric else comparison.result.mechanism.sharers(comparison.result.agents)
    values = [comparison.rescaled()] + ([] if realised is None else [realised])
    for i, name in list(names.items())[:MOST_AGENTS]:
        mine = agent == i
        for action in range(comparison.result.mechanism.num_actions[i]):
            total = float(weight[mine, action].sum())
            means = [
                float((weight * value)[mine, action].sum()) / total if total else None for value in values
            ]
            cells = [_number(mean) for mean in means]
            cells[1:1] = interval_cells(checks, i, action, total > 0)
            table.add_row(name, str(action), f"{int(taken[mine, action].sum()):,}", *cells)
    over = "over all own actions" if realised is None else "over the own actions seen in a situation"
    lines = [f"payoff of each own action less the mean {over}, averaged over situations", _rendered(table)]
    if checks.means is not None:
        given = "" if comparison.scale_known or realised is None else ", the fitted factor taken as given"
        lines.append(f"({kind_in_words(checks.kind)}{given})")
        if checks.kind == "posterior" and comparison.result.ridge_path is not None:
            lines.append("(its strength was chosen by cross-validation: far too narrow in short logs)")
    if len(names) > MOST_AGENTS:
        lines.append(f"({len(names) - MOST_AGENTS} more agents: see comparison.differences)")
    return "\n".join(lines)


def _situations(comparison: Comparison, differences: Differences) -> str:
    """The most visited situations, one row each."""
    mechanism, rows = comparison.result.mechanism, differences.situations
    if max(mechanism.num_actions) > MOST_ACTIONS:
        return ""
    groups = dict(list(mechanism.sharers(comparison.result.agents).items())[:MOST_AGENTS])
    each = max(2, math.ceil(MOST_VISITED / len(groups)))
    realised, recovered = differences.realised, comparison.rescaled()
    actions = [f"action {action}" for action in range(max(mechanism.num_actions))]
    who = [] if mechanism.symmetric else ["agent"]
    table = _table(*who, "situation", "visits", *actions, left=len(who) + 1)
    visits = rows.visits.sum(1)
    for group, whose in groups.items():
        mine = torch.nonzero(rows.agent == group)[:, 0]
        for row in mine[visits[mine].argsort(descending=True, stable=True)][:each].tolist():
            cells = []
            for action in range(len(actions)):
                if not bool(differences.seen[row, action]):
                    cells.append("")
                    continue
                true = "" if realised is None else f" ({_number(float(realised[row, action]))})"
                cells.append(_number(float(recovered[row, action])) + true)
            name = [] if mechanism.symmetric else [whose]
            table.add_row(*name, situation_in_words(mechanism, rows, row), f"{int(visits[row]):,}", *cells)
    what = "recovered differences" + ("" if realised is None else " (realised in brackets)")
    shown = f"{table.row_count} of {rows.agent.shape[0]:,}"
    return f"most visited situations, {shown}: {what}\n{_rendered(table)}"


def _number(value: float | None) -> str:
    """A difference with its sign, four decimals; nothing where it is unknown."""
    return "" if value is None else f"{value:+.4f}"


def _if(value: object, name: str) -> list[str]:
    return [] if value is None else [name]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _table(*columns: str, left: int = 1) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for k, column in enumerate(columns):
        table.add_column(column, justify="left" if k < left else "right", no_wrap=True)
    return table


def _rendered(table: Table) -> str:
    console = Console(file=io.StringIO(), width=1000, color_system=None, markup=False, highlight=False)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().strip("\n").splitlines() if line.strip())
