"""Private RabbitMQ and PostgreSQL servers on this machine, from installed binaries: for `make stack` and the tests."""
