"""SARIF reports, all held against the schema of OASIS."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from modelcheck.pipeline import open_library, select_claims
from modelcheck.render.sarif import KINDS, RULES, document, render
from modelcheck.resources import specs_folder
from modelcheck.spec_paths import find_specs
from modelcheck.verdict import Attack, ClaimResult
from tests.render import results
from tests.render.golden_files import golden
from tests.support import SIGNED, tasks

SCHEMA = json.loads((Path(__file__).parent / "schemas" / "sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)


def run(found: Sequence[ClaimResult], mistake: str = "") -> dict[str, Any]:
    """The only run of a report, after the report was held against the schema."""
    report = json.loads(render(found, mistake))
    VALIDATOR.validate(report)
    assert len(report["runs"]) == 1
    return dict(report["runs"][0])


def test_a_whole_report() -> None:
    assert render(results.NAMED) + "\n" == golden("report.sarif")


@pytest.mark.parametrize("found", [[], results.NAMED, [results.HOLDS]], ids=["nothing", "everything", "as expected"])
def test_reports_are_valid(found: Sequence[ClaimResult]) -> None:
    assert len(run(found)["results"]) == sum(not one.ok for one in found)


def test_the_schema_finds_mistakes() -> None:
    report = document(results.NAMED)
    report["runs"][0]["results"][0]["level"] = "fatal"
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(report)


def test_each_result_has_the_rule_at_its_index_and_the_level_of_that_rule() -> None:
    found = run(results.NAMED)
    rules = found["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules) == len(RULES)
    assert [(one["ruleId"], one["level"]) for one in found["results"]] == [
        ("agreement", "error"), ("undecided", "warning"), ("undecided", "warning"), ("vacuous", "error"),
        ("not-supported", "warning"), ("agreement", "error"),
    ]  # fmt: skip
    for one in found["results"]:
        rule = rules[one["ruleIndex"]]
        assert (rule["id"], rule["defaultConfiguration"]["level"]) == (one["ruleId"], one["level"])


def test_an_attack_is_a_flow_of_its_steps_in_order_and_the_conclusion() -> None:
    (one,) = run([results.UNEXPECTED])["results"]
    ((flow,),) = [flows["threadFlows"] for flows in one["codeFlows"]]
    assert isinstance(results.UNEXPECTED.verdict, Attack)
    assert [step["location"]["message"]["text"] for step in flow["locations"]] == [
        *(step.text for step in results.UNEXPECTED.verdict.steps), results.UNEXPECTED.verdict.conclusion,
    ]  # fmt: skip
    assert [step["executionOrder"] for step in flow["locations"]] == [1, 2, 3]


def test_other_findings_have_no_flow() -> None:
    assert ["codeFlows" in one for one in run(results.NAMED)["results"]] == [True] + [False] * 5


def test_a_finding_stays_the_same_while_its_spec_is_edited() -> None:
    moved = replace(results.UNEXPECTED, line=99, column=1, file="b.flow", text="Client agrees with Server on k, n")
    other = replace(results.UNEXPECTED, claim="client_auth")
    prints = [one["partialFingerprints"]["claim/v1"] for one in run([results.UNEXPECTED, moved, other])["results"]]
    assert prints[0] == prints[1] != prints[2]


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("specs/a.flow", "specs/a.flow"),
        ("../a b.flow", "../a%20b.flow"),
        ("c:d.flow", "c%3Ad.flow"),
        ("100%/ä.flow", "100%25/%C3%A4.flow"),
        ("/tmp/a.flow", "file:///tmp/a.flow"),
        ("\udcff.flow", "%FF.flow"),
    ],
)
def test_files_are_named_by_uris(file: str, uri: str) -> None:
    (one,) = run([replace(results.VACUOUS, file=file)])["results"]
    assert one["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": uri}


def test_braces_are_no_placeholders() -> None:
    (one,) = run([replace(results.VACUOUS, text="v indistinguishable among { 0, 1 } at R")])["results"]
    assert "among {{ 0, 1 }} at R" in one["message"]["text"]


def test_a_run_that_ended_early_says_so() -> None:
    (invocation,) = run([results.HOLDS], "the engines contradict each other")["invocations"]
    assert invocation == {
        "executionSuccessful": False,
        "toolExecutionNotifications": [
            {"level": "error", "message": {"text": "the engines contradict each other"}}
        ],
    }  # fmt: skip


EVERY_KIND = {
    "secrecy": "secret k at Client",
    "agreement": "Client agrees with Server on k",
    "weak agreement": "Client agrees with Server",
    "injective agreement": "Client agrees with Server on k, injectively",
    "aliveness": "Client finds Server alive",
    "key uniqueness": "k identifies client, server",
    "channel binding": "k identifies the channel",
    "reachability": "reachable Client accepts",
    "unlinkability": "x unlinkable at Client",
    "guessing resistance": "x resists guessing",
}


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_each_kind_of_claim_has_a_rule(kind: str) -> None:
    (task,) = tasks(f"{SIGNED}  c: {EVERY_KIND[kind]}\n")
    assert task.what.kind == kind
    one = replace(results.SURPRISING_PROOF, kind=task.what.kind)
    assert [found["ruleId"] for found in run([one])["results"]] == [kind.replace(" ", "-")]


def test_every_claim_of_the_packaged_specs_is_of_a_kind_with_a_rule() -> None:
    files = find_specs([specs_folder()])
    assert {task.what.kind for task in select_claims(open_library(files), files)} <= set(KINDS)
