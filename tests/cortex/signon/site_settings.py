"""Settings of the site in a separate process: providers from the environment, Google's addresses replaced."""

import os
from dataclasses import replace

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, SIGN_ON, TRACKING  # type: ignore[attr-defined]

DATABASES["default"]["NAME"] = os.environ["TEST_DATABASE"]
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = True
GOOGLE = os.environ["TEST_GOOGLE"]
SOCIALACCOUNT_PROVIDERS = {
    "google": {
        "AUTHORIZE_URL": f"{GOOGLE}/oauth2/authorize",
        "ACCESS_TOKEN_URL": f"{GOOGLE}/oauth2/token",
        "ID_TOKEN_ISSUER": GOOGLE,
    }
}
TRACKING = TRACKING | {"SPOOL_DIR": os.environ["TEST_SPOOL"]}
SIGN_ON = [replace(known, address=GOOGLE) if known.method == "google" else known for known in SIGN_ON]
