package st2test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/pyyaml"
)

// typeNames are what the API takes for a registration type (reference.md 2.5),
// in the order of its error text.
var typeNames = []string{"all", "runner", "action", "actions", "trigger", "triggers", "sensor", "sensors", "rule", "rules", "rule_type", "rule_types",
	"alias", "aliases", "policy_type", "policy_types", "policy", "policies", "config", "configs"}

// registrars are the content types in the order of registration.
var registrars = []struct {
	one, many string // the words of the request and of the counts
	dir       string
	load      func(s *Server, p packDir, file string, says doc) error
}{
	{"trigger", "triggers", "triggers", loadTrigger},
	{"sensor", "sensors", "sensors", loadSensor},
	{"action", "actions", "actions", loadAction},
	{"rule", "rules", "rules", loadRule},
	{"alias", "aliases", "aliases", loadAlias},
	{"policy", "policies", "policies", loadPolicy},
}

// refusal is why StackStorm does not register something, in its own words.
type refusal string

func (r refusal) Error() string { return string(r) }

func say(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }

// packDir is a pack on disk. Its content belongs to the name of the directory,
// whatever pack.yaml says.
type packDir struct{ name, path string }

// registration is POST /v1/packs/register, decoded.
type registration struct {
	packs []string
	types []string
	fail  bool
	named bool // packs were given
}

func (g registration) wants(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return slices.Contains(g.types, name) })
}

// register answers POST /v1/packs/register.
func (s *Server) register(body []byte) reply {
	g, bad := decodeRegistration(body)
	if bad != nil {
		return *bad
	}
	if s.storeDown {
		if g.wants("runner", "action", "rule", "policy") {
			return fault(http.StatusInternalServerError, "Internal Server Error")
		}
		return reply{status: http.StatusBadRequest, body: json.RawMessage(Outage)}
	}
	counts := map[string]int{}
	if g.wants("runner", "action") {
		counts["runners"] = 14
	}
	if g.wants("rule", "rule_type") {
		counts["rule_types"] = 2
	}
	if g.wants("policy", "policy_type") {
		counts["policy_types"] = 3
	}
	dirs, bad := s.packDirs(g)
	if bad != nil {
		return *bad
	}
	for _, kind := range registrars {
		if !g.wants(kind.one) {
			continue
		}
		counts[kind.many] += 0
		for _, dir := range dirs {
			n, overridden, err := s.registerKind(dir, kind.one, kind.dir, g.fail, kind.load)
			counts[kind.many] += n
			if overridden > 0 { // of the last pack, not a sum
				counts[kind.many+"(overridden)"] = overridden
			}
			if err != nil && g.fail {
				return fault(http.StatusBadRequest, "%s", err)
			}
		}
	}
	if g.wants("config") {
		return s.registerConfigs(g, dirs, counts)
	}
	return reply{status: http.StatusOK, body: counts}
}

// decodeRegistration reads the body and brings the types to their singular.
func decodeRegistration(body []byte) (registration, *reply) {
	var raw map[string]any
	if len(body) > 0 && json.Unmarshal(body, &raw) != nil {
		bad := badJSON()
		return registration{}, &bad
	}
	g := registration{fail: true, types: []string{"all"}}
	for _, key := range []string{"packs", "types"} {
		value, there := raw[key]
		if !there {
			continue
		}
		list, isList := value.([]any)
		if !isList {
			bad := fault(http.StatusBadRequest, "'%v' is not of type 'array'", value)
			return g, &bad
		}
		var texts []string
		for _, item := range list {
			texts = append(texts, fmt.Sprint(item))
		}
		if key == "packs" {
			g.packs, g.named = texts, len(texts) > 0
		} else {
			g.types = texts
		}
	}
	if fail, isBool := raw["fail_on_failure"].(bool); isBool {
		g.fail = fail
	}
	for i, name := range g.types {
		if !slices.Contains(typeNames, name) {
			bad := fault(http.StatusBadRequest, "'%s' is not one of ['%s']", name, strings.Join(typeNames, "', '"))
			return g, &bad
		}
		g.types[i] = singular(name)
	}
	if slices.Contains(g.types, "all") {
		g.types = []string{"runner", "trigger", "sensor", "action", "rule", "rule_type", "alias", "policy_type", "policy", "config"}
	}
	slices.Sort(g.packs)
	g.packs = slices.Compact(g.packs)
	return g, nil
}

func singular(name string) string {
	switch name {
	case "aliases":
		return "alias"
	case "policies":
		return "policy"
	}
	return strings.TrimSuffix(name, "s")
}

// packDirs finds the packs of a registration. Registrars of content look for the
// directory before anything else; the one of configs only misses pack.yaml.
func (s *Server) packDirs(g registration) ([]packDir, *reply) {
	if len(g.types) == 0 || !g.wants("trigger", "sensor", "action", "rule", "alias", "policy", "config") {
		return nil, nil
	}
	names := g.packs
	if !g.named {
		names = s.allPacks()
	}
	var dirs []packDir
	for _, name := range names {
		dir, found := s.findPack(name)
		if found {
			dirs = append(dirs, packDir{filepath.Base(dir), dir})
			continue
		}
		if g.wants("trigger", "sensor", "action", "rule", "alias", "policy") {
			bad := fault(http.StatusBadRequest, "Pack \"%s\" not found on disk: Directory \"%s\" doesn't exist", name, dir)
			return nil, &bad
		}
		if g.fail {
			bad := fault(http.StatusBadRequest, "Failed to register pack \"%s\": Pack \"%s\" is missing pack.yaml file", name, dir)
			return nil, &bad
		}
	}
	return dirs, nil
}

// findPack returns the directory of a pack: the first there is, else where it
// should be.
func (s *Server) findPack(name string) (dir string, found bool) {
	for _, base := range s.opts.BasePaths {
		dir = filepath.Join(base, name)
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir, true
		}
	}
	if len(s.opts.BasePaths) > 0 {
		dir = filepath.Join(s.opts.BasePaths[0], name)
	}
	return dir, false
}

// allPacks lists every directory with a pack.yaml, hidden ones and copies too.
func (s *Server) allPacks() (names []string) {
	for _, base := range s.opts.BasePaths {
		entries, _ := os.ReadDir(base) // a base path that is not there has no packs
		for _, entry := range entries {
			if _, err := os.Stat(filepath.Join(base, entry.Name(), "pack.yaml")); err == nil && !slices.Contains(names, entry.Name()) {
				names = append(names, entry.Name())
			}
		}
	}
	return names
}

// registerKind registers one kind of content of one pack, its row first.
func (s *Server) registerKind(dir packDir, one, sub string, fail bool, load func(*Server, packDir, string, doc) error) (count, overridden int, err error) {
	if err := s.registerPack(dir); err != nil {
		return 0, 0, err
	}
	for _, file := range contentFiles(filepath.Join(dir.path, sub)) {
		if sub == "actions" && (file == "config.yaml" || file == "config.yml") {
			continue
		}
		full := filepath.Join(dir.path, sub, file)
		changed := false
		says, err := readMapping(full)
		if err == nil {
			changed, err = s.override(dir.name, sub, says)
		}
		if err == nil {
			if owner := says.text("pack"); owner != "" && owner != dir.name {
				err = say("Model is in pack \"%s\" but field \"pack\" is different: %s", dir.name, owner)
			} else {
				err = load(s, dir, filepath.Join(sub, file), says)
			}
		}
		if err != nil && fail {
			return count, overridden, say("Failed to register %s \"%s\" from pack \"%s\": %v", one, full, dir.name, err)
		}
		if err == nil {
			count++
		}
		if err == nil && changed {
			overridden++
		}
	}
	return count, overridden, nil
}

// contentFiles lists what StackStorm's glob finds, sorted.
func contentFiles(dir string) (files []string) {
	entries, _ := os.ReadDir(dir) // a directory that is not there has no content
	for _, entry := range entries {
		name := entry.Name()
		if ext := filepath.Ext(name); (ext == ".yaml" || ext == ".yml") && name[0] != '.' {
			files = append(files, name)
		}
	}
	return files
}

func readMapping(file string) (doc, error) {
	root, err := readYAML(file)
	if err != nil {
		return nil, err
	}
	says, isMapping := root.Value().(map[string]any)
	if !isMapping {
		return nil, say("'%s' object has no attribute 'get'", root.Kind)
	}
	return says, nil
}

func readYAML(file string) (*pyyaml.Node, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	read, err := pyyaml.Unmarshal(data)
	var syntax *pyyaml.SyntaxError
	if errors.As(err, &syntax) {
		return nil, say("%s\n  in \"%s\", line %d, column %d", syntax.Problem, file, syntax.Line, syntax.Column)
	}
	if err != nil {
		return nil, err
	}
	return read.Root, nil
}

var packVersion = regexp.MustCompile(`^\d+\.\d+\.\d+(-[\da-z.-]+)?(\+[\da-z.-]+)?$`)

// registerPack writes the pack's row and config schema.
func (s *Server) registerPack(dir packDir) error {
	fail := func(format string, args ...any) error {
		return say("Failed to register pack \"%s\": "+format, append([]any{dir.name}, args...)...)
	}
	says, err := readMapping(filepath.Join(dir.path, "pack.yaml"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fail("Pack \"%s\" is missing pack.yaml file", dir.path)
	case err != nil:
		return fail("%v", err)
	}
	version := fmt.Sprint(says["version"])
	if !packVersion.MatchString(version) {
		return fail("Pack version \"%s\" doesn't follow a valid semver format. Valid versions and formats include: 0.1.0, 0.2.1, 1.1.0, etc.", version)
	}
	if _, there := says["email"]; !there {
		return fail("'PackAPI' object has no attribute 'email'")
	}
	ref := says.text("ref")
	if ref == "" {
		ref = dir.name
	}
	row := doc{
		"uid": "pack:" + ref, "ref": ref, "name": says.text("name"), "description": says.text("description"), "keywords": list(says["keywords"]),
		"version": version, "author": says.text("author"), "email": says.text("email"), "contributors": list(says["contributors"]),
		"files": packFiles(dir.path), "path": dir.path, "dependencies": list(says["dependencies"]), "system": mapping(says["system"]),
	}
	if versions, there := says["python_versions"]; there {
		row["python_versions"] = versions
	}
	s.store.put("packs", ref, row)
	return s.registerSchema(dir)
}

func list(v any) []any {
	items, _ := v.([]any)
	if items == nil {
		items = []any{}
	}
	return items
}

func packFiles(dir string) []any {
	files := []any{}
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			if rel, err := filepath.Rel(dir, path); err == nil {
				files = append(files, rel)
			}
		}
		return nil // what cannot be read is not listed
	})
	return files
}

func loadTrigger(s *Server, p packDir, file string, says doc) error {
	name := says.text("name")
	if name == "" {
		return say("'name' is a required property")
	}
	s.putTriggerType(triggerType(p.name, name, file, says))
	return nil
}

// putTriggerType registers a type and, if it has no parameters, its trigger.
func (s *Server) putTriggerType(d doc) {
	s.store.put("triggertypes", d.text("ref"), d)
	if len(mapping(d["parameters_schema"])) == 0 {
		s.putTrigger(doc{"type": d.text("ref"), "parameters": doc{}, "ref": d.text("ref")})
	}
}

func (s *Server) putTrigger(trigger doc) {
	pack, name, _ := strings.Cut(trigger.text("ref"), ".")
	s.store.put("triggers", trigger.text("ref"), doc{
		"uid": "trigger:" + pack + ":" + name, "ref": trigger.text("ref"), "name": name, "pack": pack,
		"type": trigger.text("type"), "parameters": trigger["parameters"],
	})
}

func loadSensor(s *Server, p packDir, file string, says doc) error {
	class := says.text("class_name")
	if class == "" || says.text("entry_point") == "" {
		return say("Sensor definition missing class_name or entry_point")
	}
	triggers := []any{}
	for _, item := range list(says["trigger_types"]) {
		d := triggerType(p.name, mapping(item).text("name"), file, mapping(item))
		s.putTriggerType(d)
		triggers = append(triggers, d.text("ref"))
	}
	d := sensor(p.name, class, file, p.path, says, triggers)
	s.store.put("sensortypes", d.text("ref"), d)
	return nil
}

var runners = []string{"action-chain", "announcement", "http-request", "inquirer", "local-shell-cmd", "local-shell-script", "noop", "orquesta", "orchestra",
	"python-script", "remote-shell-cmd", "remote-shell-script", "winrm-cmd", "winrm-ps-cmd", "winrm-ps-script"}

func loadAction(s *Server, p packDir, file string, says doc) error {
	name, runner := says.text("name"), says.text("runner_type")
	switch {
	case name == "":
		return say("'name' is a required property")
	case !slices.Contains(runners, runner):
		return say("RunnerType %s is not found. If you are using old and deprecated runner name, you need to switch to a new one. "+
			"For more information, please see https://docs.stackstorm.com/upgrade_notes.html#st2-v0-9", runner)
	}
	s.store.put("actions", p.name+"."+name, action(p.name, name, file, says))
	return nil
}

func loadRule(s *Server, p packDir, file string, says doc) error {
	name := says.text("name")
	if name == "" {
		return say("'name' is a required property")
	}
	trigger := triggerOf(p.name, name, mapping(says["trigger"]))
	parameters := mapping(trigger["parameters"])
	switch {
	case len(parameters) > 0 && s.store.find("triggertypes", trigger.text("type")) == nil:
		return say("Invalid trigger type \"%s\"", trigger.text("type"))
	case len(parameters) > 0:
		s.putTrigger(trigger)
	case s.store.find("triggers", trigger.text("ref")) == nil:
		pack, _, _ := strings.Cut(trigger.text("type"), ".")
		return say("A simple trigger should have been created when registering triggertype. Cannot create trigger: {'pack': '%s', 'type': '%s', 'parameters': {}}.", pack, trigger.text("type"))
	}
	s.store.put("rules", p.name+"."+name, rule(p.name, name, file, says, trigger))
	return nil
}

func loadAlias(s *Server, p packDir, file string, says doc) error {
	if says.text("name") == "" {
		return say("'name' is a required property")
	}
	s.store.putNamed("actionalias", alias(p.name, says.text("name"), file, says))
	return nil
}

func loadPolicy(s *Server, p packDir, file string, says doc) error {
	if says.text("name") == "" {
		return say("'name' is a required property")
	}
	s.store.putNamed("policies", policy(p.name, says.text("name"), file, says))
	return nil
}
