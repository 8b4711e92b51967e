"""Machine data, stored: definitions as rules, leases of nodes, states and transitions written together.

A driver (MQTT, OPC UA, MTConnect) talks to `intake.Intake`; `definitions` has what people wrote, `leases` who holds
what, `store` the one write, `notices` what a bridge says of itself. Import from the modules: a worker that reads
signals needs `notices` alone.
"""
