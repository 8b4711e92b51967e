"""The answer page."""

from django.urls import path

from notify_app import views

urlpatterns = [path("n/<str:token>/", views.answer, name="answer")]
