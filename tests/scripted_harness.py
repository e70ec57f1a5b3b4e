"""Stand-ins for two official harnesses, whose containers cannot be started in tests: they take the real command lines strictly, and
leave the files that the real ones leave. What the patch adds says what they find: `resolve`, `fail`, `noapply`, `hang`, `broken`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

SWEBENCH = """
import argparse, json, sys, time
from pathlib import Path
options = argparse.ArgumentParser()
for name in ("dataset_name", "split", "instance_ids", "predictions_path", "max_workers", "timeout", "run_id"):
    options.add_argument("--" + name, required=True)
given = options.parse_args()
rows = {row["instance_id"]: row for row in map(json.loads, open(given.dataset_name))}
(prediction,) = map(json.loads, open(given.predictions_path))
key = given.instance_ids
assert prediction["instance_id"] == key and key in rows
folder = Path("logs/run_evaluation", given.run_id, prediction["model_name_or_path"], key)
folder.mkdir(parents=True)
log, patch = folder / "run_instance.log", prediction["model_patch"]
if "+broken" in patch:
    sys.exit("docker.errors.APIError: no space left on device")
if "+noapply" in patch:
    log.write_text(">>>>> Patch Apply Failed:\\nerror: corrupt patch")
    sys.exit(0)
log.write_text(">>>>> Applied Patch")
if "+hang" in patch:
    log.write_text(">>>>> Applied Patch\\nTest timed out after 60 seconds.")
    sys.exit(0)
good = "+resolve" in patch
status = {"FAIL_TO_PASS": {"success": ["a"] * good, "failure": ["a"] * (not good)}, "PASS_TO_PASS": {"success": ["b"], "failure": []}}
report = {"patch_is_None": False, "patch_exists": True, "patch_successfully_applied": True, "resolved": good, "tests_status": status}
(folder / "report.json").write_text(json.dumps({key: report}))
"""

SWEFFICIENCY = """
import argparse, json, re, sys
from pathlib import Path
options = argparse.ArgumentParser()
command = options.add_subparsers(dest="command", required=True).add_parser("eval")
command.add_argument("--num_workers", type=int)
command.add_argument("--run_id", required=True)
command.add_argument("--prediction_path")
command.add_argument("--instances_regex", required=True)
given = options.parse_args()
key = given.instances_regex.strip("^$").replace("\\\\", "")
name, patch = "gold", "+gold"
if given.prediction_path:
    (prediction,) = map(json.loads, open(given.prediction_path))
    name, patch = prediction["model_name_or_path"], prediction["model_patch"]
folder = Path("logs/run_evaluation", given.run_id, name, key)
folder.mkdir(parents=True)
if "+broken" in patch:
    sys.exit("cannot pull the image")
if "+noapply" in patch:
    (folder / "run_instance.log").write_text(">>>>> Patch Apply Failed")
    sys.exit(0)
after = 1.0 if "+gold" in patch else 2.0
(folder / "perf_summary.txt").write_text(f"Before Mean: 4.0\\nBefore SD: 0.1\\nAfter Mean: {after}\\nAfter SD: 0.1\\nImprovement: 1%")
status = "FAILED" if "+fail" in patch else "PASSED"
(folder / "covering_test_status.json").write_text(json.dumps({"t1": "PASSED", "t2": status}))
"""


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts both on the path, here and in what is started from here, with a distribution record each."""
    for package, module, source in (("swebench", "harness/run_evaluation", SWEBENCH), ("swefficiency", "cli", SWEFFICIENCY)):
        file = folder / package / f"{module}.py"
        file.parent.mkdir(parents=True)
        file.write_text(source)
        record = folder / f"{package}-4.1.0.dist-info" / "METADATA"
        record.parent.mkdir()
        record.write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 4.1.0\n")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
