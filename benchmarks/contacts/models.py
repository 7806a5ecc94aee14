"""Defines the table of the promised import speed: a primary key, four more indexes and a foreign key."""

from django.db import models


class Company(models.Model):
    code = models.CharField(max_length=10, unique=True)


class Contact(models.Model):
    legacy_id = models.BigIntegerField(primary_key=True)
    email = models.EmailField()
    first_name = models.CharField(max_length=80)
    last_name = models.CharField(max_length=80)
    role = models.CharField(max_length=20, choices=[(name, name) for name in ("user", "manager", "admin")])
    status = models.CharField(
        max_length=20, choices=[(name, name) for name in ("active", "invited", "suspended")]
    )
    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    joined = models.DateField()
    balance = models.DecimalField(max_digits=10, decimal_places=2)
    notes = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["email"], name="contact_email"),
            models.Index(fields=["role", "status"], name="contact_role_status"),
            models.Index(fields=["joined"], name="contact_joined"),
        ]
