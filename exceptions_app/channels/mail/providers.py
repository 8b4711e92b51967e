"""Webhooks of mail providers: is this post provably theirs, and which mails does it bring.

django-anymail's webhook views know each provider's form and signature; they are asked here as plain parsers, with the
keys of one source and never with global settings, and their Django signal is not used. Knows no rows, asks no network:
what has to be fetched (Brevo's attachments) comes out as a reference.
"""

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any, Final
from urllib.parse import quote

import httpx
from anymail.exceptions import (
    AnymailConfigurationError,
    AnymailInsecureWebhookWarning,
    AnymailNotSupportedWarning,
    AnymailWebhookValidationFailure,
)
from anymail.signals import AnymailInboundEvent
from anymail.webhooks.base import AnymailBaseWebhookView
from anymail.webhooks.brevo import BrevoInboundWebhookView
from anymail.webhooks.mailersend import MailerSendInboundWebhookView
from anymail.webhooks.mailgun import MailgunInboundWebhookView
from anymail.webhooks.mailjet import MailjetInboundWebhookView
from anymail.webhooks.postmark import PostmarkInboundWebhookView
from anymail.webhooks.sendgrid import SendGridInboundWebhookView
from anymail.webhooks.sparkpost import SparkPostInboundWebhookView
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.http import HttpRequest, QueryDict
from django.utils.datastructures import MultiValueDict

from exceptions_app.channels.fetchers import FetchFailed, register
from exceptions_app.channels.mail import replies
from exceptions_app.channels.mail.message import MOST_RAW, Mail, Reader, read_message, unreadable
from exceptions_app.channels.mail.parts import File
from exceptions_app.channels.mail.senders import Proof, by_dkim, by_spf
from exceptions_app.channels.mail.text import clean

# Both speak of anymail's own global settings and sending backends, which are not used here.
warnings.filterwarnings("ignore", category=AnymailNotSupportedWarning)
warnings.filterwarnings("ignore", category=AnymailInsecureWebhookWarning)

BREVO_FILES: Final = "https://api.brevo.com/v3/inbound/attachments/"
_DKIM: Final = re.compile(r"@([^\s:{},]{1,250})\s*:\s*pass", re.IGNORECASE)
_FETCH: Final = httpx.Timeout(10.0, connect=5.0)


class NotTheirs(Exception):
    """The post is not provably the provider's; the text says why, and nothing about the key."""


class NoMail(Exception):
    """A post of the provider that brings no mail: its tracking events, sent to the wrong address."""


class _Brevo(BrevoInboundWebhookView):
    """Brevo names its attachments only. anymail would fetch them while Brevo waits; here they become references."""

    def esp_to_anymail_event(self, esp_event: dict[str, Any]) -> AnymailInboundEvent:
        named = esp_event.get("Attachments") or []
        event = super().esp_to_anymail_event({**esp_event, "Attachments": []})
        event.esp_event = {**esp_event, "Attachments": named}
        return event


@dataclass(frozen=True, slots=True)
class _Provider:
    """A provider's parser and the key it is checked by (`signed`: a signature, else user and password)."""

    view: type[AnymailBaseWebhookView]
    key: str = "webhook_secret"
    fixed: tuple[tuple[str, str], ...] = ()

    @property
    def signed(self) -> bool:
        return self.key != "webhook_secret"


_PROVIDERS: Final = {
    "postmark": _Provider(PostmarkInboundWebhookView),
    "mailgun": _Provider(MailgunInboundWebhookView, "webhook_signing_key", (("api_key", ""),)),
    "sendgrid": _Provider(SendGridInboundWebhookView),
    "mailjet": _Provider(MailjetInboundWebhookView),
    "brevo": _Provider(_Brevo, fixed=(("api_key", "not used"), ("api_url", BREVO_FILES))),
    "mailersend": _Provider(MailerSendInboundWebhookView, "inbound_secret"),
    "sparkpost": _Provider(SparkPostInboundWebhookView),
}


def receive(
    request: HttpRequest, *, adapter: str, secrets: Mapping[str, Any], reader: Reader
) -> list[tuple[Mail, dict[str, Any]]]:
    """The mails a post brings, each with what the provider says beside it; checked before anything is parsed.

    Raises NotTheirs and NoMail. A post that is theirs and cannot be parsed is one unreadable mail with the body as a
    file. `request.body` must be readable.
    """
    provider = _PROVIDERS[adapter]
    key = str(secrets.get(provider.key) or "")
    if not key:
        raise NotTheirs("This source has no key yet.")
    options = {"webhook_secret": "", **dict(provider.fixed), provider.key: key}
    try:
        load_form(request)
        view = provider.view(**options)
        view.run_validators(request)
    except AnymailWebhookValidationFailure as refusal:
        raise NotTheirs(str(refusal).replace("Anymail ", "")) from None
    except (SuspiciousOperation, ValueError, KeyError, TypeError, RecursionError):
        raise NotTheirs("The post has not the form of the provider's.") from None
    try:
        events = view.parse_events(request)
        return [_mail(adapter, event, request, reader) for event in events]
    except AnymailConfigurationError as wrong:
        raise NoMail(str(wrong).replace("Anymail's ", "the ")) from None
    except Exception as error:  # noqa: BLE001 - the outer edge: a post proven to be theirs is kept whatever is in it
        return [(unreadable_post(request, f"{type(error).__name__} while reading the post"), {})]


def load_form(request: HttpRequest) -> None:
    """Make the fields of a large form readable: Django refuses more than 2.5 MB of them, and a raw mail has more.

    The caller has limited the body. MIME is what a form is, so the mail parser takes it apart.
    """
    if request.content_type != "multipart/form-data":
        return
    try:
        request.POST  # noqa: B018 - parsed on being asked
    except RequestDataTooBig:
        fields, files = QueryDict(mutable=True), MultiValueDict[str, UploadedFile]()
        head = f"Content-Type: {request.META.get('CONTENT_TYPE', '')}\r\n\r\n".encode()
        for part in BytesParser(policy=HTTP).parsebytes(head + request.body).walk():
            name = part.get_param("name", header="content-disposition")
            data = part.get_payload(decode=True)
            if not isinstance(name, str) or not isinstance(data, bytes):
                continue
            if part.get_filename():
                files.appendlist(
                    name, SimpleUploadedFile(part.get_filename() or "", data, part.get_content_type())
                )
            else:
                fields.appendlist(name, data.decode("utf-8", errors="replace"))
        request._post, request._files = fields, files  # type: ignore[attr-defined]


def unreadable_post(request: HttpRequest, why: str) -> Mail:
    """A post nobody could take apart, as a mail whose file is the body."""
    body = request.body
    mail = unreadable(body, why)
    kind = (request.content_type or "application/octet-stream")[:100]
    ending = "json" if "json" in kind else "txt"
    return replace(mail, files=(File(name=f"post.{ending}", content_type=kind, data=body[:MOST_RAW]),))


def _mail(
    adapter: str, event: AnymailInboundEvent, request: HttpRequest, reader: Reader
) -> tuple[Mail, dict[str, Any]]:
    message = event.message
    envelope = message.envelope_sender
    mail = read_message(message, reader, envelope=envelope)
    proof = _proof(adapter, event, request, mail)
    if proof is not None and (proof.proven or not mail.proof.proven):
        mail = replace(mail, proof=proof if proof.proven or not reader.authserv else mail.proof)
    if message.stripped_text and message.stripped_text.strip():
        said = replies.strip(clean(message.stripped_text), subject=mail.subject).text
        mail = replace(mail, said=said or mail.said)
    if message.spam_detected:
        mail = replace(mail, automatic=mail.automatic or "marked as spam by the provider")
    if adapter == "brevo":
        mail = replace(mail, files=(*mail.files, *_brevo_files(event.esp_event)))
    beside = {
        "event_id": clean(str(event.event_id or ""))[:200],
        "envelope_from": clean(str(envelope or ""))[:200],
        "envelope_to": clean(str(message.envelope_recipient or ""))[:200],
        "spam_score": message.spam_score,
    }
    return mail, beside


def _proof(adapter: str, event: AnymailInboundEvent, request: HttpRequest, mail: Mail) -> Proof | None:
    """What the provider says of the sender. A header counts only where it stands once: its own, not a sent one."""
    message, sender = event.message, mail.sender.address
    envelope = str(message.envelope_sender or "")
    if sum(name.lower() == "from" for name, _ in mail.headers) != 1 or not sender:
        return None
    if adapter in ("postmark", "mailgun"):
        header = "received-spf" if adapter == "postmark" else "x-mailgun-spf"
        said = [value for name, value in mail.headers if name.lower() == header]
        return by_spf(said[0], envelope=envelope, sender=sender, who=adapter) if len(said) == 1 else None
    if adapter == "mailersend":
        check = (event.esp_event.get("data") or {}).get("spf_check") or {}
        passed = isinstance(check, dict) and check.get("code") == "+"
        return by_spf("pass" if passed else "none", envelope=envelope, sender=sender, who=adapter)
    if adapter == "sendgrid":
        signed = by_dkim(_DKIM.findall(request.POST.get("dkim", "")[:2000]), sender=sender, who=adapter)
        if signed.proven:
            return signed
        return by_spf(request.POST.get("SPF", ""), envelope=envelope, sender=sender, who=adapter)
    return None


def _brevo_files(event: Mapping[str, Any]) -> list[File]:
    return [
        File(
            name=clean(str(one.get("Name") or ""))[:150],
            content_type=clean(str(one.get("ContentType") or ""))[:100],
            ref=one["DownloadToken"][:500],
        )
        for one in event.get("Attachments") or []
        if isinstance(one, dict) and isinstance(one.get("DownloadToken"), str)
    ]


def brevo_file(config: Mapping[str, Any], secrets: Mapping[str, Any], ref: str) -> tuple[bytes, str, str]:
    """Bytes, content type and name of an attachment Brevo keeps, by its token. FetchFailed says why not."""
    key = str(secrets.get("api_key") or "")
    if not key:
        raise FetchFailed("the source has no API key for attachments", final=False)
    most = 25_000_000
    address = str(config.get("files_url") or BREVO_FILES) + quote(ref, safe="")
    data = bytearray()
    try:
        with (
            httpx.Client(timeout=_FETCH, follow_redirects=False, trust_env=False) as client,
            client.stream("GET", address, headers={"api-key": key}) as answer,
        ):
            if answer.status_code != 200:
                raise FetchFailed(
                    f"Brevo answered {answer.status_code}", final=answer.status_code in (404, 410)
                )
            for chunk in answer.iter_bytes():
                data += chunk
                if len(data) > most:
                    raise FetchFailed("larger than 25 MB", final=True)
            return bytes(data), answer.headers.get("content-type", ""), ""
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise FetchFailed(f"Brevo did not answer: {type(error).__name__}") from None


register("brevo", brevo_file)
