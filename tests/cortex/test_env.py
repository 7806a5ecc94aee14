from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from cortex import env


def test_a_flag_reads_common_words(monkeypatch: pytest.MonkeyPatch) -> None:
    for word, meaning in {"true": True, "ON": True, "1": True, "no": False, "False": False, "": True}.items():
        monkeypatch.setenv("DEBUG", word)

        assert env.flag("DEBUG", default=True) is meaning, word


def test_a_strange_flag_is_refused_with_name_value_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DEBUG", "perhaps")

    with pytest.raises(ImproperlyConfigured) as refusal:
        env.flag("DEBUG", default=False)

    message = "DEBUG='perhaps' is invalid. Allowed: one of 1, true, yes, on, 0, false, no, off."
    assert str(refusal.value) == message


@pytest.mark.parametrize("url", ["mysql://ann:hush@db/shop", "ann:hush@db", "postgres://ann:hush@db:5432"])
def test_another_database_is_refused_without_telling_the_password(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)

    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL=.* Allowed: postgres://") as refusal:
        env.database("DATABASE_URL")

    assert "hush" not in str(refusal.value)


def test_a_database_address_is_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://ann:p%40ss@db.example.com:6432/shop")

    database = env.database("DATABASE_URL")

    assert database is not None
    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert (database["HOST"], database["PORT"], database["NAME"]) == ("db.example.com", 6432, "shop")
    assert (database["USER"], database["PASSWORD"]) == ("ann", "p@ss")


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEGACY_DATABASE_URL", "")

    assert env.database("LEGACY_DATABASE_URL") is None


def test_a_folder_to_import_from_must_exist(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IMPORTER_SOURCE_ROOTS", f"{tmp_path},{tmp_path / 'gone'}")

    with pytest.raises(ImproperlyConfigured, match="IMPORTER_SOURCE_ROOTS=.*gone"):
        env.folders("IMPORTER_SOURCE_ROOTS", default=[])


def test_a_deployment_without_secret_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "")

    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY is not set"):
        env.secret_key("SECRET_KEY", development_default=None)


DEPLOYMENT_KEY = "k3JhQm7Zt1VxPa9Ls5Wd0Rf8Yc2Gb6Ne4Uo-" * 2


def test_a_secret_may_lie_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{DEPLOYMENT_KEY}\n")
    monkeypatch.setenv("SECRET_KEY", "")
    monkeypatch.setenv("SECRET_KEY_FILE", str(file))

    assert env.secret_key("SECRET_KEY", development_default=None) == DEPLOYMENT_KEY


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file"), (b"", "one line"), (b"a\nb", "one line"), (b"\xff", "not UTF-8")],
)
def test_a_file_that_holds_no_secret_is_refused_by_name_and_its_content_not_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("DATABASE_PASSWORD_FILE", str(file))

    with pytest.raises(ImproperlyConfigured, match=f"DATABASE_PASSWORD_FILE=.*{reason}"):
        env.secret("DATABASE_PASSWORD")


def test_a_secret_and_its_file_contradict_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_PASSWORD", "secret")
    monkeypatch.setenv("REDIS_PASSWORD_FILE", "/run/secrets/redis")

    with pytest.raises(ImproperlyConfigured) as refusal:
        env.secret("REDIS_PASSWORD")

    assert str(refusal.value) == "REDIS_PASSWORD and REDIS_PASSWORD_FILE are both set. Allowed: one of them."


def test_a_password_joins_the_address_whatever_letters_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://ann@db.example.com:6432/shop")
    monkeypatch.setenv("DATABASE_PASSWORD", "p@ss/w:rd %41#?")

    database = env.database("DATABASE_URL", completed_by="DATABASE_PASSWORD")

    assert database is not None
    assert (database["USER"], database["PASSWORD"], database["PORT"]) == ("ann", "p@ss/w:rd %41#?", 6432)


def test_a_password_joins_the_address_of_a_redis_without_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://cache:6379/0")
    monkeypatch.setenv("REDIS_PASSWORD", "a/b")

    assert env.redis_url("REDIS_URL", completed_by="REDIS_PASSWORD") == "redis://:a%2Fb@cache:6379/0"


def test_two_passwords_contradict_each_other_and_neither_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://ann:hush@db/shop")
    monkeypatch.setenv("DATABASE_PASSWORD", "hidden")

    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL contains a password") as refusal:
        env.database("DATABASE_URL", completed_by="DATABASE_PASSWORD")

    assert "hush" not in str(refusal.value)
    assert "hidden" not in str(refusal.value)


def test_a_password_alone_makes_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "")
    monkeypatch.setenv("REDIS_PASSWORD", "secret")

    assert env.redis_url(
        "REDIS_URL", default="redis://:own@127.0.0.1:9/0", completed_by="REDIS_PASSWORD"
    ) == ("redis://:own@127.0.0.1:9/0")


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("for-development-only-" + "0" * 40, "is a known development secret"),
        ("django-insecure-" + DEPLOYMENT_KEY, "is a known development secret"),
        ("tiny", "too short or too simple"),
        ("ab" * 40, "too short or too simple"),
    ],
)
def test_a_deployment_with_a_secret_key_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, key: str, reason: str
) -> None:
    monkeypatch.setenv("SECRET_KEY", key)

    with pytest.raises(ImproperlyConfigured, match=f"SECRET_KEY .*{reason}.*") as refusal:
        env.secret_key("SECRET_KEY", development_default=None)

    assert key not in str(refusal.value)


DEPLOYED = "postgres://ann:hush@db/shop"


@pytest.mark.parametrize("value", ["postgres", "MinioAdmin", "changeme123", "for-development-only-0"])
def test_a_secret_for_development_is_refused_in_a_deployment_and_not_told(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("S3_SECRET_KEY", value)
    monkeypatch.setenv("REDIS_URL", f"redis://:{value}@cache:6379/0")
    monkeypatch.setenv("DATABASE_URL", "")
    assert env.secret("S3_SECRET_KEY") == value
    monkeypatch.setenv("DATABASE_URL", DEPLOYED)

    with pytest.raises(ImproperlyConfigured, match="S3_SECRET_KEY is a known development") as of_the_store:
        env.secret("S3_SECRET_KEY")
    with pytest.raises(ImproperlyConfigured, match="The password in REDIS_URL is a known") as of_redis:
        env.redis_url("REDIS_URL")

    assert value not in f"{of_the_store.value}{of_redis.value}"
    monkeypatch.setenv("REDIS_URL", f"redis://:{value}@localhost:6379/0")
    assert env.redis_url("REDIS_URL").endswith("@localhost:6379/0")


def test_the_password_of_a_legacy_system_is_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", DEPLOYED)
    monkeypatch.setenv("LEGACY_DATABASE_URL", "postgres://crm@legacy/crm")
    monkeypatch.setenv("LEGACY_DATABASE_PASSWORD", "postgres")

    legacy = env.database("LEGACY_DATABASE_URL", completed_by="LEGACY_DATABASE_PASSWORD", of_others=True)

    assert legacy is not None
    assert legacy["PASSWORD"] == "postgres"


@pytest.mark.parametrize(
    "value",
    [
        "http://login.example.com",
        "login.example.com",
        "https://",
        "https://ann:secret@login.example.com",
        "https://a.example; script-src *",
        "https://[::1",
        "javascript:alert(1)",
        "https://login.example.com/#x",
    ],
)
def test_an_address_that_cannot_be_trusted_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("KEYCLOAK_URL", value)

    with pytest.raises(ImproperlyConfigured, match="KEYCLOAK_URL=.* Allowed: an address such as") as refusal:
        env.web_address("KEYCLOAK_URL")

    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "value", ["https://login.example.com/auth/", "http://127.0.0.1:8080", "http://localhost"]
)
def test_an_address_is_read_without_its_last_slash(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("KEYCLOAK_URL", value)

    assert env.web_address("KEYCLOAK_URL") == value.rstrip("/")


def test_domains_are_read_in_lower_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGN_ON_DOMAINS", "Example.com, sub.example.org")

    assert env.domains("SIGN_ON_DOMAINS") == ["example.com", "sub.example.org"]


@pytest.mark.parametrize("value", ["@example.com", "*.example.com", "example", "https://example.com", "a..b"])
def test_what_is_no_domain_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SIGN_ON_DOMAINS", value)

    with pytest.raises(ImproperlyConfigured, match="SIGN_ON_DOMAINS="):
        env.domains("SIGN_ON_DOMAINS")


def test_a_certificate_is_read_with_and_without_its_first_and_last_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for value in ("MIIB", "-----BEGIN CERTIFICATE-----\nMI\nIB\n-----END CERTIFICATE-----", r"MI\nIB"):
        monkeypatch.setenv("OKTA_SAML_CERTIFICATE", value)

        assert env.certificate("OKTA_SAML_CERTIFICATE") == "MIIB", value


@pytest.mark.parametrize("value", ["no certificate", "/etc/okta.pem", "AAAA"])
def test_what_is_no_certificate_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("OKTA_SAML_CERTIFICATE", value)

    with pytest.raises(ImproperlyConfigured, match="OKTA_SAML_CERTIFICATE="):
        env.certificate("OKTA_SAML_CERTIFICATE")


def test_an_empty_file_is_no_secret_where_one_is_optional(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "empty").touch()
    monkeypatch.setenv("GOOGLE_CLIENT_SECRET_FILE", str(tmp_path / "empty"))

    assert env.secret("GOOGLE_CLIENT_SECRET", may_be_empty=True) == ""


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
@pytest.mark.parametrize("place", ["cortex:hush[hush@h:1/n", "h:1/n?password=hush[hush"])
def test_an_address_that_is_none_is_refused_without_what_is_secret_in_it(
    monkeypatch: pytest.MonkeyPatch, name: str, place: str
) -> None:
    monkeypatch.setenv(name, f"mysql://{place}")

    with pytest.raises(ImproperlyConfigured, match=name) as refusal:
        env.database(name) if name == "DATABASE_URL" else env.redis_url(name)

    assert "hush" not in str(refusal.value)


def test_a_secret_may_begin_with_a_dollar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRICS_TOKEN", "$ecret")

    assert env.secret("METRICS_TOKEN") == "$ecret"
