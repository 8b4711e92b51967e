"""A believable plant at work: a live shift over the real interfaces, and past months through the services.

Demo only. Nothing in the product asks whether a record was simulated.
"""
