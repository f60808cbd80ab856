"""HTTP in, Kafka out: verifies deliveries and publishes their exact bytes. No database here."""
