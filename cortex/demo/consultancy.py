"""What the demo's consultant works on, so that whoever logs in as one sees their own POVs and TRRs."""

import datetime as dt

from django.utils import timezone

from cortex.models import Pov, Trr, User

CONSULTANT = "consultant@example.com"
WEEK = dt.timedelta(days=7)
# Title, customer, industry, status, priority, weeks until its end; and what could go wrong: title, category, level,
# status.
WORK = (
    (
        ("Endpoint protection for 4,000 clinics", "Meridian Health", "Healthcare", "active", "critical", 3),
        (
            ("Agents on medical devices that must not be restarted", "operations", "critical", "open"),
            ("Patient data in crash reports", "compliance", "high", "in_review"),
        ),
    ),
    (
        ("Log analytics beside the old SIEM", "Northwind Bank", "Finance", "active", "high", 1),
        (
            ("Twice the volume at the end of each month", "performance", "high", "open"),
            ("Two sources of truth during the change", "architecture", "medium", "mitigated"),
        ),
    ),
    (
        ("Network detection in three plants", "Halden Steel", "Manufacturing", "planned", "medium", 9),
        (("No mirror port in the oldest plant", "integration", "medium", "open"),),
    ),
    (
        ("Cloud posture of 40 accounts", "Lumen Retail", "Retail", "on_hold", "medium", 12),
        (("Roles that nobody owns", "security", "high", "accepted"),),
    ),
    (
        ("Response playbooks for the night shift", "Meridian Health", "Healthcare", "won", "high", -4),
        (("Playbooks that end sessions of surgeons", "operations", "critical", "closed"),),
    ),
)


def give_the_consultant_work() -> None:
    """Anew only where it is not there yet."""
    owner = User.objects.get(email=CONSULTANT)
    today = timezone.localdate()
    for (title, customer, industry, status, priority, weeks), risks in WORK:
        pov, _ = Pov.objects.get_or_create(
            title=title,
            owner=owner,
            defaults={
                "customer": customer,
                "industry": industry,
                "status": status,
                "priority": priority,
                "start_date": today + (weeks - 8) * WEEK,
                "end_date": today + weeks * WEEK,
            },
        )
        for risk, category, level, state in risks:
            Trr.objects.get_or_create(
                pov=pov,
                title=risk,
                defaults={
                    "category": category,
                    "risk_level": level,
                    "status": state,
                    "assessor": owner,
                    "due_on": today + (weeks - 1) * WEEK,
                },
            )
