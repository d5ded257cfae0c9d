"""Finished rows, kept as they come: a run that was stopped goes on where it was."""

import json
import math
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

Row = dict


class Rows:
    """One file of JSON lines per experiment and seed, with one writer each.

    A line is one experiment x seed x estimator. A line cut short by a stop is left out, and written again.

    Args:
        folder: where the files are.
        settings: what rows have to have been made with; rows of other settings are not taken for finished.
    """

    def __init__(self, folder: Path, settings: str):
        self.folder, self.settings = folder, settings

    def path(self, experiment: str, seed: int) -> Path:
        """The file of an experiment and seed."""
        return self.folder / f"{experiment.replace(' ', '-').replace(',', '')}-{seed}.jsonl"

    def finished(self, experiment: str, seed: int) -> set[str]:
        """Estimators that need not be run again (an estimator may leave several rows)."""
        found = Counter[str]()
        wanted = {}
        for row in self._read(self.path(experiment, seed)):
            found[row["estimator"]] += 1
            wanted[row["estimator"]] = row.get("lines", 1)
        return {name for name, lines in wanted.items() if found[name] >= lines}

    def add(self, rows: list[Row]) -> None:
        """Write the rows of one estimator in one go."""
        path = self.path(rows[0]["experiment"], rows[0]["seed"])
        path.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text() if path.exists() else ""
        broken = text and not text.endswith("\n")
        more = {"settings": self.settings, "lines": len(rows)}
        lines = [json.dumps({**more, **_plain(row)}) for row in rows]
        with path.open("a", encoding="utf-8") as file:
            file.write("\n" * bool(broken) + "\n".join(lines) + "\n")

    def all(self, seeds: tuple[int, ...] | None = None) -> list[Row]:
        """Every row of these settings, in the order of the files' names; of these seeds only, if given."""
        found = {
            (path, row["estimator"], row.get("line")): row  # of one that was cut short, the last
            for path in sorted(self.folder.glob("*.jsonl"))
            for row in self._read(path)
        }
        return [row for row in found.values() if seeds is None or row["seed"] in seeds]

    def _read(self, path: Path) -> Iterator[Row]:
        if not path.exists():
            return
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                continue  # cut short
            if row.get("settings") == self.settings:
                yield row


def commit() -> str:
    """Of the code that runs; tables that are written while it runs do not make it another."""

    def git(*arguments: str) -> str:
        here = Path(__file__).parent
        return subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True).stdout.strip()

    changed = git("status", "--porcelain", "--", ":/", ":(exclude,top)scripts/reproduce/results")
    return git("describe", "--always") + "-dirty" * bool(changed) or "no commit"


def _plain(row: Row) -> Row:
    """JSON has no NaN."""
    return {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in row.items()}
