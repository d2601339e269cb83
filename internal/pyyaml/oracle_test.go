package pyyaml

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/packsync/packsync/internal/testenv"
)

// oracle is a Python process that reads documents with PyYAML, as StackStorm
// would, and says what it made of them.
type oracle struct {
	in  io.Writer
	out *bufio.Reader
}

// The answer has a form that keeps Python's types apart: 1, 1.0, True and "1"
// read int:1, float:1.0, bool:True and str:1. C is the loader in C that StackStorm
// prefers, P the one in Python.
const oracleScript = `
import base64, datetime, json, sys, yaml
def form(v):
    if isinstance(v, dict): return ["dict"] + [[form(k), form(x)] for k, x in v.items()]
    if isinstance(v, list): return ["list"] + [form(x) for x in v]
    if isinstance(v, (datetime.date, datetime.datetime)): return "timestamp"
    if isinstance(v, bytes): raise ValueError("binary")
    if isinstance(v, (set, tuple)): raise ValueError("set or tuple")
    return type(v).__name__ + ":" + str(v)
loaders = {"P": yaml.SafeLoader, "C": getattr(yaml, "CSafeLoader", yaml.SafeLoader)}
for line in sys.stdin:
    which, data = line.split(" ")
    try:
        text = base64.b64decode(data).decode("utf-8")
        answer = {"form": form(yaml.load(text, loaders[which]))}
    except Exception as e:
        answer = {"error": str(e) or repr(e)}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
`

// newOracle starts Python, the system's for preference: it has python3-yaml.
func newOracle(t testing.TB) *oracle {
	t.Helper()
	python := "/usr/bin/python3"
	if _, err := os.Stat(python); err != nil {
		python = "python3"
	}
	testenv.Need(t, python)
	if err := exec.Command(python, "-c", "import yaml").Run(); err != nil {
		testenv.Skip(t, "needs python3-yaml, which is not installed")
	}
	cmd := exec.Command(python, "-c", oracleScript)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("python: %v", err)
		}
	})
	return &oracle{in, bufio.NewReader(out)}
}

// read returns what PyYAML makes of a document: a form, or an error text.
func (o *oracle) read(t interface{ Fatal(...any) }, which string, data []byte) (form any, problem string) {
	if _, err := fmt.Fprintf(o.in, "%s %s\n", which, base64.StdEncoding.EncodeToString(data)); err != nil {
		t.Fatal(err)
	}
	line, err := o.out.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Form  any
		Error string
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Form, answer.Error
}

// formOf is the oracle's form of a node of ours.
func formOf(n *Node) any {
	switch n.Kind {
	case Null:
		return "NoneType:None"
	case Timestamp:
		return "timestamp"
	case List:
		list := []any{"list"}
		for _, item := range n.Items() {
			list = append(list, formOf(item))
		}
		return list
	case Mapping:
		dict := []any{"dict"}
		for _, p := range n.Pairs() {
			dict = append(dict, []any{formOf(p.Key), formOf(p.Value)})
		}
		return dict
	}
	names := map[Kind]string{Bool: "bool", Int: "int", Float: "float", String: "str"}
	return strings.Join([]string{names[n.Kind], n.Str()}, ":")
}
