"""TorchRL learners in a mechanism: independent policy-gradient agents, whose joint play becomes a log.

Run: .venv/bin/python scripts/examples/torchrl_reinforce.py --out runs/torchrl   (needs `pip install torchrl`)
"""

import warnings
from pathlib import Path

import numpy as np
import pettingzoo
import torch
import typer
from tensordict.nn import TensorDictModule
from torchrl.envs import PettingZooWrapper
from torchrl.modules import MultiAgentMLP, ProbabilisticActor

import diml_envs


def main(
    env_id: str = "diml/congestion-v0",
    batches: int = 32,
    batch_size: int = 32,
    learning_rate: float = 0.02,
    seed: int = 0,
    out: Path | None = None,
) -> None:
    """Trains one network per agent by REINFORCE with a batch-mean baseline, and keeps what was played."""
    torch.manual_seed(seed)  # TorchRL draws from torch's own generator
    game = pettingzoo.make("parallel", env_id, observation="counts", max_cycles=batch_size)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="PettingZoo in TorchRL is tested using version")
        env = PettingZooWrapper(game, seed=seed)
    group = "agent"  # TorchRL groups agent_0, agent_1, ... under their common name
    sizes = tuple(int(game.action_space(agent).n) for agent in game.possible_agents)  # pyright: ignore[reportAttributeAccessIssue]
    if len(set(sizes)) > 1:
        raise typer.BadParameter(f"expected agents with equal numbers of actions, found {sizes}")
    network = MultiAgentMLP(
        n_agent_inputs=env.observation_spec[group, "observation"].shape[-1],
        n_agent_outputs=sizes[0],
        n_agents=len(sizes),
        centralized=False,
        share_params=False,
        depth=1,
        num_cells=32,
    )
    module = TensorDictModule(network, in_keys=[(group, "observation")], out_keys=[(group, "logits")])
    policy = ProbabilisticActor(
        module,
        in_keys=[(group, "logits")],
        out_keys=[(group, "action")],
        distribution_class=torch.distributions.Categorical,
    )
    optimizer = torch.optim.Adam(policy.parameters(), lr=learning_rate)
    actions, payoffs, probabilities = [], [], []
    for _ in range(batches):
        with torch.no_grad():
            played = env.rollout(batch_size, policy)
        taken, reward = played[group, "action"], played["next", group, "reward"][..., 0]  # [T, n]
        logits = module(played.clone())[group, "logits"]
        chosen = torch.distributions.Categorical(logits=logits).log_prob(taken)
        loss = -(chosen * (reward - reward.mean(dim=0))).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        actions.append(taken.numpy())
        payoffs.append(reward.double().numpy())
        probabilities.append(logits.detach().double().softmax(dim=-1).numpy())
    steps = batches * batch_size
    update = np.repeat(np.arange(batches, dtype=np.int32), batch_size)[:, None].repeat(len(sizes), axis=1)
    log = diml_envs.Log(
        actions=np.concatenate(actions)[None],
        num_actions=sizes,
        payoffs=np.concatenate(payoffs)[None],
        probabilities=np.concatenate(probabilities)[None],
        update=update[None],
        provenance={"made_by": "scripts/examples/torchrl_reinforce.py", "env": env_id, "seed": seed},
    )
    first, last = (np.mean(part) for part in (payoffs[0], payoffs[-1]))
    print(f"{steps} joint steps; mean payoff of the first batch {first:.3f}, of the last {last:.3f}")
    if out is not None:
        print(f"log: {log.save(out)}")


if __name__ == "__main__":
    typer.run(main)
