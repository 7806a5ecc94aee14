from django.contrib.auth import login
from django.urls import include, path
from knox.views import LoginView as KnoxLoginView
from rest_framework.authtoken.serializers import AuthTokenSerializer
from rest_framework.authtoken.views import obtain_auth_token
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_simplejwt.serializers import TokenObtainPairSerializer
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView

from tests.tracking.hosts.urls import urlpatterns as site


class OwnKnoxLogin(KnoxLoginView):
    """As knox's documentation writes it for tokens without basic authentication."""

    permission_classes = (AllowAny,)

    def post(self, request: Request, format: str | None = None) -> Response:  # noqa: A002
        serializer = AuthTokenSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        login(request, serializer.validated_data["user"])
        return super().post(request, format=None)


class OwnTokens(TokenObtainPairSerializer):
    """As simplejwt's documentation adds claims."""

    @classmethod
    def get_token(cls, user):  # type: ignore[no-untyped-def]
        token = super().get_token(user)
        token["name"] = user.get_username()
        return token


class Choosy(TokenObtainPairView):
    """Refuses people whose password is correct."""

    def post(self, request: Request, *args: object, **kwargs: object) -> Response:
        super().post(request, *args, **kwargs)
        if request.query_params.get("error"):
            raise RuntimeError("a fault of the view")
        raise PermissionDenied("No API for you.")


urlpatterns = [
    *site,
    path("drf/", obtain_auth_token),
    path("knox/", include("knox.urls")),
    path("own-knox/", OwnKnoxLogin.as_view()),
    path("jwt/", TokenObtainPairView.as_view(serializer_class=OwnTokens)),
    path("jwt/refresh/", TokenRefreshView.as_view()),
    path("choosy/", Choosy.as_view()),
    path("djoser/", include("djoser.urls.authtoken")),
]
