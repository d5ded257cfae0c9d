"""Arrows point one way: who may import whom, read from the source."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = [
    path.relative_to(ROOT) for name in ("diml_envs", "diml_inverse") for path in (ROOT / name).rglob("*.py")
]


def imports(path, *, module_level=False):
    """Every module name that a file imports, `from a import b` as a and a.b; relative imports resolved."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    checked_only = [
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        for inner in ast.walk(node)
    ]
    inside = [
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for inner in ast.walk(node)
    ]
    left_out = checked_only + (inside if module_level else [])
    names = set()
    for node in ast.walk(tree):
        if any(node is other for other in left_out):
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            package = list(path.with_suffix("").parts[: -node.level]) if node.level else []
            home = ".".join([*package, *([node.module] if node.module else [])])
            names |= {home} | {f"{home}.{alias.name}" for alias in node.names}
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in (
            "import_module",
            "__import__",
        ):
            names |= {str(arg.value) for arg in node.args[:1] if isinstance(arg, ast.Constant)}
    return names


def reaches(names, *packages):
    return {name for name in names if any(name == p or name.startswith(p + ".") for p in packages)}


def files(*folders):
    return [path for path in FILES if any(path.as_posix().startswith(folder) for folder in folders)]


def ids(path):
    return path.as_posix()


@pytest.mark.parametrize("path", files("diml_envs/"), ids=ids)
def test_diml_envs_does_not_import_the_solver_or_learning_libraries(path):
    assert not reaches(imports(path), "diml_inverse")
    assert not reaches(imports(path, module_level=True), "torch", "stable_baselines3")
    if not path.as_posix().startswith("diml_envs/external/"):
        assert not reaches(imports(path), "torch", "stable_baselines3")


@pytest.mark.parametrize("path", files("diml_inverse/"), ids=ids)
def test_diml_inverse_does_not_import_environments(path):
    assert not reaches(imports(path), "gymnasium", "pettingzoo", "diml_envs", "stable_baselines3")


@pytest.mark.parametrize("path", files("diml_inverse/"), ids=ids)
def test_nothing_imports_the_command_line_or_the_report(path):
    ends = ("diml_inverse.cli", "diml_inverse.report")
    if path.name.startswith(("cli", "report", "__main__")):
        return
    assert not reaches(imports(path), *ends)


@pytest.mark.parametrize("path", files("diml_envs/"), ids=ids)
def test_nothing_in_diml_envs_imports_its_command_line(path):
    if path.name.startswith(("cli", "__main__")):
        return
    assert not reaches(imports(path), "diml_envs.cli")


JOINING = [
    f"diml_inverse.{name}"
    for name in ("data", "reading", "dynamics", "fit", "maximise", "results", "metrics", "cross_validation",
                 "information", "situations", "summary", "specification")
]  # fmt: skip


@pytest.mark.parametrize("path", files("diml_inverse/mechanisms", "diml_inverse/learners"), ids=ids)
def test_mechanisms_and_learners_know_neither_each_other_nor_the_data(path):
    other = "learners" if "mechanisms" in path.parts else "mechanisms"
    assert not reaches(imports(path), f"diml_inverse.{other}", *JOINING)


@pytest.mark.parametrize(
    ("package", "absent"),
    [
        ("diml_envs", ["torch", "stable_baselines3", "diml_inverse"]),
        ("diml_inverse", ["gymnasium", "pettingzoo", "diml_envs", "stable_baselines3"]),
    ],
)
def test_importing_a_package_does_not_load_what_it_must_not(package, absent):
    """The same seen from the running interpreter: nothing slips in through a third module."""
    program = f"import sys, {package}; print([m for m in {absent} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def test_the_reader_of_imports_sees_all_forms(tmp_path, monkeypatch):
    """The tests above can fail: every way to import is seen, and where it stands."""
    source = """
import a.b
from c import d
from . import e
from ..f import g
import importlib
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import unseen
def lazy():
    import h
    importlib.import_module("i.j")
"""
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    path = Path("pack") / "sub" / "file.py"
    (tmp_path / path.parent).mkdir(parents=True)
    (tmp_path / path).write_text(source)
    found = imports(path)
    assert {"a.b", "c.d", "pack.sub.e", "pack.f.g", "h", "i.j"} <= found and "unseen" not in found
    assert not {"h", "i.j"} & imports(path, module_level=True)
