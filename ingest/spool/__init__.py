"""Deliveries on this machine's disk while Kafka does not take them. Off unless configured."""
