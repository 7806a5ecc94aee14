"""Signs people in with a password or with Google, Okta or Keycloak, on django-allauth. See docs/signon.md."""
