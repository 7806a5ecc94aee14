from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import path

from cortex import views
from cortex.metrics import metrics

admin.site.site_header = "Cortex"
admin.site.site_title = "Cortex"
admin.site.index_title = "Administration"

urlpatterns = [
    path("", views.home, name="home"),
    path("login/", views.LoginView.as_view(), name="login"),
    path("logout/", LogoutView.as_view(next_page="login"), name="logout"),
    path("povs/", views.povs, name="povs"),
    path("trrs/", views.trrs, name="trrs"),
    path("admin/", admin.site.urls),
    path("metrics", metrics, name="metrics"),
]
