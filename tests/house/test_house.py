"""The rules of the house that no single module can keep by itself."""

import re
import subprocess
import sys
import zipfile
from dataclasses import MISSING, fields
from importlib.metadata import packages_distributions
from pathlib import Path

import brotli
import pytest

from server import jobs, settings
from server.app import JOBS, build_site, create_app
from web import page

ROOT = Path(__file__).parents[2]
CODE = [path for name in ("server", "federation", "web") for path in sorted((ROOT / name).rglob("*.py"))]
TEMPLATES = sorted(path for path in (ROOT / "templates").rglob("*.*") if path.suffix in (".html", ".txt"))
POLICIES = {"public", "machine", "signed_in", "moderator", "admin"}


def test_config_toml_is_what_the_settings_say() -> None:
    assert (ROOT / "config.toml").read_text("utf-8") == settings.as_toml()


def test_the_settings_page_is_what_the_settings_say() -> None:
    assert (ROOT / "docs/settings.md").read_text("utf-8") == settings.as_markdown()


def test_every_setting_is_read_somewhere_and_described() -> None:
    code = "\n".join(path.read_text("utf-8") for path in CODE)
    for name, field in settings.known().items():
        section, key = name.split(".")
        reads = rf"\b{section}\.{key}\b|\b{section}\s*=\s*\w+(\.\w+)*\.{section}\b[\s\S]*\b{section}\.{key}\b"
        assert re.search(reads, code) or re.search(rf"\.{section}\b[\s\S]*?\.{key}\b", code), f"nothing reads {name}"
        assert field.description and field.description.endswith("."), f"{name} has no sentence about it"


def test_every_job_has_a_handler_and_a_lane() -> None:
    kinds = {kind for kind in vars(jobs).values() if isinstance(kind, type) and issubclass(kind, jobs.Job)} - {jobs.Job}
    assert set(JOBS) == kinds == set(jobs.KINDS.values())
    # A kind may choose its lane by what it holds: Deliver has one for the slow.
    made = [
        kind(**{one.name: "" for one in fields(kind) if one.default is MISSING is one.default_factory})
        for kind in kinds
    ]
    assert {job.lane for job in made} | {jobs.Deliver("", slow=True).lane} == set(jobs.LANES)


def test_every_view_names_its_policy(tmp_path: Path) -> None:
    app = create_app(build_site(settings.load({}, tmp_path)))
    bare = {name for name, view in app.view_functions.items() if getattr(view, "policy", None) not in POLICIES}
    assert not bare
    assert len(app.view_functions) > 40


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_keep_to_the_policy(path: Path) -> None:
    """Nothing inline, nothing unescaped (security.md rows 110 and 111).

    `|safe` may follow a literal, what server.text made (`post.html`, `about`), and the numbers of the one inline style.
    """
    text = path.read_text("utf-8")
    trusted = re.sub(r"""'[^']*'\|safe|\b(?:post\.html|about|styles)\|safe""", "", text)
    assert not re.search(r"\|\s*safe\b|xmlattr|autoescape\s+false", trusted), "unescaped"
    assert not re.search(r"\sstyle\s*=", text), "a style attribute"
    assert not re.search(r"\son[a-z]+\s*=\s*[\"']", text), "an event handler"
    for script in re.findall(r"<script\b[^>]*>", text):
        assert "src=" in script or "ld+json" in script, f"an inline script: {script}"
    for form in re.findall(r"<form\b[\s\S]*?</form>", text):
        if re.search(r"method=.post", form):
            assert "csrf" in form, f"a form without proof: {form[:80]}"


def test_no_other_distribution_claims_our_names() -> None:
    """house.md 7: server, federation, web and templates are common words."""
    owners = packages_distributions()
    for name in ("server", "federation", "web", "templates"):
        assert set(owners.get(name, ["cartellino"])) <= {"cartellino"}, f"{name} is also {owners[name]}"


def test_the_wheel_holds_everything_that_runs(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    names = set(zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist())
    for folder, pattern in (("templates", "*.html"), ("templates/email", "*.txt"), ("web/static", "*.*"),
                            ("server/migrations", "*.py"), ("server/migrations", "*.mako")):  # fmt: skip
        for path in (ROOT / folder).rglob(pattern):
            assert str(path.relative_to(ROOT)) in names, f"{path.name} does not ship"


def test_stylesheet_and_scripts_keep_their_budgets() -> None:
    """ux.md 8, compressed: CSS of the whole site 12 KB, all scripts 10 KB, icons 4 KB."""
    weigh = lambda content: len(brotli.compress(content, quality=11))  # noqa: E731
    assert weigh(page.stylesheet()) <= 12_000
    assert sum(weigh(path.read_bytes()) for path in page.STATIC.glob("*.js")) <= 10_000
    assert weigh((page.STATIC / "icons.svg").read_bytes()) <= 4_500
    assert sum(path.stat().st_size for path in (page.STATIC / "fonts").glob("*latin.woff2")) <= 82_000


def test_every_decision_has_a_number_and_a_title() -> None:
    records = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    for path in records:
        assert path.read_text("utf-8").startswith(f"# {int(path.name[:4])}. "), path.name


def test_the_project_speaks_of_itself_alone() -> None:
    """No address of a package registry and no path of a developer's machine in any file that ships."""
    registries = re.compile("|".join(["py" + r"pi\.org", "python" + "hosted", "npm" + r"js\.(org|com)"]))
    for path in [*CODE, *TEMPLATES, *(ROOT / "requirements").glob("*"), ROOT / "Makefile", ROOT / ".ci/run"]:
        text = path.read_text("utf-8", errors="replace")
        assert not registries.search(text), path
