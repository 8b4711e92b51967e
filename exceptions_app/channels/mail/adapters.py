"""The ways mail comes in, for the admin and the doctor: a mailbox we look into, and the webhooks of mail providers.

Data only. All share what is said about senders: whose checks count, who is known, which lists are read.
"""

from typing import Final

from exceptions_app.channels.port import Adapter, Setting

IMAP: Final = "imap"
POLL_SECONDS: Final = 30
MOST_MEGABYTES: Final = 25

_SENDERS: Final = (
    Setting(
        "authserv", "Server whose checks count",
        help="the name at the start of the Authentication-Results header your mail server writes; without it every "
        "sender counts as unverified, and mails only raise questions",
    ),
    Setting(
        "known", "Known senders", kind="lines",
        help="addresses or domains, one a line, whose proven mails may open records, besides people, customers and "
        "suppliers with that address",
    ),
    Setting("own", "Our own addresses", kind="lines", help="mails from them are ours coming back, one a line"),
    Setting(
        "lists", "Mailing lists to read", kind="lines",
        help="words of the List-Id of lists that carry reports; mails of all others are kept and open nothing",
    ),
)  # fmt: skip
_LOGIN: Final = Setting(
    "webhook_secret", "User and password", required=True,
    help="user:password, as written into the address you give the provider: https://user:password@host/hooks/email/…",
)  # fmt: skip
_GUIDE: Final = "E-mail"

ADAPTER: Final = Adapter(
    code=IMAP, name="Mailbox (IMAP)", channel="email", guide=_GUIDE, answers=True,
    settings=(
        Setting("host", "Server", required=True),
        Setting("port", "Port", kind="number", help="empty: 993 with TLS, else 143"),
        Setting("tls", "Encryption", kind="choice", default="tls",
                choices=(("tls", "TLS from the start"), ("starttls", "STARTTLS"), ("none", "none"))),
        Setting("ca", "Certificate authority", kind="lines", help="PEM of your own, where it is not a public one"),
        Setting("user", "User", required=True),
        Setting("folder", "Folder", default="INBOX"),
        Setting("processed", "Move read mails to", help="folder; empty: they stay and are marked as seen"),
        Setting("poll_seconds", "Seconds between looks", kind="number", default=POLL_SECONDS),
        Setting("most_megabytes", "Largest mail in MB", kind="number", default=MOST_MEGABYTES,
                help="of a larger one the beginning is taken; the whole stays in the mailbox"),
        *_SENDERS,
    ),
    secrets=(Setting("password", "Password", required=True),),
)  # fmt: skip


def _hook(code: str, name: str, *secrets: Setting, authserv: str = "") -> Adapter:
    settings = tuple(
        Setting(one.name, one.label, one.kind, help=f"{one.help}{authserv}")
        if one.name == "authserv"
        else one
        for one in _SENDERS
    )
    return Adapter(
        code=code, name=name, channel="email", path="/hooks/email/{code}/", guide=_GUIDE, answers=True,
        settings=settings, secrets=secrets or (_LOGIN,),
    )  # fmt: skip


_SPF: Final = "; the provider's own word about SPF counts beside it"
PROVIDERS: Final = (
    _hook("postmark", "Postmark inbound", authserv=_SPF),
    _hook(
        "mailgun", "Mailgun route",
        Setting("webhook_signing_key", "HTTP webhook signing key", required=True, help="of the account"),
        authserv=_SPF,
    ),
    _hook("sendgrid", "SendGrid inbound parse", authserv="; SendGrid's own word about SPF and DKIM counts beside it"),
    _hook("mailjet", "Mailjet parse API"),
    _hook(
        "brevo", "Brevo inbound parsing", _LOGIN,
        Setting("api_key", "API key", required=True, help="fetches attachments, which Brevo does not send along"),
    ),
    _hook(
        "mailersend", "MailerSend inbound route",
        Setting("inbound_secret", "Signing secret of the route", required=True),
        authserv=_SPF,
    ),
    _hook("sparkpost", "SparkPost relay webhook"),
)  # fmt: skip
ADAPTERS: Final = (ADAPTER, *PROVIDERS)
CODES: Final = frozenset(adapter.code for adapter in ADAPTERS)
