"""Addresses of what the floor, planners and leaders look at: boards, stations, sequence, postings, reports."""

from django.urls import path

from boards_app.views import adoption, board, census, drills, postings, qr, reports, sequence, station

urlpatterns = [
    path("adoption/", adoption.adoption, name="adoption"),
    path("adoption/set/", adoption.switch, name="adoption-set"),
    path("census/", census.censuses, name="censuses"),
    path("census/<int:pk>/", census.census, name="census"),
    path("census/<int:pk>/files/", census.add_files, name="census-files"),
    path("census/<int:pk>/files/<int:file>/columns/", census.columns, name="census-columns"),
    path("census/<int:pk>/entries/<str:type_code>/", census.entries, name="census-entries"),
    path("census/<int:pk>/<slug:verb>/", census.act, name="census-act"),
    path("drills/", drills.drills, name="drills"),
    path("drills/<int:pk>/", drills.drill, name="drill"),
    path("drills/plans/<int:pk>/begin/", drills.begin, name="drill-begin"),
    path("boards/", board.boards, name="boards"),
    path("boards/live/", board.boards_live, name="boards-live"),
    path("boards/<str:code>/", board.board, name="board"),
    path("boards/<str:code>/live/", board.board_live, name="board-live"),
    path("stations/", board.stations, name="stations"),
    path("stations/live/", board.stations_live, name="stations-live"),
    path("stations/<str:code>/", station.page, name="station"),
    path("stations/<str:code>/live/", station.live, name="station-live"),
    path("stations/<str:code>/report/", station.report, name="station-report"),
    path("stations/<str:code>/scan/", station.scan, name="station-scan"),
    path("stations/<str:code>/progress/", station.progress, name="station-progress"),
    path("stations/<str:code>/clear/", station.clear, name="station-clear"),
    path("stations/<str:code>/person/", station.person, name="station-person"),
    path(
        "stations/<str:code>/recommendations/<int:pk>/confirm/",
        station.confirm,
        name="station-recommendation-confirm",
    ),
    path(
        "stations/<str:code>/recommendations/<int:pk>/override/",
        station.override,
        name="station-recommendation-override",
    ),
    path("r/<str:token>/", qr.page, name="qr"),
    path("r/<str:token>/report/", qr.report, name="qr-report"),
    path("r/<str:token>/who/", qr.who, name="qr-who"),
    path("r/<str:token>/scan/", qr.scan, name="qr-scan"),
    path("t/<str:token>/", qr.track, name="track"),
    path("sequence/", sequence.page_, name="sequence"),
    path("sequence/live/", sequence.live, name="sequence-live"),
    path(
        "sequence/recommendations/<int:pk>/confirm/", sequence.confirm, name="sequence-recommendation-confirm"
    ),
    path(
        "sequence/recommendations/<int:pk>/override/",
        sequence.override,
        name="sequence-recommendation-override",
    ),
    path("postings/", postings.listed, name="postings"),
    path("postings/live/", postings.live, name="postings-live"),
    path("postings/by-hand/", postings.by_hand, name="postings-by-hand"),
    path("postings/by-hand/live/", postings.by_hand_live, name="postings-by-hand-live"),
    path("postings/<int:pk>/", postings.one, name="posting"),
    path("postings/<int:pk>/live/", postings.one_live, name="posting-live"),
    path("postings/<int:pk>/<str:verb>/", postings.operate, name="posting-operate"),
    path("reports/", reports.latest, name="reports"),
    path("reports/<int:year>-<int:month>/", reports.month_report, name="report"),
    path("reports/<int:year>-<int:month>/records/", reports.records, name="report-records"),
]
