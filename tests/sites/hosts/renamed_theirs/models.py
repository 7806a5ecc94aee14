from django.db import models


class Visit(models.Model):
    class Meta:
        db_table = "user_sessions"
        indexes = [models.Index("id", name="idx_user_sessions_open_user")]
