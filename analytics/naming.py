"""Names that a site may change, as in `tracking.naming`."""

from analytics.conf import conf
from tracking.naming import label_of, prefixed_index


def app_label() -> str:
    return label_of(__name__)


def table(name: str) -> str:
    return f"{conf.TABLE_PREFIX}{name}"


def index(name: str) -> str:
    return prefixed_index(conf.TABLE_PREFIX, name)
