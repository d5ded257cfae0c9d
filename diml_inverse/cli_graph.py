"""Reads the graph of who is linked with whom from a file of pairs."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from diml_inverse.reading.checks import did_you_mean


def read_graph(path: Path, agents: Sequence[str]) -> NDArray[np.float64]:
    """Reads a CSV file without a header, one pair of linked agents in each row; links go both ways.

    Args:
        path: the file.
        agents: the agents' names in the log, in order.

    Returns:
        The adjacency matrix [n, n]: 1 where two agents are linked, else 0.

    Raises:
        OSError: if the file cannot be read.
        ValueError: for a row that is no pair of different agents of the log, or a file without links.
    """
    number = {agent: k for k, agent in enumerate(agents)}
    links = np.zeros((len(agents), len(agents)))
    if not path.is_file():
        raise FileNotFoundError(f"--graph {path}: expected a file of pairs; found none. Check the path.")
    with path.open(newline="", encoding="utf-8-sig") as lines:
        for row, cells in enumerate(csv.reader(lines), start=1):
            pair = [cell.strip() for cell in cells]
            if not any(pair):
                continue
            where = f"--graph {path}, row {row}"
            if len(pair) != 2:
                raise ValueError(
                    f"{where}: expected two agents, agent_a,agent_b; found {len(pair)} cells; give one pair "
                    "in each row (links with weights, or in one direction, are for Python)"
                )
            for name in pair:
                if name not in number:
                    header = "; the file has no header" if row == 1 else ""
                    raise ValueError(
                        f"{where}: expected agents of the log, {_some(agents)}; found {name!r}{header}."
                        f"{did_you_mean(name, tuple(agents))}"
                    )
            one, other = (number[name] for name in pair)
            if one == other:
                raise ValueError(
                    f"{where}: expected two different agents; found {pair[0]!r} twice; drop the row"
                )
            links[one, other] = links[other, one] = 1.0
    if not links.any():
        raise ValueError(f"--graph {path}: expected at least one pair of agents; found none; add the links")
    return links


def _some(names: Sequence[str]) -> str:
    """The first few names."""
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
