"""What a usable log must satisfy: what its metadata say, who acts with how many actions, every value in it.

Nothing here repairs anything. Every message says where (file, data row and column, or episode, step and
agent), what was expected, what was found and what to do.
"""

import difflib
import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

NumActions = int | Sequence[int] | np.ndarray | Mapping[Any, int]
VERSION = 1
UNKNOWN_UPDATE = -1  # in memory, where a learner exposes no update marks; null on disk
SUM_TOLERANCE = 1e-5  # what rounding leaves of a softmax in float32, with room


class LogError(ValueError):
    """A log that cannot be used; the text says where, what was expected, what was found, what to do."""


@dataclass(frozen=True, eq=False)
class Cells:
    """A log in canonical order: all steps of all episodes one after another (S in all), n agents each.

    Args:
        agents: labels, in order.
        num_actions: actions per agent.
        episode_ids: the E episodes' numbers in the log.
        lengths: int64 [E], steps per episode; they add up to S.
        values: arrays by column name: `action`, `payoff`, `update` [S, n]; `probabilities`, `available`
            [S, n, A]; `context` [S, d]. Only `action` is always there.
        where: names the place of (step index s, agent i, column) for a message.
        provenance: what the log says about its making.
        present: bool [E, n], False for agents without a row in the episode; None if all always have some.
    """

    agents: tuple[str, ...]
    num_actions: tuple[int, ...]
    episode_ids: tuple[int, ...]
    lengths: np.ndarray
    values: dict[str, np.ndarray]
    where: Callable[[int, int, str], str]
    provenance: dict[str, Any] = field(default_factory=dict)
    present: np.ndarray | None = None


def did_you_mean(name: object, known: Sequence[object]) -> str:
    """Returns ' Did you mean ...?' for the closest known name, or nothing."""
    lower = {str(k).lower(): str(k) for k in known}
    close = difflib.get_close_matches(str(name).lower(), list(lower), n=1)
    return f" Did you mean {lower[close[0]]!r}?" if close else ""


def natural_order(labels: Sequence[str]) -> tuple[str, ...]:
    """Sorts labels so that numbers inside them count as numbers.

    >>> natural_order(["agent_10", "agent_2"])
    ('agent_2', 'agent_10')
    """

    def key(label: str) -> tuple[list[str | int], str]:
        return [int(p) if k % 2 else p for k, p in enumerate(re.split(r"(\d+)", label))], label

    return tuple(sorted(labels, key=key))


def parse_metadata(raw: bytes | None, source: str) -> dict[str, Any] | None:
    """Reads and checks the value of the metadata key `diml`; None where a file has none."""
    if raw is None:
        return None
    where = f"{source}, metadata key 'diml'"
    rewrite = "Write the log with diml_envs (Log.save, LogWriter), or mend the metadata of this file."
    try:
        meta = json.loads(raw)
    except ValueError as error:
        raise LogError(f"{where}: expected JSON, found {raw[:60]!r} ({error}). {rewrite}") from error
    if not isinstance(meta, dict):
        raise LogError(f"{where}: expected a JSON object, found {meta!r}. {rewrite}")
    version = meta.get("version")
    if type(version) is not int or version != VERSION:
        raise LogError(
            f"{where}: expected version {VERSION}, found {version!r}. This release reads version {VERSION} "
            "only: install the release of diml that wrote the log, or write the log again."
        )
    kind = meta.get("kind")
    if kind not in ("individual", "population"):
        raise LogError(f"{where}: expected kind 'individual' or 'population', found {kind!r}. {rewrite}")
    key = "agents" if kind == "individual" else "groups"
    agents, sizes = meta.get(key), meta.get("num_actions")
    if not (isinstance(agents, list) and agents and all(isinstance(a, str) for a in agents)):
        raise LogError(f"{where}: expected {key!r} as a list of labels, found {agents!r}. {rewrite}")
    if not isinstance(sizes, list) or len(sizes) != len(agents):
        raise LogError(
            f"{where}: expected 'num_actions' as a list of {len(agents)} whole numbers, one per "
            f"{key[:-1]} {agents}, found {sizes!r}. {rewrite}"
        )
    if not isinstance(meta.get("provenance", {}), dict):
        raise LogError(
            f"{where}: expected 'provenance' as an object, found {meta['provenance']!r}. {rewrite}"
        )
    resolve_agents(agents, where)
    resolve_num_actions(sizes, agents, where)
    return meta


def resolve_agents(agents: Sequence[object], where: str) -> tuple[str, ...]:
    """Returns the agents' labels as text, in the order given, each once."""
    labels = () if isinstance(agents, str) else tuple(str(a) for a in agents)
    repeated = [a for a in labels if labels.count(a) > 1]
    if not labels or repeated:
        found = f"{repeated[0]!r} more than once" if repeated else repr(agents)
        raise LogError(
            f"{where}: expected 'agents' as distinct labels in order, found {found}. Name each once."
        )
    return labels


def resolve_num_actions(given: Any, agents: Sequence[str], where: str) -> tuple[int, ...]:
    """Returns the number of actions per agent from one number, one per agent, or a mapping by label."""
    if isinstance(given, Mapping):
        named = {str(label): size for label, size in given.items()}
        odd = sorted(set(named) ^ set(agents))
        if odd:
            state = "is not an agent" if odd[0] in named else "is missing"
            raise LogError(
                f"{where}: expected 'num_actions' for exactly the agents {list(agents)}, found that "
                f"{odd[0]!r} {state}. Give one number per agent."
            )
        sizes = [named[a] for a in agents]
    else:
        sizes = list(given) if isinstance(given, Sequence | np.ndarray) else [given] * len(agents)
    if len(sizes) != len(agents):
        raise LogError(
            f"{where}: expected 'num_actions' as one number or {len(agents)} (one per agent {list(agents)}), "
            f"found {len(sizes)}: {sizes}. Give one number per agent, in the agents' order."
        )
    for agent, size in zip(agents, sizes, strict=True):
        whole = hasattr(size, "__index__") and not isinstance(size, bool)
        if not whole or operator.index(size) < 1:
            raise LogError(
                f"{where}: expected 'num_actions' of agent {agent!r} as a whole number of at least 1, "
                f"found {size!r}. Say how many actions the agent can choose from."
            )
    return tuple(operator.index(size) for size in sizes)


def own_actions(num_actions: Sequence[int]) -> np.ndarray:
    """Returns bool [n, A]: True where an agent has that action."""
    return np.arange(max(num_actions)) < np.array(num_actions)[:, None]


def check_positions(index: Any, total: int) -> np.ndarray:
    """Returns episode positions as int64 from positions (0 to total - 1, in any order) or booleans."""
    array = np.asarray(index)
    if array.dtype == bool and array.shape == (total,):
        array = np.flatnonzero(array)
    if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iu":
        raise LogError(
            f"select: expected a list of positions or {total} booleans (one per episode) that choose at "
            f"least one episode, found {index!r}. Give positions from 0 to {total - 1}."
        )
    outside = array[(array < 0) | (array >= total)]
    if outside.size:
        raise LogError(f"select: expected positions from 0 to {total - 1}, found {outside[0]}. Drop it.")
    return array.astype(np.int64)


def check_values(cells: Cells) -> None:
    """Raises LogError at the first value that cannot be (see the module's first lines)."""
    n, sizes = len(cells.agents), np.array(cells.num_actions)
    own = own_actions(cells.num_actions)
    action = cells.values["action"]

    def refuse(bad: np.ndarray, column: str, expected: str, found: str, remedy: str) -> None:
        if not bad.any():
            return
        s, i = divmod(int(bad.reshape(-1).argmax()), n)
        value = cells.values[column][s] if column == "context" else cells.values[column][s, i]
        a, others = action[s, i], int(bad.sum()) - 1
        row = value[: sizes[i]] if column in ("probabilities", "available") else value
        shown = found.format(value=row.tolist(), total=np.nansum(row), action=a)
        more = f" (and {others} more like it)" if others else ""
        wanted = expected.format(top=sizes[i] - 1, size=sizes[i])
        raise LogError(f"{cells.where(s, i, column)}: expected {wanted}, found {shown}{more}. {remedy}")

    refuse(
        (action < 0) | (action >= sizes), "action", "a whole number from 0 to {top}", "{value}",
        "Number the actions from 0; if num_actions is wrong, give the right one; -1 as padding belongs after "
        "an episode's end only (lengths= for arrays, no row in a table).",
    )  # fmt: skip
    if (payoff := cells.values.get("payoff")) is not None:
        refuse(
            np.isinf(payoff), "payoff", "a finite number or null", "{value}", "Leave unknown payoffs empty."
        )
    if (context := cells.values.get("context")) is not None:
        bad = np.repeat(~np.all(np.isfinite(context), axis=-1)[:, None], n, axis=1)
        refuse(bad, "context", "finite numbers", "{value}", "Fill or drop unknown covariates before loading.")
    if (p := cells.values.get("probabilities")) is not None:
        unknown = np.all(np.isnan(p) | ~own, axis=-1)  # [S, n] the learner did not expose them
        refuse(
            ~unknown & ~np.all(np.isfinite(p) | ~own, axis=-1), "probabilities", "finite numbers", "{value}",
            "Write null (all NaN in an array) where a learner exposes no probabilities.",
        )  # fmt: skip
        refuse(
            np.any(p < 0, axis=-1), "probabilities", "numbers of at least 0", "{value}",
            "Write probabilities, not logits.",
        )  # fmt: skip
        refuse(
            np.any((np.nan_to_num(p) != 0) & ~own, axis=-1), "probabilities",
            "0 beyond the agent's own {size} actions", "something else there", "Set the padding to 0.",
        )  # fmt: skip
        total = np.where(own, p, 0.0).sum(-1)
        refuse(
            ~unknown & (np.abs(total - 1.0) > SUM_TOLERANCE), "probabilities",
            "probabilities that add up to 1", "a sum of {total:.6g}: {value}",
            "Write all own actions' probabilities, with at least 6 digits.",
        )  # fmt: skip
    if (open_ := cells.values.get("available")) is not None:
        refuse(
            np.any(open_ & ~own, axis=-1), "available",
            "False beyond the agent's own {size} actions", "True there", "Set the padding to False.",
        )  # fmt: skip
        refuse(
            ~np.any(open_, axis=-1), "available", "at least one open action", "none: {value}",
            "Drop the step or the mask.",
        )  # fmt: skip
        chosen = np.take_along_axis(open_, action[..., None], -1)[..., 0]
        refuse(
            ~chosen, "available", "the chosen action to be open",
            "action {action} closed: {value}", "Mend the mask or the action.",
        )  # fmt: skip
    if (update := cells.values.get("update")) is not None:
        refuse(
            update < UNKNOWN_UPDATE,
            "update",
            "a whole number of at least 0",
            "{value}",
            "Count updates from 0.",
        )
        unknown = update == UNKNOWN_UPDATE
        first = np.repeat(unknown[np.cumsum(cells.lengths) - cells.lengths], cells.lengths, axis=0)
        refuse(
            unknown != first, "update", "an agent's update mark at every step of an episode or at none",
            "both (here {value}; -1 is unknown)", "Fill the marks, or leave the agent's out.",
        )  # fmt: skip
        falls = np.zeros_like(update, dtype=bool)
        falls[1:] = update[1:] < update[:-1]
        falls[np.cumsum(cells.lengths)[:-1]] = False  # learners start afresh in each episode
        refuse(
            falls, "update", "update marks that never decrease within an episode",
            "{value} after a larger mark", "Number an agent's parameter updates upwards, step by step.",
        )  # fmt: skip
