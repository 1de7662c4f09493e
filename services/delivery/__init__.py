"""Delivery: how a letter reaches its target, and what became of it.

Owns: letters, the attempts to hand them over, and what must not go out any more.
Publishes: `delivery.letter_sent.v1`, `letter_uncertain`, `letter_bounced`, `letter_failed`, `letter_cancelled`.
Consumes: `actions.action_accepted.v1`, `actions.action_cancelled.v1`, `action_invalidated`, `action_reinstated`,
`actions.verification_requested.v1`, `actions.news_requested.v1`, `actions.news_stopped.v1`, `cases.case_closed.v1`.
"""
