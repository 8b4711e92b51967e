"""Long-running readers of machine data: connections to brokers and servers, and the clock that drives an `Intake`.

Everything that decides lies in `machine`, everything that writes in `services.machine`; here are only sockets and time.
"""
