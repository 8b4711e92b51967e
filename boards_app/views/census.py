"""A census in the browser: add files, say what the columns of a list are, watch it read, use what it counted."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from boards_app.selectors.census import ROLE_WORDS, censuses_of, draft_page, entries_page, result_page
from boards_app.selectors.frame import Frame
from boards_app.views.frame import done, is_htmx, page, show
from core.errors import InvalidInput, NotFound
from exceptions_app import services
from exceptions_app.models import Census, CensusFile, CensusStatus
from metrics_app.services import keep_baseline
from plant_app.models import ExceptionType
from plant_app.permissions import require
from plant_app.selectors import visible_site_ids

ACTION = "census.run"


def _census(frame: Frame, pk: int) -> Census:
    found = (
        Census.objects.select_related("site", "created_by")
        .filter(pk=pk, site__in=visible_site_ids(frame.user))
        .first()
    )
    if found is None:
        raise NotFound("census.not_found", "There is no such census.")
    require(frame.user, ACTION, found.site_id)
    return found


@require_http_methods(["GET", "POST"])
@page
def censuses(request: HttpRequest, frame: Frame) -> HttpResponse:
    """What has been counted so far, and the way to begin."""
    if frame.home is None:
        raise NotFound("census.no_site", "You work at no site yet.")
    site = frame.site or frame.home
    require(frame.user, ACTION, site)
    if request.method == "POST":
        census = services.begin_census(site=site, name=request.POST.get("name", ""), actor=frame.user)
        return HttpResponseRedirect(f"/census/{census.pk}/")
    return show(request, "boards_app/censuses.html", frame, {"censuses": censuses_of(frame), "site": site})


@require_GET
@page
def census(request: HttpRequest, frame: Frame, pk: int) -> HttpResponse:
    """One census as it stands: a draft with its files, its progress, or what it counted."""
    found = _census(frame, pk)
    context = {"census": found, "live": f"site.{found.site_id}"}
    if found.status in (CensusStatus.DRAFT, CensusStatus.FAILED):
        context |= draft_page(found)
    elif found.status == CensusStatus.DONE:
        context |= result_page(found)
    if is_htmx(request):
        return render(request, "boards_app/_census.html", {"frame": frame, **context})
    return show(request, "boards_app/census.html", frame, context)


@require_GET
@page
def entries(request: HttpRequest, frame: Frame, pk: int, type_code: str) -> HttpResponse:
    """The entries behind one bar."""
    found = _census(frame, pk)
    number = request.GET.get("page", "1")
    context = entries_page(
        found, type_code=type_code, number=int(number) if number.isdigit() and number != "0" else 1
    )
    name = ExceptionType.objects.filter(code=type_code).values_list("name", flat=True).first()
    words = {"-": "Nobody could tell", "0": "No exception"}.get(type_code, name or type_code)
    return show(
        request, "boards_app/census_entries.html", frame, {"census": found, "words": words, **context}
    )


@require_POST
@page
def add_files(request: HttpRequest, frame: Frame, pk: int) -> HttpResponse:
    """Add what was chosen; one that can't be imported keeps none of the others out."""
    found = _census(frame, pk)
    refused = []
    for file in request.FILES.getlist("files"):
        try:
            services.add_census_file(census_id=found.pk, name=file.name or "file", data=file.read())
        except InvalidInput as refusal:
            refused.append(refusal)
    if refused:
        raise refused[0]
    return done(request, "Added.")


@require_POST
@page
def columns(request: HttpRequest, frame: Frame, pk: int, file: int) -> HttpResponse:
    """Say what each column of a list is."""
    found = _census(frame, pk)
    row = CensusFile.objects.filter(pk=file, census=found).first()
    if row is None:
        raise NotFound("census.file_not_found", "There is no such file.")
    chosen: dict[str, int] = {}
    for name in request.POST:
        role = request.POST.get(name, "")
        if name.startswith("column-") and name[7:].isdigit() and role in ROLE_WORDS:
            if role in chosen:
                raise InvalidInput("census.columns", f"Two columns are said to be the {ROLE_WORDS[role]}.")
            chosen[role] = int(name[7:])
    services.set_census_columns(file_id=row.pk, columns=chosen)
    return done(request, "The columns are set.")


@require_POST
@page
def act(request: HttpRequest, frame: Frame, pk: int, verb: str) -> HttpResponse:
    """Read it, keep it as baseline, change what an event takes, delete what people wrote."""
    found = _census(frame, pk)
    if verb == "start":
        services.start_census(census_id=found.pk)
        return done(request, "It is being read.")
    if verb == "baseline":
        keep_baseline(census=found)
        return done(request, "Kept as the baseline months are compared with.")
    if verb == "typical":
        services.set_typical_minutes(census_id=found.pk, typical=_minutes(request))
        return done(request, "Counted anew.")
    if verb == "forget":
        services.delete_census_words(census_id=found.pk)
        return done(request, "What people wrote is deleted; the figures stay.")
    raise NotFound("request.verb", "There is no such button.")


def _minutes(request: HttpRequest) -> dict[str, float]:
    given = {}
    for name in request.POST:
        raw = request.POST.get(name, "")
        if not name.startswith("minutes-") or not raw.strip():
            continue
        try:
            given[name[8:]] = float(raw.replace(",", "."))
        except ValueError:
            raise InvalidInput("census.typical", f"{raw} is no number of minutes.") from None
    return given
