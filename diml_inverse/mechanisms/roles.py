"""Who stands for whom where agents of one role share payoffs, and in which order they see the others."""

from collections.abc import Sequence
from typing import Any


def leaders(num_actions: tuple[int, ...], roles: Sequence[Any] | None) -> tuple[list[int], list[int]]:
    """First agent of every agent's role, and the number of the role in the order of first appearance.

    Args:
        num_actions: number of actions of each agent.
        roles: a label for each agent; None gives every agent its own role.

    Raises:
        ValueError: for another number of labels, or a role whose agents differ in their numbers of actions.

    >>> leaders((3, 2, 3), ("buyer", "seller", "buyer"))
    ([0, 1, 0], [0, 1, 0])
    """
    everyone = range(len(num_actions))
    if roles is None:
        return list(everyone), list(everyone)
    if len(roles) != len(num_actions):
        raise ValueError(
            f"roles: expected one label for each of {len(num_actions)} agents; found {len(roles)}: "
            f"{tuple(roles)}; name every agent's role, e.g. ('buyer', 'buyer', 'seller')"
        )
    first: dict[Any, int] = {}
    for agent, role in enumerate(roles):
        leader = first.setdefault(role, agent)
        if num_actions[leader] != num_actions[agent]:
            raise ValueError(
                f"roles: expected agents of one role to have the same number of actions; found "
                f"{num_actions[leader]} and {num_actions[agent]} in role {role!r}; give them different roles"
            )
    order = list(first)
    return [first[role] for role in roles], [order.index(role) for role in roles]


def others_in_order(leader: Sequence[int]) -> list[list[int]]:
    """Every agent's others [n][n-1], those of one role seen by each of its members in the same places.

    The k-th other of an agent has the role of the k-th other of its leader; within a role others come in
    the order of the agents. Without roles this is the order of the agents.

    >>> others_in_order([0, 0, 2])  # agents 0 and 1 alike: each sees the other one first, then agent 2
    [[1, 2], [0, 2], [0, 1]]
    """
    rows = []
    for agent, head in enumerate(leader):
        waiting: dict[int, list[int]] = {}
        for other, role in enumerate(leader):
            if other != agent:
                waiting.setdefault(role, []).append(other)
        places = [role for other, role in enumerate(leader) if other != head]
        rows.append([waiting[role].pop(0) for role in places])
    return rows
