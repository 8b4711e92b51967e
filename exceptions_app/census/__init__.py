"""The census, pure: what a plant has already (chats, mail, lists) turned into entries, and entries into a Pareto.

Knows no rows, no live signals and no clock. Everything read here stays apart from the records people work on.
"""
