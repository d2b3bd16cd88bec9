"""`devstream rules test` names the rule that a sample matches, its line, and each mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from devstream_desktop.cli import main

EXAMPLES = Path(__file__).parents[2] / "resources" / "rules"
DOWN = {
    "check_id": 1,
    "check_name": "Shop",
    "current_state": "DOWN",
    "state_changed_timestamp": 1_799_999_999,
    "description": "time-out",
}


@pytest.fixture
def run(tmp_path, capsys):
    def run(rules, document, *more):
        sample = tmp_path / "sample.json"
        sample.write_text(document if isinstance(document, str) else json.dumps(document))
        code = main(
            ["--home", str(tmp_path / "home"), "rules", "test", str(rules), str(sample), *more]
        )
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_it_shows_the_rule_the_fields_and_the_line(run):
    code, out, _ = run(EXAMPLES / "pingdom.toml", DOWN)
    assert code == 0
    assert "rule    check (" in out
    assert "state          DOWN  <-  current_state" in out
    assert "line    Shop" in out
    assert "Shop" in out.splitlines()[-1]


def test_for_scripts(run):
    code, out, _ = run(EXAMPLES / "pingdom.toml", DOWN, "--json")
    (record,) = (
        json.loads(out) if out.startswith("[") else [json.loads(line) for line in out.splitlines()]
    )
    assert (code, record["rule"], record["fields"]["state"]) == (0, "check", "DOWN")


def test_a_drop_is_an_answer_and_no_rule_is_none(run):
    code, out, _ = run(EXAMPLES / "opsgenie.toml", {"action": "Acknowledge"})
    assert code == 0
    assert "drop    action-of-no-interest" in out
    code, out, _ = run(EXAMPLES / "opsgenie.toml", {"event": 1})
    assert code == 1
    assert "no rule matches" in out


def test_a_state_that_is_not_mapped_is_told(run):
    code, out, _ = run(EXAMPLES / "pingdom.toml", DOWN | {"current_state": "SIDEWAYS"})
    assert code == 1
    assert "'SIDEWAYS' is none of incident's" in out


def test_mistakes_name_file_line_and_expression(run, tmp_path):
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rule]]\nkind = "build"\n[rule.fields]\nstate = "result ||"\n')
    code, _, err = run(rules, {})
    assert code == 1
    assert f"{rules}: line 4" in err
    assert "result ||" in err
    code, _, err = run(EXAMPLES / "pingdom.toml", "{half")
    assert code == 1
    assert "no JSON" in err
    code, _, err = run(tmp_path / "nowhere.toml", {})
    assert code == 1
    assert "cannot be read" in err


def test_new_rules_make_a_line_of_their_sample(run, tmp_path, capsys):
    sample = tmp_path / "post.json"
    body = {"status": "failed", "build_number": 7, "repository": {"name": "shop"}, "branch": "main"}
    sample.write_text(json.dumps(body))
    assert main(["--home", str(tmp_path / "home"), "rules", "new", str(sample)]) == 0
    rules = tmp_path / "rules.toml"
    rules.write_text(capsys.readouterr().out)
    code, out, _ = run(rules, body)
    assert code == 0
    assert "line    shop  build #7 FAILED on main" in out
    sample.write_text("[]")
    assert main(["--home", str(tmp_path / "home"), "rules", "new", str(sample)]) == 1
    assert "no named field" in capsys.readouterr().err


def test_a_header_and_the_branches_are_given_as_options(run, tmp_path):
    rules = tmp_path / "rules.toml"
    rules.write_text(
        "[[rule]]\nmatch = \"_headers.\\\"x-event\\\" == 'built'\"\nkind = 'build'\n"
        "fields = { state = \"'failed'\", ref = 'branch' }\n"
    )
    code, out, _ = run(rules, {"branch": "topic"}, "--header", "X-Event: built")
    assert (code, "not-a-global-branch: topic" in out) == (1, True)
    code, out, _ = run(
        rules, {"branch": "topic", "_headers": {"x-event": "built"}}, "--branch", "t*"
    )
    assert (code, "ref            topic  <-  branch" in out) == (0, True)
