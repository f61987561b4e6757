"""ajv, as strict as it is by default, takes the documented schemas, and by them the documented messages alone."""

import json
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
AJV = PROJECT / ".cache" / "ajv"
MESSAGES = PROJECT / "docs" / "messages"
TRY = """
const Ajv = require("ajv/dist/2020").default, read = (file) => JSON.parse(require("fs").readFileSync(file))
const [schema, values] = process.argv.slice(1).map(read)
const isValid = new Ajv().compile(schema)
console.log(JSON.stringify([[values].flat().map((value) => isValid(value)), isValid({})]))
"""


@pytest.mark.skipif(not (AJV / "node_modules" / "ajv").exists(), reason="make test fetches ajv, where npm is")
@pytest.mark.parametrize("name", ["alerts", "marks", "result", "schedule", "status"])
def test_it_takes_the_schema_and_by_it_the_documented_messages(name: str) -> None:
    files = MESSAGES / f"{name}-v1.schema.json", MESSAGES / f"{name}-v1.json"
    done = subprocess.run(["node", "-e", TRY, *files], cwd=AJV, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    documented, is_nothing_taken = json.loads(done.stdout)
    assert documented == [True] * len(documented)
    assert not is_nothing_taken
