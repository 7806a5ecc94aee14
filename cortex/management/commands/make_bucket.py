from typing import Any

from django.core.files.storage import storages
from django.core.management.base import BaseCommand, CommandError

HOME_OF_BUCKETS = "us-east-1"  # which S3 does not want to be told


class Command(BaseCommand):
    help = "Make the bucket that uploads are kept in, where it is not there yet."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        name = getattr(storages["default"], "bucket_name", None)
        if name is None:
            self.stdout.write("Uploads are kept in a folder: S3_BUCKET is not set.")
            return
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            made = ensure_bucket(storages["default"])
        except (BotoCoreError, ClientError, ValueError) as error:
            raise CommandError(
                f'The bucket "{name}" cannot be made: {error} Look at S3_ENDPOINT_URL, S3_ACCESS_KEY and '
                "S3_SECRET_KEY: the key needs the right to make buckets, which in the stack `migrate` alone has."
            ) from error
        self.stdout.write(f'The bucket "{name}" {"was made" if made else "is there"}.')


def ensure_bucket(storage: Any) -> bool:
    """Whether it had to be made. Raises BotoCoreError, ClientError."""
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
    where = {} if region in (None, HOME_OF_BUCKETS) else {"LocationConstraint": region}
    client.create_bucket(
        Bucket=storage.bucket_name, **({"CreateBucketConfiguration": where} if where else {})
    )
    return True
