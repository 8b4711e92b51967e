"""Addresses of the postings API, below /api/v1/."""

from django.urls import path

from erp_sync import api, api_ahead, api_drift, api_findings

urlpatterns = [
    path("erp/drift/", api_drift.DriftView.as_view(), name="erp-drift"),
    path("erp/findings/", api_findings.FindingsView.as_view(), name="erp-findings"),
    path("erp/findings/<int:pk>/", api_findings.FindingView.as_view(), name="erp-finding"),
    *[
        path(
            f"erp/findings/<int:pk>/{verb}/",
            api_findings.verb_view(verb).as_view(),
            name=f"erp-finding-{verb}",
        )
        for verb in api_findings.VERBS
    ],
    path("postings/", api.PostingsView.as_view(), name="postings-api"),
    path("postings/check/", api_ahead.PostingCheckView.as_view(), name="postings-check"),
    path("postings/bulk/", api_ahead.PostingsBulkView.as_view(), name="postings-bulk"),
    path("postings/release/", api_ahead.PostingsReleaseView.as_view(), name="postings-release"),
    path("postings/<int:pk>/preview/", api_ahead.PostingPreviewView.as_view(), name="posting-preview"),
    path("postings/<int:pk>/", api.PostingView.as_view(), name="posting-api"),
    *[
        path(f"postings/<int:pk>/{verb}/", api.verb_view(verb).as_view(), name=f"posting-{verb}")
        for verb in api.VERBS
    ],
]
