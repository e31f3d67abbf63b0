"""Good and bad requests to the service and the app, each with what must be answered."""
