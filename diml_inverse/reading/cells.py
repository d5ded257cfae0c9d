"""From rows in any order to the canonical one: no row missing, none twice, every list of the right length."""

from collections.abc import Sequence

import numpy as np

from diml_inverse.reading.checks import (
    UNKNOWN_UPDATE,
    Cells,
    LogError,
    NumActions,
    check_values,
    did_you_mean,
    own_actions,
    resolve_agents,
    resolve_num_actions,
)
from diml_inverse.reading.rows import Rows


def cells_from_rows(
    rows: Rows,
    num_actions: NumActions | None,
    agents: Sequence[object] | None,
    allow_absent: bool = False,
) -> Cells:
    """Checks rows in any order and sorts them by episode, step and agent."""
    labels, sizes = labels_and_sizes(rows, num_actions, agents)
    n = len(labels)
    agent = unit_codes(rows, labels)
    order, lengths, present = ordered(rows, agent, labels, allow_absent)
    there = order >= 0  # [S * n]; everywhere, unless agents are absent
    values: dict[str, np.ndarray] = {}
    for column, fill in (("action", 0), ("payoff", np.nan), ("update", UNKNOWN_UPDATE)):
        if column in rows.columns:
            values[column] = np.where(there, rows.columns[column][order], fill).reshape(-1, n)
    own = own_actions(sizes)
    for column in ("probabilities", "available"):
        if column in rows.columns:
            dense = _own_lists(rows, column, agent, np.array(sizes))
            dense = dense[order].reshape(-1, n, dense.shape[-1])
            if present is not None:
                absent = ~there.reshape(-1, n, 1)
                dense[absent & own] = np.nan if column == "probabilities" else True
                dense[absent & ~own] = 0
            values[column] = dense
    if "context" in rows.columns:
        values["context"] = shared_context(rows, order, n)
    ids = episode_numbers(rows, order, lengths, n)

    def where(s: int, i: int, column: str) -> str:
        return rows.where(int(order[s * n + i]), column)

    provenance = (rows.metadata or {}).get("provenance", {})
    cells = Cells(labels, sizes, ids, lengths, values, where, provenance, present)
    check_values(cells)
    return cells


def unit_codes(rows: Rows, labels: tuple[str, ...]) -> np.ndarray:
    """Returns for each row the position of its agent (or group) among the labels.

    Raises:
        LogError: no rows at all, or a label that is not one of them.
    """
    unit = rows.layout.unit
    if len(rows.columns["action"]) == 0:
        raise LogError(f"{rows.title}: expected rows, found an empty log. Record at least one step.")
    position = {label: i for i, label in enumerate(labels)}
    code = np.array([position.get(label, -1) for label in rows.labels])[rows.columns[unit]]
    if (code < 0).any():
        row = int((code < 0).argmax())
        label = rows.labels[rows.columns[unit][row]]
        raise LogError(
            f"{rows.where(row, unit)}: expected one of the {unit}s {list(labels)}, found {label!r}. Mend "
            f"the label or name the {unit} in agents= (or the log's metadata).{did_you_mean(label, labels)}"
        )
    return code


def episode_numbers(rows: Rows, order: np.ndarray, lengths: np.ndarray, n: int) -> tuple[int, ...]:
    """Returns the episodes' numbers in the log, in canonical order."""
    first_steps = (np.cumsum(lengths) - lengths) * n
    return tuple(rows.columns["episode"][order.reshape(-1, n).max(1)[first_steps // n]].tolist())


def labels_and_sizes(
    rows: Rows, num_actions: NumActions | None, agents: Sequence[object] | None
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Returns labels and numbers of actions, as the log says or as given."""
    argument = f"{rows.title}, argument num_actions"
    unit = rows.layout.unit
    given = None if agents is None else resolve_agents(agents, "argument agents")
    if rows.metadata is None:
        if num_actions is None:
            raise LogError(
                f"{rows.title}: expected a diml log (metadata key 'diml') or the number of actions, found a "
                "foreign table without it. Give num_actions= (one number, one per agent, or a mapping by "
                "agent; --num-actions on the command line); it is never guessed from the actions seen."
            )
        labels = rows.labels if given is None else given
        if not labels:
            raise LogError(f"{rows.title}: expected rows, found an empty log. Record at least one step.")
        return labels, resolve_num_actions(num_actions, labels, argument)
    labels = tuple(rows.metadata[f"{unit}s"])
    sizes = tuple(rows.metadata["num_actions"])
    if given is not None and given != labels:
        raise LogError(
            f"{rows.title}, metadata key 'diml': expected the {unit}s {list(given)} (argument agents), found "
            f"{list(labels)}. Leave agents= out: the log says them itself."
        )
    if num_actions is not None and resolve_num_actions(num_actions, labels, argument) != sizes:
        raise LogError(
            f"{rows.title}, metadata key 'diml': expected num_actions {num_actions} (argument), found "
            f"{list(sizes)}. Leave num_actions= out: the log says it itself."
        )
    return labels, sizes


def ordered(
    rows: Rows, agent: np.ndarray, labels: tuple[str, ...], allow_absent: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Returns the row numbers in canonical order [S * n], the episodes' lengths [E], who took part [E, n].

    Where agents may be absent, -1 stands for the rows that an absent agent does not have; who took part is
    None if everybody always did.
    """
    key, every, acts = "agent", "agent", "acts"
    if rows.layout.unit != "agent":
        key, every, acts = "group and action", "action of every group", "has a count, 0 included,"
    episode, step = rows.columns["episode"], rows.columns["step"]
    order = np.lexsort((agent, step, episode))
    e, s, a = episode[order], step[order], agent[order]
    same_episode = e[1:] == e[:-1]
    same_step = same_episode & (s[1:] == s[:-1])

    def first(bad: np.ndarray) -> int | None:
        return int(bad.argmax()) if bad.any() else None

    if (k := first(same_step & (a[1:] == a[:-1]))) is not None:
        raise LogError(
            f"{rows.where(order[k + 1])}: expected one row per episode, step and {key}, found a duplicate of "
            f"{rows.where(order[k])}. Drop one of them; give independent runs different episode numbers."
        )
    if (k := first(np.diff(s, prepend=s[0]) * np.r_[False, same_episode] > 1)) is not None:
        raise LogError(
            f"{rows.where(order[k], 'step')}: expected step {s[k - 1] + 1} after step {s[k - 1]}, found "
            f"{s[k]}: a hole. Add the missing steps, or number the steps 0, 1, 2, ..."
        )
    if (k := first(np.r_[True, ~same_episode] & (s != 0))) is not None:
        raise LogError(
            f"{rows.where(order[k], 'step')}: expected every episode to start at step 0, found {s[k]} as its "
            "first. Number the steps 0, 1, 2, ...; an episode cut at its start cannot be used (its learners' "
            "past is gone)."
        )
    starts = np.flatnonzero(np.r_[True, ~same_step])
    lengths = np.diff(np.flatnonzero(np.r_[True, e[starts][1:] != e[starts][:-1]]), append=len(starts))
    counts = np.diff(starts, append=len(s))
    if not (counts < len(labels)).any():
        return order, lengths, None
    filled = np.full((len(starts), len(labels)), -1)
    filled[np.repeat(np.arange(len(starts)), counts), a] = order
    there = filled >= 0  # [S, n]
    run = np.repeat(np.arange(len(lengths)), lengths)
    present = np.zeros((len(lengths), len(labels)), dtype=bool)
    np.logical_or.at(present, run, there)
    needed: np.ndarray = present[run] if allow_absent else np.ones_like(there)
    if (k := first(np.any(needed & ~there, axis=1))) is not None:
        absent = [labels[i] for i in np.flatnonzero(needed[k] & ~there[k])]
        never = [labels[i] for i in np.flatnonzero(~there.any(0))]
        hint = f" No row at all names {never}." if never else ""
        advice = "add the missing rows, or drop what follows in this episode."
        if not allow_absent and key == "agent" and not (present[run[k]] & ~there[k]).any():
            advice += " If an agent took no part in a whole episode, say so: allow_absent=True."
        raise LogError(
            f"{rows.where(int(order[starts[k]]))}: expected a row of every {every} in episode "
            f"{e[starts[k]]}, step {s[starts[k]]}, found none of {absent}.{hint} Every {every} {acts} at "
            f"every step: {advice}"
        )
    return filled.reshape(-1), lengths, present


def _own_lists(rows: Rows, column: str, agent: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Returns lists over own actions as [R, A]; a null one becomes NaN over the agent's own actions."""
    ragged = rows.columns[column]
    null, want = ragged.lengths < 0, sizes[agent]
    bad = ~null & (ragged.lengths != want)
    if bad.any():
        row = int(bad.argmax())
        raise LogError(
            f"{rows.where(row, column)}: expected a list of {want[row]} (one per own action of this agent), "
            f"found {ragged.lengths[row]}. Write the whole list, or correct num_actions."
        )
    own = np.arange(sizes.max()) < want[:, None]  # [R, A]
    dense = np.zeros(own.shape, dtype=ragged.values.dtype)
    dense[own & ~null[:, None]] = ragged.values
    if null.any():
        dense[own & null[:, None]] = np.nan
    return dense


def shared_context(rows: Rows, order: np.ndarray, n: int) -> np.ndarray:
    """Returns the context [S, d], the same for all agents at a step."""
    ragged = rows.columns["context"]
    size = ragged.lengths[0]
    bad = (ragged.lengths != size) | (size == 0)
    if bad.any():
        row = int(bad.argmax())
        raise LogError(
            f"{rows.where(row, 'context')}: expected a list of {size or 'at least 1'} numbers as in the "
            f"first row, found {ragged.lengths[row]}. Write every covariate at every step, or leave the "
            "column out."
        )
    order = order.reshape(-1, n)
    order = np.where(order < 0, order.max(1, keepdims=True), order)  # who is absent saw what others saw
    context = ragged.values.reshape(-1, size)[order]  # [S, n, d]
    differs = (context != context[:, :1]) & ~(np.isnan(context) & np.isnan(context[:, :1]))
    if differs.any():
        s, i = divmod(int(differs.any(-1).reshape(-1).argmax()), n)
        raise LogError(
            f"{rows.where(order[s, i], 'context')}: expected the context {context[s, 0].tolist()} of "
            f"the step's first agent (a context is public), found {context[s, i].tolist()}. Write what every "
            "agent saw."
        )
    return context[:, 0]
