"""`.env.example` names every variable that is read, and no others."""

import ast
import re

from tests.deploy.compose import PROJECT, SERVICES, STACK, environment_of, variables

SECRETS = {
    "DATABASE_PASSWORD",
    "LEGACY_DATABASE_PASSWORD",
    "REDIS_PASSWORD",
    "SESSIONS_REDIS_PASSWORD",
    "SECRET_KEY",
    "METRICS_TOKEN",
    "GOOGLE_CLIENT_SECRET",
    "OKTA_OIDC_CLIENT_SECRET",
    "KEYCLOAK_CLIENT_SECRET",
    "S3_ACCESS_KEY",
    "S3_SECRET_KEY",
    "ALERT_WEBHOOK_SECRET",
    "EMAIL_HOST_PASSWORD",
}
# Variables that share the comment of the line above them.
SECOND_OF_TWO = {"HTTPS_PORT", "WORKER_CONTAINERS"}
EXAMPLE = (PROJECT / ".env.example").read_text()
OF_THE_SITE = [name for name, service in SERVICES.items() if service["image"].startswith("cortex:")]


def read_by_settings() -> set[str]:
    """Returns the names in `env.reader("NAME", …)` and `completed_by="NAME"`, and NAME_FILE for secrets."""
    names = set()
    for node in ast.walk(ast.parse((PROJECT / "cortex/settings.py").read_text())):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if (
            isinstance(node.func.value, ast.Name)
            and node.func.value.id == "env"
            and node.func.attr not in ("read_file", "is_for_development")
        ):
            told = [node.args[0], *(word.value for word in node.keywords if word.arg == "completed_by")]
            for argument in told:
                assert isinstance(argument, ast.Constant)
                names.add(str(argument.value))
                if node.func.attr in ("secret", "secret_key") or argument is not node.args[0]:
                    names.add(f"{argument.value}_FILE")
    return names


def named_in_the_example() -> list[str]:
    return re.findall(r"^#?([A-Z][A-Z0-9_]+)=", EXAMPLE, re.MULTILINE)


def test_settings_are_read_as_this_test_believes() -> None:
    read = read_by_settings()

    assert {"DATABASE_URL", "DEBUG", "SECRET_KEY_FILE", "DATABASE_PASSWORD_FILE"} <= read
    assert {name.removesuffix("_FILE") for name in read if name.endswith("_FILE")} == SECRETS


def test_the_example_names_every_variable_that_is_read_and_no_other() -> None:
    named = named_in_the_example()

    assert len(named) == len(set(named))
    assert set(named) == read_by_settings() | variables() | {"ENV_FILE", "COMPOSE_PROFILES"}


def test_the_example_says_of_each_what_it_is() -> None:
    lines = EXAMPLE.splitlines()
    for number, line in enumerate(lines):
        name = line.partition("=")[0]
        if re.match(r"[A-Z]", line) and not name.endswith("_FILE") and name not in SECOND_OF_TWO:
            assert lines[number - 1].startswith("# "), name
            assert "----" not in lines[number - 1], name


def test_the_example_has_no_value_that_somebody_could_forget_to_change() -> None:
    values = [line.partition("=")[2] for line in EXAMPLE.splitlines() if not line.startswith("#")]

    assert set(values) == {""}


def test_compose_gives_the_site_nothing_that_nobody_reads() -> None:
    of_gunicorn = {"WEB_CONCURRENCY"}
    for name in OF_THE_SITE:
        assert SERVICES[name]["environment"].keys() - read_by_settings() - of_gunicorn == set(), name


def test_the_site_has_a_file_for_each_secret_that_it_is_pointed_to() -> None:
    for name in OF_THE_SITE:
        for variable, value in environment_of(
            name,
            {
                "CORTEX_DOMAIN": "cortex.test",
                "KEYCLOAK_URL": "x",
                "LEGACY_DATABASE_URL": "x",
            },
        ).items():
            if variable.endswith("_FILE"):
                assert value.removeprefix("/run/secrets/") in SERVICES[name]["secrets"], variable


def test_secrets_come_from_the_folder_that_is_named() -> None:
    for secret in STACK["secrets"].values():
        assert secret["file"].startswith("${SECRETS_DIR:-./secrets}/")


def test_git_and_the_image_never_take_the_secrets() -> None:
    assert "/secrets/" in (PROJECT / ".gitignore").read_text().splitlines()
    assert (PROJECT / ".dockerignore").read_text().splitlines()[1] == "*"
