"""API addresses of decisions."""

from django.urls import path

from decisions_app import api, api_approvals, api_follow_ups, api_handover, api_talk, progress_api

VERBS: dict[str, type[api.RecordVerb]] = {
    "decide": api.DecideView,
    "reverse": api.ReverseView,
    "resolve": api.ResolveView,
    "reopen": api.ReopenView,
    "cancel": api.CancelView,
    "restore": api.RestoreView,
    "clear": api.ClearView,
    "merge": api.MergeView,
    "split": api.SplitView,
    "comment": api_talk.CommentView,
}

urlpatterns = [
    *(
        path(f"exceptions/<str:ref>/{name}/", view.as_view(), name=f"api-exception-{name}")
        for name, view in VERBS.items()
    ),
    path("exceptions/<str:ref>/options/", api.OptionsView.as_view(), name="api-exception-options"),
    path("operations/<int:pk>/progress/", progress_api.ProgressView.as_view(), name="api-operation-progress"),
    path(
        "exceptions/<str:ref>/approvals/",
        api_approvals.RecordApprovalsView.as_view(),
        name="api-exception-approvals",
    ),
    path("approvals/", api_approvals.WaitingApprovalsView.as_view(), name="api-approvals"),
    path(
        "approvals/<int:pk>/<slug:answer>/",
        api_approvals.AnswerApprovalView.as_view(),
        name="api-approval-answer",
    ),
    path(
        "exceptions/<str:ref>/root-cause/", api_follow_ups.RootCauseView.as_view(), name="api-exception-cause"
    ),
    path(
        "exceptions/<str:ref>/follow-ups/",
        api_follow_ups.RecordFollowUpView.as_view(),
        name="api-exception-follow-up",
    ),
    path("exceptions/<str:ref>/similar/", api_follow_ups.SimilarView.as_view(), name="api-exception-similar"),
    path("follow-ups/", api_follow_ups.FollowUpsView.as_view(), name="api-follow-ups"),
    path("tasks/<int:pk>/call-off/", api_follow_ups.CallOffView.as_view(), name="api-task-call-off"),
    path("handovers/", api_handover.SheetsView.as_view(), name="api-handovers"),
    path("handovers/<int:pk>/", api_handover.SheetView.as_view(), name="api-handover"),
    path("handovers/<int:pk>/notes/", api_handover.NotesView.as_view(), name="api-handover-notes"),
    path(
        "handovers/<int:pk>/sign-outgoing/",
        api_handover.SignOutgoingView.as_view(),
        name="api-handover-outgoing",
    ),
    path(
        "handovers/<int:pk>/sign-incoming/",
        api_handover.SignIncomingView.as_view(),
        name="api-handover-incoming",
    ),
    path("tasks/<int:pk>/finish/", api.TaskDoneView.as_view(), name="api-task-finish"),
]
