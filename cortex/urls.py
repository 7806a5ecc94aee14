from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.utils.functional import lazy
from django.views.generic import RedirectView

admin.site.site_header = "Cortex"
admin.site.site_title = "Cortex"
admin.site.index_title = "Administration"

urlpatterns = [
    path("favicon.ico", RedirectView.as_view(url=lazy(static, str)("analytics/icon.svg"))),
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("accounts/", include("cortex.signon.urls")),
    path("admin/analytics/", include("analytics.urls")),
    path("admin/", admin.site.urls),
]
