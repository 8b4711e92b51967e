"""Addresses of the postings API, below /api/v1/."""

from django.urls import path

from erp_sync import api

urlpatterns = [
    path("postings/", api.PostingsView.as_view(), name="postings-api"),
    path("postings/<int:pk>/", api.PostingView.as_view(), name="posting-api"),
    *[
        path(f"postings/<int:pk>/{verb}/", api.verb_view(verb).as_view(), name=f"posting-{verb}")
        for verb in api.VERBS
    ],
]
