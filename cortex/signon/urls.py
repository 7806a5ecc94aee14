"""Routes allauth's pages for signing in and out and for passwords. Users are created and changed elsewhere."""

from allauth.account import views as account
from allauth.socialaccount.providers.google import views as google
from allauth.socialaccount.providers.openid_connect import views as oidc
from allauth.socialaccount.providers.saml import views as saml
from django.urls import path, re_path
from django.views.decorators.cache import never_cache

from cortex.signon import passwords
from cortex.signon.limits import begins_sign_on, limited
from cortex.signon.views import LoginView, no_single_logout, saml_acs

urlpatterns = [
    path("login/", LoginView.as_view(), name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("password/change/", passwords.change, name="account_change_password"),
    path("password/reset/", passwords.reset, name="account_reset_password"),
    path("password/reset/done/", account.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]{1,13})-(?P<key>[0-9A-Za-z-]{1,80})/$",
        never_cache(account.password_reset_from_key),
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/key/done/",
        account.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    path("google/login/", begins_sign_on(google.oauth2_login), name="google_login"),
    path("google/login/callback/", limited(google.oauth2_callback), name="google_callback"),
    path("oidc/<slug:provider_id>/login/", begins_sign_on(oidc.login), name="openid_connect_login"),
    path("oidc/<slug:provider_id>/login/callback/", limited(oidc.callback), name="openid_connect_callback"),
    path("saml/<slug:organization_slug>/login/", begins_sign_on(saml.login), name="saml_login"),
    path("saml/<slug:organization_slug>/acs/", limited(saml_acs), name="saml_acs"),
    path("saml/<slug:organization_slug>/acs/finish/", limited(saml.finish_acs), name="saml_finish_acs"),
    path("saml/<slug:organization_slug>/metadata/", saml.metadata, name="saml_metadata"),
    path("saml/<slug:organization_slug>/sls/", no_single_logout, name="saml_sls"),
]
