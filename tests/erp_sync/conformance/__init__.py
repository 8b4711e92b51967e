"""The suite every connector passes: cases, benches, and the stage between them. Told in docs/connector-guide.md."""

import pytest

# What a case found is said in full, as in a test module.
pytest.register_assert_rewrite(
    *(f"{__name__}.{module}" for module in ("bench", "cases", "cases_seeing", "registry"))
)
