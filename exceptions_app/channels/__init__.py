"""Pure adapters of the inbound channels: verify what came, turn it into the fields a signal has. No Django, no rows."""
