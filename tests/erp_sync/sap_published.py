"""The published interface files as a judge of bodies: names, lengths and types, nothing unknown let through.

The files are not part of this repository; where they are absent the tests that need them are skipped by name.
"""

import copy
import functools
import json
from typing import Any

from jsonschema import Draft4Validator

from tests.shared_data import shared


@functools.cache
def document(name: str) -> dict[str, Any]:
    """One published file, read. The test is skipped by name where it is absent."""
    found: dict[str, Any] = json.loads(shared("sap_openapi", name).read_text(encoding="utf-8"))
    return found


@functools.cache
def _components(name: str) -> dict[str, Any]:
    components = copy.deepcopy(document(name)["components"])

    def tighten(node: Any) -> None:
        if isinstance(node, dict):
            if node.get("nullable") and isinstance(node.get("type"), str):
                node["type"] = [node["type"], "null"]
            if "properties" in node and node.get("type") in ("object", ["object", "null"]):
                node["additionalProperties"] = False
                # SAP numbers new records itself; the files list those keys as required all the same.
                node.pop("required", None)
            for value in node.values():
                tighten(value)
        elif isinstance(node, list):
            for value in node:
                tighten(value)

    tighten(components)
    return components


def faults(name: str, schema: str, body: dict[str, Any]) -> list[str]:
    """What the published schema finds wrong with a body."""
    components = _components(name)
    assert schema in components["schemas"], f"{name} has no {schema}"
    judge = Draft4Validator({"$ref": f"#/components/schemas/{schema}", "components": components})
    return [f"{'/'.join(map(str, error.path))}: {error.message[:120]}" for error in judge.iter_errors(body)]
