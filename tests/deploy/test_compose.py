"""The compose file: the published schema, and one test for each of our rules."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.deploy.compose import (
    ALWAYS,
    FILE,
    ONE_SHOT,
    PROJECT,
    SERVICES,
    STACK,
    environment_of,
    interpolated,
    networks_of,
    secrets_of,
)

every_service = pytest.mark.parametrize("service", sorted(SERVICES))
every_lasting_service = pytest.mark.parametrize("service", ALWAYS)
MEGA = {"m": 1, "g": 1024}


def check_schema(path: Path) -> "subprocess.CompletedProcess[str]":
    command = [
        str(Path(sys.executable).with_name("check-jsonschema")),
        "--builtin-schema",
        "vendor.compose-spec",
    ]
    return subprocess.run([*command, str(path)], capture_output=True, text=True, timeout=60)


def test_it_is_what_the_published_schema_of_compose_files_allows() -> None:
    result = check_schema(FILE)

    assert result.returncode == 0, result.stdout + result.stderr


def test_the_schema_would_notice_a_mistake(tmp_path: Path) -> None:
    wrong = STACK | {"services": SERVICES | {"web": SERVICES["web"] | {"cap_dorp": ["ALL"]}}}
    path = tmp_path / "compose.yml"
    path.write_text(yaml.safe_dump(wrong))

    assert check_schema(path).returncode == 1


def test_the_services_are_those_of_the_design() -> None:
    promised = {
        "postgres", "pgbouncer", "redis-cache", "redis-sessions", "s3", "keycloak", "web", "worker", "schedule",
        "migrate", "nginx", "prometheus", "grafana", "postgres-exporter", "pgbouncer-exporter", "redis-exporter",
        "node-exporter", "backup", "backup-keycloak", "restore-drill", "alertmanager", "blackbox-exporter",
    }  # fmt: skip

    assert set(SERVICES) == promised


@every_service
def test_its_image_is_pinned_to_an_exact_version(service: str) -> None:
    image = re.sub(r"\$\{\w+:-([^}]+)\}", r"\1", SERVICES[service]["image"])
    name, _, tag = image.rpartition(":")

    assert name, image
    assert re.match(r"v?\d+\.\d+", tag), image


def test_images_that_were_withdrawn_are_not_used() -> None:
    images = " ".join(service["image"] for service in SERVICES.values())

    assert "minio" not in images
    assert "bitnami" not in images


def test_pgbouncer_is_one_that_strangers_cannot_crash() -> None:
    version = re.search(r":v(\d+)\.(\d+)\.(\d+)", SERVICES["pgbouncer"]["image"])

    assert version
    assert tuple(map(int, version.groups())) >= (1, 25, 2)


def test_postgres_and_its_tools_are_of_one_version_and_16_or_newer() -> None:
    server = re.search(r"postgres:(\d+)\.(\d+)", SERVICES["postgres"]["image"])
    tools = re.search(r"FROM postgres:(\d+)\.(\d+)", (PROJECT / "deploy/backup/Dockerfile").read_text())

    assert server
    assert tools
    assert server.groups() == tools.groups()
    assert int(server[1]) >= 16


def test_postgres_keeps_its_data_on_the_volume() -> None:
    mount = next(
        volume.split(":")[1] for volume in SERVICES["postgres"]["volumes"] if volume.startswith("postgres:")
    )

    assert SERVICES["postgres"]["environment"]["PGDATA"].startswith(f"{mount}/")
    # The volume of images since version 18. Mounted elsewhere, the data would be lost with the container.
    assert mount == "/var/lib/postgresql"


@every_service
def test_its_root_file_system_cannot_be_written_to(service: str) -> None:
    assert SERVICES[service]["read_only"] is True


@every_service
def test_it_has_a_place_for_passing_files_if_it_writes_any(service: str) -> None:
    without = {
        "blackbox-exporter",
        "node-exporter",
        "pgbouncer-exporter",
        "postgres-exporter",
        "redis-exporter",
    }

    has_place = any(place.startswith("/tmp:") for place in SERVICES[service].get("tmpfs", []))
    assert has_place is (service not in without)


def test_bodies_that_are_being_sent_are_on_a_volume_and_not_in_memory() -> None:
    configuration = (PROJECT / "deploy/nginx/nginx.conf").read_text()
    folders = re.findall(r"^ *\w+_temp_path (/\S+)/\w+;", configuration, re.MULTILINE)

    assert folders == ["/var/cache/nginx"] * 5
    assert "nginx-temp:/var/cache/nginx" in SERVICES["nginx"]["volumes"]
    assert SERVICES["nginx"]["tmpfs"] == ["/tmp:size=1m,uid=101,gid=101"]


def test_grafana_takes_passwords_at_its_login_alone_where_nginx_limits_tries() -> None:
    assert SERVICES["grafana"]["environment"]["GF_AUTH_BASIC_ENABLED"] == "false"


@every_service
def test_it_has_no_capability_and_gets_none(service: str) -> None:
    assert SERVICES[service]["cap_drop"] == ["ALL"]
    assert "cap_add" not in SERVICES[service]
    assert not SERVICES[service].get("privileged")
    assert SERVICES[service]["security_opt"] == ["no-new-privileges:true"]


@every_service
def test_it_runs_as_an_account_that_is_not_root(service: str) -> None:
    account = SERVICES[service]["user"].split(":")[0]

    assert account.isdecimal()
    assert int(account) > 0


@every_service
def test_its_memory_processors_and_processes_are_bounded(service: str) -> None:
    assert re.fullmatch(r"\d+[mg]", SERVICES[service]["mem_limit"])
    assert 0 < SERVICES[service]["cpus"] <= 2
    assert 0 < SERVICES[service]["pids_limit"] <= 512


@every_lasting_service
def test_its_health_is_checked_at_a_bearable_pace(service: str) -> None:
    check = SERVICES[service]["healthcheck"]

    assert check["test"][0] == "CMD"
    assert check["interval"] != "1s"
    assert check["timeout"]
    assert check["retries"]


@every_lasting_service
def test_it_comes_back_by_itself(service: str) -> None:
    assert SERVICES[service]["restart"] == "unless-stopped"


@every_service
def test_it_has_time_to_end_well(service: str) -> None:
    assert re.fullmatch(r"\d+[sm]", SERVICES[service]["stop_grace_period"])


@every_service
def test_its_logs_rotate(service: str) -> None:
    assert SERVICES[service]["logging"]["options"] == {"max-size": "10m", "max-file": "5"}


def test_nginx_alone_is_reached_from_outside() -> None:
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"nginx"}
    assert networks_of("nginx") == {"edge", "app", "probes"}
    assert {name for name in SERVICES if "edge" in networks_of(name)} == {"nginx"}


def test_data_and_metrics_have_networks_without_a_way_out() -> None:
    within = {"data", "metrics", "probes", "alarms"}
    assert set(STACK["networks"]) == within | {"edge", "app", "alerts"}
    assert {name for name in SERVICES if "alerts" in networks_of(name)} == {"alertmanager"}
    assert [name for name in within if STACK["networks"][name] != {"internal": True}] == []
    for name in ("postgres", "pgbouncer", "redis-cache", "redis-sessions", "backup", "backup-keycloak"):
        assert networks_of(name) == {"data"}, name


def peers_of(service: str) -> set[str]:
    return {name for name in SERVICES if networks_of(name) & networks_of(service)} - {service}


@pytest.mark.parametrize(
    ("service", "peers"),
    [
        # It fetches any address on request.
        ("blackbox-exporter", {"nginx", "prometheus"}),
        # It accepts silences without a password.
        ("alertmanager", {"grafana", "prometheus"}),
    ],
)
def test_what_asks_no_password_is_reached_by_those_who_need_it(service: str, peers: set[str]) -> None:
    assert peers_of(service) == peers


def test_what_speaks_to_each_other_shares_a_network() -> None:
    pairs = [
        ("nginx", "web"), ("nginx", "keycloak"), ("nginx", "grafana"),
        ("web", "pgbouncer"), ("web", "redis-cache"), ("web", "redis-sessions"), ("web", "s3"),
        ("worker", "postgres"), ("worker", "redis-sessions"), ("worker", "s3"), ("migrate", "postgres"),
        ("pgbouncer", "postgres"), ("keycloak", "postgres"), ("backup", "postgres"), ("grafana", "prometheus"),
        ("grafana", "alertmanager"), ("backup-keycloak", "postgres"), ("blackbox-exporter", "nginx"),
        ("postgres-exporter", "postgres"), ("pgbouncer-exporter", "pgbouncer"), ("redis-exporter", "redis-cache"),
        ("redis-exporter", "redis-sessions"),
        *(("prometheus", target) for target in (
            "web", "postgres-exporter", "pgbouncer-exporter", "redis-exporter", "node-exporter", "keycloak", "s3",
            "alertmanager", "blackbox-exporter",
        )),
    ]  # fmt: skip

    apart = [pair for pair in pairs if not networks_of(pair[0]) & networks_of(pair[1])]

    assert apart == []


@every_service
def test_it_knows_passwords_by_file_alone(service: str) -> None:
    environment = SERVICES[service].get("environment", {})

    for name, value in environment.items():
        if re.search(r"PASSWORD|PASS_|SECRET|_KEY", name):
            assert name.endswith("_FILE") or value.startswith("/run/secrets/"), name
        assert not re.search(r"//[^/@]*:[^/@]+@", value), f"{name} has a password within"


def test_the_key_that_makes_buckets_is_given_to_what_makes_them_alone() -> None:
    of_the_admin = {"s3_admin_access_key", "s3_admin_secret_key"}

    assert {name for name in SERVICES if secrets_of(name) & of_the_admin} == {"migrate"}
    assert "make_bucket" in str(SERVICES["migrate"]["command"])
    assert {name for name in SERVICES if "s3_secret_key" in secrets_of(name)} == {"web", "worker", "schedule"}


@every_service
def test_it_has_the_secrets_that_it_reads_and_no_others(service: str) -> None:
    told = str(SERVICES[service])
    for folder in ("pgbouncer", "redis", "nginx", "postgres", "keycloak", "prometheus", "alertmanager"):
        if service.startswith(folder):
            for file in filter(Path.is_file, (PROJECT / "deploy" / folder).iterdir()):
                told += file.read_text() if file.name in told or folder == "keycloak" else ""
    read = set(re.findall(r"/run/secrets/(\w+)", told)) | set(re.findall(r"read_secret (\w+)", told))

    assert secrets_of(service) == read


def test_each_secret_is_made_by_the_script_and_used(tmp_path: Path) -> None:
    subprocess.run(
        ["sh", str(PROJECT / "deploy/secrets/make.sh"), str(tmp_path / "made")],
        check=True,
        capture_output=True,
    )
    made = {file.name for file in (tmp_path / "made").iterdir()}
    declared = STACK["secrets"]

    assert {name for name, secret in declared.items() if not secret["file"].endswith(f"/{name}")} == set()
    assert set(declared) == set.union(*map(secrets_of, SERVICES))
    # The other secrets are parts of composed files.
    assert declared.keys() - made == set()
    assert made - declared.keys() == {"redis_exporter_password"}


@every_service
def test_what_it_mounts_of_this_repository_is_there_and_cannot_be_written_to(service: str) -> None:
    for volume in SERVICES[service].get("volumes", []):
        source, _, rest = interpolated(volume, {}).partition(":")
        if source == "./imports":  # the operator's own folder
            assert rest.endswith(":ro"), volume
        elif source.startswith("."):
            assert (PROJECT / source).exists(), source
            assert rest.endswith(":ro"), volume
        elif source != "/":
            assert source in STACK["volumes"], volume


def test_the_machine_is_shown_to_what_measures_it_alone_and_only_to_look_at() -> None:
    shown = {
        name: volume
        for name, service in SERVICES.items()
        for volume in service.get("volumes", [])
        if volume.startswith("/")
    }

    assert shown == {"node-exporter": "/:/host:ro,rslave"}
    assert "docker.sock" not in FILE.read_text()


def test_who_sees_the_processes_of_all_has_an_account_of_its_own() -> None:
    accounts = {name: service["user"].split(":")[0] for name, service in SERVICES.items()}
    (seer,) = (name for name, service in SERVICES.items() if service.get("pid") == "host")

    assert [name for name, account in accounts.items() if account == accounts[seer]] == [seer]


def test_what_is_built_here_is_looked_for_nowhere_else() -> None:
    built = {service["image"] for service in SERVICES.values() if "build" in service}
    of_ours = [service for service in SERVICES.values() if service["image"] in built]

    assert len(built) == 3
    assert {service.get("pull_policy") for service in of_ours} == {"never"}


def test_services_start_in_order() -> None:
    for name, service in SERVICES.items():
        for needed, rule in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if needed in ONE_SHOT else "service_healthy"
            # The site works without Redis, so it does not wait for it; and a failed backup must not block an upgrade.
            is_dispensable = needed.startswith("redis-") or needed == "backup"
            expected = "service_started" if is_dispensable else wanted
            assert rule["condition"] == expected, f"{name} → {needed}"


def test_the_site_goes_through_the_pool_and_whatever_is_long_does_not() -> None:
    values = {"CORTEX_DOMAIN": "cortex.test"}

    assert "@pgbouncer:6432/" in environment_of("web", values)["DATABASE_URL"]
    assert environment_of("web", values)["DATABASE_POOLED"] == "true"
    for name in ("worker", "schedule", "migrate"):
        assert "@postgres:5432/" in environment_of(name, values)["DATABASE_URL"]
        assert "DATABASE_POOLED" not in environment_of(name, values)
    assert SERVICES["backup"]["environment"]["PGHOST"] == "postgres"


def test_keycloak_is_off_until_it_is_asked_for() -> None:
    profiled = {name for name, service in SERVICES.items() if service.get("profiles") == ["keycloak"]}
    off = environment_of("web", {"CORTEX_DOMAIN": "cortex.test"})
    on = environment_of("web", {"CORTEX_DOMAIN": "cortex.test", "KEYCLOAK_URL": "https://cortex.test/auth"})

    assert profiled == {"keycloak", "backup-keycloak"}
    # Services without a profile start without those that have one, so they must not wait for them.
    assert not any(profiled & service.get("depends_on", {}).keys() for service in SERVICES.values())
    assert {value for name, value in off.items() if name.startswith("KEYCLOAK_")} == {""}
    assert all(value for name, value in on.items() if name.startswith("KEYCLOAK_"))


def test_images_that_had_holes_are_not_used() -> None:
    least = {"keycloak": (26, 7, 4), "nginx": (1, 30, 4), "prometheus": (3, 13, 2)}
    recipe = re.findall(
        r"^FROM \S+:(\S+)", (PROJECT / "deploy/keycloak/Dockerfile").read_text(), re.MULTILINE
    )

    for name, version in least.items():
        found = re.search(r":v?(\d+)\.(\d+)\.(\d+)", SERVICES[name]["image"])
        assert found
        assert tuple(map(int, found.groups())) >= version, name
    assert {f"cortex-keycloak:{tag}" for tag in recipe} == {SERVICES["keycloak"]["image"]}


def test_sessions_and_cache_cannot_evict_one_another() -> None:
    environment = environment_of("web", {"CORTEX_DOMAIN": "cortex.test"})

    assert "@redis-cache:" in environment["REDIS_URL"]
    assert "@redis-sessions:" in environment["SESSIONS_REDIS_URL"]


@pytest.mark.parametrize("kind", ["cache", "sessions"])
def test_a_redis_has_half_as_much_memory_again_as_its_data(kind: str) -> None:
    limit = SERVICES[f"redis-{kind}"]["mem_limit"]
    maxmemory = re.search(
        r"^maxmemory (\d+)mb$", (PROJECT / f"deploy/redis/{kind}.conf").read_text(), re.MULTILINE
    )

    assert maxmemory
    assert int(limit[:-1]) * MEGA[limit[-1]] >= 1.5 * int(maxmemory[1])


def test_postgres_has_connections_for_all_who_are_let_in() -> None:
    def number(path: str, name: str) -> int:
        found = re.search(rf"^{name} = (\d+)$", (PROJECT / path).read_text(), re.MULTILINE)
        assert found, name
        return int(found[1])

    pooled = number("deploy/pgbouncer/pgbouncer.ini", "max_db_connections")
    keycloak = int(SERVICES["keycloak"]["environment"]["KC_DB_POOL_MAX_SIZE"])
    role = re.search(
        r"CREATE ROLE keycloak .*CONNECTION LIMIT (\d+)", (PROJECT / "deploy/postgres/init.sh").read_text()
    )
    direct = 20

    assert role
    assert keycloak < int(role[1])

    assert number("deploy/pgbouncer/pgbouncer.ini", "max_client_conn") == 1000
    assert pooled == 100
    assert number("deploy/postgres/postgresql.conf", "max_connections") >= (
        pooled
        + int(role[1])
        + direct
        + number("deploy/postgres/postgresql.conf", "superuser_reserved_connections")
    )
