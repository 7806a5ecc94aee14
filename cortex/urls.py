from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.utils.functional import lazy
from django.views.generic import RedirectView

from cortex.pages import views

urlpatterns = [
    path("", views.home, name="home"),
    path("accounts/", include("cortex.signon.urls")),
    path("povs/", views.povs, name="povs"),
    path("povs/<int:pk>/", views.pov, name="pov"),
    path("trrs/", views.trrs, name="trrs"),
    path("trrs/<int:pk>/", views.trr, name="trr"),
    path("devices/", include("tracking.urls")),
    path("admin/analytics/", include("analytics.urls")),
    path("admin/", admin.site.urls),
    path("favicon.ico", RedirectView.as_view(url=lazy(static, str)("analytics/icon.svg"))),
]
