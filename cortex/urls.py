from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

admin.site.site_header = "Cortex"
admin.site.site_title = "Cortex"
admin.site.index_title = "Administration"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/analytics/", include("analytics.urls")),
    path("admin/", admin.site.urls),
]
