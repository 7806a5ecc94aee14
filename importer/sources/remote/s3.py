"""Reads objects of any S3 store through django-storages' client, at the configured endpoint."""

import time
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from importer.conf import MEGABYTE, conf
from importer.exceptions import SettingsRefused, SourceChanged, SourceRefused, first_line
from importer.sources.remote.remote_file import State

try:
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError
    from botocore.exceptions import ConnectionError as ConnectionFailed
    from storages.backends.s3 import S3Storage
    from urllib3.exceptions import HTTPError
except (ImportError, ImproperlyConfigured):  # an optional package; `storage_of` refuses without it
    S3Storage = None

BLOCK = MEGABYTE
# Tries without progress. After a broken connection, reading resumes where it was.
ATTEMPTS = 4
PAUSE_SECONDS = 1.0
PARTIAL = 206
# botocore's defaults are five attempts of a minute each: a store that is away would look like one that works.
PATIENCE = {
    "connect_timeout": 5,
    "read_timeout": 60,
    "retries": {"mode": "standard", "total_max_attempts": 3},
}
WRONG_CREDENTIALS = (
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidToken",
    "ExpiredToken",
    "AuthFailure",
)
WHERE = 'set IMPORTER["S3"] ("access_key", "secret_key", "endpoint_url", "region_name")'
REASONS = {
    "NoSuchBucket": 'there is no bucket "{bucket}"',
    "NoSuchKey": 'there is no object "{key}" in the bucket "{bucket}"',
    "404": 'there is no object "{key}" in the bucket "{bucket}"',
    "AccessDenied": 'the credentials of IMPORTER["S3"] may not read it',
    "403": 'the credentials of IMPORTER["S3"] may not read it',
    "InvalidObjectState": "it is archived; restore it first",
}


def storage_of(source: str, bucket: str) -> Any:
    """Return django-storages' storage for a bucket, from `IMPORTER["S3"]` and the AWS_… settings.

    Raises SourceRefused if the package is missing, and SettingsRefused for invalid options.
    """
    if S3Storage is None:
        raise SourceRefused(
            'Sources on S3 need the package django-storages[s3]: pip install "django-storages[s3]".'
        )
    try:
        storage = S3Storage(**{**conf.S3, "bucket_name": bucket, "location": ""})
    except (ImproperlyConfigured, TypeError) as error:
        raise SettingsRefused(f'IMPORTER["S3"] is invalid: {first_line(error)}') from None
    if "client_config" not in conf.S3:
        storage.client_config = storage.client_config.merge(Config(**PATIENCE))
    return storage


def _as_they_come(body: Any) -> Iterator[bytes]:
    """Yield pieces of an object as soon as they arrive.

    Waiting for a whole block from a store that sends a byte a second would take days without a look at the deadline.
    """
    read = getattr(getattr(body, "_raw_stream", None), "read1", body.read)
    while piece := read(BLOCK):
        yield piece


class S3Object:
    """An object of an S3 store (a `Remote`). Raises SettingsRefused for an invalid endpoint or region."""

    def __init__(self, source: str, storage: Any, *, key: str) -> None:
        self.source, self.bucket, self.key = source, storage.bucket_name, key
        try:
            self.client = storage.connection.meta.client
        except (BotoCoreError, ValueError) as error:  # an invalid endpoint or region
            raise SettingsRefused(
                f'The source "{source}" cannot be read: {first_line(error)}; {WHERE}.'
            ) from None

    def state(self) -> State:
        # GET, not HEAD: without a body, a missing bucket, a missing key and a wrong secret look alike.
        answer = self._get()
        answer["Body"].close()
        mtime_ns = int(answer["LastModified"].timestamp() * 1e9)
        return State(answer["ContentLength"], answer.get("ETag", ""), mtime_ns)

    def blocks(self, state: State) -> Iterator[bytes]:
        done, attempts = 0, 0
        while done < state.size:
            broken: Exception = IncompleteReadError(actual_bytes=done, expected_bytes=state.size)
            answer = self._get(state.mark, done)
            if answer.get("ETag", state.mark) != state.mark:  # a store that ignores If-Match
                raise self._changed()
            if done and answer["ResponseMetadata"]["HTTPStatusCode"] != PARTIAL:
                raise self._refusal(broken)  # a store that ignores Range
            try:
                for block in _as_they_come(answer["Body"]):
                    yield block
                    done, attempts = done + len(block), 0
            except (HTTPClientError, IncompleteReadError, HTTPError) as error:
                broken = error
            if done < state.size:  # also without an error, if the answer was cut in its header
                attempts += 1
                if attempts == ATTEMPTS:
                    raise self._refusal(broken)
                time.sleep(attempts * PAUSE_SECONDS)

    def _get(self, mark: str = "", offset: int = 0) -> Any:
        conditions = {"IfMatch": mark} if mark else {}
        if offset:
            conditions["Range"] = f"bytes={offset}-"
        try:
            return self.client.get_object(Bucket=self.bucket, Key=self.key, **conditions)
        except (ClientError, BotoCoreError) as error:
            raise self._refusal(error) from None

    def _changed(self) -> SourceChanged:
        return SourceChanged(
            f'The source "{self.source}" changed while it was read; run the same command again.'
        )

    def _refusal(self, error: Exception) -> SourceRefused:
        if not isinstance(error, ClientError):
            return SourceRefused(f'The source "{self.source}" cannot be read: {self._trouble(error)}.')
        details = error.response.get("Error", {})
        code = str(details.get("Code", ""))
        if code in ("PreconditionFailed", "412", "InvalidRange", "416"):
            return self._changed()
        if code in WRONG_CREDENTIALS:
            reason = f"the store refuses the credentials ({code}); {WHERE}"
        elif code in REASONS:
            reason = REASONS[code].format(bucket=self.bucket, key=self.key)
        else:
            reason = (
                f"the store answers {code or 'with an error'}: {details.get('Message') or first_line(error)}"
            )
        return SourceRefused(f'The source "{self.source}" cannot be read: {reason.rstrip(".")}.')

    def _trouble(self, error: Exception) -> str:
        endpoint = self.client.meta.endpoint_url
        if isinstance(error, ConnectionFailed | HTTPClientError | IncompleteReadError | HTTPError):
            return f"the store at {endpoint} does not answer, or breaks off; check that it runs, or {WHERE}"
        return f"{first_line(error).rstrip('.:')}; {WHERE}"
