"""What replies of mail servers mean, row by row, and that none is beyond us."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.delivery.channels import Answer, Blocked, Dead, Deferred, HostFault, Phase, Refused, Throttled
from services.delivery.channels.replies import TABLE, enhanced_status, read_reply


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        (450, "4.2.1 try later", Deferred),
        (451, "4.7.0 too many messages", Throttled),
        (452, "4.3.2 not now", Throttled),
        (450, "come back later", Deferred),
        (550, "5.1.1 no such user", Dead),
        (550, "5.1.10 null MX", Dead),
        (550, "5.1.100 unheard of", Refused),
        (550, "no such user, says the text alone", Refused),
        (552, "5.2.2 mailbox full", Refused),
        (550, "5.7.1 message blocked", Blocked),
        (554, "5.7.26 unauthenticated mail", Blocked),
        (535, "5.7.8 wrong password", HostFault),
        (421, "4.7.0 closing", HostFault),
        (550, "4.7.0 a code of another class", Refused),
        (550, "5.7", Refused),
    ],
)
def test_a_reply_is_read_by_its_enhanced_code_where_that_agrees(code: int, text: str, kind: type[Answer]) -> None:
    assert type(read_reply(Phase.RCPT, code, text)) is kind


@given(st.sampled_from(Phase), st.integers(0, 999), st.text(max_size=600))
def test_every_reply_is_an_answer_without_control_characters(phase: Phase, code: int, text: str) -> None:
    answer = read_reply(phase, code, text)
    assert answer.text.isprintable()
    assert len(answer.text) <= 500


def test_no_row_hides_behind_an_earlier_one() -> None:
    statuses = [row.status for row in TABLE]
    for number, status in enumerate(statuses):
        assert not any(status == earlier or status.startswith(f"{earlier}.") for earlier in statuses[:number])


def test_a_status_of_another_class_than_its_code_is_not_believed() -> None:
    assert enhanced_status(550, "4.7.0 slow down") == "5"
