"""Measurements of a controller, as Prometheus reads them."""
