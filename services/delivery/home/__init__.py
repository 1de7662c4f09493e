"""What comes back: bounces, notices of delay, absences, and officials' answers.

`addresses.py` gives every letter an address of its own, `mail.py` reads what comes to one, `listening.py` takes it from
the mail server that accepts mail for that domain, `homecoming.py` writes down what it means for the letter, and
`answers.py` forwards an answer to a supporter who wished to stay hidden.
"""
