"""Reply stripping measured on the fixtures of two libraries, where the shared data is at hand."""

from collections.abc import Callable

import pytest

from exceptions_app.channels.mail import html, replies
from exceptions_app.channels.mail.message import read_mail
from tests.shared_data import FIXTURES, shared

TALON = "email_replies_talon_Apache2"
ZAPIER = "email_replies_zapier_MIT"
MAILS = (
    "android", "aol", "apple_mail", "apple_mail_2", "comcast", "gmail", "hotmail", "iphone", "outlook", "sparrow",
    "thunderbird", "yahoo",
)  # fmt: skip
PAGES = (
    "gmail", "hotmail", "mail_ru", "ms_outlook_2003", "ms_outlook_2007", "ms_outlook_2010", "thunderbird",
    "windows_mail", "yandex_ru",
)  # fmt: skip


@pytest.mark.parametrize("name", MAILS)
def test_the_answer_in_a_real_mail_is_found(name: str) -> None:
    raw = shared(*FIXTURES, TALON, f"tests_fixtures_standard_replies_{name}.eml").read_bytes()

    assert read_mail(raw).said == "Hello"


@pytest.mark.parametrize("name", PAGES)
def test_the_answer_in_a_real_html_mail_is_found(name: str) -> None:
    source = shared(*FIXTURES, TALON, f"tests_fixtures_html_replies_{name}.html").read_text(errors="replace")

    assert replies.strip(html.to_text(source)).text == "Hi. I am fine."


def _is(text: str) -> Callable[[str], bool]:
    return lambda said: said == text


def _ends(*, begins: str, ends: str, without: str) -> Callable[[str], bool]:
    return lambda said: said.startswith(begins) and said.endswith(ends) and without not in said


EXPECTED = {
    "correct_sig": _is("this is an email with a correct -- signature."),
    "email_1_1": _ends(begins="Hi folks", ends="-Abhishek Kona", without="mailman"),
    "email_1_2": _ends(begins="Hi,\n\nYou can list the keys", ends='all individually."', without="Abhishek"),
    "email_1_3": _ends(begins="Oh thanks.", ends="-Abhishek Kona", without="wrote"),
    "email_1_4": _is("Awesome! I haven't had another problem with it."),
    "email_1_5": _ends(begins="One: Here's what I've got.", ends="for a while.", without="no such words"),
    "email_1_6": _ends(begins="I get proper rendering as well.", ends="", without="caching"),
    "email_1_7": _is(":+1:"),
    "email_1_8": _is("I will reply under this one\n\nand under this."),
    "email_2_1": _is("Outlook with a reply"),
    "email_2_2": _is("Outlook with a reply directly above line"),
    "email_2_3": _is("Outlook with a reply above headers using unusual format"),
    "email_BlackBerry": _is("Here is another email"),
    "email_bullets": _ends(begins="test 2 this should", ends="- and another", without="Give us"),
    "email_gmail": _is("This is a test for inbox replying to a github message."),
    "email_headers_no_delimiter": _is("And another reply!"),
    "email_iPhone": _is("Here is another email"),
    "email_multi_word_sent_from_my_mobile_device": _is("Here is another email"),
    "email_one_is_not_on": _ends(begins="Thank, this is", ends="when I run...", without="The good news"),
    "email_partial_quote_header": _ends(
        begins="On your remote host", ends="is not working.", without="odd issue"
    ),
    "email_sent_from_my_not_signature": _ends(
        begins="Here is another email", ends="mobile phone.", without="\n\n\n"
    ),
    "email_sig_delimiter_in_middle_of_line": _ends(begins="Hi there!", ends="kthxbai", without="\n\n\n"),
    "greedy_on": _ends(begins="On your remote host", ends="is not working.", without="odd issue"),
    "pathological": _ends(begins="I think you're onto", ends="to a computer.", without="ATGGAG"),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_answer_in_a_plain_body_is_found(name: str) -> None:
    body = shared(*FIXTURES, ZAPIER, f"{name}.txt").read_text()

    said = replies.strip(body).text

    assert EXPECTED[name](said), said


def test_a_real_mail_of_a_service_is_read_whole() -> None:
    found = read_mail(shared(*FIXTURES, "anymail_BSD3", "sample_email.txt").read_bytes())

    assert (found.subject, found.said) == ("Test email", "Hi Bob, This is a message. Thanks!")
    assert (found.sender.address, found.reply_to) == ("someone@example.com", "reply.to@example.com")
    assert found.message_id == "20130503182626.18666.16540@example.com"
