"""What the three services stand on: messages, bus, outbox, inbox, database, settings, logs. Knows no case, action or letter."""
