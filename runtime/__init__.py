"""The shell that services share: clients, worker loop, lifecycle, health, logs and metrics."""
