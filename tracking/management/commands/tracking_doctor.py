from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.checks import run_checks
from django.core.management.base import BaseCommand
from django.db import DatabaseError
from django.http import HttpRequest

from tracking.capture.client import client_address, client_ip, parse_address
from tracking.conf import conf
from tracking.countries import country_name
from tracking.device import parse_user_agent
from tracking.models import LoginEvent, UserSession
from tracking.places import databases, place_of
from tracking.storage import spool
from tracking.storage.consumer import Consumer
from tracking.storage.stream import stream_key

# The most recent logins and open sessions that are looked at.
RECENT = 1_000


class Command(BaseCommand):
    help = "Show what tracking sees: the client's address and device, waiting events, wrong settings."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--remote-addr", default="", help="REMOTE_ADDR of a request, as the server received it"
        )
        parser.add_argument("--forwarded-for", default="", help="its X-Forwarded-For")
        parser.add_argument("--user-agent", default="", help="its User-Agent")

    def handle(self, *, remote_addr: str, forwarded_for: str, user_agent: str, **options: Any) -> None:
        if remote_addr or forwarded_for:
            self._explain_address(remote_addr, forwarded_for)
        if user_agent:
            self._explain_device(user_agent)
        self._check_settings()
        self._check_events()

    def _explain_address(self, remote_addr: str, forwarded_for: str) -> None:
        count = conf.TRUSTED_PROXY_COUNT
        entries = [entry.strip() for entry in forwarded_for.split(",") if entry.strip()]
        request = HttpRequest()
        request.META.update(REMOTE_ADDR=remote_addr, HTTP_X_FORWARDED_FOR=forwarded_for)
        self.stdout.write("Address")
        self.stdout.write(f"  The connection came from {remote_addr or 'a socket without an address'}.")
        self.stdout.write(f"  X-Forwarded-For has {len(entries)} entries: {', '.join(entries) or 'none'}.")
        self.stdout.write(f'  TRACKING["TRUSTED_PROXY_COUNT"] is {count}.')
        if count and len(entries) < count:
            self.stdout.write(
                "  Not trusted: the header has fewer entries, so the request did not come through the proxies."
            )
        elif count:
            self.stdout.write(f"  Entry {count} from the right counts; entries left of it may be forged.")
        elif entries:
            self.stdout.write(
                "  The header is ignored. If these proxies are yours, set the count to their number;"
            )
            self.stdout.write(f"  with {len(entries)}, the address would be {entries[0]}.")
        self.stdout.write(f"  Conclusion: {client_ip(request) or 'no address'}")
        if place := place_of(client_address(request)):
            where = ", ".join(filter(None, (place.city, country_name(place.country))))
            self.stdout.write(f"  Place: {where or 'coordinates without a country'}")

    def _explain_device(self, user_agent: str) -> None:
        device = parse_user_agent(user_agent)
        self.stdout.write("Device")
        browser, system = f"{device.browser} {device.browser_version}", f"{device.os} {device.os_version}"
        self.stdout.write(f"  {device.device_type}, {browser} on {system}")

    def _check_settings(self) -> None:
        problems = [
            p for p in run_checks(include_deployment_checks=True) if str(p.id).startswith("tracking.")
        ]
        self.stdout.write("Settings")
        for problem in problems:
            self.stdout.write(f"  {problem.id}: {problem.msg} {problem.hint or ''}")
        if not problems:
            self.stdout.write("  No problems found.")
        self.stdout.write(f"  Sessions: {settings.SESSION_ENGINE.rpartition('.')[2]}. Writer: {conf.WRITER}.")
        sources = "; ".join(str(database) for database in databases.current())
        self.stdout.write(f"  Countries: {sources or 'not looked up, no database is open'}.")

    def _check_events(self) -> None:
        self.stdout.write("Events")
        self.stdout.write(f"  {spool.waiting():,} wait in {spool.folder()}.")
        if conf.WRITER == "stream":
            self._check_stream()
        try:
            addresses = list(LoginEvent.objects.recent(RECENT).values_list("ip_address", flat=True))
            open_sessions = UserSession.objects.open()[: RECENT + 1].count()
        except DatabaseError as error:
            self.stdout.write(f"  Cannot read the database: {' '.join(str(error).split())}")
            return
        more = "more than " if open_sessions > RECENT else ""
        self.stdout.write(f"  {more}{min(open_sessions, RECENT):,} sessions are open.")
        parsed = [address for text in addresses if (address := parse_address(text or ""))]
        if parsed and all(address.is_private for address in parsed):
            self.stdout.write(
                f"  The last {len(parsed):,} logins all came from private addresses, such as {parsed[0]}."
            )
            self.stdout.write(
                "  If these are the addresses of proxies, set TRUSTED_PROXY_COUNT to the number of proxies."
            )

    def _check_stream(self) -> None:
        from redis.exceptions import RedisError

        try:
            waiting = Consumer().waiting()
            self.stdout.write(f"  {waiting:,} wait in the stream {stream_key()}; `drain_events` moves them.")
        except RedisError as error:
            self.stdout.write(
                f"  Cannot read the stream: {' '.join(str(error).split())}. Events go into the database instead."
            )
