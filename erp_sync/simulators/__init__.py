"""Small stand-ins for ERPs no test can install; each a process of its own, none used by the product itself."""
