"""Addresses of the pages people work with; those of the floor and of reports lie in `floor_urls`."""

from importlib.util import find_spec

from django.contrib.auth import views as auth
from django.urls import include, path

from boards_app.views import desk

urlpatterns = [
    path("login/", auth.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("", desk.desk, name="desk"),
    path("nav/", desk.nav, name="nav"),
    path("desk/strip/", desk.strip, name="desk-strip"),
    path("desk/acknowledge/", desk.acknowledge_many, name="desk-acknowledge"),
    path("exceptions/<str:ref>/panel/", desk.panel, name="exception-panel"),
]
if all(
    find_spec(f"boards_app.views.{name}") for name in ("board", "postings", "reports", "sequence", "station")
):
    urlpatterns.append(path("", include("boards_app.floor_urls")))
