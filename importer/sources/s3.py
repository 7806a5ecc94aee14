"""Objects of an S3 store, by django-storages' client; any store, whichever endpoint is configured."""

import time
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from importer.conf import MEGABYTE, conf
from importer.exceptions import SettingsRefused, SourceChanged, SourceRefused, first_line
from importer.sources.remote_file import State

try:
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError
    from botocore.exceptions import ConnectionError as ConnectionFailed
    from storages.backends.s3 import S3Storage
    from urllib3.exceptions import HTTPError
except (ImportError, ImproperlyConfigured):
    raise SourceRefused(
        'Sources on S3 need the package django-storages[s3]: pip install "django-storages[s3]".'
    ) from None

BLOCK = MEGABYTE
# A connection that breaks within an object is made again, and goes on where it was; so often without any progress.
ATTEMPTS = 4
PAUSE_SECONDS = 1.0
PARTIAL = 206
# Of the package, a minute for each of five attempts: a store that is away would look like one that works.
PATIENCE = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 3})
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
    """django-storages' storage for a bucket: of `IMPORTER["S3"]`, and of AWS_… what that leaves out."""
    try:
        storage = S3Storage(**{**conf.S3, "bucket_name": bucket, "location": ""})
    except (ImproperlyConfigured, TypeError) as error:
        raise SettingsRefused(f'IMPORTER["S3"] makes no sense: {first_line(error)}') from None
    if "client_config" not in conf.S3:
        storage.client_config = storage.client_config.merge(PATIENCE)
    return storage


def _as_they_come(body: Any) -> Iterator[bytes]:
    """Pieces of an object, each as soon as it is here: to wait for a whole block of a store that sends a byte a second
    would take days, in which nobody looks at the clock."""
    read = getattr(getattr(body, "_raw_stream", None), "read1", body.read)
    while piece := read(BLOCK):
        yield piece


class S3Object:
    def __init__(self, source: str, storage: Any, *, key: str) -> None:
        self.source, self.bucket, self.key = source, storage.bucket_name, key
        try:
            self.client = storage.connection.meta.client
        except (BotoCoreError, ValueError) as error:  # an endpoint or a region that is none
            raise SettingsRefused(
                f'The source "{source}" cannot be read: {first_line(error)}; {WHERE}.'
            ) from None

    def state(self) -> State:
        # Not HEAD: its answer has no body, and so a missing bucket, a missing key and a wrong secret look alike.
        answer = self._get()
        answer["Body"].close()
        mtime_ns = int(answer["LastModified"].timestamp() * 1e9)
        return State(answer["ContentLength"], answer.get("ETag", ""), mtime_ns)

    def blocks(self, state: State) -> Iterator[bytes]:
        done, attempts = 0, 0
        while done < state.size:
            broken: Exception = IncompleteReadError(actual_bytes=done, expected_bytes=state.size)
            answer = self._get(state.mark, done)
            if answer.get("ETag", state.mark) != state.mark:  # of a store that does not know If-Match
                raise self._changed()
            if done and answer["ResponseMetadata"]["HTTPStatusCode"] != PARTIAL:
                raise self._refusal(broken)  # of a store that begins anew, whatever is asked
            try:
                for block in _as_they_come(answer["Body"]):
                    yield block
                    done, attempts = done + len(block), 0
            except (HTTPClientError, IncompleteReadError, HTTPError) as error:
                broken = error
            if done < state.size:  # also without an error: of an answer that is cut within its head
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
        told = error.response.get("Error", {})
        code = str(told.get("Code", ""))
        if code in ("PreconditionFailed", "412", "InvalidRange", "416"):
            return self._changed()
        if code in WRONG_CREDENTIALS:
            reason = f"the store refuses the credentials ({code}); {WHERE}"
        elif code in REASONS:
            reason = REASONS[code].format(bucket=self.bucket, key=self.key)
        else:
            reason = (
                f"the store answers {code or 'with an error'}: {told.get('Message') or first_line(error)}"
            )
        return SourceRefused(f'The source "{self.source}" cannot be read: {reason.rstrip(".")}.')

    def _trouble(self, error: Exception) -> str:
        endpoint = self.client.meta.endpoint_url
        if isinstance(error, ConnectionFailed | HTTPClientError | IncompleteReadError | HTTPError):
            return f"the store at {endpoint} does not answer, or breaks off; see that it is there, or {WHERE}"
        return f"{first_line(error).rstrip('.:')}; {WHERE}"
