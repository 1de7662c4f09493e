"""The SMTP sink takes, refuses and hangs up exactly as its rules say, so that what is tested against it is real."""

import smtplib
import time
from collections.abc import Iterator
from contextlib import suppress

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


@pytest.fixture(scope="module")
def running_sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmtpSink]:
    sink = SmtpSink(tmp_path_factory.mktemp("sink"))
    sink.start()
    yield sink
    sink.stop()


@pytest.fixture
def sink(running_sink: SmtpSink) -> SmtpSink:
    running_sink.behave(RULES)
    running_sink.forget()
    return running_sink


def send(sink: SmtpSink, *recipients: str, timeout_seconds: float = 5) -> None:
    with smtplib.SMTP("127.0.0.1", sink.port, timeout=timeout_seconds) as client:
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


@pytest.mark.parametrize("step", ["connect", "ehlo", "mail", "rcpt", "data", "dot"])
def test_it_hangs_up_at_any_step_and_has_not_taken_the_letter(sink: SmtpSink, step: str) -> None:
    sink.behave({"*": f"drop:{step}"})
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        send(sink, "minister@state.example")
    assert sink.journal() == []


@pytest.mark.parametrize(("step", "taken"), [("connect", 0), ("mail", 0), ("rcpt", 0), ("data", 0), ("dot", 1)])
def test_it_falls_silent_at_any_step_and_after_the_dot_has_the_letter(sink: SmtpSink, step: str, taken: int) -> None:
    sink.behave({"*": f"hang:{step}"})
    with pytest.raises((smtplib.SMTPServerDisconnected, TimeoutError)):
        send(sink, "minister@state.example", timeout_seconds=0.3)
    assert len(sink.journal()) == taken


def test_it_says_what_it_is_told_to_the_recipient_and_after_the_dot(sink: SmtpSink) -> None:
    sink.behave({"full": "say:452 4.2.2 Mailbox full", "late": "say-after-dot:451 4.3.0 Later"})
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        send(sink, "full@state.example")
    assert refused.value.recipients == {"full@state.example": (452, b"4.2.2 Mailbox full")}
    with pytest.raises(smtplib.SMTPDataError) as late:
        send(sink, "late@state.example")
    assert (late.value.smtp_code, late.value.smtp_error) == (451, b"4.3.0 Later")
    assert sink.journal() == []


def test_it_closes_a_session_that_brought_enough(sink: SmtpSink) -> None:
    sink.behave({"*": "421-after:2"})
    with smtplib.SMTP("127.0.0.1", sink.port, timeout=5) as client:
        for _ in range(2):
            client.sendmail("campaign@campaign.example", ["minister@state.example"], LETTER)
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            client.sendmail("campaign@campaign.example", ["minister@state.example"], LETTER)
    assert refused.value.recipients["minister@state.example"][0] == 421
    send(sink, "minister@state.example")
    first, second, third = (taken.session for taken in sink.journal())
    assert first == second != third


def test_greylisted_a_letter_is_taken_when_it_comes_again(sink: SmtpSink) -> None:
    sink.behave({"*": "greylist:150"})
    began, tries = time.monotonic(), 0
    while not sink.journal():
        tries += 1
        with suppress(smtplib.SMTPRecipientsRefused):
            send(sink, "minister@state.example")
    assert tries > 1
    assert time.monotonic() - began >= 0.15


def test_no_more_sessions_than_allowed_bring_letters_at_once(sink: SmtpSink) -> None:
    sink.behave({"busy.example": "at-once:1"})
    with smtplib.SMTP("127.0.0.1", sink.port, timeout=5) as first:
        first.ehlo()
        first.mail("campaign@campaign.example")
        first.rcpt("one@busy.example")
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            send(sink, "two@busy.example")
        assert refused.value.recipients["two@busy.example"][0] == 421
        send(sink, "other@state.example")
    send(sink, "two@busy.example")


def test_of_several_rules_each_letter_meets_one_by_chance(sink: SmtpSink) -> None:
    sink.behave({"*": ["accept", "450"]})
    codes = set()
    for _ in range(100):
        try:
            send(sink, "minister@state.example")
            codes.add(250)
        except smtplib.SMTPRecipientsRefused as refused:
            codes.add(refused.recipients["minister@state.example"][0])
        if len(codes) == 2:
            break
    assert codes == {250, 450}


@pytest.mark.parametrize("rule", ["unheard-of", "drop:nowhere", "slow:soon", "say:no", "421-after"])
def test_what_is_no_rule_is_refused(sink: SmtpSink, rule: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        sink.behave({"*": rule})


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
