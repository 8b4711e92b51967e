"""What a mail says now: quotes and signatures off, in the languages people write, and nothing else taken."""

import pytest

from exceptions_app.channels.mail import html, replies

QUOTED = "> Press 4 down since 9:30\n> Can you come?\n"
PLAIN = "Press 4 down since 9:30\nCan you come?\n"
ATTRIBUTIONS = {
    "english gmail": "On Tue, Nov 17, 2026 at 9:40 AM Katrin Weber <katrin@kolbe.example> wrote:",
    "english wrapped": "On Tue, Nov 17, 2026 at 9:40 AM Katrin Weber\n<katrin@kolbe.example>\nwrote:",
    "german thunderbird": "Am 17.11.26 um 09:40 schrieb Katrin Weber:",
    "german gmail": "Am Di., 17. Nov. 2026 um 09:40 Uhr schrieb Katrin Weber <katrin@kolbe.example>:",
    "german gmail wrapped": "Am Di., 17. Nov. 2026 um 09:40 Uhr schrieb Katrin Weber\n<katrin@kolbe.example>:",
    "spanish gmail": "El mar, 17 nov 2026 a las 9:40, Katrin Weber (<katrin@kolbe.example>) escribió:",
    "spanish thunderbird": "El 17/11/26 a las 9:40, Katrin Weber escribió:",
    "portuguese gmail": "Em ter., 17 de nov. de 2026 às 09:40, Katrin Weber <katrin@kolbe.example> escreveu:",
    "portuguese thunderbird": "Em 17/11/2026 09:40, Katrin Weber escreveu:",
    "polish gmail": "wt., 17 lis 2026 o 09:40 Katrin Weber <katrin@kolbe.example> napisał(a):",
    "polish thunderbird": "W dniu 17.11.2026 o 09:40, Katrin Weber pisze:",
    "polish wp": "Dnia 17 listopada 2026 09:40 Katrin Weber <katrin@kolbe.example> napisał(a):",
    "french gmail": "Le mar. 17 nov. 2026 à 09:40, Katrin Weber <katrin@kolbe.example> a écrit :",
    "italian gmail": "Il giorno mar 17 nov 2026 alle ore 09:40 Katrin Weber <katrin@kolbe.example> ha scritto:",
    "dutch gmail": "Op di 17 nov 2026 om 09:40 schreef Katrin Weber <katrin@kolbe.example>:",
    "dated with address": '17.11.2026, 09:40, "Katrin Weber" <katrin@kolbe.example>:',
}
BLOCKS = {
    "outlook english": "From: Katrin Weber\nSent: November 17, 2026 9:40 AM\nTo: Jonas Keller\nSubject: Press",
    "outlook german": "Von: Katrin Weber\nGesendet: 17. November 2026 09:40\nAn: Jonas Keller\nBetreff: P",
    "outlook spanish": "De: Katrin Weber\nEnviado el: 17 de noviembre de 2026 9:40\nPara: Jonas\nAsunto: Prensa 4",
    "outlook portuguese": "De: Katrin Weber\nEnviada em: 17 de novembro de 2026 09:40\nPara: J\nAssunto: Prensa",
    "outlook polish": "Od: Katrin Weber\nWysłano: wtorek, 17 listopada 2026 09:40\nDo: Jonas Keller\nTemat: Prasa 4",
    "outlook bold": "*From:* Katrin Weber\n*Sent:* Tuesday\n*To:* Jonas\n*Subject:* Press 4",
    "outlook ruled": "________________________________\nFrom: K\nSent: Tuesday\nTo: J\nSubject: Press 4",
    "old outlook": "-----Original Message-----\nFrom: K\nSent: Tuesday\nTo: J\nSubject: Press 4",
    "old outlook german": "-----Ursprüngliche Nachricht-----\nVon: K\nGesendet: Dienstag\nAn: J\nBetreff: Presse 4",
    "old outlook polish": "-----Oryginalna wiadomość-----\nOd: K\nDo: J",
}


@pytest.mark.parametrize("how", [*ATTRIBUTIONS, *BLOCKS])
@pytest.mark.parametrize("quote", [QUOTED, PLAIN], ids=["marked", "unmarked"])
def test_an_answer_keeps_only_its_own_words(how: str, quote: str) -> None:
    header = ATTRIBUTIONS.get(how) or BLOCKS[how]

    said = replies.strip(f"Seal is on order, fixed by 14:00.\n\n{header}\n{quote}", subject="Re: Press 4")

    assert said.text == "Seal is on order, fixed by 14:00."
    assert "Press 4 down since 9:30" in said.rest


@pytest.mark.parametrize(
    "closing",
    [
        "-- \nJonas Keller\nMaintenance\n+49 7623 555 21",
        "Best regards\nJonas Keller\nKolbe Hydraulics",
        "Mit freundlichen Grüßen\n\nJonas Keller\nInstandhaltung",
        "Viele Grüße\nJonas",
        "MfG\nJ. Keller",
        "Saludos,\nTomás",
        "Un saludo\nTomás",
        "Atentamente,\nTomás Ruiz",
        "Cumprimentos,\nMarta Silva",
        "Atenciosamente,\nMarta",
        "Pozdrawiam\nPiotr Nowak",
        "Z poważaniem,\nPiotr",
        "Cordialement,\nClaire",
        "Thanks,\nAlex",
        "Sent from my iPhone",
        "Von meinem iPhone gesendet",
        "Gesendet von Outlook für Android",
        "Enviado desde mi iPhone",
        "Enviado do meu iPhone",
        "Wysłane z telefonu iPhone",
        "Get Outlook for iOS<https://aka.ms/o0ukef>",
        "This e-mail and any attachments are confidential and intended only for the addressee.",
        "Diese E-Mail enthält vertrauliche Informationen und ist nur für den Adressaten.",
        "_______________________________________________\nfloor mailing list\nhttps://lists.example/unsubscribe",
    ],
)
def test_a_signature_comes_off(closing: str) -> None:
    assert (
        replies.strip(f"Press 4 is down.\nHydraulic leak.\n\n{closing}\n").text
        == "Press 4 is down.\nHydraulic leak."
    )


@pytest.mark.parametrize(
    "text",
    [
        "Press 4:\n- leak at the pump\n- stopped since 9:30\n- order 118204 late",
        "Thanks",
        "Danke, wir kommen um 14:00 Uhr.",
        "Machine states:\n\nFrom: 9:30 it stood still",
        "On the line Peter wrote a note about this:\nit says the valve leaks",
        "Sent from my desk, since the tablet at press 4 is broken.",
        "Status -- down\nReason -- leak",
        "Best regards to the team, but press 4 is down again and nobody came since this morning, please help.",
        "Press 4 down.\nThanks\nPlease also look at press 3, which makes a very loud noise since yesterday evening!",
    ],
)
def test_what_only_looks_like_a_signature_stays(text: str) -> None:
    assert replies.strip(text).text == text


def test_answers_between_the_quoted_lines_are_kept() -> None:
    body = "Am 17.11.26 um 09:40 schrieb K:\n> Is it down?\nyes, since 9:30\n> And the order?\n118204, 40 pcs missing\n"

    assert replies.strip(body).text == "yes, since 9:30\n118204, 40 pcs missing"


@pytest.mark.parametrize("subject", ["Fwd: Claim 4411", "WG: Reklamation", "RV: Reclamo", "Enc: Reclamação"])
def test_a_mail_passed_on_keeps_what_it_passes_on(subject: str) -> None:
    body = (
        "please take care\n\n---------- Forwarded message ---------\nFrom: Buyer <b@customer.example>\n"
        "Date: Tue, 17 Nov 2026\nSubject: Claim\nTo: Marta\n\n12 pieces of VB-220 leak at the seal.\n"
    )

    assert (
        replies.strip(body, subject=subject).text
        == "please take care\n\n12 pieces of VB-220 leak at the seal."
    )


def test_a_mail_without_words_of_its_own_says_nothing() -> None:
    said = replies.strip(f"{ATTRIBUTIONS['english gmail']}\n{QUOTED}", subject="Re: Press 4")

    assert (said.text, said.rest.splitlines()[1]) == ("", "> Press 4 down since 9:30")


@pytest.mark.parametrize(
    ("subject", "bare"),
    [
        ("Re: AW: RE: Press 4", "Press 4"), ("Fwd: [EXTERN] Press 4", "Press 4"), ("Odp: Prasa 4", "Prasa 4"),
        ("Re[2]: x", "x"), ("Recall of lot 7", "Recall of lot 7"), ("", ""),
    ],
)  # fmt: skip
def test_subjects_lose_what_programs_put_before_them(subject: str, bare: str) -> None:
    assert replies.bare_subject(subject) == bare


def test_html_becomes_the_words_a_person_reads() -> None:
    source = (
        "<html><head><style>p{color:red}</style><title>no</title></head><body><p>Press&nbsp;4 <b>down</b></p>"
        "<script>alert('x')</script><ul><li>leak<li>noise</ul><table><tr><td>Order</td><td>118204</td></tr></table>"
        "a &lt; b<br>end<!-- hidden --></body></html>"
    )

    assert html.to_text(source) == "Press 4 down\n\n- leak\n- noise\nOrder 118204\na < b\nend"


def test_quotes_and_signatures_of_html_come_off_like_those_of_text() -> None:
    source = (
        "<div>Seal ordered.</div><div class='gmail_signature'><b>Jonas</b></div><div class='gmail_quote'>"
        "<div>On Tue, Nov 17, 2026 at 9:40 AM K &lt;k@x.example&gt; wrote:</div><blockquote>Press 4?</blockquote></div>"
    )

    assert replies.strip(html.to_text(source)).text == "Seal ordered."
