"""Machine data, pure: samples in, transitions out. No Django, no network, no clock of its own.

The seam for every protocol is small. A driver (MQTT, OPC UA, MTConnect) turns what it receives into `Sample`s and
gives them to `services.machine.Intake.offer(node, samples)`; it calls `Intake.lost(node)` when a source says it is gone
and confirms a message to its broker only after the `Intake.flush` that followed it. Everything else is the same for all
of them: `nodes.Node` finds the signals somebody defined, `debounce.Debouncer` decides what is a stop, and the service
stores states and transitions together. State is plain data that survives a restart at any point.
"""
