"""The people a newcomer logs in as."""

from dataclasses import dataclass

from django.contrib.auth.models import Group, Permission

from cortex.models import User

PASSWORD = "cortex-demo"  # noqa: S105 (meant to be known: the demo runs on the developer's own machine)


@dataclass(frozen=True)
class DemoAccount:
    email: str
    first_name: str
    last_name: str
    role: str
    is_superuser: bool = False


ACCOUNTS = (
    DemoAccount("admin@example.com", "Ada", "Admin", User.Role.ADMIN, is_superuser=True),
    DemoAccount("manager@example.com", "Max", "Manager", User.Role.MANAGER),
    DemoAccount("consultant@example.com", "Cleo", "Consultant", User.Role.CONSULTANT),
    DemoAccount("user@example.com", "Uma", "User", User.Role.USER),
)


# What a manager may do in the administration. An admin may do everything, the others may not enter it.
MANAGERS_MAY = (
    "view_user", "view_pov", "add_pov", "change_pov", "view_trr", "add_trr", "change_trr", "view_dashboard",
)  # fmt: skip


def create_accounts() -> None:
    """Also sets the password again, so that what the demo prints is true the second time too."""
    managers, _ = Group.objects.get_or_create(name="Managers")
    managers.permissions.set(
        Permission.objects.filter(
            content_type__app_label__in=("cortex", "analytics"), codename__in=MANAGERS_MAY
        )
    )
    for account in ACCOUNTS:
        user, _ = User.objects.update_or_create(
            email=account.email,
            defaults={
                "first_name": account.first_name,
                "last_name": account.last_name,
                "role": account.role,
                "is_staff": account.role in (User.Role.ADMIN, User.Role.MANAGER),
                "is_superuser": account.is_superuser,
            },
        )
        user.set_password(PASSWORD)
        user.save(update_fields=["password"])
        if account.role == User.Role.MANAGER:
            user.groups.add(managers)
