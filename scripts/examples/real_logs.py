"""Real players: are the signs of what language models and people were paid in known games recovered?

Reads the two data sets of the project's shared folder where they lie (nothing is copied into the project):
36,000 joint choices of five language models in 144 2x2 games, with people against GPT-4 in two more (Akata et
al. 2025), and people in 30 prisoner's dilemmas (Nay & Vorobeychik 2016). Each game is a log of its own;
`di.select` is told nothing but the choices. Truth is the points or the money.

Run: OMP_NUM_THREADS=1 .venv/bin/python scripts/examples/real_logs.py ../shared/data   (a stopped run goes on;
--command does the same through `diml-inverse select`). Needs pandas.
"""

import csv
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import typer
from numpy.typing import NDArray
from scipy.stats import binom, permutation_test

import diml_inverse as di

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
TABLE = Path(__file__).with_name("real_logs.csv")
COLUMNS = {"episode": "match", "step": "round", "agent": "seat"}
"""Our names -> those of the tables below; `action` is called so already."""

PEOPLE = {"PD": np.array([[5.0, 10.0], [0.0, 8.0]]), "BoS": np.array([[10.0, 0.0], [0.0, 7.0]])}
"""Points of people who played GPT-4, [own action, the other's]; 1 is to cooperate, or what they like less."""

FIELDS = (
    "players", "game", "episodes", "choices", "status", "family", "rule", "held_out", "memory", "seconds",
    "differences", "ours", "stationary",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Real:
    """One game with known payoffs.

    Attributes:
        players: which of the three samples it belongs to.
        game: its name.
        table: one row per match, round and seat, with the action 0 or 1.
        differences: u_i(1, b) - u_i(0, b) for the seats that are scored, [seats, 2].
    """

    players: str
    game: str
    table: pd.DataFrame
    differences: NDArray[np.float64]


def language_models(folder: Path, seed: int = 0) -> Iterator[Real]:
    """The 144 games in random order (a run cut short is a sample of them); a match is an ordered pair."""
    rounds = pd.read_csv(folder / "all_144_games_rounds.csv")
    info = pd.read_csv(folder / "144_games_info.csv", sep=";").set_index("game_number")
    rounds["match"] = rounds.groupby(["player1", "player2"]).ngroup()
    rounds["round"] -= 1
    for number in np.random.default_rng(seed).permutation(info.index.to_numpy()):
        played, paid = rounds[rounds.game_number == number], info.loc[number]
        seats = {seat: (played[f"answer{seat}"] == played.choice_option2).astype(int) for seat in (1, 2)}
        u = np.array([[[paid[f"r{r}_c{c}_p{p}"] for p in (1, 2)] for c in (1, 2)] for r in (1, 2)], float)
        differences = np.stack([u[1, :, 0] - u[0, :, 0], u[:, 1, 1] - u[:, 0, 1]])
        yield Real("language models", f"{number}", _long(played[["match", "round"]], seats), differences)


def people_and_gpt4(folder: Path) -> Iterator[Real]:
    """People in a prisoner's dilemma and a battle of the sexes; GPT-4's choice follows from their score.

    The column `coordination` contradicts the score in some 30 rows and is not read. Whoever has a score that
    no joint action pays is left out.
    """
    every = pd.read_csv(folder / "human_repgames.csv")
    every["round"] = every.groupby(["id", "game"]).cumcount()
    for name, u in PEOPLE.items():
        played = every[every.game == name]
        fits = u[played.action] == played.score.to_numpy()[:, None]  # [rows, 2]: the other's choice
        known = pd.Series(fits.any(1), played.index).groupby(played.id).transform("all")
        keys = played.loc[known, ["id", "round"]].rename(columns={"id": "match"})
        seats = {1: played.action[known], 2: pd.Series(fits.argmax(1), played.index)[known]}
        yield Real("people, GPT-4", name, _long(keys, seats), (u[1] - u[0])[None])


def prisoners(folder: Path, most: int, seed: int = 0) -> Iterator[Real]:
    """The 30 dilemmas; 1 is to cooperate. At most `most` matches of each, drawn by lot.

    The last period of a sequence lacks the other's move and is left out. Each match is stored twice, once
    from either side, without saying which belong together; but where moves are not garbled, sequence (x, y)
    is there as often as (y, x), and half of them are the matches. Where they are garbled (`error` > 0) the
    sides do not mirror each other, all sequences are taken, and most choices count twice. Seats are
    exchangeable, drawn by lot, and one of them is scored.
    """
    rng = np.random.default_rng(seed)
    every = pd.read_csv(folder / "nv_sequences.csv").dropna(subset="other").astype({"other": int})
    for _, group in pd.read_csv(folder / "nv_groups.csv").iterrows():
        runs: dict[tuple, list[tuple]] = {}
        for _, sequence in every[every.group == group.group].groupby("seq"):
            sides = tuple(sequence.my), tuple(sequence.other)
            runs.setdefault(tuple(sorted(sides)), []).append(sides)
        kept = [side for same in runs.values() for side in (same if group.error else same[: len(same) // 2])]
        drawn = [kept[k] for k in rng.permutation(len(kept))[:most]]
        rows = [
            (match, step, seat, move)
            for match, sides in enumerate(drawn)
            for seat, moves in enumerate(sides if rng.random() < 0.5 else sides[::-1], start=1)
            for step, move in enumerate(moves)
        ]
        table = pd.DataFrame(rows, columns=["match", "round", "seat", "action"])
        differences = np.array([[group.s - group.p, group.r - group.t]])
        yield Real("people, dilemmas", f"{group.data} {int(group.group)}", table, differences)


def _long(keys: Any, seats: dict[int, Any]) -> pd.DataFrame:
    """One row per seat from one row per round."""
    return pd.concat([keys.assign(seat=seat, action=action) for seat, action in seats.items()])


def stationary(data: di.TrajectoryDataset) -> NDArray[np.float64]:
    """What a logit equilibrium says of u_i(1, .) - u_i(0, .), up to scale: the log odds of the frequencies.

    Marginal frequencies f_i identify the mean of the difference under the other's play alone; the estimate
    is the same difference whatever the other does, [2, 2].
    """
    shares = data.actions[data.mask].double().mean(0).clamp(1e-6, 1 - 1e-6)
    return np.repeat(torch.logit(shares).numpy()[:, None], 2, axis=1)


def recovered(mechanism: di.Mechanism) -> NDArray[np.float64]:
    """u_i(1, b) - u_i(0, b) of a mechanism, [2, 2]."""
    grid = torch.tensor([[[0, 0], [0, 1]], [[1, 0], [1, 1]]])
    u = mechanism.payoffs(grid).detach().double().numpy()
    return np.stack([u[1, :, 0] - u[0, :, 0], u[:, 1, 1] - u[:, 0, 1]])


def by_command(table: pd.DataFrame) -> tuple[di.FitResult, dict]:
    """The same choice through the command line, in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        table.to_csv(log := f"{folder}/log.csv", index=False)
        words = ["select", log, "--out", f"{folder}/out", "--num-actions", "2"]
        for ours, theirs in COLUMNS.items():
            words += ["--columns", f"{ours}={theirs}"]
        done = subprocess.run([sys.executable, "-m", "diml_inverse", *words], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError((done.stderr.strip() or done.stdout.strip()).splitlines()[-1])
        return di.load_result(f"{folder}/out"), {}


def answer(real: Real, *, command: bool) -> dict:
    """One line of the table."""
    data = di.TrajectoryDataset.from_table(real.table, num_actions=2, columns=COLUMNS)
    line = {"players": real.players, "game": real.game, "episodes": data.num_episodes}
    line["choices"] = data.num_choices
    try:
        if command:
            result, told = by_command(real.table)
        else:
            best = di.select(data, progress=False)
            result, told = best.result, {"family": best.choice.mechanism, "rule": best.choice.learner}
            told |= {"held_out": f"{best.choice.held_out:.4f}", "seconds": f"{best.seconds:.0f}"}
            told["memory"] = f"{max(v for k, v in best.baselines.items() if k.startswith('memory')):.4f}"
    except RuntimeError as error:  # torch's linear algebra
        return {**line, "status": f"failed: {str(error).splitlines()[0]}"}
    scored = len(real.differences)
    met = np.stack([[bool((data.actions[data.mask][:, 1 - i] == b).any()) for b in (0, 1)] for i in (0, 1)])
    counted = met[:scored] & (real.differences != 0)

    def right(estimate: NDArray[np.float64]) -> int:
        return int((counted & (estimate[:scored] * real.differences > 0)).sum())

    line |= {"status": result.status.value, **told, "differences": int(counted.sum())}
    return {**line, "ours": right(recovered(result.mechanism)), "stationary": right(stationary(data))}


def summary(lines: list[dict]) -> str:
    """Sign accuracy by sample and status, beside the stationary inversion and chance.

    Chance is one coin per seat, which gets both of its differences right or wrong; p is of the difference to
    the stationary inversion, with signs of games flipped; a memory of the last steps is ahead where it
    predicts held-out choices better than the fit does.
    """
    text = [
        "| players | status | games | differences | ours | stationary | p | chance, 95 % | memory ahead |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for players in dict.fromkeys(line["players"] for line in lines):
        mine = [line for line in lines if line["players"] == players]
        for status in ["any", *sorted({line["status"] for line in mine})]:
            part = [line for line in mine if status in ("any", line["status"])]
            done = [line for line in part if line.get("differences")]
            n = sum(int(line["differences"]) for line in done)
            cells = [players, status, str(len(part)), str(n)]
            if n:
                low, high = binom.interval(0.95, seats := n // 2, 0.5)
                right = {name: np.array([int(x[name]) for x in done]) for name in ("ours", "stationary")}
                cells += [f"{signs.sum() / n:.2f}" for signs in right.values()]
                cells += [f"{flipped(right['ours'] - right['stationary']):.2f}" if len(done) > 1 else "–"]
                cells += [f"{low / seats:.2f} … {high / seats:.2f}"]
                told = [x for x in done if x.get("memory") and x.get("held_out")]
                ahead = sum(float(x["memory"]) > float(x["held_out"]) for x in told)
                cells.append(f"{ahead} of {len(told)}" if told else "–")
            text.append("| " + " | ".join([*cells, *["–"] * (9 - len(cells))]) + " |")
    return "\n".join(text)


def flipped(gains: NDArray[np.integer]) -> float:
    """Two-sided p value of a mean gain in two games or more, with the games' signs flipped in all ways.

    Of more than 9,999 ways, that many are drawn.
    """

    def total(one: NDArray[np.integer], axis: int = -1) -> NDArray[np.integer]:
        return one.sum(axis)

    drawn = permutation_test(
        (gains,), total, permutation_type="samples", n_resamples=9_999, rng=np.random.default_rng(0)
    )
    return float(drawn.pvalue)


def main(
    data: Path = typer.Argument(SHARED),  # noqa: B008
    games: int = 144,
    matches: int = 100,
    dilemmas: int = 30,
    command: bool = False,
    out: Path = TABLE,
) -> None:
    """Answer for every game that OUT does not hold yet, then write the summary beside it."""
    if not (data / "llm_2x2_akata").is_dir() or not (data / "pd_nay_vorobeychik").is_dir():
        print(
            f"skipped: {data} does not hold llm_2x2_akata and pd_nay_vorobeychik; pass the folder that does"
        )
        return
    lines = list(csv.DictReader(out.open(encoding="utf-8"))) if out.exists() else []
    samples = (
        (people_and_gpt4(data / "llm_2x2_akata"), 2),
        (prisoners(data / "pd_nay_vorobeychik", matches), dilemmas),
        (language_models(data / "llm_2x2_akata"), games),
    )
    for sample, most in samples:
        for _, real in zip(range(most), sample, strict=False):
            if not any((line["players"], line["game"]) == (real.players, real.game) for line in lines):
                lines.append(answer(real, command=command))
                print(*(lines[-1].get(name, "–") for name in FIELDS), sep=", ", flush=True)
                with out.open("w", newline="", encoding="utf-8") as file:
                    table = csv.DictWriter(file, list[str](FIELDS), lineterminator="\n")
                    table.writeheader()
                    table.writerows(lines)
                out.with_suffix(".md").write_text(summary(lines) + "\n", encoding="utf-8")
    print(summary(lines))


if __name__ == "__main__":
    torch.set_num_threads(1)
    typer.run(main)
