from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.mail import send_mail
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone


class UserManager(BaseUserManager["User"]):
    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        # The whole address, not only the domain as Django does: `Ann@x.com` and `ann@x.com` are one person.
        return (email or "").strip().lower()

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=self.normalize_email(username))

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        if not email:
            raise ValueError("A user needs an e-mail address.")
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        rights = {"is_staff": True, "is_superuser": True, "role": User.Role.ADMIN}
        return self.create_user(email, password, **(rights | fields))


class User(AbstractBaseUser, PermissionsMixin):
    class Role(models.TextChoices):
        USER = "user", "User"
        CONSULTANT = "consultant", "Consultant"
        MANAGER = "manager", "Manager"
        ADMIN = "admin", "Admin"

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        INVITED = "invited", "Invited"
        SUSPENDED = "suspended", "Suspended"
        DISABLED = "disabled", "Disabled"

    # Empty for imported users until they set one: it matches no password, and a password reset is still offered.
    password = models.CharField(max_length=128, blank=True, default="")
    email = models.EmailField("e-mail", unique=True)
    first_name = models.CharField(max_length=80, blank=True)
    last_name = models.CharField(max_length=80, blank=True)
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.USER)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.ACTIVE)
    legacy_id = models.PositiveBigIntegerField(
        null=True,
        blank=True,
        unique=True,
        help_text="The record's number in the system it was imported from.",
    )
    is_staff = models.BooleanField("may use the admin", default=False)
    is_active = models.BooleanField("may sign in", default=True)
    joined_on = models.DateField(null=True, blank=True)
    # A default instead of auto_now_add, because an import sets the date of the legacy record.
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[UserManager] = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        db_table = "users"
        ordering = ["email"]
        indexes = [
            models.Index(fields=["role", "status", "created_at"], name="idx_users_role_status_created"),
            models.Index(fields=["-created_at", "-id"], name="idx_users_created_desc"),
        ]
        constraints = [
            models.CheckConstraint(
                name="users_email_is_lower_case",
                condition=Q(email=Lower("email")),
                violation_error_message="The e-mail address must be in lower case.",
            ),
            models.CheckConstraint(
                name="users_blocked_may_not_log_in",
                condition=~Q(status__in=["suspended", "disabled"]) | Q(is_active=False),
                violation_error_message="A suspended or disabled user may not sign in: clear “may sign in”.",
            ),
        ]

    def __str__(self) -> str:
        return self.email

    @classmethod
    def normalize_username(cls, username: Any) -> str:
        """Return the address as it is stored. `AbstractBaseUser.clean()` calls it."""
        return cls.objects.normalize_email(username)

    def get_full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.email

    def get_short_name(self) -> str:
        return self.first_name or self.email

    def may_see_all(self, model: type[models.Model]) -> bool:
        """Whether the user may view all rows of a model, as in the admin. Other users see only their own."""
        return self.is_staff and self.has_perm(f"cortex.view_{model._meta.model_name}")

    def email_user(self, subject: str, message: str, from_email: str | None = None, **options: Any) -> None:
        send_mail(subject, message, from_email, [self.email], **options)
