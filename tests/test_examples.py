"""The example scripts run, shortened, and leave logs that the solver reads."""

import importlib.util
from pathlib import Path

import pytest

import diml_inverse as di

EXAMPLES = Path(__file__).parents[1] / "scripts" / "examples"


def example(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_random_policy_prints_every_agents_payoff(capsys):
    example("random_policy").main("diml/matrix-v0", steps=5)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["agent_0", "agent_1"]


def test_independent_sb3_learners_leave_a_log(tmp_path, capsys):
    example("sb3_independent").main("diml/matrix-v0", steps=128, out=tmp_path / "log")
    data = di.load_log(tmp_path / "log")
    assert data.actions.shape == (1, 128, 2)
    assert "mean payoff by quarter" in capsys.readouterr().out


def test_torchrl_learners_leave_a_log(tmp_path, capsys):
    pytest.importorskip("torchrl", reason="TorchRL is not installed")
    example("torchrl_reinforce").main(batches=3, batch_size=8, out=tmp_path / "log")
    data = di.load_log(tmp_path / "log")
    assert data.actions.shape == (1, 24, 4)
    assert "24 joint steps" in capsys.readouterr().out


def test_one_shared_sb3_policy_leaves_a_log(tmp_path, capsys):
    example("sb3_shared_policy").main("diml/matrix-v0", num_envs=2, steps=64, out=tmp_path / "log")
    data = di.load_log(tmp_path / "log")
    assert data.actions.shape == (2, 64, 2)
    assert data.update.max() >= 1
    assert "in the first quarter" in capsys.readouterr().out


def test_learners_train_in_a_recovered_mechanism(tmp_path, capsys):
    out = tmp_path / "curves.png"
    example("recovered_mechanism").main(steps=64, episodes=10, horizon=20, out=out)
    lines = capsys.readouterr().out.splitlines()
    assert out.stat().st_size > 10_000 and len(lines) == 8
    assert lines[1].startswith("PPO, true game") and lines[4].startswith("PPO, recovered game")
