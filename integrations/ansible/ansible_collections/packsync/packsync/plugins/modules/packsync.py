#!/usr/bin/python
# -*- coding: utf-8 -*-
"""Runs packsync and passes on what it says. All decisions are packsync's own."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
---
module: packsync
short_description: Keep StackStorm packs as they are declared and locked
description:
  - Runs C(packsync apply) on the host, so that the StackStorm packs there are what F(packs.hcl) declares and
    F(packs.lock.json) pins.
  - Needs the packsync binary on the host, nothing else.
options:
  chdir:
    description: Directory of the declaration.
    type: path
  file:
    description: The declaration, a file or a directory, if it is not F(packs.hcl) in I(chdir).
    type: str
  lock_file:
    description: The lock, if it does not lie beside the declaration.
    type: str
  state:
    description:
      - V(applied) makes the host what is declared and locked.
      - V(checked) changes nothing and fails if the host is not.
      - V(absent) removes every pack that packsync manages.
    type: str
    choices: [applied, checked, absent]
    default: applied
  locked:
    description: Fail instead of changing the lock. A host is no place to decide about versions, so this is the default.
    type: bool
    default: true
  offline:
    description: Use no network, only what is cached.
    type: bool
    default: false
  target:
    description: Only these packs, and what they depend on.
    type: list
    elements: str
    default: []
  exclude:
    description: All packs but these.
    type: list
    elements: str
    default: []
  var_files:
    description: Files with values of variables, on the host.
    type: list
    elements: path
    default: []
  allow_removals:
    description: The exact number of removals to allow where packsync's guard would block them.
    type: int
  expect_digest:
    description: Fail unless the desired digest is this one, which a reviewed plan showed.
    type: str
  lock_timeout:
    description: How long to wait for another run of packsync.
    type: str
    default: 5m
  executable:
    description: The packsync binary.
    type: str
    default: packsync
author: packsync contributors
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
"""

EXAMPLES = r"""
- name: Packs are as declared
  packsync.packsync.packsync:
    chdir: /etc/packsync

- name: One pack, with the network switched off
  packsync.packsync.packsync:
    chdir: /etc/packsync
    target: [jira]
    offline: true

- name: Nothing differs
  packsync.packsync.packsync:
    chdir: /etc/packsync
    state: checked
"""

RETURN = r"""
packs:
  description: What happened, or would happen, to each pack.
  returned: when there is a plan
  type: list
  elements: dict
lock_changes:
  description: What changed, or would change, in the lock.
  returned: when there is a plan
  type: list
  elements: dict
registration:
  description: What StackStorm was told about each pack, and what it still has to be told.
  returned: when something was applied
  type: list
  elements: dict
findings:
  description: What somebody should know, or what blocks.
  returned: when there is a plan
  type: list
  elements: dict
digest:
  description: The desired digest.
  returned: when there is a plan
  type: str
rc:
  description: Exit code of packsync.
  returned: always
  type: int
"""

import json

from ansible.module_utils.basic import AnsibleModule

# Fields of packsync's document that are passed on as they are.
PASSED_ON = ("packs", "lock_changes", "registration", "findings", "digest", "plan_digest", "summary", "drift", "notes")


def arguments(p, command):
    """The command line for one of packsync's commands."""
    argv = [p["executable"], command, "--json", "--no-input", "--lock-timeout", p["lock_timeout"]]
    for option, value in (("--chdir", p["chdir"]), ("--file", p["file"]), ("--lock-file", p["lock_file"])):
        if value:
            argv += [option, value]
    for path in p["var_files"]:
        argv += ["--var-file", path]
    if p["offline"]:
        argv.append("--offline")
    if command in ("list",):
        return argv
    for ref in p["target"]:
        argv += ["--target", ref]
    for ref in p["exclude"]:
        argv += ["--exclude", ref]
    if command in ("apply", "plan", "check") and p["locked"]:
        argv.append("--locked")
    if command in ("apply", "destroy", "plan") and p["allow_removals"] is not None:
        argv.append("--allow-removals=%d" % p["allow_removals"])
    if command == "apply" and p["expect_digest"]:
        argv += ["--expect-digest", p["expect_digest"]]
    if command in ("apply", "destroy"):
        argv.append("--auto-approve")
    return argv


def run(module, command):
    """Runs packsync and returns its exit code and its document."""
    rc, out, err = module.run_command(arguments(module.params, command))
    try:
        doc = json.loads(out)
    except ValueError:
        module.fail_json(msg="packsync %s printed no JSON" % command, rc=rc, stderr=err)
    return rc, doc


def side(s):
    """One side of a change as text; it has no values of configs in it."""
    if not s:
        return ""
    lines = ["%s: %s\n" % (k, s.get(k, "")) for k in ("version", "source", "commit", "tree", "path")]
    return "".join(lines)


def planned_diff(doc):
    """The diff of a plan, in the form in which apply prints its own."""
    diffs = []
    for change in doc.get("changes") or []:
        after = side(change.get("after"))
        for key in (change.get("do") or {}).get("config_keys") or []:
            after += "config: %s\n" % key
        for reason in change.get("reasons") or []:
            after += "reason: %s\n" % reason
        diffs.append({
            "before": side(change.get("before")),
            "after": after,
            "before_header": "%s (before)" % change["ref"],
            "after_header": "%s (%s)" % (change["ref"], change["action"]),
        })
    for change in doc.get("lock_changes") or []:
        diffs.append({
            "before": change["before"] + "\n" if change["before"] else "",
            "after": change["after"] + "\n" if change["after"] else "",
            "before_header": "lock of %s" % change["ref"],
            "after_header": "lock of %s (%s)" % (change["ref"], change["kind"]),
        })
    return diffs


def finish(module, rc, doc, changed, diff=None, failed=False):
    """Passes on what packsync said."""
    result = {"changed": changed, "rc": rc, "msg": doc.get("msg", "")}
    for name in PASSED_ON:
        if name in doc:
            result[name] = doc[name]
    if module._diff and diff is not None:
        result["diff"] = diff
    errors = []
    for d in doc.get("diagnostics") or []:
        text = "%s: %s" % (d["summary"], d["detail"])
        if d.get("file"):
            text = "%s: %s" % (d["file"], text)
        if d["severity"] == "error":
            errors.append(text)
        else:
            module.warn(text)
    if not failed:
        module.exit_json(**result)
    errors += ["%s: %s" % (f["resource"], f["message"]) for f in doc.get("findings") or [] if f["severity"] == "blocked"]
    errors += ["%s: %s" % (p["ref"], p["error"]) for p in doc.get("packs") or [] if p.get("error")]
    if errors:
        result["msg"] = "\n".join([result["msg"]] + errors)
    module.fail_json(**result)


def check(module):
    """What apply would do, without doing it."""
    rc, doc = run(module, "plan")
    changes = doc.get("changes") or []
    if changes:
        doc["packs"] = [{"ref": c["ref"], "action": c["action"], "before": c["before"], "after": c["after"]} for c in changes]
        for c in changes:
            doc["findings"] = (doc.get("findings") or []) + (c.get("findings") or [])
    finish(module, rc, doc, bool(changes or doc.get("lock_changes")), planned_diff(doc), failed=doc["failed"])


def main():
    module = AnsibleModule(
        argument_spec={
            "chdir": {"type": "path"},
            "file": {"type": "str"},
            "lock_file": {"type": "str"},
            "state": {"type": "str", "choices": ["applied", "checked", "absent"], "default": "applied"},
            "locked": {"type": "bool", "default": True},
            "offline": {"type": "bool", "default": False},
            "target": {"type": "list", "elements": "str", "default": []},
            "exclude": {"type": "list", "elements": "str", "default": []},
            "var_files": {"type": "list", "elements": "path", "default": []},
            "allow_removals": {"type": "int"},
            "expect_digest": {"type": "str"},
            "lock_timeout": {"type": "str", "default": "5m"},
            "executable": {"type": "str", "default": "packsync"},
        },
        supports_check_mode=True,
    )
    state = module.params["state"]
    if state == "checked":
        rc, doc = run(module, "check")
        finish(module, rc, doc, False, failed=rc != 0)
    if state == "absent" and module.check_mode:
        rc, doc = run(module, "list")
        packs = doc.get("packs") or []
        doc["packs"] = [{"ref": p["ref"], "action": "remove"} for p in packs]
        finish(module, rc, doc, bool(packs), failed=doc["failed"])
    if module.check_mode:
        check(module)
    rc, doc = run(module, "destroy" if state == "absent" else "apply")
    finish(module, rc, doc, bool(doc.get("changed")), doc.get("diff"), failed=doc["failed"])


if __name__ == "__main__":
    main()
