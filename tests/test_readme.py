"""The README is executed: its Python runs, its commands exist, its tables equal the code."""

import csv
import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from typer.testing import CliRunner

import diml_envs
import diml_inverse as di
from diml_envs.registration import REGISTRY
from diml_inverse.reading.rows import INDIVIDUAL, POPULATION

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
COMMANDS = [
    line for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) for line in block.splitlines()
]


@pytest.mark.parametrize("code", PYTHON, ids=lambda code: code.splitlines()[0])
@pytest.mark.slow
def test_python_blocks_run(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)
    if "result" in names:
        data = names["data"] if "data" in names else names["crowd"]
        assert di.metrics.payoff_difference_r2(names["result"].mechanism, names["game"], data) > 0.95


def test_readme_example_is_at_most_twelve_lines():
    example = next(code for code in PYTHON if "di.fit(" in code)
    assert len([line for line in example.splitlines() if line.strip()]) <= 12


@pytest.mark.slow
def test_command_line_blocks_run(tmp_path, monkeypatch):
    """The commands, shortened: fewer steps and episodes, a given ridge instead of cross-validation."""
    from diml_envs.cli import app as envs
    from diml_inverse.cli import app as inverse

    monkeypatch.chdir(tmp_path)
    apps = {"diml-envs": envs, "diml-inverse": inverse}
    lines = [line for line in COMMANDS if line.split()[0] in apps]
    assert len(lines) == 9
    for line in lines:
        shorter = line.replace("--steps 4096 --episodes 4", "--steps 64 --episodes 2 --jobs 1")
        shorter = shorter.replace("--gif", "--steps 4 --gif")
        program, *arguments = shlex.split(shorter, comments=True)
        if arguments[0] == "fit" and "congestion" not in arguments:
            arguments += ["--ridge", "10"]
        if arguments[0] == "counterfactual":
            arguments += ["--episodes", "20", "--draws", "4"]
        done = CliRunner().invoke(apps[program], arguments)
        assert done.exit_code in (0, 3), done.output  # 3: a log this short may carry no information
    assert (tmp_path / "runs/report.png").stat().st_size > 1000
    assert (tmp_path / "runs/braess.gif").stat().st_size > 1000
    assert (diml_envs.load(tmp_path / "runs/crowd").sizes == 1_000_000).all()


def test_every_script_named_exists():
    for script in re.findall(r"scripts/[\w/]+\.(?:sh|py|png)", README):
        assert (ROOT / script).exists(), script


def test_table_of_environments_equals_the_registry():
    lines = [line for line in README.splitlines() if line.startswith("| `diml/")]
    rows = [[cell.strip().strip("`") for cell in line.strip("|").split(" | ")] for line in lines]
    found = {env_id: (name, size, source, told) for env_id, name, size, _, source, told in rows}
    expected = {}
    for env_id, row in REGISTRY.items():
        mechanism = diml_envs.registration.make_parallel(env_id).unwrapped.mechanism
        assert type(mechanism) is row.mechanism
        size = f"{mechanism.num_agents} x {max(mechanism.num_actions)}"
        expected[env_id] = (row.mechanism.__name__, size, row.source, row.identifies)
    assert found == expected
    assert len(rows) == len(expected)


def test_tables_of_log_columns_equal_what_is_read():
    section = README[README.index("## Your own log") : README.index("## What to trust")]
    individual, population = section.split("A log of counts has")
    for text, layout in ((individual, INDIVIDUAL), (population, POPULATION)):
        rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| `")]
        named = {name: "optional" in cells[2] for cells in rows for name in re.findall(r"`(\w+)`", cells[0])}
        expected = dict.fromkeys(layout.required, False) | dict.fromkeys(layout.optional, True)
        assert named == expected


def test_table_of_learners_names_every_rule():
    table = README[README.index("## Learners") : README.index("## Your own learners")]
    named = set(re.findall(r"`(\w+)[`(]", table))
    parts = {"LearnerRule", "LinearRule", "QRule", "SoftmaxRule", "ProportionalRule", "PolicyDrivenRule"}
    parts |= {"BatchRule", "LinearSchedule"}
    assert set(di.learners.__all__) - parts <= named
    assert {rule.__name__ for rule in diml_envs.learners.NAMES.values()} <= named


def test_table_of_rules_told_apart_equals_the_last_run():
    with (ROOT / "scripts/benchmarks/results/rule_recovery.csv").open(newline="") as file:
        expected = list(csv.reader(file))
    section = README[README.index("## Which rule?") : README.index("## Payoff families")]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    found = [[cell.strip(" `") or "0" for cell in line.strip("|").split("|")] for line in lines]
    assert [row[1:] for row in found] == [row[1:] for row in expected]
    assert [row[0] for row in found[1:]] == [row[0] for row in expected[1:]]
    counts = np.array([row[1:] for row in expected[1:]], dtype=int)
    assert f"{counts.trace()} of {counts.sum()} logs" in section


def test_every_payoff_family_is_named():
    section = README[README.index("## Payoff families") : README.index("## Your own learners")]
    abstract = {
        "Mechanism",
        "JointMechanism",
        "AnonymousMechanism",
        "AggregativeMechanism",
        "NetworkMechanism",
    }
    assert set(di.mechanisms.__all__) - abstract - {"Contexts", "Known"} <= set(
        re.findall(r"`(\w+)[`(]", section)
    )


def test_figures_of_other_packages_and_of_real_players_are_those_of_the_committed_tables():
    text = " ".join(README.split())
    with (ROOT / "scripts/reproduce/results/third_party.csv").open(encoding="utf-8") as file:
        logs = list(csv.DictReader(file))
    right = sum(log["pass"] == "True" for log in logs)
    assert f"{right} of {len(logs)} logs are read as they should be" in text
    assert {float(log["sign_accuracy"]) for log in logs if log["sign_accuracy"]} == {
        1.0
    }  # "every sign is right"
    with (ROOT / "scripts/examples/real_logs.csv").open(encoding="utf-8") as file:
        models = [log for log in csv.DictReader(file) if log["players"] == "language models"]
    total = sum(int(log["differences"]) for log in models)
    shares = [sum(int(log[name]) for log in models) / total for name in ("ours", "stationary")]
    assert f"a sample of {len(models)} games of language models" in text
    assert f"the signs of {shares[0]:.0%} of {total} payoff differences".replace("%", " %") in text
    assert f"of a stationary equilibrium {shares[1]:.0%}".replace("%", " %") in text
    low, high = binom.interval(0.95, seats := total // 2, 0.5)
    assert f"of coins {100 * low / seats:.0f} to {100 * high / seats:.0f} %" in text
    table = (ROOT / "scripts/examples/real_logs.md").read_text(encoding="utf-8")
    p, ahead = next(
        (row.split(" | ")[6], row.split(" | ")[8].strip(" |"))
        for row in table.splitlines()
        if row.startswith("| language models | any")
    )
    assert (
        f"(p = {p})" in text and f"predicts {ahead.split()[0]} of the {len(models)} better than the" in text
    )
    shown = [log for log in models if log["status"] == "converged"]
    total = sum(int(log["differences"]) for log in shown)
    ours, theirs = (sum(int(log[name]) for log in shown) / total for name in ("ours", "stationary"))
    p = next(r.split(" | ")[6] for r in table.splitlines() if r.startswith("| language models | converged"))
    spoken = (
        f"the {len(shown)} others {ours:.0%} of {total} are right, of the equilibrium {theirs:.0%} (p = {p})"
    )
    assert len(models) - len(shown) == 6 and spoken.replace("%", " %") in text


def test_coverage_is_that_of_the_committed_tables():
    text = " ".join(README.split())
    folder = ROOT / "scripts/benchmarks/results"
    with (folder / "interval_coverage.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["replications"] for row in rows} == {"500"}
    assert f"in each of {len({row['cell'] for row in rows})} settings" in text
    covered = [100 * float(row["coverage"]) for row in rows]
    tails = [100 * float(row[tail]) for row in rows for tail in ("truth_below", "truth_above")]
    ratios = [
        float(row["rmse_over_bound"])
        for row in rows
        if row["cell"].endswith(" 200")
        if row["rmse_over_bound"]
    ]
    worst = 100 * min(float(row["lowest"]) for row in rows)
    spoken = f"in {min(covered):.1f} to {max(covered):.1f} % of 500 simulated logs"
    assert f"{spoken} (the worst single difference or learner parameter in {worst:.1f} %)" in text
    assert f"each tail {min(tails):.1f} to {max(tails):.1f} %" in text
    assert f"err by {min(ratios):.2f} to {max(ratios):.2f} times the Cramér–Rao bound" in text
    with (folder / "shrunk_coverage.csv").open(encoding="utf-8") as file:
        shrunk = list(csv.DictReader(file))
    (number,) = {row["replications"] for row in shrunk}
    ends = {}
    for kind in ("posterior", "one step"):
        covered = [100 * float(row["coverage"]) for row in shrunk if row["kind"] == kind]
        ends[kind] = f"{min(covered):.1f} to {max(covered):.1f} %"
    spoken = (
        f"posterior intervals cover in {ends['posterior']} and those after one step in {ends['one step']}"
    )
    assert f"in {number} logs each, {spoken}" in text
    worst = min(float(row["lowest"]) for row in shrunk if row["kind"] in ends)
    assert f"(`--cell evidence`; the worst single difference in {100 * worst:.1f} %)" in text
    with (folder / "network_coverage.csv").open(encoding="utf-8") as file:
        network = list(csv.DictReader(file))
    covered = [100 * float(row["coverage"]) for row in network]
    worst = 100 * min(float(row["lowest"]) for row in network)
    assert {row["replications"] for row in network} == {"36"}
    spoken = f"in 36 logs each, {min(covered):.1f} to {max(covered):.1f} %"
    assert f"{spoken} (`--cell network`; the worst {worst:.1f} %)" in text
    with (folder / "counterfactual_coverage.csv").open(encoding="utf-8") as file:
        outcomes = pd.DataFrame(csv.DictReader(file)).astype({"share": float})
    cells = outcomes.groupby(["setting", "change"]).share.agg(["mean", "size"])
    assert set(cells["size"]) == {200}
    low, high = 100 * cells["mean"].min(), 100 * cells["mean"].max()
    assert f"{low:.1f} to {high:.1f} % of those of 200 logs each hold the truth" in text
