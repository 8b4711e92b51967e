"""API addresses of decisions."""

from django.urls import path

from decisions_app import api, progress_api

VERBS = {
    "decide": api.DecideView,
    "reverse": api.ReverseView,
    "resolve": api.ResolveView,
    "reopen": api.ReopenView,
    "cancel": api.CancelView,
    "restore": api.RestoreView,
    "clear": api.ClearView,
    "merge": api.MergeView,
    "split": api.SplitView,
    "comment": api.CommentView,
}

urlpatterns = [
    *(
        path(f"exceptions/<str:ref>/{name}/", view.as_view(), name=f"api-exception-{name}")
        for name, view in VERBS.items()
    ),
    path("exceptions/<str:ref>/options/", api.OptionsView.as_view(), name="api-exception-options"),
    path("operations/<int:pk>/progress/", progress_api.ProgressView.as_view(), name="api-operation-progress"),
    path("tasks/<int:pk>/finish/", api.TaskDoneView.as_view(), name="api-task-finish"),
]
