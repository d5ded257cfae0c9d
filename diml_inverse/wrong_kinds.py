"""Refuses arguments of another kind than meant, and says where the right kind comes from."""

from collections.abc import Mapping

from diml_inverse.episodes import EpisodeDataset
from diml_inverse.learners.base import LearnerRule
from diml_inverse.mechanisms.base import Mechanism
from diml_inverse.streaming import LogStream

MADE = {
    "dataset": "load_log(path), or TrajectoryDataset.from_arrays(actions, num_actions=...)",
    "mechanism": "a class of diml_inverse.mechanisms called with data.num_actions",
    "learner": "a class of diml_inverse.learners called with data.num_actions",
}
KINDS = {"dataset": (EpisodeDataset, LogStream), "mechanism": (Mechanism,), "learner": (LearnerRule,)}


def require_kind(what: str, given: object) -> None:
    """Refuses what is no data set, mechanism or learner rule.

    Args:
        what: "dataset", "mechanism" or "learner".
        given: the argument.

    Raises:
        TypeError: saying what was expected, what was found and how to make it.
    """
    if not isinstance(given, KINDS[what]):
        names = " or ".join(kind.__name__ for kind in KINDS[what])
        raise TypeError(f"{what}: expected {names}; found {_shown(given)}; take {MADE[what]}")


def require_named(what: str, given: object) -> None:
    """Refuses what is no mapping from names to mechanisms or to learner rules.

    Raises:
        TypeError: saying what was expected, what was found and how to make it.
    """
    if not isinstance(given, Mapping):
        raise TypeError(
            f"{what}s: expected one {what}, or a mapping from names to {what}s; found {_shown(given)}; take "
            f"{MADE[what]}"
        )
    for one in given.values():
        require_kind(what, one)


def _shown(given: object) -> str:
    kind = f"{type(given).__module__}.{type(given).__name__}".removeprefix("builtins.")
    return f"{kind} {given!r}" if isinstance(given, str) else kind
