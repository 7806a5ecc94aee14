"""Goes through the screens of a draft, as a browser does."""

import re
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from importer.models import ImportDraft

VERSION = re.compile(r'name="version" value="(\d+)"')


def url(page: str, *args: Any) -> str:
    return reverse(f"admin:importer_import_{page}", args=args)


def version(answer: Any) -> str:
    found = VERSION.search(answer.content.decode())
    assert found
    return found[1]


def post(client: Client, page: str, draft: int, **values: Any) -> Any:
    seen = client.get(url(page, draft), follow=True)
    return client.post(url(page, draft), {"version": version(seen)} | values, follow=True)


def begun(client: Client, file: SimpleUploadedFile) -> ImportDraft:
    answer = client.post(url("begin", "cortex.pov"), {"upload": file, "way": ""}, follow=True)
    assert answer.status_code == 200, answer.content.decode()
    return ImportDraft.objects.get()
