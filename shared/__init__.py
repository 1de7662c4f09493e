"""What the three services stand on: messages, bus, outbox, inbox, database, logs. Knows no case, action or letter."""
