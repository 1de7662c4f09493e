"""That somebody acted: takes actions in fast, keeps each once, and shows supporters what became of their letters.

Owns: actions, receipts, who wants news, and its own copy of the cases people can act on.
Publishes: `ActionAcceptedV1`; where a campaign verifies mailboxes, `ActionAwaitsVerificationV1` and
`VerificationRequestedV1` before it; `ActionCancelledV1`, `ActionInvalidatedV1`, `ActionReinstatedV1`,
`AddressHiddenV1`, `LetterPostedV1`, `AnswerForwardingRequestedV1`; `SolidarityShownV1` and `SolidarityTakenDownV1`;
`NewsRequestedV1` for who asked to hear of a case, `NewsStoppedV1` and `NewsCalledOffV1`.
Consumes: `CasePublishedV1`, `CaseClosedV1`, `UpdatePublishedV1` (queue `actions.cases`), every report on a letter
(`actions.receipts`), `ActionsRegisteredV1` (`actions.registrations`), `AnswerReceivedV1` (`actions.answers`),
`TargetForecastV1` (`actions.forecasts`) and `NewsUndeliverableV1` (`actions.readers`), all from delivery.
"""
