"""From rows in any order to the canonical one: no row missing, none twice, every list of the right length."""

from collections.abc import Sequence

import numpy as np

from diml_inverse.reading.checks import (
    Cells,
    LogError,
    NumActions,
    check_values,
    did_you_mean,
    resolve_agents,
    resolve_num_actions,
)
from diml_inverse.reading.rows import Rows


def cells_from_rows(rows: Rows, num_actions: NumActions | None, agents: Sequence[object] | None) -> Cells:
    """Checks rows in any order and sorts them by episode, step and agent."""
    labels, sizes = _agents_and_sizes(rows, num_actions, agents)
    n, total = len(labels), len(rows.columns["action"])
    if total == 0:
        raise LogError(f"{rows.title}: expected rows, found an empty log. Record at least one step.")
    position = {label: i for i, label in enumerate(labels)}
    agent = np.array([position.get(label, -1) for label in rows.labels])[rows.columns["agent"]]
    if (agent < 0).any():
        row = int((agent < 0).argmax())
        label = rows.labels[rows.columns["agent"][row]]
        raise LogError(
            f"{rows.where(row, 'agent')}: expected one of the agents {list(labels)}, found {label!r}. Mend "
            f"the label or name the agent in agents= (or the log's metadata).{did_you_mean(label, labels)}"
        )
    order, lengths = _ordered(rows, agent, labels)
    values: dict[str, np.ndarray] = {}
    for column in ("action", "payoff", "update"):
        if column in rows.columns:
            values[column] = rows.columns[column][order].reshape(-1, n)
    for column in ("probabilities", "available"):
        if column in rows.columns:
            dense = _own_lists(rows, column, agent, np.array(sizes))
            values[column] = dense[order].reshape(-1, n, dense.shape[-1])
    if "context" in rows.columns:
        values["context"] = _shared_context(rows, order, n)
    first_steps = np.cumsum(lengths) - lengths
    ids = rows.columns["episode"][order[first_steps * n]]

    def where(s: int, i: int, column: str) -> str:
        return rows.where(int(order[s * n + i]), column)

    provenance = (rows.metadata or {}).get("provenance", {})
    cells = Cells(labels, sizes, tuple(ids.tolist()), lengths, values, where, provenance)
    check_values(cells)
    return cells


def _agents_and_sizes(
    rows: Rows, num_actions: NumActions | None, agents: Sequence[object] | None
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    argument = f"{rows.title}, argument num_actions"
    given = None if agents is None else resolve_agents(agents, "argument agents")
    if rows.metadata is None:
        if num_actions is None:
            raise LogError(
                f"{rows.title}: expected a diml log (metadata key 'diml') or the number of actions, found a "
                "foreign table without it. Give num_actions= (one number, one per agent, or a mapping by "
                "agent); it is never guessed from the actions seen."
            )
        labels = rows.labels if given is None else given
        if not labels:
            raise LogError(f"{rows.title}: expected rows, found an empty log. Record at least one step.")
        return labels, resolve_num_actions(num_actions, labels, argument)
    labels = tuple(rows.metadata["agents"])
    sizes = tuple(rows.metadata["num_actions"])
    if given is not None and given != labels:
        raise LogError(
            f"{rows.title}, metadata key 'diml': expected the agents {list(given)} (argument agents), found "
            f"{list(labels)}. Leave agents= out: the log says them itself."
        )
    if num_actions is not None and resolve_num_actions(num_actions, labels, argument) != sizes:
        raise LogError(
            f"{rows.title}, metadata key 'diml': expected num_actions {num_actions} (argument), found "
            f"{list(sizes)}. Leave num_actions= out: the log says it itself."
        )
    return labels, sizes


def _ordered(rows: Rows, agent: np.ndarray, labels: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the row numbers in canonical order [S * n] and the episodes' lengths [E]."""
    episode, step = rows.columns["episode"], rows.columns["step"]
    order = np.lexsort((agent, step, episode))
    e, s, a = episode[order], step[order], agent[order]
    same_episode = e[1:] == e[:-1]
    same_step = same_episode & (s[1:] == s[:-1])

    def first(bad: np.ndarray) -> int | None:
        return int(bad.argmax()) if bad.any() else None

    if (k := first(same_step & (a[1:] == a[:-1]))) is not None:
        raise LogError(
            f"{rows.where(order[k + 1])}: expected one row per episode, step and agent, found a duplicate of "
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
    counts = np.diff(starts, append=len(s))
    if (k := first(counts < len(labels))) is not None:
        there = a[starts[k] : starts[k] + counts[k]]
        absent = [label for i, label in enumerate(labels) if i not in there]
        never = [labels[i] for i in np.setdiff1d(np.arange(len(labels)), a)]
        hint = f" No row at all names {never}." if never else ""
        raise LogError(
            f"{rows.where(int(order[starts[k]]))}: expected a row of every agent in episode {e[starts[k]]}, "
            f"step {s[starts[k]]}, found none of {absent}.{hint} Every agent acts at every step: add the "
            "missing rows, or drop what follows in this episode."
        )
    return order, np.diff(np.flatnonzero(np.r_[True, e[starts][1:] != e[starts][:-1]]), append=len(starts))


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


def _shared_context(rows: Rows, order: np.ndarray, n: int) -> np.ndarray:
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
    context = ragged.values.reshape(-1, size)[order].reshape(-1, n, size)
    differs = (context != context[:, :1]) & ~(np.isnan(context) & np.isnan(context[:, :1]))
    if differs.any():
        s, i = divmod(int(differs.any(-1).reshape(-1).argmax()), n)
        raise LogError(
            f"{rows.where(order[s * n + i], 'context')}: expected the context {context[s, 0].tolist()} of "
            f"the step's first agent (a context is public), found {context[s, i].tolist()}. Write what every "
            "agent saw."
        )
    return context[:, 0]
