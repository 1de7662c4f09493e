"""Three independent services: cases, actions, delivery. None imports another; only events cross."""
