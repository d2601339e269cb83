package content

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/packsync/packsync/internal/pack"
	"github.com/packsync/packsync/internal/pyyaml"
)

// Workflow is a file that an action with the runner orquesta or action-chain
// runs.
type Workflow struct {
	File   string   `json:"file"`
	Runner string   `json:"runner"`
	Input  []Input  `json:"input,omitempty"`  // of orquesta, in the order of the file
	Output []string `json:"output,omitempty"` // names, in the order of the file
	Tasks  []Task   `json:"tasks,omitempty"`  // in the order of the file
}

// Input is what a workflow expects to be given.
type Input struct {
	Name    string `json:"name"`
	Default Value  `json:"default,omitempty"`
}

// Task is one step of a workflow.
type Task struct {
	Name   string `json:"name"`
	Line   int    `json:"line"`
	Action string `json:"action,omitempty"` // with its pack; "" for a task that only branches
	// Dynamic: Action is an expression, known only when the workflow runs.
	Dynamic    bool     `json:"dynamic,omitempty"`
	Parameters []string `json:"parameters,omitempty"` // names of what the action is given, in the order of the file
}

// isExpression tells whether a text is computed when the workflow runs, by Jinja
// or YAQL.
func isExpression(text string) bool {
	return strings.Contains(text, "{{") || strings.Contains(text, "{%") || strings.Contains(text, "<%")
}

// EntryFile returns the file of the pack that the action runs; ok is false where
// it runs none, or one outside the pack.
func (a Action) EntryFile() (file string, ok bool) {
	file = path.Join("actions", a.EntryPoint)
	return file, a.EntryPoint != "" && !path.IsAbs(a.EntryPoint) && fs.ValidPath(file)
}

// readWorkflows reads the workflows that actions run, each once.
func (inv *Inventory) readWorkflows(fsys fs.FS) error {
	seen := map[string]bool{}
	for _, a := range inv.Actions {
		file, ok := a.EntryFile()
		read := workflowReaders[a.RunnerType]
		if !ok || read == nil || seen[file] {
			continue
		}
		seen[file] = true
		// What is not there is found by checkEntryPoints.
		if _, err := fs.Stat(fsys, file); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		d := &document{file: file, noun: "workflow"}
		root, err := d.parse(fsys)
		if err != nil {
			return err
		}
		if root != nil && root.Kind != pyyaml.Mapping {
			d.refuse(FindingYAML, root, "it has the type %s where StackStorm needs a mapping", root.Kind)
		}
		// A workflow is read when it runs, not when it is registered.
		for i := range d.findings {
			d.findings[i].ID = workflowID(d.findings[i].ID)
			d.findings[i].Message = strings.Replace(d.findings[i].Message, "refuses to register the workflow", "cannot run the workflow", 1)
		}
		workflow := Workflow{File: file, Runner: a.RunnerType}
		if root != nil {
			read(root, &workflow)
		}
		inv.Workflows = append(inv.Workflows, workflow)
		inv.Findings = append(inv.Findings, d.findings...)
	}
	return nil
}

func workflowID(id string) string {
	if id == FindingYAML {
		return FindingWorkflow
	}
	return id
}

var workflowReaders = map[string]func(*pyyaml.Node, *Workflow){
	"action-chain": readChain,
	"orchestra":    readOrquesta,
	"orquesta":     readOrquesta,
}

// readOrquesta reads inputs and outputs, each a name or a mapping of one name,
// and tasks by name.
func readOrquesta(root *pyyaml.Node, w *Workflow) {
	for _, item := range root.Get("input").Items() {
		if item.Kind != pyyaml.Mapping {
			w.Input = append(w.Input, Input{Name: item.Str()})
		}
		for _, p := range item.Pairs() {
			w.Input = append(w.Input, Input{p.Key.Str(), valueOf(p.Value)})
		}
	}
	for _, item := range root.Get("output").Items() {
		w.Output = append(w.Output, keysOf(item)...)
	}
	for _, p := range root.Get("tasks").Pairs() {
		w.addTask(p.Key.Str(), p.Key, p.Value.Get("action"), p.Value.Get("input"))
	}
}

// readChain reads the list of steps; "params" is an old name of "parameters".
func readChain(root *pyyaml.Node, w *Workflow) {
	for _, item := range root.Get("chain").Items() {
		parameters := item.Get("parameters")
		if !parameters.Truthy() {
			parameters = item.Get("params")
		}
		w.addTask(item.Get("name").Str(), item, item.Get("ref"), parameters)
	}
}

func (w *Workflow) addTask(name string, at, action, parameters *pyyaml.Node) {
	ref, _ := action.Text()
	w.Tasks = append(w.Tasks, Task{Name: name, Line: line(at), Action: ref, Dynamic: isExpression(ref), Parameters: keysOf(parameters)})
}

func keysOf(n *pyyaml.Node) (keys []string) {
	for _, p := range n.Pairs() {
		keys = append(keys, p.Key.Str())
	}
	return keys
}

// checkEntryPoints finds actions and sensors whose file is not there. StackStorm
// does not look before they run.
func (inv *Inventory) checkEntryPoints(fsys fs.FS) error {
	there := map[string]bool{}
	exists := func(file string) (bool, error) {
		if known, looked := there[file]; looked {
			return known, nil
		}
		_, err := fs.Stat(fsys, file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
		there[file] = err == nil
		return err == nil, nil
	}
	for _, a := range inv.Actions {
		if a.EntryPoint == "" || !slices.Contains(needFile, a.RunnerType) {
			continue
		}
		file, ok := a.EntryFile()
		if !ok {
			inv.missing("action "+a.Name, a.Place, "its entry point %q lies outside the pack", a.EntryPoint)
			continue
		}
		found, err := exists(file)
		if err != nil {
			return err
		}
		if !found {
			inv.missing("action "+a.Name, a.Place, "its entry point %s is not there", file)
		}
	}
	for _, s := range inv.Sensors {
		file := path.Join("sensors", s.EntryPoint)
		if s.EntryPoint == "" || !fs.ValidPath(file) {
			continue
		}
		found, err := exists(file)
		if err != nil {
			return err
		}
		if !found {
			inv.missing("sensor "+s.ClassName, s.Place, "its entry point %s is not there", file)
		}
	}
	return nil
}

func (inv *Inventory) missing(resource string, at Place, format string, args ...any) {
	inv.Findings = append(inv.Findings, finding(FindingEntryPoint, pack.Warning, resource, at.File, at.Line,
		format+"; StackStorm registers it, and it fails when it runs", args...))
}
