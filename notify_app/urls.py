"""The answer page, and the service worker that shows what a push brings."""

from django.urls import path

from notify_app import views

urlpatterns = [
    path("n/<str:token>/", views.answer, name="answer"),
    path("push-worker.js", views.push_worker, name="push-worker"),
]
