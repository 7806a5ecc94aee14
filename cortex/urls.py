from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.utils.functional import lazy
from django.views.generic import RedirectView

from cortex import views
from cortex.signon.limits import AdminLoginForm, guards_old_password

admin.site.site_header = "Cortex"
admin.site.site_title = "Cortex"
admin.site.index_title = "Administration"
admin.site.login_form = AdminLoginForm
admin.site.password_change = guards_old_password(admin.site.password_change)  # type: ignore[method-assign, assignment]

urlpatterns = [
    path("", views.home, name="home"),
    path("accounts/", include("cortex.signon.urls")),
    path("accounts/devices/", include("tracking.urls")),
    path("povs/", views.povs, name="povs"),
    path("trrs/", views.trrs, name="trrs"),
    path("admin/analytics/", include("analytics.urls")),
    path("admin/", admin.site.urls),
    path("favicon.ico", RedirectView.as_view(url=lazy(static, str)("analytics/icon.svg"))),
]
