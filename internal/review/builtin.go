package review

import (
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/pack"
)

// builtinActions are those of the packs that come with StackStorm, in any release
// from 2.0 to 3.9. Where these packs are among those that are looked at, what they
// contain is known better.
var builtinActions = map[pack.Ref]string{
	"core": "announcement ask echo error http inject_trigger local local_sudo noop pause remote remote_sudo sendmail uuid windows_cmd winrm_cmd winrm_ps_cmd",
	"packs": "check_auto_deploy_repo delete deploy download expand_repo_name get get_config get_pack_dependencies get_pack_warnings info install load" +
		" restart_component search setup_virtualenv show sleep_until uninstall unload update_virtualenv virtualenv_prerun",
	"linux": "check_loadavg check_processes cp diag_loadavg dig file_touch lsof lsof_pids mv netstat netstat_grep pkill rm rsync scp service traceroute" +
		" vmstat wait_for_ssh",
	"chatops": "format_execution_result match match_and_execute post_message post_result run",
	"default": "",
}

// retiredActions went with StackStorm 3.0 or before.
var retiredActions = map[string]string{
	"core.windows_cmd":             "use core.winrm_cmd",
	"packs.check_auto_deploy_repo": "nothing took its place",
	"packs.deploy":                 "use packs.install",
	"packs.expand_repo_name":       "nothing took its place",
	"packs.info":                   "use packs.get",
	"packs.sleep_until":            "nothing took its place",
}

// builtinTriggers are the trigger types that StackStorm makes itself, and those of
// its packs' sensors.
var builtinTriggers = []string{
	"core.st2.CronTimer", "core.st2.DateTimer", "core.st2.IntervalTimer", "core.st2.action.file_written", "core.st2.generic.actiontrigger",
	"core.st2.generic.inquiry", "core.st2.generic.notifytrigger", "core.st2.key_value_pair.create", "core.st2.key_value_pair.delete",
	"core.st2.key_value_pair.update", "core.st2.key_value_pair.value_change", "core.st2.sensor.process_exit", "core.st2.sensor.process_spawn",
	"core.st2.webhook", "linux.file_watch.line",
}

// foreign says in a clause what is wrong with a reference to one of StackStorm's
// own packs, "" for nothing that is known.
func foreign(r Reference) string {
	if r.Kind == "trigger" {
		if slices.Contains(builtinTriggers, r.To) {
			return ""
		}
		return "no trigger type of StackStorm 2.0 to 3.9"
	}
	if instead, retired := retiredActions[r.To]; retired {
		return "StackStorm 3 has it no more: " + instead
	}
	ref := packOf(r.To)
	if slices.Contains(strings.Fields(builtinActions[ref]), strings.TrimPrefix(r.To, string(ref)+".")) {
		return ""
	}
	return "no action of StackStorm 2.0 to 3.9"
}

// BuiltinFinding tells of all references to what StackStorm's own packs do not
// have: once, apart from what the change does, and as a warning, since releases
// differ and anybody can add to these packs. Nil for none.
func BuiltinFinding(references []Reference) *pack.Finding {
	if len(references) == 0 {
		return nil
	}
	f := &pack.Finding{
		ID: Builtin, Severity: pack.Warning,
		Message: count(len(references), "reference names", "references name") + " what the packs that come with StackStorm do not have",
	}
	for _, r := range references {
		f.At = append(f.At, r.String()+": "+r.Kind+" "+r.To+" ("+foreign(r)+")")
	}
	return f
}
