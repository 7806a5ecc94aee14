"""Tests that activities are stored with any metadata, and from any place."""

import asyncio
import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, RequestFactory

from tracking import log_activity
from tracking.models import ActivityLog
from tracking.storage import spool
from tracking.storage.write import database_pause, replay_spool

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    "metadata",
    [
        {"x": float("nan")},
        {"x": float("inf")},
        {"re": r"\u0000"},
        {"n": 10**5_000},
        {"deep": None},
        {"loop": None},
    ],
)
def test_odd_metadata_loses_no_activity(user: Any, metadata: dict[str, Any]) -> None:
    if "deep" in metadata:
        inner: Any = metadata
        for _ in range(5_000):
            inner["deep"] = {}
            inner = inner["deep"]
    if "loop" in metadata:
        metadata["loop"] = metadata

    log_activity("odd", metadata=metadata, user=user)

    stored = ActivityLog.objects.get().metadata
    assert json.loads(json.dumps(stored)) == stored
    if "re" in metadata:
        assert stored == metadata


def test_a_task_that_outlives_its_request_loses_nothing(user: Any) -> None:
    from tracking.capture.visit import Visit, current

    visit = Visit.of(RequestFactory().get("/"))
    token = current.set(visit)
    try:
        visit.finish(None)
        log_activity("late", user=user)
    finally:
        current.reset(token)

    assert ActivityLog.objects.get().action == "late"


def test_an_activity_in_an_event_loop_without_a_request_is_kept(user: Any) -> None:
    async def work() -> None:
        log_activity("looped", user=user)

    asyncio.run(work())
    database_pause.here.until = 0.0
    replay_spool()

    assert ActivityLog.objects.get().action == "looped"


def test_a_task_that_outlives_an_async_request_is_recorded(db: None) -> None:
    async_to_sync(call_and_wait)("/async/later/")

    spool_folder = spool.folder() / spool.NAME
    if spool_folder.exists():  # in an event loop the activity waits in the spool for the next write
        replay_spool()
    assert ActivityLog.objects.get().action == "thing.later"


async def call_and_wait(path: str) -> None:
    await AsyncClient().get(path)
    await asyncio.sleep(0.2)
