"""Durable tasks: steps that are persisted, taken over, retried, undone and explained."""
