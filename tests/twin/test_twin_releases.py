"""Release records over REST and GraphQL, and what a rollback finds."""

from __future__ import annotations

from typing import Any

from tests.twin.asking import START, Asker, Make, app_seed

API = "api.fly.io"


def graphql(sky: Asker, query: str, **variables: Any) -> dict[str, Any]:
    """The reply of one anonymous query."""
    reply: dict[str, Any] = sky.post("/graphql", {"query": query, "variables": variables}, host=API)
    return reply


def test_seeded_releases_are_back_dated_and_hold_their_definition(sky: Asker) -> None:
    releases = sky.get("/api/v1/apps/shop/releases", host=API)["releases"]
    assert [release["version"] for release in releases] == [42, 41]
    assert releases[0]["status"] == "complete"
    assert releases[0]["image_ref"].startswith("registry.fly.io/shop:v42@sha256:")
    current = sky.get("/api/v1/apps/shop/releases/current", host=API)
    assert current["id"] == releases[0]["id"]
    query = "query($n: String!) { app(name: $n) { currentReleaseUnprocessed { configDefinition } } }"
    found = graphql(sky, query, n="shop")["data"]["app"]["currentReleaseUnprocessed"]["configDefinition"]
    assert found["app"] == "shop"
    assert found["vm"][0]["memory_mb"] == 1024
    assert "build" not in found


def test_the_stored_definition_says_in_the_words_of_fly_toml_what_the_machines_have(sky: Asker) -> None:
    """A deploy without a fly.toml makes the machines out of it; checks in a machine's words would be lost (flyctl)."""
    query = '{ app(name: "shop") { currentReleaseUnprocessed { configDefinition } } }'
    found = graphql(sky, query)["data"]["app"]["currentReleaseUnprocessed"]["configDefinition"]
    (service,) = found["services"]
    (check,) = service["http_checks"]
    assert (check["path"], check["interval"], check["grace_period"]) == ("/health", "10s", "5s")
    assert not {"checks", "autostop", "autostart"} & service.keys()
    assert (service["auto_stop_machines"], service["auto_start_machines"]) == ("off", False)
    assert service["processes"] == ["app"]
    assert found["checks"]["alive"]["processes"] == ["app"]
    assert found["processes"] == {"app": "", "worker": ""}


def test_restart_policies_and_headers_of_a_definition_are_those_of_fly_toml(make: Make) -> None:
    group = {
        "count": 1,
        "restart": {"policy": "no"},
        "checks": {"up": {"type": "http", "port": 80, "headers": [{"name": "X-Probe", "values": ["1"]}]}},
    }
    sky = make(
        {"name": "tiny", "groups": {"app": group, "worker": {"restart": {"policy": "always", "max_retries": 3}}}}
    )
    query = '{ app(name: "tiny") { currentReleaseUnprocessed { configDefinition } } }'
    found = graphql(sky, query)["data"]["app"]["currentReleaseUnprocessed"]["configDefinition"]
    assert found["restart"] == [
        {"policy": "never", "processes": ["app"]},
        {"policy": "always", "retries": 3, "processes": ["worker"]},
    ]
    assert found["checks"]["up"]["headers"] == {"X-Probe": "1"}


def test_a_release_is_written_then_marked_complete(sky: Asker) -> None:
    body = {
        "app_name": "shop",
        "image": "registry.fly.io/shop:v43",
        "strategy": "ROLLING",
        "definition": {"app": "shop"},
    }
    made = sky.ask("POST", "/api/v1/releases", body, host=API)
    release = made.json()["release"]
    assert (made.status, release["version"], release["in_progress"]) == (201, 43, True)
    done = sky.ask("PATCH", f"/api/v1/releases/{release['id']}", {"status": "complete"}, host=API).json()
    assert (done["status"], done["stable"], done["in_progress"]) == ("complete", True, False)
    assert sky.ask("PATCH", "/api/v1/releases/rel_none", {"status": "complete"}, host=API).status == 404


def test_a_release_rolls_nothing_out(sky: Asker) -> None:
    before = [machine["instance_id"] for machine in sky.machines()]
    body = {"app_name": "shop", "image": "x", "strategy": "ROLLING", "definition": {}}
    sky.post("/api/v1/releases", body, host=API)
    assert [machine["instance_id"] for machine in sky.machines()] == before


def test_a_machines_history_leads_to_the_release_before(sky: Asker) -> None:
    machine = sky.machines()[0]
    older = sky.get(f"/v1/apps/shop/machines/{machine['id']}/versions")[1]["user_config"]
    assert older["image"].startswith("registry.fly.io/shop:v41@sha256:")
    after = sky.post(f"/v1/apps/shop/machines/{machine['id']}", {"config": older})
    assert after["image_ref"]["tag"] == "v41"


def test_the_history_of_releases_is_asked_as_flyctl_asks(sky: Asker) -> None:
    query = """query ($appName: String!) { app(name: $appName) { releases: releasesUnprocessed(first: 25) {
        nodes { id version description reason status imageRef stable user { id email name } createdAt } } } }"""
    nodes = graphql(sky, query, appName="shop", status="undeclared")["data"]["app"]["releases"]["nodes"]
    assert [node["version"] for node in nodes] == [42, 41]
    assert nodes[0]["createdAt"].endswith("Z")


def test_status_and_apps_queries_with_aliases_work(sky: Asker) -> None:
    query = """query ($appName: String!) { appcompact: app(name: $appName) { id internalNumericId name hostname
        cnameTarget deployed network status appUrl platformVersion organization { id internalNumericId slug paidPlan }
        postgresAppRole: role { name } ipAddresses { nodes { address type } } sharedIpAddress
        machines { nodes { id state region } } config { definition } services { description } } }"""
    app = graphql(sky, query, appName="shop")["data"]["appcompact"]
    assert (app["name"], app["hostname"], app["deployed"]) == ("shop", "shop.fly.dev", True)
    assert len(app["machines"]["nodes"]) == 3
    listed = graphql(
        sky, '{ apps(type: "container", first: 200) { pageInfo { hasNextPage endCursor } nodes { name } } }'
    )
    assert [node["name"] for node in listed["data"]["apps"]["nodes"]] == ["shop"]
    viewer = graphql(sky, "{ viewer { ... on User { id email enablePaidHobby } ... on Macaroon { email } } }")
    assert "@" in viewer["data"]["viewer"]["email"]


def test_errors_come_with_status_200_and_the_words_clients_match(sky: Asker) -> None:
    missing = graphql(sky, '{ app(name: "nothing") { id } }')
    assert missing["data"] == {"app": None}
    assert missing["errors"][0]["message"] == "Could not find App"
    image = graphql(sky, '{ latestImageDetails(image: "shop:v42") { tag } }')
    assert image["errors"][0]["message"] == "Unknown repository"
    assert "errors" in graphql(sky, "{ nothing }")


def test_an_image_is_resolved_by_tag_or_not_at_all(sky: Asker) -> None:
    query = """query($r: String!) { app(name: "shop") {
        image(ref: $r) { id digest ref compressedSize: compressedSizeFull manifest } } }"""
    found = graphql(sky, query, r="registry.fly.io/shop:v42")["data"]["app"]["image"]
    assert found["digest"] == sky.machines()[0]["image_ref"]["digest"]
    assert found["compressedSize"].isdigit()
    assert graphql(sky, query, r="registry.fly.io/shop:v1")["data"]["app"]["image"] is None


def test_bluegreen_and_organizations_are_answered(sky: Asker) -> None:
    assert graphql(sky, '{ canPerformBluegreenDeployment(name: "shop") }')["data"] == {
        "canPerformBluegreenDeployment": True
    }
    organization = sky.get("/api/v1/organizations/personal", host=API)["organization"]
    assert organization["slug"] == "personal"
    assert isinstance(organization["internal_numeric_id"], int)  # flyctl decodes a number, and no deploy begins else
    query = """{ organization(slug: "personal") { id slug rawSlug
        addOns(type: tigris) { nodes { id primaryRegion addOnPlan { displayName } } } } }"""
    assert graphql(sky, query)["data"]["organization"]["addOns"]["nodes"] == []


def test_addresses_and_members_are_answered_with_all_that_flyctl_asks(sky: Asker) -> None:
    addresses = """{ app(name: "shop") { sharedIpAddress machines { nodes { id egressIpAddresses { nodes { ip } } } }
        ipAddresses { nodes { id address type region createdAt serviceName network { name organization { slug } } } }
        } }"""
    whole = '{ app(name: "shop") { machines { nodes { ips { nodes { family kind ip maskSize } } host { id } } } } }'
    assert "errors" not in graphql(sky, whole)
    app = graphql(sky, addresses)["data"]["app"]
    assert [node["type"] for node in app["ipAddresses"]["nodes"]] == ["v6"]
    assert [node["egressIpAddresses"]["nodes"] for node in app["machines"]["nodes"]] == [[], [], []]
    members = """{ organization(slug: "personal") { remoteBuilderImage remoteBuilderApp { name }
        members { edges { cursor node { id name email } joinedAt role } } } }"""
    assert graphql(sky, members)["data"]["organization"]["members"] == {"edges": []}


def test_a_build_is_begun_and_finished(sky: Asker) -> None:
    begun = sky.post("/api/v1/builds", {"app_name": "shop"}, host=API)
    assert begun["status"] == "started"
    finished = sky.post("/api/v1/builds/finish", {"build_id": begun["id"], "status": "completed"}, host=API)
    assert finished["id"] == begun["id"]


def test_a_seed_of_a_name_and_a_group_is_enough(make: Make) -> None:
    sky = make({"name": "tiny", "groups": {"app": {"count": 1}}})
    assert [machine["state"] for machine in sky.machines("tiny")] == ["started"]
    assert sky.get("/v1/apps/tiny")["organization"]["slug"] == "personal"


def test_labels_and_pruned_images_follow_the_seed(make: Make) -> None:
    images = [{"repository": "shop", "tag": "v42", "labels": {"GH_SHA": "abc", "GH_REPO": "team/shop"}}]
    releases = [
        {"version": 1, "tag": "v1", "status": "complete", "age_s": 9000, "pruned": True},
        {"version": 2, "tag": "v42", "status": "complete", "age_s": 60},
    ]
    sky = make(app_seed("shop", releases=releases), images=images)
    assert sky.machines()[0]["image_ref"]["labels"] == {"GH_SHA": "abc", "GH_REPO": "team/shop"}
    assert sky.ask("HEAD", "/v2/shop/manifests/v1", host="registry.fly.io").status == 404
    assert sky.ask("HEAD", "/v2/shop/manifests/v42", host="registry.fly.io").status == 200


def test_certificates_regions_and_addresses_are_told(sky: Asker) -> None:
    listed = sky.get("/v1/apps/shop/certificates")["certificates"]
    assert [row["hostname"] for row in listed] == ["www.shop.example.com"]
    detail = sky.get("/v1/apps/shop/certificates/www.shop.example.com")
    days = (_epoch(detail["certificates"][0]["expires_at"]) - START) / 86_400
    assert round(days) == 40
    assert "ord" in {row["code"] for row in sky.get("/v1/platform/regions")["regions"]}
    assert {ip["shared"] for ip in sky.get("/v1/apps/shop/ip_assignments")["ips"]} == {True, False}


def _epoch(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


def test_apps_are_created_once_and_deleted_with_their_machines(sky: Asker) -> None:
    made = sky.ask("POST", "/v1/apps", {"app_name": "fresh", "org_slug": "personal"})
    assert (made.status, made.json()["name"]) == (201, "fresh")
    taken = sky.ask("POST", "/v1/apps", {"name": "shop", "org_slug": "personal"})
    assert (taken.status, taken.json()["status"]) == (422, "name_taken")
    assert sky.ask("DELETE", "/v1/apps/shop").status == 202
    assert sky.ask("GET", "/v1/apps/shop").status == 404
    assert sky.get("/v1/apps?org_slug=personal")["total_apps"] == 1
