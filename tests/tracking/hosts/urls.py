from django.apps import apps
from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import include, path

from tests.tracking.hosts import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("login/", auth.LoginView.as_view(template_name="admin/login.html"), name="login"),
    path("logout/", auth.LogoutView.as_view(next_page="/page/")),
    path("password/", views.change_password),
    path("page/", views.page),
    path("who/", views.who),
    path("deed/", views.deed),
    path("failing-login/", views.failing_login),
    path("two-logins/", views.two_logins),
    path("login-and-rollback/", views.login_and_rollback),
    path("failing-deed/", views.failing_deed),
    path("refusal-and-failure/", views.refusal_and_failure),
    path("token-login/", views.token_login),
    path("async/login/", views.async_login),
    path("async/logout/", views.async_logout),
    path("async/page/", views.async_page),
    path("async/later/", views.async_later),
    path("async/deed/", views.async_deed),
]
if apps.is_installed("tracking"):
    urlpatterns.append(path("devices/", include("tracking.urls")))
if apps.is_installed("allauth"):
    urlpatterns.append(path("accounts/", include("allauth.urls")))
