"""E-mail: one SMTP connection for a batch; a refusal of one message leaves the others alone.

At least once: a server that took a mail and dropped the line before saying so gets it again, with the same Message-ID.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from smtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException

from django.core.mail import EmailMultiAlternatives, get_connection

from notify_app.channels.port import Answer, Channel, HandOver, Keys, Letter, Refusal


@contextmanager
def opened(keys: Keys) -> Iterator[HandOver]:
    """A connection to the mail server. Raises Refusal when it is away."""
    connection = get_connection()
    try:
        connection.open()
    except (SMTPException, OSError) as error:
        raise Refusal(f"mail server away: {error}", away=True) from None

    def hand_over(letter: Letter) -> Answer:
        message = EmailMultiAlternatives(
            subject=letter.subject,
            body=letter.text or letter.body,
            to=[target.secret for target in letter.targets],
            headers=dict(letter.headers),
        )
        if letter.html:
            message.attach_alternative(letter.html, "text/html")
        try:
            connection.send_messages([message])
        except SMTPRecipientsRefused as error:
            raise _refused(error) from None
        except SMTPResponseException as error:
            words = (
                error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else error
            )
            raise Refusal(f"{error.smtp_code} {words}", permanent=error.smtp_code >= 550) from None
        except (SMTPException, OSError) as error:
            raise Refusal(str(error) or type(error).__name__) from None
        return Answer("accepted by the mail server")

    try:
        yield hand_over
    finally:
        connection.close()


def _refused(error: SMTPRecipientsRefused) -> Refusal:
    """Greylisting (4xx) passes, an unknown mailbox (5xx) does not."""
    codes = [code for code, _ in error.recipients.values()]
    return Refusal(str(error), permanent=not codes or any(code >= 500 for code in codes))


CHANNEL = Channel(
    code="email", opened=opened, provider=lambda letter: "mail", lease=timedelta(seconds=40),
    longest=timedelta(seconds=20), batch=20,
)  # fmt: skip
