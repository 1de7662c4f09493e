"""The cases service: what people act on, the public pages, and the public numbers.

Owns       campaigns, cases, targets, letter templates, updates and outcomes, consent, the ledger.
Publishes  CasePublishedV1 (the whole snapshot), CaseClosedV1 (ended, won, withdrawn),
           UpdatePublishedV1 (a new update or outcome).
Consumes   ActionAcceptedV1, ActionAwaitsVerificationV1, ActionInvalidatedV1, ActionReinstatedV1 and the reports on
           letters, for the ledger (queue `cases.ledger`); SolidarityShownV1 and SolidarityTakenDownV1
           (`cases.solidarity`).
"""
