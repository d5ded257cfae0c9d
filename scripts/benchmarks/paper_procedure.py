"""The procedure of An & Du (2026), arXiv 2601.17678, written down plainly: what our speed is compared with.

Inside a loop over time, once per agent and step, the payoff model is asked for the payoff of every own
action against what the others just did, and then that agent's attractions are updated. Training draws
batches of episodes and a random crop of each batch at whose start learners start afresh.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

Deviations = Callable[[Tensor, int], Tensor]
"""(joint actions [B, n], agent) -> payoffs [B, A] of the agent's own actions, the others' held fixed."""


@dataclass(frozen=True)
class Rule:
    """Logit-Q with known parameters."""

    step_size: float
    inverse_temperature: float
    exploration: float


class JointNetwork(nn.Module):
    """Embedded actions of all agents (6 numbers each) through two tanh layers of 128 to n payoffs."""

    def __init__(self, agents: int, actions: int):
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(actions, 6) for _ in range(agents))
        self.network = nn.Sequential(
            nn.Linear(6 * agents, 128), nn.Tanh(), nn.Linear(128, 128), nn.Tanh(), nn.Linear(128, agents)
        )

    def forward(self, actions: Tensor) -> Tensor:
        """Payoffs [B, n] of joint actions [B, n]."""
        return self.network(torch.cat([e(actions[:, i]) for i, e in enumerate(self.embeddings)], dim=1))


class CongestionModel(nn.Module):
    """The structure of E2: -(c1 load + c2 load^2) + toll load, with a number per road for each of them."""

    def __init__(self, agents: int, actions: int):
        super().__init__()
        self.linear, self.quadratic, self.toll = (nn.Parameter(torch.zeros(actions)) for _ in range(3))

    def forward(self, actions: Tensor) -> Tensor:
        """Payoffs [B, n] of joint actions [B, n]."""
        load = (
            nn.functional.one_hot(actions, len(self.linear)).sum(1).gather(1, actions).to(self.linear.dtype)
        )
        cost = self.linear[actions] * load + self.quadratic[actions] * load**2
        return self.toll[actions] * load - cost


class PublicGoodsModel(nn.Module):
    """The structure of E3: saturating benefit, quadratic cost, subsidy by a network of (total, level)."""

    def __init__(self, agents: int, actions: int):
        super().__init__()
        self.top = actions - 1
        self.scale, self.rate, self.cost = (nn.Parameter(torch.zeros(())) for _ in range(3))  # logarithms
        self.subsidy = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 1))

    def forward(self, actions: Tensor) -> Tensor:
        """Payoffs [B, n] of joint actions [B, n]."""
        level = actions.to(self.scale.dtype) / self.top
        total = level.sum(1, keepdim=True).expand_as(level)
        benefit = self.scale.exp() * (1 - torch.exp(-self.rate.exp() * total))
        return (
            benefit - self.cost.exp() * level**2 + self.subsidy(torch.stack([total, level], -1)).squeeze(-1)
        )


class AnonymousNetwork(nn.Module):
    """Own action's embedding, opponents' shares, two ReLU layers of 256, one payoff."""

    def __init__(self, agents: int, actions: int, *, embedding: int = 6):
        super().__init__()
        self.others = agents - 1
        self.embedding = nn.Embedding(actions, embedding)
        self.network = nn.Sequential(
            nn.Linear(embedding + actions, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 1)
        )

    def deviations(self, actions: Tensor, agent: int) -> Tensor:
        """Payoffs [B, A] from one row per own action."""
        width = self.embedding.num_embeddings
        counts = nn.functional.one_hot(actions, width).sum(1)
        shares = (counts - nn.functional.one_hot(actions[:, agent], width)).to(self.embedding.weight.dtype)
        own = torch.arange(width, device=actions.device).repeat(len(actions))
        rows = torch.cat([self.embedding(own), (shares / self.others).repeat_interleave(width, 0)], dim=1)
        return self.network(rows).view(-1, width)


def joint_deviations(model: Callable[[Tensor], Tensor], width: int) -> Deviations:
    """Payoffs [B, A] from one row per candidate joint action."""

    def deviations(actions: Tensor, agent: int) -> Tensor:
        candidates = actions.repeat_interleave(width, 0)
        candidates[:, agent] = torch.arange(width, device=actions.device).repeat(len(actions))
        return model(candidates)[:, agent].view(-1, width)

    return deviations


def log_likelihood(deviations: Deviations, rule: Rule, actions: Tensor, width: int) -> Tensor:
    """Log-likelihood of joint actions [B, T, n] by a loop over steps and agents, first actions included."""
    batch, steps, agents = actions.shape
    start = torch.zeros(batch, width, device=actions.device)
    values, total = [start] * agents, torch.zeros((), device=actions.device)
    for t in range(steps):
        for i in range(agents):
            policy = (1 - rule.exploration) * torch.softmax(rule.inverse_temperature * values[i], -1)
            policy = policy + rule.exploration / width
            total = total + policy.gather(1, actions[:, t, i, None]).log().sum()
            payoffs = deviations(actions[:, t], i)
            values[i] = (1 - rule.step_size) * values[i] + rule.step_size * payoffs
    return total


def train(
    model: nn.Module,
    rule: Rule,
    actions: Tensor,
    width: int,
    *,
    epochs: int,
    seed: int = 0,
    size: int = 32,
    likelihood: Callable[[Tensor], Tensor] | None = None,
    watch: Callable[[int, float], None] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Adam 1e-3, weight decay 1e-6, batches of episodes, norm clipped at 1, crops of 50 steps.

    Args:
        model: changed in place.
        rule: of the learners.
        actions: training episodes, [E, T, n].
        width: number of actions.
        epochs: passes over the episodes.
        seed: of batches and crops.
        size: episodes in a batch.
        likelihood: log-likelihood of a batch [B, T, n]; the loop above if left out.
        watch: called with the epoch and the seconds so far after every epoch; its own time does not count.
        clock: what the seconds are read from.

    Returns:
        Seconds. (The paper's code looks at its test set every epoch; this does not.)
    """
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-6)
    deviations = joint_deviations(model, width)
    crop, seconds = min(50, actions.shape[1]), 0.0
    for epoch in range(1, epochs + 1):
        started = clock()
        for rows in torch.randperm(len(actions), generator=generator).to(actions.device).split(size):
            first = int(torch.randint(actions.shape[1] - crop + 1, (), generator=generator))
            batch = actions[rows, first : first + crop]
            optimizer.zero_grad()
            if likelihood is None:
                loss = -log_likelihood(deviations, rule, batch, width) / batch.numel()
            else:
                loss = -likelihood(batch) / batch.numel()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        if actions.is_cuda:
            torch.cuda.synchronize()
        seconds += clock() - started
        if watch is not None:
            watch(epoch, seconds)
    return seconds
