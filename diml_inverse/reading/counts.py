"""From rows of a population log to arrays: one count for every action of every group at every step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from diml_inverse.reading.cells import (
    episode_numbers,
    labels_and_sizes,
    ordered,
    shared_context,
    unit_codes,
)
from diml_inverse.reading.checks import (
    SUM_TOLERANCE,
    LogError,
    NumActions,
    own_actions,
    resolve_agents,
    resolve_num_actions,
)
from diml_inverse.reading.rows import Rows


@dataclass(frozen=True, eq=False)
class Counts:
    """A population log in canonical order: all steps of all episodes one after another (S in all).

    Args:
        groups: labels, in order.
        num_actions: actions per group.
        episode_ids: the E episodes' numbers in the log.
        lengths: int64 [E], steps per episode; they add up to S.
        values: arrays by column name: `count`, `payoff`, `probability` float64 [S, G, A], `context` [S, d].
        where: names the place of (step index s, group g, action a, column) for a message.
        provenance: what the log says about its making.
    """

    groups: tuple[str, ...]
    num_actions: tuple[int, ...]
    episode_ids: tuple[int, ...]
    lengths: np.ndarray
    values: dict[str, np.ndarray]
    where: Callable[[int, int, int, str], str]
    provenance: dict[str, Any] = field(default_factory=dict)


def counts_from_rows(rows: Rows, num_actions: NumActions | None, groups: Sequence[object] | None) -> Counts:
    """Checks rows in any order and sorts them by episode, step, group and action."""
    labels, sizes = labels_and_sizes(rows, num_actions, groups)
    group = unit_codes(rows, labels)
    action = rows.columns["action"]
    bad = (action < 0) | (action >= np.array(sizes)[group])
    if bad.any():
        row = int(bad.argmax())
        raise LogError(
            f"{rows.where(row, 'action')}: expected a whole number from 0 to {sizes[group[row]] - 1}, found "
            f"{action[row]}. Number the actions from 0; if num_actions is wrong, give the right one."
        )
    first = np.cumsum(sizes) - sizes  # [G], where a group's actions begin among all
    own = own_actions(sizes)
    named = tuple(
        f"{label}, action {a}" for label, size in zip(labels, sizes, strict=True) for a in range(size)
    )
    order, lengths, _ = ordered(rows, first[group] + action, named)
    table = order.reshape(-1, len(named))  # [S, all actions]

    def dense(column: str) -> np.ndarray:
        full = np.zeros((len(table), *own.shape))
        full[:, own] = rows.columns[column][table]
        return full

    values = {
        column: dense(column) for column in ("count", "payoff", "probability") if column in rows.columns
    }
    if "context" in rows.columns:
        values["context"] = shared_context(rows, order, len(named))

    def where(s: int, g: int, a: int, column: str) -> str:
        return rows.where(int(table[s, min(first[g] + a, len(named) - 1)]), column)

    ids = episode_numbers(rows, order, lengths, len(named))
    provenance = (rows.metadata or {}).get("provenance", {})
    return checked(Counts(labels, sizes, ids, lengths, values, where, provenance))


def counts_from_arrays(
    arrays: dict[str, Any], num_actions: NumActions, groups: Sequence[object] | None, lengths: Any
) -> Counts:
    """Checks the arrays of `PopulationDataset.from_arrays`; positions count from 0."""
    taken = {name: np.asarray(value, dtype=np.float64) for name, value in arrays.items() if value is not None}
    shape = taken["counts"].shape
    if len(shape) != 4 or 0 in shape:
        raise LogError(
            "array 'counts': expected shape [E, T, G, A] (episodes, steps, groups, actions), none of them 0, "
            f"found {list(shape)}. Add a missing axis, for example counts[:, :, None] for a single group."
        )
    names = (
        ([f"group_{g}" for g in range(shape[2])] if shape[2] > 1 else ["all"]) if groups is None else groups
    )
    labels = resolve_agents(names, "argument groups")
    sizes = resolve_num_actions(num_actions, labels, "argument num_actions")
    if len(labels) != shape[2] or max(sizes) != shape[3]:
        raise LogError(
            f"argument num_actions: expected one number for each of {shape[2]} groups (axis G of counts), "
            f"the largest {shape[3]} (axis A), found {sizes} for {list(labels)}. Correct axes or numbers."
        )
    for name, value in taken.items():
        want = [*shape[:2], *value.shape[2:3]] if name == "context" else list(shape)
        if list(value.shape) != want or value.ndim < 3:
            raise LogError(f"array {name!r}: expected shape {want}, found {list(value.shape)}. Reshape it.")
    length = np.full(shape[0], shape[1]) if lengths is None else np.asarray(lengths)
    if (
        length.shape != shape[:1]
        or length.dtype.kind not in "iu"
        or not ((1 <= length) & (length <= shape[1])).all()
    ):
        raise LogError(
            f"array 'lengths': expected {shape[0]} whole numbers (one per episode) from 1 to {shape[1]}, "
            f"found {length.tolist()}. Say how many steps of each episode count."
        )
    mask = np.arange(shape[1]) < length[:, None]
    episode, step = np.nonzero(mask)
    column = {"counts": "count", "payoffs": "payoff", "probabilities": "probability", "context": "context"}
    argument = {ours: name for name, ours in column.items()}

    def where(s: int, g: int, a: int, column: str) -> str:
        return (
            f"array {argument[column]!r}, episode {episode[s]}, step {step[s]}, group {labels[g]!r}, "
            f"action {a} (all but the group count from 0)"
        )

    values = {column[name]: value[mask] for name, value in taken.items()}
    return checked(Counts(labels, sizes, tuple(range(shape[0])), length.astype(np.int64), values, where))


def checked(counts: Counts) -> Counts:
    """Raises LogError at the first value that cannot be."""
    own = own_actions(counts.num_actions)
    number = counts.values["count"]

    def refuse(bad: np.ndarray, column: str, expected: str, remedy: str) -> None:
        if bad.any():
            s, g, a = (int(k) for k in np.unravel_index(int(bad.reshape(-1).argmax()), bad.shape))
            values = counts.values[column]
            found = values[s].tolist() if column == "context" else values[s, g, a]
            more = f" (and {int(bad.sum()) - 1} more like it)" if bad.sum() > 1 else ""
            raise LogError(
                f"{counts.where(s, g, a, column)}: expected {expected}, found {found}{more}. {remedy}"
            )

    whole = np.isfinite(number) & (number >= 0) & (number == np.floor(number))
    refuse(
        ~whole, "count", "a whole number of at least 0", "Say how many members took the action, not a share."
    )
    refuse((number > 0) & ~own, "count", "0 beyond the group's own actions", "Correct num_actions.")
    size = number.sum(-1)
    run = np.repeat(np.arange(len(counts.lengths)), counts.lengths)
    active = np.zeros((len(counts.lengths), len(own)))
    np.maximum.at(active, run, size)
    refuse(
        np.broadcast_to(((size == 0) & (active[run] > 0))[..., None], number.shape), "count",
        "members of the group at every step of an episode, or at none",
        "Their representative learns from what members earn: cut the episode where a group is empty.",
    )  # fmt: skip
    empty = np.bincount(run, weights=size.sum(1)) == 0
    refuse(
        np.broadcast_to(empty[run][:, None, None], number.shape), "count", "somebody in the episode",
        "Drop the episode.",
    )  # fmt: skip
    if (payoff := counts.values.get("payoff")) is not None:
        refuse(np.isinf(payoff), "payoff", "a finite number or null", "Leave unknown payoffs empty.")
    if (context := counts.values.get("context")) is not None:
        bad = ~np.all(np.isfinite(context), axis=-1)
        refuse(
            np.broadcast_to(bad[:, None, None], number.shape), "context", "finite numbers",
            "Fill unknown covariates.",
        )  # fmt: skip
    if (p := counts.values.get("probability")) is not None:
        unknown = (np.isnan(p) | ~own).all(-1, keepdims=True)
        p[~own & np.ones_like(unknown)] = 0.0
        refuse(~unknown & own & ~(p >= 0), "probability", "a number of at least 0", "Write probabilities.")
        wrong = np.abs(p.sum(-1, keepdims=True) - 1) > SUM_TOLERANCE
        refuse(wrong & ~unknown & own, "probability", "probabilities that add up to 1", "Write all of them.")
    return counts
