from typing import Any

from django.core.files.storage import storages
from django.core.management.base import BaseCommand, CommandError

HOME_OF_BUCKETS = "us-east-1"  # S3 rejects a LocationConstraint with its default region


class Command(BaseCommand):
    help = "Create the bucket of uploads (S3_BUCKET), if it does not exist."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        name = getattr(storages["default"], "bucket_name", None)
        if name is None:
            self.stdout.write("Nothing to create: S3_BUCKET is not set, so uploads are stored in a folder.")
            return
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            is_new = ensure_bucket(storages["default"])
        except (BotoCoreError, ClientError, ValueError) as error:
            raise CommandError(
                f'Cannot create the bucket "{name}": {error} Check S3_ENDPOINT_URL, S3_ACCESS_KEY and S3_SECRET_KEY: '
                "the key needs the right to create buckets, which only the service `migrate` of the stack has."
            ) from error
        self.stdout.write(f'The bucket "{name}" {"was created" if is_new else "exists"}.')


def ensure_bucket(storage: Any) -> bool:
    """Creates the bucket of an S3 storage, if needed. Returns whether it did. Raises BotoCoreError, ClientError."""
    from botocore.exceptions import ClientError

    client = storage.connection.meta.client
    try:
        client.head_bucket(Bucket=storage.bucket_name)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
    else:
        return False
    region = client.meta.region_name
    options: dict[str, Any] = {}
    if region not in (None, HOME_OF_BUCKETS):
        options["CreateBucketConfiguration"] = {"LocationConstraint": region}
    client.create_bucket(Bucket=storage.bucket_name, **options)
    return True
