"""Maps the records of the legacy system to users, POVs and TRRs."""

from django.core.exceptions import ValidationError

from cortex.models import Pov, Trr, User
from importer import Column, Lookup, ModelImport, register

LEGACY_NULLS = ("", "NULL", "N/A", "-")
LEGACY_DATES = ("%m/%d/%Y",)
LEGACY_TIMES = ("%m/%d/%Y %H:%M:%S",)


def yes_or_no(text: str) -> bool:
    answers = {"Y": True, "N": False}
    if text not in answers:
        raise ValidationError("Use Y or N.", code="invalid")
    return answers[text]


@register
class UserImport(ModelImport):
    class Meta:
        model = User
        name = "users"
        key = ("legacy_id",)
        on_conflict = "update"
        null_values = LEGACY_NULLS

    legacy_id = Column("USER_ID")
    email = Column("EMAIL_ADDR", transform=[str.strip, str.lower])
    first_name = Column("FIRST_NM", default="")
    last_name = Column("LAST_NM", default="")
    role = Column("ROLE_CD", transform=str.lower, default="user")
    status = Column("STATUS_CD", transform=str.lower, default="active")
    is_active = Column("LOGIN_FLG", transform=yes_or_no)
    joined_on = Column("JOIN_DT", formats=LEGACY_DATES)
    created_at = Column("CREATED_TS", formats=LEGACY_TIMES)


@register
class PovImport(ModelImport):
    class Meta:
        model = Pov
        name = "povs"
        key = ("legacy_id",)
        on_conflict = "update"
        null_values = LEGACY_NULLS

    legacy_id = Column("POV_ID")
    title = Column("POV_TITLE")
    customer = Column("CUST_NM")
    industry = Column("INDUSTRY", default="")
    status = Column("STATUS_CD", transform=str.lower, default="planned")
    priority = Column("PRIO_CD", transform=str.lower, default="medium")
    owner = Lookup("OWNER_EMAIL", to="email")
    start_date = Column("START_DT", formats=LEGACY_DATES)
    end_date = Column("END_DT", formats=LEGACY_DATES)
    deal_value = Column("DEAL_AMT")
    currency = Column("DEAL_CCY", transform=str.upper, default="USD")
    success_criteria = Column("SUCCESS_TXT", default="")
    created_at = Column("CREATED_TS", formats=LEGACY_TIMES)


@register
class TrrImport(ModelImport):
    class Meta:
        model = Trr
        name = "trrs"
        key = ("legacy_id",)
        on_conflict = "update"
        null_values = LEGACY_NULLS

    legacy_id = Column("TRR_ID")
    pov = Lookup("POV_ID", to="legacy_id")
    title = Column("TRR_TITLE")
    category = Column("CATEGORY_CD", transform=str.lower)
    risk_level = Column("RISK_CD", transform=str.lower, default="medium")
    status = Column("STATUS_CD", transform=str.lower, default="open")
    likelihood = Column("LIKELIHOOD")
    impact = Column("IMPACT")
    # Reviewers who have left are not in the users' file. Their reviews are imported without them.
    assessor = Lookup("ASSESSOR_EMAIL", to="email", missing="null")
    findings = Column("FINDINGS_TXT", default="")
    mitigation = Column("MITIGATION_TXT", default="")
    due_on = Column("DUE_DT", formats=LEGACY_DATES)
    reviewed_at = Column("REVIEWED_TS", formats=LEGACY_TIMES)
    created_at = Column("CREATED_TS", formats=LEGACY_TIMES)
