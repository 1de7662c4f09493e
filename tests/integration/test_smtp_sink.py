"""The SMTP sink takes, refuses and hangs up exactly as its rules say, so that what is tested against it is real."""

import smtplib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.smtp_sink import SmtpSink

RULES = {
    "busy": "450",
    "gone": "550",
    "closing": "421",
    "picky": "554-after-dot",
    "silent": "drop-after-dot",
    "rude": "drop-before-dot",
    "slow.example": "slow:300",
}
LETTER = "Message-ID: <one@campaign.example>\r\nSubject: =?utf-8?q?Fr=C3=A9e_him?=\r\n\r\nDear minister,\r\n.dot\r\n"


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[SmtpSink]:
    sink = SmtpSink(tmp_path / "sink", RULES)
    sink.start()
    yield sink
    sink.stop()


def send(sink: SmtpSink, *recipients: str) -> None:
    with smtplib.SMTP("127.0.0.1", sink.port, timeout=5) as client:
        client.sendmail("campaign@campaign.example", list(recipients), LETTER)


def test_a_letter_it_took_is_in_the_journal(sink: SmtpSink) -> None:
    send(sink, "minister@state.example")
    (taken,) = sink.journal()
    assert taken.message_id == "<one@campaign.example>"
    assert taken.recipients == ("minister@state.example",)
    assert taken.subject == "Frée him"
    assert taken.raw == LETTER


@pytest.mark.parametrize(("name", "code"), [("busy", 450), ("gone", 550), ("closing", 421)])
def test_a_refused_recipient_gets_the_code_and_leaves_no_trace(sink: SmtpSink, name: str, code: int) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        send(sink, f"{name}@state.example")
    assert refused.value.recipients[f"{name}@state.example"][0] == code
    assert sink.journal() == []


def test_a_letter_may_be_refused_after_the_dot(sink: SmtpSink) -> None:
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(sink, "picky@state.example")
    assert refused.value.smtp_code == 554
    assert sink.journal() == []


def test_dropped_after_the_dot_the_letter_was_taken(sink: SmtpSink) -> None:
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(sink, "silent@state.example")
    assert len(sink.journal()) == 1


def test_dropped_before_the_dot_the_letter_was_not_taken(sink: SmtpSink) -> None:
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        send(sink, "rude@state.example")
    assert sink.journal() == []


def test_a_slow_domain_takes_its_time(sink: SmtpSink) -> None:
    began = time.monotonic()
    send(sink, "anyone@slow.example")
    assert time.monotonic() - began >= 0.3
    assert len(sink.journal()) == 1


def test_rules_change_while_it_runs(sink: SmtpSink) -> None:
    sink.behave({"*": "450"})
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send(sink, "minister@state.example")
    sink.behave({})
    send(sink, "minister@state.example")
    assert len(sink.journal()) == 1


def test_it_comes_back_on_the_same_port_with_its_journal(sink: SmtpSink) -> None:
    send(sink, "minister@state.example")
    port = sink.port
    sink.kill()
    with pytest.raises(ConnectionError):
        send(sink, "minister@state.example")
    sink.start()
    assert sink.port == port
    send(sink, "minister@state.example")
    assert len(sink.journal()) == 2
