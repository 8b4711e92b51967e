"""Mails the fuzzers begin with: small, and each with another of the shapes a parser can trip over."""

# ruff: noqa: E501 - raw bytes of mails are not broken for looks

SEEDS: tuple[bytes, ...] = (
    b"From: Jonas <j@kolbe.example>\r\nSubject: Press 4 down\r\nMessage-ID: <1@x>\r\nDate: Tue, 17 Nov 2026 10:14:00 +0100"
    b"\r\n\r\nhydraulic leak\r\n\r\n-- \r\nJonas\r\n",
    b"From: =?utf-8?Q?J=C3=B6rg?= <j@x.example>\nSubject: =?iso-8859-1?B?U3T2cnVuZw==?=\nIn-Reply-To: <1@x>\n"
    b"References: <0@x> <1@x>\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable"
    b"\n\nSt=F6rung an Presse 4\n\nAm 17.11.26 um 09:40 schrieb K:\n> was ist los?\n",
    b"From: a@b.example\nContent-Type: multipart/mixed; boundary=\"b\"\n\n--b\nContent-Type: multipart/alternative;"
    b" boundary=c\n\n--c\n\nplain\n--c\nContent-Type: text/html; charset=utf-8\n\n<p>h<img src=\"cid:p\"></p><blockquote>q"
    b"</blockquote>\n--c--\n--b\nContent-Type: image/png; name=p.png\nContent-ID: <p>\nContent-Disposition: inline\n"
    b"Content-Transfer-Encoding: base64\n\niVBORw0KGgoAAAANSUhEUgAAAlgAAAGQ\n--b--\n",
    b"From: a@b.example\nContent-Type: multipart/report; report-type=delivery-status; boundary=r\n\n--r\n\nfailed\n--r\n"
    b"Content-Type: message/delivery-status\n\nFinal-Recipient: rfc822; x@y\nStatus: 5.1.1\n\n--r\nContent-Type:"
    b" message/rfc822\n\nSubject: inner\n\ninner words\n--r--\n",
    b"From: \"A, B\" <a@b.example> (comment (nested))\nTo: undisclosed-recipients:;\nAuthentication-Results: mx.example;"
    b" dmarc=pass header.from=b.example; spf=pass smtp.mailfrom=b.example\nAuto-Submitted: auto-replied\nList-Id: <l.x>"
    b"\nContent-Type: application/ms-tnef; name=\"winmail.dat\"\nContent-Transfer-Encoding: x-uuencode\n\nbegin 644 w\n"
    b"#0V%T\n`\nend\n",
    b"Content-Type: text/html; charset=\"utf-7\"\nContent-Disposition: attachment; filename*=utf-8''%e2%82%ac.html;"
    b" filename*0=a; filename*1=b\n\n<!-- <td><pre>a\n b</pre><script>x</script>&#x41;&amp;&bogus;<div class=gmail_quote>",
)  # fmt: skip
TOKENS: tuple[bytes, ...] = (
    b"Content-Type: ", b"multipart/mixed; boundary=", b"message/rfc822", b"\n\n", b"--b", b"--b--", b"\n--c\n", b"=?utf-8?B?",
    b"?=", b"base64", b"quoted-printable", b"charset=", b"idna", b"<!--", b"-->", b"<blockquote>", b"</", b"&#", b"cid:", b"\x00",
    b"\xff", b"\r", b";", b'"', b"\\", b"(", b"<", b">", b"From: ", b"On 1.1. x@y wrote:\n", b"\n> ", b"\n-- \n", b"=\n", b"filename*0*=",
)  # fmt: skip
