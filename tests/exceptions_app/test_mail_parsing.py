"""Bytes to a mail: whatever arrives, words and files come out, machines are told from people, and nothing is lost."""

import time
from email.mime.image import MIMEImage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest

from exceptions_app.channels.mail import nature
from exceptions_app.channels.mail.message import MANY_FILES, Mail, Reader, read_mail
from exceptions_app.channels.mail.senders import aligned, by_results
from exceptions_app.channels.mail.threads import message_id, named_in, ref_in
from tests.exceptions_app.conftest import MORNING
from tests.exceptions_app.mailing import AUTHSERV, NARROW_PNG, PNG, PROVEN, mail

READER = Reader(authserv=AUTHSERV, own=("execution-layer@localhost",))
PHOTO = PNG + b"\x01" * 40_000


def test_a_plain_mail_is_its_subject_and_its_words() -> None:
    found = read_mail(mail("hydraulic leak, since 9:30\n\nRegards\nJonas", message_id="a1@x"), READER)

    assert found.text == "Press 4 down\n\nhydraulic leak, since 9:30"
    assert (found.sender.name, found.sender.address) == ("Jonas Keller", "jonas.keller@kolbe.example")
    assert (found.external_id, found.thread, found.date) == ("a1@x", "a1@x", MORNING)
    assert (found.proof.proven, found.proof.words) == (True, f"dmarc=pass ({AUTHSERV})")
    assert (found.automatic, found.unreadable, found.files) == ("", "", ())
    assert "Regards" in found.body


def test_a_subject_said_again_is_not_said_twice() -> None:
    assert read_mail(mail("Press 4 down, leak", subject="press 4 down")).text == "Press 4 down, leak"
    assert read_mail(mail("", subject="Press 4 down, leak")).text == "Press 4 down, leak"


def test_an_html_only_mail_is_read_as_text() -> None:
    raw = b"From: a@b.example\nSubject: x\nContent-Type: text/html; charset=utf-8\n\n<p>Presse 4 <b>steht</b></p>"

    found = read_mail(raw)

    assert (found.said, found.html) == ("Presse 4 steht", "<p>Presse 4 <b>steht</b></p>")


def test_the_html_is_read_where_the_text_only_points_to_it() -> None:
    raw = mail("To view this message, use an HTML compatible mail program.", html="<p>Press 3 stands</p>")

    assert read_mail(raw).said == "Press 3 stands"


@pytest.mark.parametrize(
    ("charset", "claimed"),
    [
        ("utf-8", "utf-8"), ("iso-8859-1", "iso-8859-1"), ("cp1252", "us-ascii"), ("utf-8", "us-ascii"), ("utf-8", ""),
        ("utf-8", "x-unknown"), ("utf-8", "no-such-charset"), ("iso-8859-2", "iso-8859-2"), ("utf-8", "utf-7"),
        ("cp1252", "idna"), ("utf-8", "hex"), ("utf-8", "'utf-8'"),
    ],
)  # fmt: skip
def test_charsets_come_out_readable_whatever_they_claim(charset: str, claimed: str) -> None:
    words = "Störung an Presse 4: Ölverlust"
    head = f"Content-Type: text/plain; charset={claimed}" if claimed else "Content-Type: text/plain"
    raw = f"From: a@b.example\nSubject: x\n{head}\n\n".encode() + words.encode(charset)

    found = read_mail(raw)

    assert (found.said, found.unreadable) == (words, "")


def test_raw_and_encoded_subjects_are_decoded() -> None:
    assert read_mail("Subject: Störung Presse 4\n\nx".encode()).subject == "Störung Presse 4"
    assert read_mail("Subject: Störung Presse 4\n\nx".encode("cp1252")).subject == "Störung Presse 4"
    coded = b"Subject: =?iso-8859-1?Q?St=F6rung?= =?utf-8?B?IFByZXNzZSA0?=\n\nx"
    assert read_mail(coded).subject == "Störung Presse 4"
    assert read_mail(b"Subject: =?broken?Q?x\n\nx").subject == "=?broken?Q?x"


def test_files_are_kept_and_a_logo_is_not() -> None:
    whole = MIMEMultipart("mixed")
    whole["From"], whole["Subject"], whole["Message-ID"] = "a@b.example", "Press 4", "<f@b.example>"
    related = MIMEMultipart("related")
    related.attach(
        MIMEText(
            '<p>See <img src="cid:photo"> and <img src="cid:dot"></p><p>Regards</p><p>Jonas<img src="cid:logo"></p>'
            '<blockquote><img src="cid:old"></blockquote>',
            "html",
        )
    )
    for cid, data in (
        ("photo", PHOTO),
        ("dot", PNG),
        ("logo", PHOTO),
        ("old", PHOTO),
        ("wide", NARROW_PNG + bytes(40_000)),
    ):
        picture = MIMEImage(data, "png")
        picture.add_header("Content-ID", f"<{cid}>")
        picture.add_header("Content-Disposition", "inline", filename=f"{cid}.png")
        related.attach(picture)
    whole.attach(related)
    small = MIMEImage(PNG, "png")
    small.add_header("Content-Disposition", "attachment", filename="../tiny.png")
    whole.attach(small)

    found = read_mail(whole.as_bytes())

    assert [file.name for file in found.files] == ["photo.png", "tiny.png"]
    assert found.files[0].data == PHOTO
    assert {name: why.partition(" (")[0] for name, why in found.left_out} == {
        "dot.png": "a small picture inside the text",
        "logo.png": "stands in the signature or a quoted mail",
        "old.png": "stands in the signature or a quoted mail",
        "wide.png": "a narrow picture inside the text",
    }
    assert found.said == "See and"


def test_a_mail_with_more_files_than_are_kept_one_by_one_is_kept_whole_too() -> None:
    raw = mail(files=tuple((f"{n}.pdf", "application/pdf", b"%PDF-1.7 " + bytes([n])) for n in range(12)))

    found = read_mail(raw)

    assert len(found.files) == MANY_FILES + 1
    assert (found.files[-1].name, found.files[-1].data) == ("message.eml", raw)


def test_a_mail_attached_to_an_empty_one_is_read() -> None:
    inner = b"From: buyer@customer.example\nSubject: Claim 4411\n\n12 pieces leak at the seal"
    whole = MIMEMultipart("mixed")
    whole["From"], whole["Subject"] = "marta@kolbe.example", "Fwd:"
    whole.attach(MIMEText(""))
    text = f"Content-Type: message/rfc822\n\n{inner.decode()}"
    raw = whole.as_bytes().replace(
        b"\n--" + whole.get_boundary().encode() + b"--",
        f"\n--{whole.get_boundary()}\n{text}\n--{whole.get_boundary()}--".encode(),
    )

    found = read_mail(raw)

    assert found.text == "Claim 4411\n\n12 pieces leak at the seal"
    assert [file.name for file in found.files] == ["Claim 4411.eml"]


def test_words_in_a_winmail_dat_or_an_encrypted_mail_are_for_people() -> None:
    tnef = read_mail(mail("", files=(("winmail.dat", "application/ms-tnef", b"\x78\x9f\x3e\x22rest"),)))
    sealed = read_mail(
        b"From: a@b.example\nSubject: x\nContent-Type: application/pkcs7-mime; name=smime.p7m\n"
        b"Content-Transfer-Encoding: base64\n\nAAAA"
    )

    assert tnef.unreadable == "its words are in a winmail.dat that only Outlook can open"
    assert [file.name for file in tnef.files] == ["winmail.dat", "message.eml"]
    assert sealed.unreadable == "it is encrypted"


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"\x00" * 5000, b"\xff\xfe\x00\x01", b"no headers at all", b"From: \nSubject\n\n", b":\n:\n\n",
        b"Content-Type: multipart/mixed\n\n--x\n\nhi", b"Content-Type: multipart/mixed; boundary=\n\nhi",
        b"Content-Type: /;;;=\n\nhi", b"Content-Transfer-Encoding: base64\n\n!!!!not base64", b"Date: never\n\nx",
        b"From: =?utf-8?b?!!!?= <a@b.example>\n\nx", b"From: ((((((((((((((((((((((((((\n\nx", b"Message-ID: <>\n\nx",
    ],
)  # fmt: skip
def test_broken_mails_never_fail_and_have_an_id_of_their_own(raw: bytes) -> None:
    found = read_mail(raw, READER)

    assert isinstance(found, Mail)
    assert 0 < len(found.external_id) <= 200
    assert read_mail(raw, READER) == found


HOSTILE = {
    "angles": b"Content-Type: text/html\n\n" + b"<" * 1_000_000,
    "comments": b"Content-Type: text/html\n\n" + b"<!--" * 250_000,
    "tags": b"Content-Type: text/html\n\n" + b"<a " * 300_000,
    "scripts": b"Content-Type: text/html\n\n" + b"<script>" * 100_000,
    "entities": b"Content-Type: text/html\n\n&#" + b"9" * 1_000_000,
    "quotes in html": b"Content-Type: text/html\n\n" + b"<blockquote>" * 80_000 + b"x",
    "parentheses": b"From: " + b"(" * 1_000_000 + b"\n\nx",
    "addresses": b"To: " + b"a@b.c, " * 200_000 + b"\n\nx",
    "parameters": b"Content-Type: " + b'";' * 500_000 + b"\n\nx",
    "folded parameters": b"Content-Type: x/y;\n" + b' ";";";\n' * 100_000 + b"\n\nx",
    "encoded words": b"Subject: " + b"=?utf-8?q?a?= " * 100_000 + b"\n\nx",
    "references": b"References: " + b"<a@b> " * 200_000 + b"\n\nx",
    "headers": b"X: y\n" * 1_000_000 + b"\n\nx",
    "empty lines": b"Subject: x\n\n" + b"\n" * 390_000,
    "quote marks": b"Subject: x\n\n" + b"> " * 1_000_000,
    "attributions": b"Subject: x\n\n" + b"On 1 a\n" * 100_000,
    "parts": b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 1_000_000,
    "nested mails": b"Content-Type: message/rfc822\n\n" * 20_000 + b"Subject: q\n\nx",
    "nested parts": b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" * 5_000,
    "short lines": b"Content-Type: text/plain\n\n" + b"a b c\n" * 4_000_000,
    "large": b"Subject: x\n\n" + b"y" * 26_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_mails_take_less_than_a_second_and_are_kept(name: str) -> None:
    raw = HOSTILE[name]
    began = time.process_time()

    found = read_mail(raw, READER)

    # A second on an idle machine; the margin is for crowded ones. Quadratic work would take minutes.
    assert time.process_time() - began < 2.5
    assert found.said or found.subject or found.html or found.files


def test_what_could_not_be_parsed_is_kept_as_it_came() -> None:
    raw = (
        b"Subject: Press 4\nFrom: Jonas <j@x.example>\nMessage-ID: <z@x>\nContent-Type: "
        + b'";' * 9000
        + b"\n\ndown"
    )

    found = read_mail(raw)

    assert found.unreadable == "has a header no program writes"
    assert (found.files[-1].name, found.files[-1].data) == ("message.eml", raw)
    assert (found.subject, found.sender.address, found.external_id) == ("Press 4", "j@x.example", "z@x")


@pytest.mark.parametrize(
    ("headers", "subject", "why"),
    [
        ({"Auto-Submitted": "auto-replied"}, "x", "an automatic answer"),
        ({"Auto-Submitted": "auto-generated"}, "x", "sent by a program"),
        ({"X-Autoreply": "yes"}, "x", "an automatic answer"),
        ({"Precedence": "bulk"}, "x", "from a mailing list"),
        ({"Precedence": "auto_reply"}, "x", "an automatic answer"),
        ({"List-Id": "News <news.shop.example>"}, "x", "from a mailing list"),
        ({"List-Unsubscribe": "<mailto:u@x.example>"}, "x", "from a mailing list"),
        ({"Return-Path": "<>"}, "x", "a bounce (sent from no address)"),
        ({}, "Out of office: back on Monday", "an automatic answer"),
        ({}, "Automatische Antwort: Presse 4", "an automatic answer"),
        ({}, "Respuesta automática: prensa", "an automatic answer"),
        ({}, "Resposta automática: prensa", "an automatic answer"),
        ({}, "Automatyczna odpowiedź: prasa", "an automatic answer"),
        ({}, "Undeliverable: EX-2026-000004", "a bounce"),
        ({"Auto-Submitted": "no"}, "Press 4 down", ""),
        ({"Precedence": "normal"}, "Press 4 down", ""),
        ({"List-Id": "Floor <floor.lists.kolbe.example>"}, "Press 4 down", ""),
    ],
)
def test_machines_are_told_from_people(headers: dict[str, str], subject: str, why: str) -> None:
    reader = Reader(authserv=AUTHSERV, lists=("floor.lists.kolbe",))

    assert read_mail(mail(subject=subject, headers=headers), reader).automatic == why


def test_reports_of_servers_are_bounces_and_our_own_mails_are_ours() -> None:
    report = (
        b"From: MAILER-DAEMON@mx.example\nSubject: failed\nContent-Type: multipart/report; report-type=delivery-status;"
        b" boundary=b\n\n--b\n\nnot delivered\n--b\nContent-Type: message/delivery-status\n\nStatus: 5.1.1\n\n--b--\n"
    )

    assert read_mail(report).automatic == "a bounce"
    assert (
        read_mail(mail(sender="Floor <Execution-Layer@localhost>"), READER).automatic == "sent by ourselves"
    )
    assert read_mail(mail(), READER, envelope="").automatic == "a bounce (sent from no address)"
    assert nature.automatic({}, sender="", subject="", content_type="text/plain", report_type="") == ""


@pytest.mark.parametrize(
    ("results", "proven"),
    [
        ([PROVEN], True),
        ([f"{AUTHSERV}; dkim=pass (2048-bit key) header.d=kolbe.example header.s=s1"], True),
        ([f"{AUTHSERV} 1; dkim=pass header.i=@mail.kolbe.example"], True),
        ([f"{AUTHSERV.upper()}; spf=pass smtp.mailfrom=bounce@mail.kolbe.example"], True),
        ([f"{AUTHSERV}; spf=pass smtp.mailfrom=evil.example"], False),
        ([f"{AUTHSERV}; dkim=pass header.d=evil.example"], False),
        ([f"{AUTHSERV}; dkim=pass header.d=example"], False),
        ([f"{AUTHSERV}; dmarc=pass header.from=evil.example"], False),
        ([f"{AUTHSERV}; dmarc=fail header.from=kolbe.example; spf=pass smtp.mailfrom=kolbe.example"], False),
        ([f"{AUTHSERV}; spf=softfail smtp.mailfrom=kolbe.example"], False),
        ([f"{AUTHSERV}; none"], False),
        (["elsewhere.example; dmarc=pass header.from=kolbe.example"], False),
        ([f"{AUTHSERV}; dmarc=none", PROVEN], False),
        ([f"evil.example ({AUTHSERV}); dmarc=pass header.from=kolbe.example"], False),
        ([], False),
    ],
)
def test_only_the_receiving_servers_word_proves_a_sender(results: list[str], proven: bool) -> None:
    assert by_results(results, authserv=AUTHSERV, sender="jonas.keller@kolbe.example").proven is proven
    assert not by_results(results, authserv="", sender="jonas.keller@kolbe.example").proven


def test_two_senders_prove_nothing() -> None:
    two = mail(sender="Jonas <jonas.keller@kolbe.example>, Eve <eve@kolbe.example>")
    twice = b"From: evil@x.example\n" + mail()

    assert not read_mail(two, READER).proof.proven
    assert not read_mail(twice, READER).proof.proven
    assert read_mail(mail(), READER).proof.proven


def test_domains_belong_together_only_below_each_other() -> None:
    assert aligned("mail.kolbe.example", "kolbe.example")
    assert not aligned("evilkolbe.example", "kolbe.example")
    assert not aligned("example", "kolbe.example")


def test_our_message_ids_carry_the_record_and_cannot_be_made_up() -> None:
    ours = message_id(ref="EX-2026-000012", what="notice-5", key=b"k", host="kolbe.example")

    assert ref_in(["other@x", f"<{ours}>"], key=b"k") == "EX-2026-000012"
    assert ref_in([ours.replace("000012", "000013")], key=b"k") == ""
    assert ref_in([ours], key=b"another") == ""
    assert ref_in(["notice-5@execution-layer"], key=b"k") == ""
    assert named_in("see ex-2026-000012, EX-2026-000012 and EX-2026-12") == ("EX-2026-000012",)
