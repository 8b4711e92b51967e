"""The published interface files as a judge of bodies: names, lengths and types, nothing unknown let through.

The files are not part of this repository; where they are absent the tests that need them are skipped by name.
"""

import copy
import functools
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator

FOLDERS = (Path(__file__).parents[2] / "../shared/data/sap_openapi", Path("/work/shared/data/sap_openapi"))


def folder() -> Path:
    found = next((one for one in FOLDERS if one.is_dir()), None)
    if found is None:
        pytest.skip("the published SAP interface files are not here")
    return found


@functools.cache
def _components(name: str) -> dict[str, Any]:
    path = folder() / name
    components = copy.deepcopy(json.loads(path.read_text(encoding="utf-8"))["components"])

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
