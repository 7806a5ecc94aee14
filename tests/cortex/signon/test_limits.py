"""The limits of tries: whom they lock out, and whom not."""

import io
import os
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.cache import cache, caches
from django.core.management import CommandError, call_command
from django.test import Client

from cortex.models import User
from cortex.signon import limits, tries
from cortex.signon.device import COOKIE, hash_of
from cortex.signon.tries import Limit
from tests.cortex.cache.faulty_redis import ANSWERS, FaultyRedis
from tests.cortex.signon.conftest import HOST, PASSWORD, google
from tracking.models import LoginEvent

pytestmark = pytest.mark.django_db(transaction=True)
PAGES = ("/accounts/login/", "/admin/login/")
HERE, THERE = "203.0.113.5", "198.51.100.7"
NAME = "boss@example.com"


def log_in(client: Client, password: str = PASSWORD, name: str = NAME, page: str = PAGES[0]) -> bool:
    field = "login" if page == PAGES[0] else "username"
    answer = client.post(page, {field: name, "password": password, "next": "/"})
    return answer.status_code == 302


def at(address: str) -> Client:
    return Client(REMOTE_ADDR=address)


def leave(client: Client) -> None:
    """Django's `client.logout()` would delete the other cookies too."""
    client.cookies.pop("sessionid", None)


def is_locked_out(client: Client, page: str = PAGES[0]) -> bool:
    before = LoginEvent.objects.filter(failure_reason="too_many_attempts").count()
    log_in(client, page=page)
    leave(client)
    return LoginEvent.objects.filter(failure_reason="too_many_attempts").count() > before


@pytest.mark.parametrize("page", PAGES)
def test_guesses_from_elsewhere_keep_nobody_out(admin: User, page: str) -> None:
    for _ in range(12):
        assert not log_in(at(THERE), "wrong", page=page)

    assert is_locked_out(at(THERE), page)
    assert log_in(at(HERE), page=page)


@pytest.mark.parametrize("page", PAGES)
def test_guesses_from_many_networks_lock_a_name_but_not_where_it_has_logged_in(
    admin: User, page: str
) -> None:
    known = at(HERE)
    assert log_in(known, page=page)
    leave(known)

    for number in range(limits.LIMITS["name"].most + 2):
        log_in(at(f"192.0.2.{number}"), "wrong", page=page)

    assert is_locked_out(at(THERE), page)
    assert log_in(known, page=page)


def test_nor_does_a_neighbour_behind_the_same_address(admin: User) -> None:
    known = at(HERE)
    assert log_in(known)
    leave(known)

    for number in range(12):
        log_in(at(HERE), "wrong", NAME if number % 2 else f"somebody{number}@example.com")

    assert is_locked_out(at(HERE))
    assert log_in(known)


@pytest.mark.parametrize("page", PAGES)
def test_what_one_network_is_refused_for_counts_nowhere_else(admin: User, page: str) -> None:
    for _ in range(limits.LIMITS["name"].most + 10):
        log_in(at(THERE), "wrong", page=page)

    assert is_locked_out(at(THERE), page)
    assert log_in(at(HERE), page=page)


def test_the_old_password_is_guessed_no_more_often(admin: User) -> None:
    thief = at(THERE)
    thief.force_login(admin)
    new = {"new_password1": "another long one 7", "new_password2": "another long one 7"}
    most = limits.LIMITS["pair"].most

    answers = [
        thief.post("/admin/password_change/", new | {"old_password": f"guess {n}"}) for n in range(most + 3)
    ]
    last = thief.post("/admin/password_change/", new | {"old_password": PASSWORD})

    assert [answer.status_code for answer in answers] == [200] * most + [429] * 3
    assert last.status_code == 429
    reasons = LoginEvent.objects.filter(success=False).order_by("pk").values_list("failure_reason", flat=True)
    assert list(reasons)[: most + 1] == ["bad_password"] * most + ["too_many_attempts"]
    owner = at(HERE)
    owner.force_login(admin)
    assert owner.post("/admin/password_change/", new | {"old_password": PASSWORD}).status_code == 302


def test_a_browser_that_is_known_has_a_limit_of_its_own(admin: User) -> None:
    known = at(HERE)
    assert log_in(known)
    leave(known)

    for _ in range(limits.LIMITS["device"].most):
        assert not log_in(known, "wrong")

    assert is_locked_out(known)
    assert log_in(at(THERE))


def test_a_browser_is_known_for_the_names_that_it_has_logged_in_with(admin: User) -> None:
    User.objects.create_user("ann@example.com", PASSWORD)
    ann = at(HERE)
    assert log_in(ann, name="ann@example.com")
    leave(ann)

    for _ in range(limits.LIMITS["pair"].most):
        log_in(ann, "wrong")

    assert is_locked_out(ann), "as Ann it is known, as the administrator it is not"
    assert log_in(ann, name="ANN@example.com")
    assert log_in(at(THERE))


@pytest.mark.parametrize(
    "change", [lambda text: text[:-1] + "A", lambda text: "", lambda text: "x" * 7_000, lambda text: "\\000"]
)
def test_a_cookie_that_we_have_not_signed_is_none(admin: User, change: Any) -> None:
    known = at(HERE)
    assert log_in(known)
    forger = at(THERE)
    forger.cookies[COOKIE] = change(known.cookies[COOKIE].value)

    for _ in range(limits.LIMITS["pair"].most):
        assert not log_in(forger, "wrong")

    assert is_locked_out(forger)


def test_the_cookie_is_for_the_server_alone_and_names_nobody(admin: User, settings: Any) -> None:
    settings.SESSION_COOKIE_SECURE = True
    client = at(HERE)

    log_in(client)

    cookie = client.cookies[COOKIE]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"]) == (True, True, "Lax")
    assert "boss" not in cookie.value
    assert COOKIE not in at(THERE).get("/accounts/login/").cookies


# -- the end of a window ----------------------------------------------------------------------------------------------


def test_no_try_at_the_end_of_a_window_locks_for_ever() -> None:
    brief = Limit(5, 0.004)  # type: ignore[arg-type]
    endless = 0
    for number in range(1_000):
        key = f"{limits.PREFIX}:name:{number}"
        for _ in range(6):
            tries.count(key, brief)
            tries.take_back(key)
            tries.count(key, brief)
        endless += caches["default"].redis.pttl(caches["default"].name(key)) == -1  # type: ignore[attr-defined]

    assert endless == 0


def test_a_window_ends_so_long_after_its_first_try() -> None:
    for _ in range(3):
        tries.count("tries:name:x", Limit(5, 300))

    assert 295 < cache.ttl("tries:name:x") <= 300
    tries.take_back("tries:name:x")
    assert tries.count("tries:name:x", Limit(5, 300)) == 3


@pytest.mark.parametrize("backend", ["locmem.LocMemCache", "dummy.DummyCache"])
def test_tries_are_counted_with_any_cache_of_django(settings: Any, backend: str) -> None:
    settings.CACHES = settings.CACHES | {"default": {"BACKEND": f"django.core.cache.backends.{backend}"}}
    try:
        assert [tries.count("tries:name:x", Limit(5, 300)) for _ in range(3)] == [1, 2, 3]
        tries.take_back("tries:name:x")
        assert tries.count("tries:name:x", Limit(5, 300)) == 3
    finally:
        cache.clear()
        tries._local.forget()


# -- Redis away -------------------------------------------------------------------------------------------------------


@pytest.fixture
def faulty(settings: Any) -> Any:
    redis = FaultyRedis(os.environ["REDIS_URL"])
    settings.CACHES = settings.CACHES | {"default": settings.CACHES["default"] | {"LOCATION": redis.url}}
    yield redis
    redis.close()
    tries._local.forget()


@pytest.mark.parametrize("mode", ["refuse", *ANSWERS])
@pytest.mark.parametrize("page", PAGES)
def test_tries_are_limited_also_while_redis_cannot_count(
    admin: User, faulty: FaultyRedis, mode: str, page: str
) -> None:
    faulty.mode = mode

    tried = [log_in(at(THERE), "wrong", page=page) for _ in range(12)]

    assert not any(tried)
    assert LoginEvent.objects.filter(failure_reason="bad_password").count() == limits.LIMITS["pair"].most
    assert is_locked_out(at(THERE), page)
    assert log_in(at(HERE), page=page)


def test_a_process_keeps_only_so_many_counters() -> None:
    counters = tries.LocalCounters()
    for number in range(tries.MOST_KEPT + 100):
        counters.count(f"{number}", 60)

    assert len(counters._counters) == tries.MOST_KEPT


# -- a way in from the server -----------------------------------------------------------------------------------------


def signon_locks(*arguments: str) -> str:
    out = io.StringIO()
    call_command("signon_locks", *arguments, stdout=out)
    return out.getvalue().strip()


def test_locks_are_shown_and_lifted_by_name(admin: User) -> None:
    for _ in range(6):
        log_in(at(THERE), "wrong")
    for _ in range(6):
        log_in(at(HERE), "wrong", "nobody@example.com")

    lines = sorted(signon_locks().splitlines())
    assert lines[0].startswith(
        f"a name without an account ({hash_of('nobody@example.com')[:8]}) from {HERE}: 6 tries"
    )
    assert lines[1].startswith(f"{NAME} from {THERE}: 6 tries, locked for ")
    assert len(lines) == 2

    assert signon_locks("--lift", "Boss@example.com") == 'Deleted 2 counters for "Boss@example.com".'
    assert log_in(at(THERE))
    assert "nobody" not in signon_locks()
    assert is_locked_out(at(HERE)) is False


def test_locks_are_lifted_by_address(admin: User) -> None:
    for number in range(11):
        log_in(at(THERE), "wrong", f"somebody{number}@example.com")
    assert f"passwords from {THERE}: 11 tries" in signon_locks()

    assert signon_locks("--lift", THERE) == f'Deleted 12 counters for "{THERE}".'
    assert log_in(at(THERE))


def test_all_locks_are_lifted_at_once(admin: User) -> None:
    for _ in range(6):
        log_in(at(THERE), "wrong")

    assert signon_locks("--lift-all").startswith("Deleted 3 counters")
    assert signon_locks() == "Nobody is locked out."
    assert (
        signon_locks("--lift", "somebody@example.com") == 'No tries are counted for "somebody@example.com".'
    )


def test_without_redis_the_command_says_where_the_counters_are(settings: Any) -> None:
    backend = "django.core.cache.backends.locmem.LocMemCache"
    settings.CACHES = settings.CACHES | {"default": {"BACKEND": backend}}

    with pytest.raises(CommandError, match="not in Redis"):
        signon_locks()


# -- what a failure costs ---------------------------------------------------------------------------------------------


class CountingHasher(MD5PasswordHasher):
    algorithm = "counting_md5"
    hashes = 0

    def encode(self, password: str, salt: str) -> str:
        type(self).hashes += 1
        return super().encode(password, salt)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("kind", ["wrong", "unknown", "inactive", "no password"])
def test_a_failure_is_hashed_once(settings: Any, page: str, kind: str) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    user = User.objects.create_superuser(NAME, None if kind == "no password" else PASSWORD)
    User.objects.filter(pk=user.pk).update(is_active=kind != "inactive")
    CountingHasher.hashes = 0

    log_in(Client(), "wrong", "nobody@example.com" if kind == "unknown" else NAME, page)

    assert CountingHasher.hashes == 1


# -- pages by which a sign-on begins ----------------------------------------------------------------------------------


@pytest.fixture
def providers(settings: Any) -> None:
    settings.ALLOWED_HOSTS = [HOST]
    settings.SIGN_ON = [google()]


@pytest.mark.parametrize(
    "path", ["google/login/", "google/login/callback/", "oidc/x/login/", "saml/okta/acs/"]
)
def test_sign_ons_are_begun_only_so_often(providers: None, path: str) -> None:
    client = Client(REMOTE_ADDR=THERE, headers={"host": HOST})
    for _ in range(limits.LIMITS["begin"].most):
        assert client.post(f"/accounts/{path}").status_code != 429

    answer = client.post(f"/accounts/{path}")

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert "Too many sign-ins from your network" in answer.content.decode()
    assert Client(REMOTE_ADDR=HERE, headers={"host": HOST}).post(f"/accounts/{path}").status_code != 429


def test_the_way_back_has_a_length(providers: None) -> None:
    client = Client(headers={"host": HOST})

    assert client.post(f"/accounts/google/login/?next=/{'x' * 1_990}").status_code == 302
    answer = client.post(f"/accounts/google/login/?next=/{'x' * 3_000}")
    assert (answer.status_code, "too long" in answer.content.decode()) == (400, True)
    assert client.post("/accounts/google/login/", {"next": "x" * 3_000}).status_code == 400
