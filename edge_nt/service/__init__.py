"""The stream as a service: readiness, metrics, the status page, and the unit that starts it."""
