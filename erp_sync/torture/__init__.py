"""Proof that postings take effect once, in order, whatever breaks: the load, the faults on the line, the audit.

Knows postings and the ERP, not how the processes of a run are started and killed (`execlayer.torture`).
"""
