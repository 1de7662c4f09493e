"""Delivery: how a letter reaches its target, and what became of it.

Owns: letters, the attempts to hand them over, and what must not go out any more.
Publishes: `LetterSentV1`, `LetterUncertainV1`, `LetterBouncedV1`, `LetterFailedV1`, `LetterCancelledV1`,
`LetterPrintedV1`, `ActionsRegisteredV1`, `AnswerReceivedV1`, `NewsUndeliverableV1`, `TargetForecastV1`,
`TargetRunsLateV1`.
Consumes: `ActionAcceptedV1`, `ActionCancelledV1`, `AddressHiddenV1`, `ActionInvalidatedV1`, `ActionReinstatedV1`,
`LetterPostedV1`, `CaseClosedV1` (queue `delivery.letters`), `CasePublishedV1` (`delivery.cases`),
`VerificationRequestedV1`, `AnswerForwardingRequestedV1`, `NewsStoppedV1`, `NewsCalledOffV1`
(`delivery.confirmations`), `NewsRequestedV1` (`delivery.news`).
"""
