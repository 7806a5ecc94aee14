import django.core.validators
import django.db.models.functions.text
from django.db import migrations, models


# Changes only words that people read; executes no SQL.
class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("cortex", "0002_cache_outbox"),
    ]

    operations = [
        migrations.AlterField(
            model_name="pov",
            name="currency",
            field=models.CharField(
                default="USD",
                max_length=3,
                validators=[
                    django.core.validators.RegexValidator(
                        "^[A-Z]{3}\\Z", "Use three capital letters, such as EUR."
                    )
                ],
            ),
        ),
        migrations.AlterField(
            model_name="user",
            name="is_active",
            field=models.BooleanField(default=True, verbose_name="may sign in"),
        ),
        migrations.AlterField(
            model_name="user",
            name="is_staff",
            field=models.BooleanField(default=False, verbose_name="may use the admin"),
        ),
        migrations.AlterConstraint(
            model_name="pov",
            name="povs_deal_value_not_negative",
            constraint=models.CheckConstraint(
                condition=models.Q(("deal_value__gte", 0)),
                name="povs_deal_value_not_negative",
                violation_error_message="The deal value must be 0 or more.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="trr",
            name="trrs_likelihood_from_1_to_5",
            constraint=models.CheckConstraint(
                condition=models.Q(("likelihood__range", (1, 5))),
                name="trrs_likelihood_from_1_to_5",
                violation_error_message="The likelihood must be between 1 and 5.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="trr",
            name="trrs_impact_from_1_to_5",
            constraint=models.CheckConstraint(
                condition=models.Q(("impact__range", (1, 5))),
                name="trrs_impact_from_1_to_5",
                violation_error_message="The impact must be between 1 and 5.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="user",
            name="users_email_is_lower_case",
            constraint=models.CheckConstraint(
                condition=models.Q(("email", django.db.models.functions.text.Lower("email"))),
                name="users_email_is_lower_case",
                violation_error_message="The e-mail address must be in lower case.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="user",
            name="users_blocked_may_not_log_in",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status__in", ["suspended", "disabled"]), _negated=True),
                    ("is_active", False),
                    _connector="OR",
                ),
                name="users_blocked_may_not_log_in",
                violation_error_message="A suspended or disabled user may not sign in: clear “may sign in”.",
            ),
        ),
    ]
