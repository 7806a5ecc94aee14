"""The fixtures of the host sites' suite, for sites built on real packages."""

from tests.tracking.suite.conftest import _as_in_a_new_process as _as_in_a_new_process
from tests.tracking.suite.conftest import browser as browser
from tests.tracking.suite.conftest import user as user
