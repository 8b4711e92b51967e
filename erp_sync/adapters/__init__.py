"""ERP connectors: one file or folder each, found by `port.build`."""
