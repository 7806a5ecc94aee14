from benchmarks.contacts.models import Contact
from importer import Column, Lookup, ModelImport, register


class ContactColumns(ModelImport):
    role = Column(transform=str.lower)
    company = Lookup("company_code", to="code")
    joined = Column(formats=("%m/%d/%Y",))


@register
class ContactImport(ContactColumns):
    class Meta:
        model = Contact
        name = "contacts"
        key = ("legacy_id",)


@register
class ContactUpsert(ContactColumns):
    class Meta:
        model = Contact
        name = "contacts-upsert"
        key = ("legacy_id",)
        on_conflict = "update"
