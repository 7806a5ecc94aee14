import pytest
from django.test import Client
from django.urls import reverse

from importer.models import DataImportJob
from tests.cortex.factories import UserFactory
from tests.importer.conftest import Importing

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("model", ["dataimportjob", "importchunk", "stagingrecord", "migrationlog"])
def test_the_ledger_can_be_looked_at_but_not_changed(
    client: Client, importing: Importing, model: str
) -> None:
    importing("companies", "code,name\nC1,One\nfar-too-long-a-code,Two\n")
    client.force_login(UserFactory(is_staff=True, is_superuser=True))

    page = client.get(reverse(f"admin:importer_{model}_changelist"))

    assert page.status_code == 200
    assert client.get(reverse(f"admin:importer_{model}_add")).status_code == 403


def test_a_running_job_can_be_asked_to_stop(client: Client) -> None:
    job = DataImportJob.objects.create(spec="companies", source="x.csv", format="csv", status="running")
    client.force_login(UserFactory(is_staff=True, is_superuser=True))

    client.post(
        reverse("admin:importer_dataimportjob_changelist"),
        {"action": "ask_to_stop", "_selected_action": job.pk},
    )

    job.refresh_from_db()
    assert job.stop_requested
