"""Every state change of the plant, one module per room; import verbs from the module that owns them."""
