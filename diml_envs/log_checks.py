"""Are the arrays of a log whole numbers, probabilities and JSON where they should be?"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diml_envs.log_format import plain_json


def whole_numbers(name: str, given: Any) -> NDArray[np.int64]:
    """Return an array of integers as int64, or raise ValueError naming the argument."""
    array = np.asarray(given)
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name}: expected whole numbers, found an array of {array.dtype}")
    return array.astype(np.int64, copy=False)


def checked_lengths(given: Any, episodes: int, steps: int) -> NDArray[np.int64]:
    """Return how many steps each episode has, int64 [E]; all of them where nothing is given."""
    lengths = np.full(episodes, steps) if given is None else whole_numbers("lengths", given)
    if lengths.shape != (episodes,) or (lengths < 0).any() or (lengths > steps).any():
        raise ValueError(f"lengths: expected {episodes} numbers from 0 to {steps}, found {lengths}")
    return lengths


def check_values(
    columns: Mapping[str, NDArray[Any]], num_actions: tuple[int, ...], mask: NDArray[np.bool_]
) -> None:
    """Raise ValueError unless a log's optional columns hold what they should.

    Args:
        columns: those of `payoffs`, `probabilities` and `context` that the log has, among others.
        num_actions: number of actions of each agent or group.
        mask: True while the episode lasts, [E, T].
    """
    if (payoffs := columns.get("payoffs")) is not None and np.isinf(payoffs).any():
        raise ValueError("payoffs: expected finite numbers (NaN where unknown), found infinity")
    if (probabilities := columns.get("probabilities")) is not None:
        check_probabilities(probabilities, num_actions)
    if (context := columns.get("context")) is not None and not np.isfinite(context[mask]).all():
        raise ValueError("context: expected finite numbers at every step, found NaN or infinity")


def check_probabilities(probabilities: NDArray[np.float64], num_actions: tuple[int, ...]) -> None:
    """Raise ValueError unless the rows of float [..., n, A] sum to 1 over an agent's (or group's) actions."""
    own = np.arange(probabilities.shape[-1]) < np.asarray(num_actions)[:, None]  # [n, A]
    if not own.all() and (probabilities[..., ~own] > 0).any():
        raise ValueError("probabilities: expected 0 beyond an agent's own actions, found more")
    totals = np.einsum("...a->...", probabilities)  # NaN where unknown, of which no comparison is true
    if (probabilities < 0).any() or (np.abs(totals - 1) > 1e-4).any():
        raise ValueError("probabilities: expected non-negative rows that sum to 1 (NaN where unknown)")


def checked_provenance(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy in the types of JSON, or raise ValueError."""
    try:
        return json.loads(json.dumps(dict(given), default=plain_json))
    except TypeError as error:
        raise ValueError(f"provenance: expected what JSON can hold, found: {error}") from error


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return a view that cannot be written through; the caller's array stays as it is."""
    array = array.view()
    array.flags.writeable = False
    return array
