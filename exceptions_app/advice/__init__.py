"""Advice of a language model on a message the reader is not sure of, pure: what is asked, and what answer counts.

The model only chooses from lists we give it; a message is data from a stranger, never an instruction. Its advice is a
suggestion to the person who sorts the item and changes nothing by itself.
"""
