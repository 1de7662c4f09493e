"""Mail as it comes home: written by the rules of RFC 3464 and RFC 3834, and as servers write it that know neither."""

from email.message import EmailMessage

HEAD = "From: Mail Delivery System <mailer-daemon@relay.example>\r\nTo: post@in.campaign.example\r\n"


def a_bounce(status: str = "5.1.1", diagnosis: str = "550 5.1.1 no such user", action: str = "failed") -> bytes:
    """RFC 3464, the report in three parts."""
    return (
        f"{HEAD}Subject: Undelivered Mail\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="part"\r\n\r\n'
        "--part\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nI am sorry.\r\n"
        "--part\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; relay.example\r\nArrival-Date: Mon, 23 Nov 2026 12:00:00 +0000\r\n\r\n"
        f"Final-Recipient: rfc822; minister@ministry.example\r\nAction: {action}\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: smtp; {diagnosis}\r\n\r\n"
        "--part\r\nContent-Type: message/rfc822\r\n\r\nSubject: Please act\r\n\r\nDear Minister\r\n--part--\r\n"
    ).encode()


def an_old_bounce() -> bytes:
    """Of qmail, which writes for people and always in the same words."""
    return (
        f"{HEAD}Subject: failure notice\r\n\r\n"
        "Hi. This is the qmail-send program at relay.example.\r\n"
        "I'm afraid I wasn't able to deliver your message to the following addresses.\r\n"
        "This is a permanent error; I've given up. Sorry it didn't work out.\r\n\r\n"
        "<minister@ministry.example>:\r\n192.0.2.1 does not like recipient.\r\n"
        "Remote host said: 550 5.7.1 we do not want this\r\n\r\n"
        "--- Below this line is a copy of the message.\r\n\r\nSubject: Please act\r\n"
    ).encode()


def an_answer(text: str = "Thank you for your letter.", *, html: bool = False, **headers: str) -> bytes:
    mail = EmailMessage()
    mail["From"] = "Ministry of Examples <minister@ministry.example>"
    mail["Subject"] = "Re: Please act"
    for name, value in headers.items():
        del mail[name]
        mail[name.replace("_", "-")] = value
    mail.set_content(text, subtype="html" if html else "plain")
    return mail.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
