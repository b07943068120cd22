"""The link between controller and agents: messages and transport."""
