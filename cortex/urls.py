from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from cortex.metrics import metrics

admin.site.site_header = "Cortex"
admin.site.site_title = "Cortex"
admin.site.index_title = "Administration"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("metrics", metrics, name="metrics"),
]
