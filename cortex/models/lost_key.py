from django.db import models
from django.utils import timezone


class LostKey(models.Model):
    """A key that could not be deleted or rewritten while Redis was away: its value in Redis is outdated.

    See `cortex.cache.outages.outbox`.
    """

    # The URL of the Redis without user and password, because a site may have several.
    server = models.CharField(max_length=255)
    name = models.TextField()
    noted_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "cache_outbox"

    def __str__(self) -> str:
        return self.name
