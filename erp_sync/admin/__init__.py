"""The admin pages of the ERP side: connections and their rules are edited here, postings only operated by verbs."""

from erp_sync.admin import caring, comparing, connections, mappings, postings, reading, rules

__all__ = ["caring", "comparing", "connections", "mappings", "postings", "reading", "rules"]
