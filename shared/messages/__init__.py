"""The contracts between the services: one class an event, versioned in its name, never changed once published."""
