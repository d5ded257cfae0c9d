"""How are the rows of a population log turned back into arrays?"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from diml_envs.log_reader import name_codes, number_lists, scatter, step_index


def population_arrays(table: pa.Table, about: dict[str, Any], path: Path) -> dict[str, Any]:
    """Turns the rows of a population log into the arguments of `diml_envs.PopulationLog`.

    Args:
        table: the rows, in any order.
        about: what the files' metadata says: groups, num_actions, provenance.
        path: what to call the log in errors.

    Raises:
        ValueError: unknown groups or actions, rows that are missing or doubled, contexts that differ within
            a step.
    """
    groups, num_actions = tuple(about["groups"]), tuple(about["num_actions"])
    rows, sizes = table.num_rows, np.asarray(num_actions)
    group = name_codes(table["group"], groups, f"{path}: expected the groups")
    action = table["action"].to_numpy().astype(np.int64)
    wrong = (action < 0) | (action >= sizes[group])
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"{path}: row {row}: expected actions from 0 to {sizes[group[row]] - 1} for "
            f"{groups[group[row]]}, found {action[row]}; actions are numbered from 0"
        )
    episode, step, lengths, joint_step = step_index(table)
    first = np.concatenate([[0], sizes.cumsum()])  # [G + 1], where a group's actions begin among all
    if np.unique(joint_step * first[-1] + first[group] + action).size != rows:
        raise ValueError(
            f"{path}: expected one row per episode, step, group and action, found some more than once; "
            "add their counts up"
        )
    if step.min(initial=0) < 0 or lengths.sum() * first[-1] != rows:
        raise ValueError(
            f"{path}: expected every action of every group at every step from 0, found {rows} rows instead "
            f"of {lengths.sum() * first[-1]}; part of the log is missing (an action that nobody took has a "
            "row with count 0)"
        )
    shape, index = (
        (len(lengths), lengths.max(initial=0), len(groups), sizes.max()),
        (episode, step, group, action),
    )
    found: dict[str, Any] = {
        "counts": scatter(table["count"].to_numpy(), shape, index, 0, np.int64),
        "num_actions": num_actions,
        "groups": groups,
        "lengths": lengths,
        "provenance": about["provenance"],
    }
    columns = set(table.column_names)
    if "payoff" in columns:
        found["payoffs"] = scatter(table["payoff"].to_numpy(), shape, index, np.nan, np.float64)
    if "probability" in columns:
        values = scatter(table["probability"].to_numpy(), shape, index, np.nan, np.float64)
        known = ~np.isnan(values).all(axis=-1, keepdims=True)
        beyond = np.arange(shape[-1]) >= sizes[:, None]  # [G, A]
        values[known & beyond] = 0.0
        found["probabilities"] = values
    if "context" in columns:
        size = len(table["context"][0].as_py() or ())
        values = number_lists(table["context"], np.full(rows, size), path)
        context = scatter(values, shape[:2], (episode, step), np.nan, np.float64)  # [E, T, d]
        if not np.array_equal(context[episode, step], values, equal_nan=True):
            raise ValueError(f"{path}: expected one context for all groups of a step, found different ones")
        found["context"] = context
    return found
