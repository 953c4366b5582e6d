import ast
import os
import re

import pytest

from data.project import PROJECT_ROOT
from pipelines.compilation import fingerprint
from pipelines.compilation.fingerprint import ENTRY_POINTS, closure, remembering

PARSE = ast.parse


@pytest.fixture
def project(tmp_path, monkeypatch):
    files = {
        "uv.lock": "locked",
        "low/__init__.py": "",
        "low/table.yaml": "a: 1",
        "low/base.py": "import numpy\n",
        "high/__init__.py": "",
        "high/entry.py": "from low import base\n",
        "high/late.py": "def f():\n    from high.hidden import g\n",
        "high/hidden.py": "from . import entry\nimport tensorflow as tf\n",
        "high/other.py": "",
        "high/starter.py": "def f(run):\n    run('high.apart')\n    run('high.other')\n",
        "high/apart.py": "import tensorflow\nfrom low import base\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(fingerprint, "PROJECT_ROOT", tmp_path)
    monkeypatch.setattr(fingerprint, "ENTRY_POINTS", ("high.apart", "no.such.module"))
    return tmp_path


def names(found, root):
    return {str(path.relative_to(root)) for path in found.files}


def test_follows_imports_between_packages_with_the_data_files_there(project):
    found = closure(["high.entry"])
    assert names(found, project) == {
        "high/__init__.py",
        "high/entry.py",
        "low/__init__.py",
        "low/base.py",
        "low/table.yaml",
    }
    assert "numpy" in found.foreign


def test_follows_imports_inside_functions_and_relative_ones(project):
    found = closure(["high.late"])
    assert {"high/hidden.py", "high/entry.py", "low/base.py"} <= names(found, project)
    assert "tensorflow" in found.foreign


def test_an_entry_point_counts_and_what_it_imports_from_elsewhere_does_not(project):
    found = closure(["high.starter"])
    assert {"high/apart.py", "low/base.py"} <= names(found, project)
    assert "tensorflow" not in found.foreign


def test_another_module_whose_name_is_a_string_does_not_count(project):
    assert "high/other.py" not in names(closure(["high.starter"]), project)


def test_every_module_that_an_executor_names_is_an_entry_point():
    """A module that is started by name but is not listed would be missing in the fingerprints."""
    components = (PROJECT_ROOT / "components").rglob("*.py")
    names = [".".join(path.relative_to(PROJECT_ROOT).with_suffix("").parts) for path in components]
    found = set()
    for path in closure([*names, "trainer_module.run", "transform_module.preprocessing"]).files:
        for node in ast.walk(ast.parse(path.read_bytes())) if path.suffix == ".py" else ():
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= {node.value} if re.fullmatch(r"[a-z_]\w*(\.[a-z_]\w*)+", node.value) else set()
    assert {name for name in found if PROJECT_ROOT.joinpath(*name.split(".")).with_suffix(".py").is_file()} == {
        *ENTRY_POINTS
    }


@pytest.mark.parametrize("edited", ["low/base.py", "low/table.yaml", "high/__init__.py", "uv.lock"])
def test_an_edit_within_the_closure_changes_the_digest(project, edited):
    before = closure(["high.entry"]).digest()
    (project / edited).write_text("# edited\n")
    assert closure(["high.entry"]).digest() != before


@pytest.mark.parametrize("component", ["data_gate", "model_validator", "serving_smoke", "pusher"])
def test_schemas_and_thresholds_count_for_the_nodes_that_are_given_them_only(component):
    names = {path.name for path in closure([f"components.{component}.executor"]).files}
    assert {"gates.py"} <= names or component == "pusher"
    assert not {name for name in names if name.endswith((".pbtxt", "gates.yaml"))}
    assert "nodes.py" not in names, "a reworded description would run the node again"


def test_an_edit_elsewhere_does_not_change_the_digest(project):
    before = closure(["high.entry"]).digest()
    (project / "high/other.py").write_text("# edited\n")
    assert closure(["high.entry"]).digest() == before


def test_a_named_file_is_part_of_the_digest(project):
    named = project / "curated.pbtxt"
    named.write_text("one")
    before = closure(["high.entry"]).digest([named])
    named.write_text("two")
    assert closure(["high.entry"]).digest([named]) != before


def test_an_edit_is_noticed_by_a_running_process(project):
    path = project / "high/entry.py"
    closure(["high.entry"])
    path.write_text("from high import other\n")
    assert project / "high/other.py" in closure(["high.entry"]).files


def test_an_edit_that_keeps_the_size_is_noticed_at_once(project):
    path = project / "high/entry.py"
    digests = {closure(["high.entry"]).digest()}
    for number in range(5):
        path.write_text(f"from low import base  # {number}\n")
        digests.add(closure(["high.entry"]).digest())
    assert len(digests) == 6


def test_an_edit_of_a_file_that_was_not_edited_for_long_is_noticed(project):
    path = project / "high/entry.py"
    os.utime(path, (1, 1))
    before = {closure(["high.entry"]).digest(), closure(["high.entry"]).digest()}
    path.write_text(path.read_text().replace("base", "bass"))
    assert len(before) == 1
    assert closure(["high.entry"]).digest() not in before


def test_a_module_is_parsed_again_only_if_its_file_changed(project, tmp_path_factory, monkeypatch):
    file = tmp_path_factory.mktemp("root") / "imports.json"

    def found():
        """Return the closure as a new process finds it, and how many modules were parsed for it."""
        parsed = []
        monkeypatch.setattr(fingerprint, "_remembered", {})
        monkeypatch.setattr(ast, "parse", lambda *given, _parse=PARSE: parsed.append(given) or _parse(*given))
        with remembering(file):
            return closure(["high.late"]), len(parsed)

    monkeypatch.setattr(fingerprint, "_SETTLED_NS", 0)
    first, count = found()
    assert count == len([path for path in first.files if path.suffix == ".py"])
    assert found() == (first, 0)
    (project / "high" / "late.py").write_text("from high import other\n")
    changed, count = found()
    assert "high/other.py" in names(changed, project)
    assert count == 2
    for damage in ("", "{", "[1]", '{"version": 1}', file.read_text()[:-9]):
        file.write_text(damage)
        assert found()[0] == changed
