"""Pure rules of the exception record: how bad, what to call it, what comes next, when who is told. No Django."""
