"""That somebody acted: takes actions in fast, keeps each once, and shows supporters what became of their letters.

Owns: actions, receipts, and its own copy of the cases people can act on.
Publishes: `ActionAcceptedV1`; where a campaign verifies mailboxes, `ActionAwaitsVerificationV1` and
`VerificationRequestedV1` before it; `NewsRequestedV1` for who asked to hear of a case, and `NewsStoppedV1`.
Consumes: `CasePublishedV1`, `CaseClosedV1`, `UpdatePublishedV1` (queue `actions.cases`), `TargetForecastV1` and every
report on a letter from delivery (queue `actions.receipts`).
"""
