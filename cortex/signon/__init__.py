"""Single sign-on: who may log in by Google, Okta or Keycloak, over django-allauth. See docs/signon.md."""
