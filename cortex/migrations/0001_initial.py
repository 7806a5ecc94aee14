import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="User",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False,
                        help_text="Designates that this user has all permissions without explicitly assigning them.",
                        verbose_name="superuser status",
                    ),
                ),
                ("password", models.CharField(blank=True, default="", max_length=128)),
                ("email", models.EmailField(max_length=254, unique=True, verbose_name="e-mail")),
                ("first_name", models.CharField(blank=True, max_length=80)),
                ("last_name", models.CharField(blank=True, max_length=80)),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("user", "User"),
                            ("consultant", "Consultant"),
                            ("manager", "Manager"),
                            ("admin", "Admin"),
                        ],
                        default="user",
                        max_length=16,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("active", "Active"),
                            ("invited", "Invited"),
                            ("suspended", "Suspended"),
                            ("disabled", "Disabled"),
                        ],
                        default="active",
                        max_length=16,
                    ),
                ),
                (
                    "legacy_id",
                    models.PositiveBigIntegerField(
                        blank=True,
                        help_text="The record's number in the system it was imported from.",
                        null=True,
                        unique=True,
                    ),
                ),
                ("is_staff", models.BooleanField(default=False, verbose_name="may use the administration")),
                ("is_active", models.BooleanField(default=True, verbose_name="may log in")),
                ("joined_on", models.DateField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
            ],
            options={
                "db_table": "users",
                "ordering": ["email"],
            },
        ),
        migrations.CreateModel(
            name="Pov",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "legacy_id",
                    models.PositiveBigIntegerField(
                        blank=True,
                        help_text="The record's number in the system it was imported from.",
                        null=True,
                        unique=True,
                    ),
                ),
                ("title", models.CharField(max_length=200)),
                ("customer", models.CharField(max_length=160)),
                ("industry", models.CharField(blank=True, max_length=80)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("planned", "Planned"),
                            ("active", "Active"),
                            ("on_hold", "On hold"),
                            ("won", "Won"),
                            ("lost", "Lost"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="planned",
                        max_length=16,
                    ),
                ),
                (
                    "priority",
                    models.CharField(
                        choices=[
                            ("low", "Low"),
                            ("medium", "Medium"),
                            ("high", "High"),
                            ("critical", "Critical"),
                        ],
                        default="medium",
                        max_length=16,
                    ),
                ),
                ("start_date", models.DateField(blank=True, null=True)),
                ("end_date", models.DateField(blank=True, null=True)),
                (
                    "deal_value",
                    models.DecimalField(
                        blank=True,
                        decimal_places=2,
                        max_digits=12,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(0)],
                    ),
                ),
                (
                    "currency",
                    models.CharField(
                        default="USD",
                        max_length=3,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[A-Z]{3}\\Z", "A currency is three capital letters, such as EUR."
                            )
                        ],
                    ),
                ),
                ("success_criteria", models.TextField(blank=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="povs",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "POV",
                "verbose_name_plural": "POVs",
                "db_table": "povs",
                "ordering": ["-created_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="Trr",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "legacy_id",
                    models.PositiveBigIntegerField(
                        blank=True,
                        help_text="The record's number in the system it was imported from.",
                        null=True,
                        unique=True,
                    ),
                ),
                ("title", models.CharField(max_length=200)),
                (
                    "category",
                    models.CharField(
                        choices=[
                            ("architecture", "Architecture"),
                            ("security", "Security"),
                            ("integration", "Integration"),
                            ("data", "Data"),
                            ("performance", "Performance"),
                            ("compliance", "Compliance"),
                            ("operations", "Operations"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "risk_level",
                    models.CharField(
                        choices=[
                            ("low", "Low"),
                            ("medium", "Medium"),
                            ("high", "High"),
                            ("critical", "Critical"),
                        ],
                        default="medium",
                        max_length=16,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("in_review", "In review"),
                            ("mitigated", "Mitigated"),
                            ("accepted", "Accepted"),
                            ("closed", "Closed"),
                        ],
                        default="open",
                        max_length=16,
                    ),
                ),
                (
                    "likelihood",
                    models.PositiveSmallIntegerField(
                        default=3,
                        help_text="1 to 5",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(5),
                        ],
                    ),
                ),
                (
                    "impact",
                    models.PositiveSmallIntegerField(
                        default=3,
                        help_text="1 to 5",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(5),
                        ],
                    ),
                ),
                ("findings", models.TextField(blank=True)),
                ("mitigation", models.TextField(blank=True)),
                ("due_on", models.DateField(blank=True, null=True)),
                ("reviewed_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "assessor",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="assessed_trrs",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "pov",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="trrs",
                        to="cortex.pov",
                        verbose_name="POV",
                    ),
                ),
            ],
            options={
                "verbose_name": "TRR",
                "verbose_name_plural": "TRRs",
                "db_table": "trrs",
                "ordering": ["-created_at", "-id"],
            },
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(fields=["role", "status", "created_at"], name="idx_users_role_status_created"),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(fields=["-created_at", "-id"], name="idx_users_created_desc"),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=models.Q(("email", django.db.models.functions.text.Lower("email"))),
                name="users_email_is_lower_case",
                violation_error_message="An e-mail address is kept in lower case.",
            ),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status__in", ["suspended", "disabled"]), _negated=True),
                    ("is_active", False),
                    _connector="OR",
                ),
                name="users_blocked_may_not_log_in",
                violation_error_message="A suspended or disabled user may not log in: untick “may log in”.",
            ),
        ),
        migrations.AddIndex(
            model_name="pov",
            index=models.Index(fields=["-created_at", "-id"], name="idx_povs_created_desc"),
        ),
        migrations.AddIndex(
            model_name="pov",
            index=models.Index(
                fields=["owner", "status", "-created_at"], name="idx_povs_owner_status_created"
            ),
        ),
        migrations.AddIndex(
            model_name="pov",
            index=models.Index(
                fields=["status", "priority", "-created_at"], name="idx_povs_status_prio_created"
            ),
        ),
        migrations.AddIndex(
            model_name="pov",
            index=models.Index(
                condition=models.Q(("status__in", ["planned", "active", "on_hold"])),
                fields=["end_date"],
                name="idx_povs_running_end_date",
            ),
        ),
        migrations.AddConstraint(
            model_name="pov",
            constraint=models.CheckConstraint(
                condition=models.Q(("end_date__gte", models.F("start_date"))),
                name="povs_end_not_before_start",
                violation_error_message="A POV cannot end before it starts.",
            ),
        ),
        migrations.AddConstraint(
            model_name="pov",
            constraint=models.CheckConstraint(
                condition=models.Q(("deal_value__gte", 0)),
                name="povs_deal_value_not_negative",
                violation_error_message="A deal is not worth less than nothing.",
            ),
        ),
        migrations.AddIndex(
            model_name="trr",
            index=models.Index(fields=["-created_at", "-id"], name="idx_trrs_created_desc"),
        ),
        migrations.AddIndex(
            model_name="trr",
            index=models.Index(fields=["pov", "status", "-created_at"], name="idx_trrs_pov_status_created"),
        ),
        migrations.AddIndex(
            model_name="trr",
            index=models.Index(
                fields=["risk_level", "status", "-created_at"], name="idx_trrs_risk_status_created"
            ),
        ),
        migrations.AddIndex(
            model_name="trr",
            index=models.Index(fields=["assessor", "due_on"], name="idx_trrs_assessor_due"),
        ),
        migrations.AddConstraint(
            model_name="trr",
            constraint=models.CheckConstraint(
                condition=models.Q(("likelihood__range", (1, 5))),
                name="trrs_likelihood_from_1_to_5",
                violation_error_message="The likelihood goes from 1 to 5.",
            ),
        ),
        migrations.AddConstraint(
            model_name="trr",
            constraint=models.CheckConstraint(
                condition=models.Q(("impact__range", (1, 5))),
                name="trrs_impact_from_1_to_5",
                violation_error_message="The impact goes from 1 to 5.",
            ),
        ),
    ]
