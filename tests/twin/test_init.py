"""From an empty folder: what runs is paired and written down, each contradiction told, nothing ever overwritten."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import pytest
import yaml

from hotops.adopt.init import Init, InitWanted
from hotops.adopt.organisation import pairs
from hotops.adopt.texts import Project, files_of
from hotops.core.driver import Outcome, drive
from hotops.core.errors import UsageError
from hotops.fly import Fly
from hotops.inventory.listing import load_environment
from tests.twin.asking import app_seed
from tests.twin.looking import Scene

FILES = [
    "ansible.cfg", ".gitignore", "promote.yml", "rollback.yml", "deploy.yml", "health.yml",
    "inventories/production/hosts.yml", "inventories/production/group_vars/all.yml",
    "inventories/staging/hosts.yml", "inventories/staging/group_vars/all.yml",
]  # fmt: skip


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "project"
    made.mkdir()
    return made


def ahead(name: str, **changes: Any) -> dict[str, Any]:
    """A staging app one release ahead, of which no secret is production's."""
    releases = [
        {"version": 42, "tag": "v42", "status": "complete", "age_s": 864_000},
        {"version": 43, "tag": "v43", "status": "complete", "age_s": 7200},
    ]
    own = {"DATABASE_URL": f"postgresql://app@{secrets.token_hex(4)}.example/app", "APP_ENV": "staging"}
    return app_seed(name, **{"traffic_rps": 1, "releases": releases, "secrets": own, **changes})


def init(scene: Scene, folder: Path, *, check: bool = False, **want: Any) -> Outcome:
    options = {"fly_org": "personal", "env_kind": "sandbox", "folder": folder, **want}
    with scene.context(environment=None) as context:
        return drive(Init(InitWanted.model_validate(options), context), check=check)


def kinds(outcome: Outcome) -> set[tuple[str, str]]:
    return {(item["kind"], item["app"]) for item in outcome.result["contradictions"]}


def test_what_runs_is_paired_and_written_and_the_files_are_an_inventory(folder: Path) -> None:
    scene = Scene(ahead("shop-staging"), app_seed("shop-production", traffic_rps=1), app_seed("chat", traffic_rps=1))
    outcome = init(scene, folder, repo="acme/shop")
    assert outcome.result["pairs"] == {"shop-production": "shop-staging"}
    assert sorted(outcome.result["written"]) == sorted(FILES)
    assert {call["effect"] for call in scene.twin.calls.since()} == {"none"}
    environment = load_environment(folder / "inventories/production")
    assert [(app.host, app.promote_from) for app in environment.apps.values()] == [
        ("chat", None),
        ("shop-production", "shop-staging"),
    ]
    assert (environment.fly_org, environment.github_repo, environment.supabase_project) == (
        "personal",
        "acme/shop",
        "shop-db",
    )
    assert list(load_environment(folder / "inventories/staging").apps) == ["shop-staging"]
    softened = {item["gate"] for item in outcome.result["softened"]}
    assert set(environment.gates) == softened
    assert all(waiver.level == "warn" and waiver.reason and waiver.until for waiver in environment.gates.values())
    assert (folder / "promote.yml").read_text(encoding="utf-8").endswith("import_playbook: hotops.core.promote\n")


def test_how_an_app_gets_its_database_is_told_by_the_names_of_its_secrets_and_the_vault_is_a_line_to_uncomment(
    folder: Path,
) -> None:
    scene = Scene(
        ahead("shop-staging"),
        app_seed("shop-production", traffic_rps=1),
        app_seed("agent", secrets={"PG_URL": f"postgresql://app@{secrets.token_hex(4)}.example/app"}),
        app_seed("chat", secrets={"POSTGRES_HOST": "db.example", "POSTGRES_USERNAME": "chat"}),
        app_seed("files", secrets={"APP_ENV": "production"}),
    )
    init(scene, folder)
    environment = load_environment(folder / "inventories/production")
    uses = {app.host: app.database for app in environment.apps.values()}
    told = {host: (use.secret, use.parts, use.whole_names) for host, use in uses.items() if use is not None}
    assert told == {
        "agent": ("PG_URL", None, ("PG_URL",)),
        "chat": ("DATABASE_URL", "POSTGRES_", ()),
        "shop-production": ("DATABASE_URL", None, ("DATABASE_URL",)),
    }
    assert uses["files"] is None
    declared = folder / "inventories/production/group_vars/all.yml"
    text = declared.read_text(encoding="utf-8")
    declared.write_text(text.replace("# vault: ", "vault: "), encoding="utf-8")
    assert load_environment(folder / "inventories/production").vault == "vault/occ"


def test_of_several_projects_each_is_a_line_to_choose_from() -> None:
    project = Project("personal", "live", ["shop"], [], {}, candidates=[("one", "a" * 20), ("two", "b" * 20)])
    text = files_of(project)["inventories/production/group_vars/all.yml"]
    assert f"# supabase_project: one    # {'a' * 20}\n# supabase_project: two    # {'b' * 20}\n" in text
    assert yaml.safe_load(text) == {"env_kind": "live", "fly_org": "personal"}


def test_each_planted_contradiction_is_told(folder: Path) -> None:
    shared = secrets.token_hex(12)
    one_database = f"postgresql://app@{secrets.token_hex(4)}.example/app"
    wrong = [
        {"version": 41, "tag": "v41", "status": "complete", "age_s": 864_000},
        {"version": 42, "tag": "v42-wrongpath", "status": "complete", "age_s": 7200},
    ]
    scene = Scene(
        ahead("shop-staging", secrets={"DATABASE_URL": one_database, "API_KEY": shared}),
        app_seed("shop-production", traffic_rps=1, secrets={"DATABASE_URL": one_database, "API_KEY": shared}),
        app_seed("chat", traffic_rps=1, releases=wrong),
        app_seed("mixed", traffic_rps=1),
    )
    with scene.context() as context:
        fly = context.client(Fly)
        scene.twin.world.images.push("mixed", "v43", scene.clock.now())
        first = fly.machines.list("mixed")[0]
        assert first.config is not None
        fly.machines.update("mixed", first.id, first.config.with_image("registry.fly.io/mixed:v43"))
    scene.clock.time += 30
    (folder / "fly.toml").write_text(
        'app = "shop-production"\n[[vm]]\n  memory = "2gb"\n[http_service]\n  internal_port = 3000\n'
        '  [[http_service.checks]]\n    path = "/hc"\n',
        encoding="utf-8",
    )
    outcome = init(scene, folder)
    assert kinds(outcome) == {
        ("two_digests", "mixed"),
        ("check_path_404", "chat"),
        ("toml_differs", "shop-production"),
        ("shared_secrets", "shop-production"),
        ("same_database", "shop-production"),
    }
    page = " ".join(" ".join(outcome.result["hotops_screen"]).split())
    for words in (
        "its machines run 2 images",
        "its check asks /health on port 8080, and the app answers 404",
        "fly.toml says memory 2048 MB, its machines have 512 MB and 1024 MB",
        "fly.toml says the check /hc, its machines have /health",
        "fly.toml says port 3000, its machines have 8080",
        "use one database: DATABASE_URL have one value at both",
        "share API_KEY: equal digests",
    ):
        assert words in page, words
    assert shared not in json.dumps(outcome.result)


def test_again_it_shows_a_difference_and_overwrites_nothing(folder: Path) -> None:
    scene = Scene(ahead("shop-staging"), app_seed("shop-production", traffic_rps=1))
    init(scene, folder)
    again = init(scene, folder)
    assert again.changed is False
    assert "Every file is there already, and says the same." in "\n".join(again.result["hotops_screen"])
    hosts = folder / "inventories/production/hosts.yml"
    mine = hosts.read_text(encoding="utf-8").replace("shop-staging", "shop-elsewhere")
    hosts.write_text(mine, encoding="utf-8")
    (folder / "health.yml").unlink()
    third = init(scene, folder)
    assert third.result["written"] == ["health.yml"]
    assert third.result["differs"] == ["inventories/production/hosts.yml"]
    assert hosts.read_text(encoding="utf-8") == mine
    page = "\n".join(third.result["hotops_screen"])
    assert "-      promote_from: shop-elsewhere" in page
    assert "+      promote_from: shop-staging" in page


def test_check_mode_writes_nothing(folder: Path) -> None:
    scene = Scene(ahead("shop-staging"), app_seed("shop-production", traffic_rps=1))
    outcome = init(scene, folder, check=True)
    assert outcome.changed
    assert list(folder.iterdir()) == []
    assert "  would write promote.yml" in outcome.result["hotops_screen"]


def test_what_could_not_be_known_is_said(folder: Path) -> None:
    scene = Scene(ahead("shop-staging"), app_seed("shop-production", traffic_rps=1), supabase=False)
    scene.twin.faults.add({"kind": "status", "status": 403, "match": {"path": "/v1/apps/shop-production/secrets"}})
    unknown = init(scene, folder).result["unknown"]
    assert any(text.startswith("shop-production: its secrets can't be read") for text in unknown)
    assert "the database: there is no SUPABASE_ACCESS_TOKEN" in unknown
    assert any("--repo OWNER/NAME" in text for text in unknown)


def test_a_list_that_is_refused_asks_for_names_and_an_empty_organisation_is_an_error(folder: Path) -> None:
    scene = Scene(ahead("shop-staging"), app_seed("shop-production", traffic_rps=1))
    scene.twin.faults.add({"kind": "status", "status": 403, "match": {"path": "/v1/apps"}})
    with pytest.raises(UsageError, match="may not list") as caught:
        init(scene, folder)
    assert "--app" in caught.value.remedy
    named = init(scene, folder, apps=["shop-production", "shop-staging"])
    assert named.result["pairs"] == {"shop-production": "shop-staging"}
    with pytest.raises(UsageError, match="None of the apps"):
        init(scene, folder, apps=["ghost"])


def test_names_are_paired_by_what_they_say() -> None:
    assert pairs(["shop", "shop-staging", "api-prod", "api-stg", "chat", "other-staging"]) == {
        "api-prod": "api-stg",
        "shop": "shop-staging",
    }
    assert pairs(["shop", "shop-production", "shop-staging"]) == {"shop-production": "shop-staging"}
    assert pairs([]) == {}
