from django.db import models
from django.utils import timezone


class LostKey(models.Model):
    """A key that could not be deleted or written anew while Redis was away, so that what Redis has of it is old.

    See `cortex.cache.outages.outbox`.
    """

    # Which Redis, without its password: a site may have several.
    server = models.CharField(max_length=255)
    name = models.TextField()
    noted_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "cache_outbox"

    def __str__(self) -> str:
        return self.name
