"""Recording a running broker, without touching the services that talk over it."""
