import os
import signal
from typing import Any

from django.dispatch import receiver

from importer import Column, Lookup, ModelImport, import_started, register
from tests.importer.samples.crm.models import Booking, Company, Contact, Everything, Period, Variants


@register
class CompanyImport(ModelImport):
    class Meta:
        model = Company
        name = "companies"
        key = ("code",)


@register
class TalkativeCompanyImport(ModelImport):
    class Meta:
        model = Company
        name = "companies-talkative"

    def clean_record(self, record: dict[str, Any]) -> None:
        print(record["name"] * 100)


@register
class DeadlyCompanyImport(ModelImport):
    class Meta:
        model = Company
        name = "companies-deadly"


@receiver(import_started, sender=DeadlyCompanyImport)
def _die(**_: Any) -> None:
    """Kill the process, as the kernel does if it takes too much memory."""
    os.kill(os.getpid(), signal.SIGKILL)


class ContactColumns(ModelImport):
    joined = Column("JOIN_DT", formats=("%m/%d/%Y",))
    role = Column("ROLE", transform=str.lower, default="user")
    company = Lookup("COMP_CD", to="code")


@register
class ContactImport(ContactColumns):
    class Meta:
        model = Contact
        name = "contacts"
        key = ("legacy_id",)
        on_conflict = "update"
        null_values = ("", "NA", "NULL")


@register
class ContactInsert(ContactColumns):
    class Meta:
        model = Contact
        name = "contacts-insert"
        key = ("legacy_id",)
        null_values = ("", "NA", "NULL")


@register
class ContactSkip(ContactColumns):
    class Meta:
        model = Contact
        name = "contacts-skip"
        key = ("legacy_id",)
        on_conflict = "skip"


@register
class BookingImport(ModelImport):
    class Meta:
        model = Booking
        name = "bookings"


@register
class BookingUpdate(ModelImport):
    class Meta:
        model = Booking
        name = "bookings-update"
        key = ("number",)
        on_conflict = "update"


@register
class PeriodImport(ModelImport):
    class Meta:
        model = Period
        name = "periods"

    def clean_record(self, record: dict[str, Any]) -> dict[str, Any]:
        record["name"] = record["name"][:10]
        return record


@register
class EverythingImport(ModelImport):
    class Meta:
        model = Everything
        name = "everything"


@register
class LegacyCompanyImport(ModelImport):
    class Meta:
        model = Company
        name = "legacy-companies"
        key = ("code",)
        on_conflict = "skip"
        queries = {"few": "SELECT nr, mail FROM contacts WHERE nr < 10"}

    code = Column("mail")
    name = Column("nr")


@register
class VariantsImport(ModelImport):
    class Meta:
        model = Variants
        name = "variants"


@register
class ContactByCompanyName(ContactColumns):
    class Meta:
        model = Contact
        name = "contacts-by-company-name"

    company = Lookup("COMP_CD", to="name")
