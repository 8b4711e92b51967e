"""What the pages show: one module per page, each with a bounded number of queries, scoped to its reader."""
