from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.checks import run_checks
from django.core.management.base import BaseCommand
from django.db import DatabaseError
from django.http import HttpRequest

from tracking.capture.client import client_ip, parse_address
from tracking.conf import conf
from tracking.device import parse_user_agent
from tracking.models import LoginEvent, UserSession
from tracking.storage import spool
from tracking.storage.consumer import Consumer

# Where proxies of one's own have their addresses.
RECENT = 1_000


class Command(BaseCommand):
    help = (
        "Shows what tracking sees and concludes: the address, the device, what waits, what is wired wrongly."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--remote-addr", default="", help="REMOTE_ADDR of a request, as the server got it"
        )
        parser.add_argument("--forwarded-for", default="", help="its X-Forwarded-For")
        parser.add_argument("--user-agent", default="", help="its User-Agent")

    def handle(self, *, remote_addr: str, forwarded_for: str, user_agent: str, **options: Any) -> None:
        if remote_addr or forwarded_for:
            self._explain_address(remote_addr, forwarded_for)
        if user_agent:
            self._explain_device(user_agent)
        self._look_at_wiring()
        self._look_at_events()

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
                "  The chain is shorter: this request did not come by way of the proxies. Not trusted."
            )
        elif count:
            self.stdout.write(
                f"  So the entry number {count} from the right counts; those left of it may be forged."
            )
        elif entries:
            self.stdout.write("  So the header is not believed. If these proxies are yours, set the count to")
            self.stdout.write(f"  the number of them; with {len(entries)} it would be {entries[0]}.")
        self.stdout.write(f"  Conclusion: {client_ip(request) or 'no address'}")

    def _explain_device(self, user_agent: str) -> None:
        device = parse_user_agent(user_agent)
        self.stdout.write("Device")
        browser, system = f"{device.browser} {device.browser_version}", f"{device.os} {device.os_version}"
        self.stdout.write(f"  {device.device_type}, {browser} on {system}")

    def _look_at_wiring(self) -> None:
        problems = [
            p for p in run_checks(include_deployment_checks=True) if str(p.id).startswith("tracking.")
        ]
        self.stdout.write("Wiring")
        for problem in problems:
            self.stdout.write(f"  {problem.id}: {problem.msg} {problem.hint or ''}")
        if not problems:
            self.stdout.write("  Nothing to complain of.")
        self.stdout.write(f"  Sessions: {settings.SESSION_ENGINE.rpartition('.')[2]}. Writer: {conf.WRITER}.")

    def _look_at_events(self) -> None:
        self.stdout.write("Events")
        self.stdout.write(f"  {spool.waiting():,} wait in {spool.folder()}.")
        if conf.WRITER == "stream":
            self._look_at_stream()
        try:
            addresses = list(LoginEvent.objects.recent(RECENT).values_list("ip_address", flat=True))
            open_sessions = UserSession.objects.open()[: RECENT + 1].count()
        except DatabaseError as error:
            self.stdout.write(f"  The database: {' '.join(str(error).split())}")
            return
        more = "more than " if open_sessions > RECENT else ""
        self.stdout.write(f"  {more}{min(open_sessions, RECENT):,} sessions are open.")
        found = [address for text in addresses if (address := parse_address(text or ""))]
        if found and all(address.is_private for address in found):
            self.stdout.write(
                f"  The last {len(found):,} logins all came from private addresses, such as {found[0]}."
            )
            self.stdout.write(
                "  Behind a proxy that is the proxy's own: set TRUSTED_PROXY_COUNT to the number of them."
            )

    def _look_at_stream(self) -> None:
        from redis.exceptions import RedisError

        try:
            waiting = Consumer().waiting()
            self.stdout.write(
                f"  {waiting:,} wait in the stream {conf.STREAM_KEY}; `drain_events` moves them."
            )
        except RedisError as error:
            self.stdout.write(
                f"  The stream: {' '.join(str(error).split())}. Events go into the database meanwhile."
            )
