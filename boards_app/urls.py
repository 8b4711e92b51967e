"""Addresses of the pages people work with; those of the floor and of reports lie in `floor_urls`."""

from django.contrib.auth import views as auth
from django.urls import URLPattern, URLResolver, include, path

from boards_app.views import actions, attachments, desk, edi, exception, inbox, report, shelves, triage

urlpatterns: list[URLPattern | URLResolver] = [
    path("login/", auth.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("", desk.desk, name="desk"),
    path("nav/", desk.nav, name="nav"),
    path("desk/strip/", desk.strip, name="desk-strip"),
    path("desk/acknowledge/", desk.acknowledge_many, name="desk-acknowledge"),
    path("triage/", triage.triage, name="triage"),
    path("triage/undo/<int:pk>/", triage.undo, name="triage-undo"),
    path("triage/<str:ref>/", triage.item, name="triage-item"),
    path("triage/<str:ref>/accept/", triage.accept, name="triage-accept"),
    path("triage/<str:ref>/dismiss/", triage.dismiss, name="triage-dismiss"),
    path("triage/<str:ref>/merge/", triage.merge, name="triage-merge"),
    path("triage/<str:ref>/dialogs/<slug:name>/", triage.dialog, name="triage-dialog"),
    path("inbox/", inbox.inbox, name="inbox"),
    path("shelved/", shelves.shelved, name="shelved"),
    path("shelved/<int:pk>/lift/", shelves.lift, name="shelf-lift"),
    path("report/", report.report, name="report-exception"),
    path("report/scan/<str:site>/", report.scan, name="report-scan"),
    path("exceptions/<str:ref>/", exception.exception, name="exception"),
    path("exceptions/<str:ref>/panel/", desk.panel, name="exception-panel"),
    path("exceptions/<str:ref>/erp-preview/", exception.erp_preview, name="exception-erp-preview"),
    path("exceptions/<str:ref>/dialogs/<slug:name>/", exception.dialog, name="exception-dialog"),
    path("exceptions/<str:ref>/readings/<str:name>/", actions.reading, name="exception-correct"),
    path(
        "exceptions/<str:ref>/readings/<str:name>/confirm/",
        actions.reading,
        {"confirm": True},
        name="exception-confirm",
    ),
    path(
        "exceptions/<str:ref>/readings/<str:name>/correct/",
        exception.correct_dialog,
        name="exception-reading",
    ),
    path("exceptions/<str:ref>/edi/<int:pk>/resend/", edi.resend, name="exception-edi-resend"),
    path("exceptions/<str:ref>/<slug:verb>/", actions.act, name="exception-act"),
    path("responses/<int:pk>/dialogs/<slug:name>/", exception.response_dialog, name="response-dialog"),
    path("responses/<int:pk>/<slug:verb>/", actions.answer, name="response-answer"),
    path("attachments/<int:pk>/", attachments.whole, name="attachment"),
    path("attachments/<int:pk>/small/", attachments.small, name="attachment-small"),
    path("tasks/<int:pk>/dialog/", exception.task_dialog, name="task-dialog"),
    path("tasks/<int:pk>/finish/", actions.task, {"verb": "finish"}, name="task-finish"),
    path("tasks/<int:pk>/take/", actions.task, {"verb": "take"}, name="task-take"),
    path("", include("boards_app.floor_urls")),
]
