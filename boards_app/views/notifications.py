"""How a person wants to be told: their page, their addresses, a test of each, and a device that subscribes."""

import json

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from boards_app.selectors.frame import Frame
from boards_app.selectors.notifications import notifications_page
from boards_app.views.frame import page, show
from core.errors import DomainError, InvalidInput
from notify_app import services
from notify_app.forms import AddressForm, WishesForm

PAGE = "/me/notifications/"
TEMPLATE = "boards_app/notifications.html"


@require_http_methods(["GET", "HEAD", "POST"])
@page
def notifications(request: HttpRequest, frame: Frame) -> HttpResponse:
    """Show and keep a person's wishes; refused ones come back with the reason at the field."""
    if request.method != "POST":
        return show(request, TEMPLATE, frame, notifications_page(frame.user))
    if "default" in request.POST:
        services.forget_wishes(user=frame.user)
        messages.success(request, _("You are told as your function's default says."))
        return HttpResponseRedirect(PAGE)
    form = WishesForm(request.POST)
    if form.is_valid():
        try:
            services.set_wishes(user=frame.user, **form.values())
        except InvalidInput as error:
            _explain(form, error)
        else:
            messages.success(request, _("Kept: from now on you are told this way."))
            return HttpResponseRedirect(PAGE)
    return show(request, TEMPLATE, frame, notifications_page(frame.user, form), status=422)


@require_POST
@page
def add_address(request: HttpRequest, frame: Frame) -> HttpResponse:
    """Keep a new address of the person."""
    form = AddressForm(request.POST)
    if form.is_valid():
        given = form.cleaned_data
        try:
            services.add_address(
                url=given["url"], label=given["label"], channel=given["channel"], user=frame.user,
                by_administrator=frame.user.is_superuser,
            )  # fmt: skip
        except InvalidInput as error:
            form.add_error("url", f"{error.message} {error.hint}")
        else:
            messages.success(request, _("Added. Send yourself a test to be sure."))
            return HttpResponseRedirect(PAGE)
    return show(
        request, TEMPLATE, frame, notifications_page(frame.user, address_form=form), status=422
    )  # fmt: skip


@require_POST
@page
def remove_address(request: HttpRequest, frame: Frame, pk: int) -> HttpResponse:
    """Take one of the person's addresses out of use."""
    services.remove_address(address_id=pk, user=frame.user)
    messages.success(request, _("Removed."))
    return HttpResponseRedirect(PAGE)


@require_POST
@page
def send_test(request: HttpRequest, frame: Frame, pk: int | None = None) -> HttpResponse:
    """Send a test by one address, by mail without one, and show the provider's answer."""
    taken, answer = services.send_test_notice(user=frame.user, address_id=pk)
    if taken:
        messages.success(request, _("Sent. The answer: {answer}").format(answer=answer))
    else:
        messages.error(request, _("Not sent. The answer: {answer}").format(answer=answer))
    return HttpResponseRedirect(PAGE)


@require_POST
@page
def device(request: HttpRequest, frame: Frame) -> HttpResponse:
    """A browser's push subscription as JSON: `{subscription, label}`. Answers 201, or 400 with the reason in words."""
    try:
        told = json.loads(request.body[:8000])
        kept = services.subscribe(
            user=frame.user, subscription=told["subscription"], label=str(told.get("label", ""))
        )
    except (ValueError, KeyError, TypeError):
        return JsonResponse({"title": _("This is no push subscription.")}, status=400)
    except DomainError as error:
        return JsonResponse({"title": error.message, "detail": error.hint}, status=error.status)
    return JsonResponse({"id": kept.pk}, status=201)


def _explain(form: WishesForm, error: InvalidInput) -> None:
    wrong = error.extra.get("errors")
    for name, words in (wrong if isinstance(wrong, dict) else {}).items():
        form.add_error(name if name in form.fields else None, f"{words}.")
