package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/packsync/packsync/internal/ptytest"
)

// conversation is a run of the real program on a pseudo-terminal of its own.
type conversation struct {
	*process
	t      *testing.T
	master *os.File
	slave  *os.File // stays open: what the program leaves behind is read from it
	mu     sync.Mutex
	shown  bytes.Buffer
	at     int           // what of it was waited for
	read   chan struct{} // closed when all was read
	done   sync.Once
	left   unix.Termios
}

// converse starts the program on a terminal of 40 columns, which is narrow, whose
// signals it gets.
func (s *box) converse(env []string, args ...string) *conversation {
	s.t.Helper()
	master, slave := ptytest.Open(s.t, 40, 24)
	c := &conversation{process: s.prepare(nil, args...), t: s.t, master: master, slave: slave}
	c.Stdin, c.Stdout, c.Stderr = slave, slave, slave
	c.Env = append(append(c.Env, "TERM=xterm", "LANG=C.UTF-8"), env...)
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	c.launch(s.t)
	c.read = make(chan struct{})
	go func() {
		defer close(c.read)
		for buffer := make([]byte, 4096); ; {
			n, err := master.Read(buffer)
			c.mu.Lock()
			c.shown.Write(buffer[:n])
			c.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	s.t.Cleanup(func() {
		_ = c.Process.Kill() // it ended, unless the test failed
		<-c.ended
		slave.Close() // the reader then finds the end
		<-c.read
	})
	return c
}

var (
	controls = regexp.MustCompile("\x1b\\[[?0-9;]*[A-Za-z]|\r")
	blanks   = regexp.MustCompile(`\s+`)
)

// text is what was shown, without what moves and colours, and with one blank for
// several and for a new line: where lines break depends on the width.
func (c *conversation) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return blanks.ReplaceAllString(controls.ReplaceAllString(c.shown.String(), ""), " ")
}

// see waits until the program shows a text, after all that was waited for.
func (c *conversation) see(text string) {
	c.t.Helper()
	found := func() bool {
		now := c.text()
		i := strings.Index(now[c.at:], text)
		if i >= 0 {
			c.at += i + len(text)
		}
		return i >= 0
	}
	poll(c.t, fmt.Sprintf("it shows %q", text), func() bool {
		if found() {
			return true
		}
		select {
		case <-c.ended:
			if c.finish(); !found() {
				c.t.Fatalf("it ends without showing %q\n%s", text, c.text())
			}
			return true
		default:
			return false
		}
	})
}

// typing sends keys.
func (c *conversation) typing(keys string) {
	c.t.Helper()
	if _, err := c.master.WriteString(keys); err != nil {
		c.t.Fatal(err)
	}
}

// talk answers questions: "prompt< answer", or "? text" to wait for a text.
func (c *conversation) talk(lines ...string) {
	c.t.Helper()
	for _, line := range lines {
		if text, is := strings.CutPrefix(line, "? "); is {
			c.see(text)
			continue
		}
		prompt, answer, _ := strings.Cut(line, "<")
		c.see(" " + prompt + ": ")
		c.typing(strings.TrimPrefix(answer, " ") + "\r")
	}
}

// end waits for the end of the program and wants its exit code, and the terminal
// as it was.
func (c *conversation) end(code int) string {
	c.t.Helper()
	if got := c.exit(c.t); got != code {
		c.t.Errorf("exit code %d, want %d\n%s", got, code, c.text())
	}
	c.finish()
	if state := c.left; state.Lflag&(unix.ECHO|unix.ICANON|unix.ISIG) != unix.ECHO|unix.ICANON|unix.ISIG || state.Oflag&unix.OPOST == 0 {
		c.t.Errorf("the terminal is left in another mode: %#x %#x", state.Lflag, state.Oflag)
	}
	return c.text()
}

// finish looks, after the end of the program, at how it left the terminal, and
// reads what it showed last.
func (c *conversation) finish() {
	c.done.Do(func() {
		state, err := unix.IoctlGetTermios(int(c.slave.Fd()), unix.TCGETS)
		if err != nil {
			c.t.Error(err)
			state = &unix.Termios{}
		}
		c.left = *state
		c.slave.Close()
		<-c.read
	})
}

const configSchema = `url: {type: string, required: true, description: Where it is}
auth: {type: string, enum: [oauth, basic], default: oauth}
port: {type: integer}
password: {type: string, secret: true}
sensor:
  type: object
  properties:
    interval: {type: number, default: 1.5}
    verify: {type: boolean}
projects: {type: array, items: {type: string}}
servers:
  type: array
  items:
    type: object
    properties:
      host: {type: string, required: true}
      port: {type: integer}
`

// newConfigBox is a box with a pack that has a config.
func newConfigBox(t *testing.T, block string) *box {
	s := newBox(t, t.TempDir())
	s.pack("a", "1.0.0")
	s.write("sources/a/config.schema.yaml", configSchema)
	s.declare("", `variable "site" { default = "https://a.example" }`, "# the pack", block)
	s.mustRun(0, "fmt")
	return s
}

func (s *box) read(name string) string {
	s.t.Helper()
	data, err := os.ReadFile(s.path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(data)
}

// nowhere wants a text in no file of the box.
func (s *box) nowhere(text string) {
	s.t.Helper()
	err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(text)) {
			s.t.Errorf("%s holds %q", path, text)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func TestConfigWritesTheDeclaration(t *testing.T) {
	s := newConfigBox(t, packBlock("a", "config = {", "  # the public name", "  url = var.site", "  port = 1 # old", "  more = upper(\"x\")", "}"))
	before := s.read("packs.hcl")
	c := s.converse(nil, "config", "a")
	c.talk("? url", "? Where it is", "? kept as they are:", "? more.", "? var.site", "url<",
		"auth< 3", "? Type one of 1, 2.", "auth< 2",
		"port< many", "? That does not do:", "? an integer", "port< 443",
		"password< hunter2", "? Not taken", "password< 2", "name<", "name< "+s.path("pw"),
		"sensor< e", "interval< x", "? a number", "interval<", "verify< n",
		"projects< +", "0< one", "1< two\x7f\x7f\x7f2", "2<", "projects<",
		"servers< +", "host<", "? is missing", "host<", "port< 1", "servers< 1", "host< h", "port<", "servers<",
		"? ~ port: 1 → 443", "? + auth: \"basic\"", "? + password:", "? var.a_password", "? + sensor.verify", "? + projects.1", "? + servers.0.host: \"h\"",
		"s, e, q or d< s")
	said := c.end(0)
	if !strings.Contains(said, "Put the secret of var.a_password into "+s.path("pw")) || !strings.Contains(said, "packsync plan") {
		t.Errorf("it ends with %q", said[max(0, len(said)-400):])
	}
	want := strings.Replace(before, "    url  = var.site\n    port = 1 # old\n    more = upper(\"x\")\n  }\n", `    url      = var.site
    port     = 443 # old
    more     = upper("x")
    auth     = "basic"
    password = var.a_password
    sensor = {
      verify = false
    }
    projects = ["one", "2"]
    servers = [
      {
        port = 1
        host = "h"
      },
    ]
  }
`, 1) + fmt.Sprintf("\nvariable \"a_password\" {\n  type      = string\n  sensitive = true\n  file      = %q\n}\n", s.path("pw"))
	if got := s.read("packs.hcl"); got != want {
		t.Errorf("packs.hcl is\n%s\nwant\n%s", got, want)
	}
	s.nowhere("hunter2")
	s.write("pw", "s3cret\n")
	s.mustRun(0, "apply", "--auto-approve")
	if yaml := s.read("root/configs/a.yaml"); !strings.Contains(yaml, "\"password\": \"s3cret\"") || !strings.Contains(yaml, "https://a.example") {
		t.Errorf("the config file is\n%s", yaml)
	}

	// what is there is kept
	before = s.read("packs.hcl")
	c = s.converse(nil, "config", "a")
	c.talk("url<", "auth<", "? 443", "port<", "? var.a_password", "password<", "sensor<", "projects<", "servers<", "? No value changes.", "s, e, q or d< s", "? Nothing changed")
	if said := c.end(0); strings.Contains(said, "s3cret") {
		t.Error("a secret is shown")
	}
	if s.read("packs.hcl") != before {
		t.Error("packs.hcl changed")
	}
}

func TestConfigLeavesEverythingAsItIs(t *testing.T) {
	s := newConfigBox(t, packBlock("a"))
	s.mustRun(0, "lock")
	before := s.read("packs.hcl")
	for name, how := range map[string]func(c *conversation){
		"control-C":           func(c *conversation) { c.talk("url< x"); c.see(" auth: "); c.typing("\x03") },
		"control-D":           func(c *conversation) { c.talk("url< x"); c.see(" auth: "); c.typing("\x04") },
		"control-C at review": func(c *conversation) { c.talk("url< x", "auth< :review"); c.see("s, e, q or d: "); c.typing("\x03") },
		"the command":         func(c *conversation) { c.talk("url< x", "auth< :quit") },
		"discarding":          func(c *conversation) { c.talk("url< x", "auth< :review", "s, e, q or d< d") },
		"a signal": func(c *conversation) {
			c.talk("url< x")
			c.see(" auth: ")
			if err := c.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := s.converse(nil, "config", "a")
			c.t = t
			how(c)
			if said := c.end(1); !strings.Contains(said, "stopped: nothing was written") {
				t.Errorf("it says %q", said)
			}
			if s.read("packs.hcl") != before {
				t.Error("packs.hcl changed")
			}
		})
	}
}

// TestConfigSeesOthersEdits lets somebody else save the file first.
func TestConfigSeesOthersEdits(t *testing.T) {
	s := newConfigBox(t, packBlock("a"))
	c := s.converse(nil, "config", "a")
	c.talk("url< x", "auth< :review")
	c.see("s, e, q or d: ")
	theirs := s.read("packs.hcl") + "# theirs\n"
	s.write("packs.hcl", theirs)
	c.typing("s\r")
	if said := c.end(1); !strings.Contains(said, "was changed by somebody else meanwhile") {
		t.Errorf("it says %q", said)
	}
	if s.read("packs.hcl") != theirs {
		t.Error("what they wrote is gone")
	}
}

// TestConfigInTheEditor makes a mistake in the editor first, of which it is told
// there, and then mends it.
func TestConfigInTheEditor(t *testing.T) {
	s := newConfigBox(t, packBlock("a", "config = {", "  url = \"x\" # a comment", "}"))
	s.write("editor", `#!/bin/sh
stat -c 'mode %a' "$2" "$(dirname "$2")"
echo "$2" >>seen
if grep -q 'cannot be taken yet: Unknown reference' "$2"; then sed -i 's/nonsense/"y"/' "$2"; else sed -i 's/"x"/nonsense/' "$2"; fi
[ -z "$PACKSYNC_VAR_site$PW" ] || echo leaked
`)
	if err := os.Chmod(s.path("editor"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.write("tmp/keep", "")
	c := s.converse([]string{"VISUAL=" + s.path("editor") + " -w", "EDITOR=false", "TMPDIR=" + s.path("tmp"), "PACKSYNC_VAR_site=v"}, "config", "a")
	c.talk("url< :review", "s, e, q or d< e", "? mode 600", "? mode 700", "? Unknown reference", "e) edit again, d) drop this edit< e", "? ~ url: \"x\" → \"y\"", "s, e, q or d< s")
	if said := c.end(0); strings.Contains(said, "leaked") {
		t.Error("the editor sees the values of variables")
	}
	if got := s.read("packs.hcl"); !strings.Contains(got, "    url = \"y\" # a comment\n") {
		t.Errorf("packs.hcl is\n%s", got)
	}
	left, err := os.ReadDir(s.path("tmp"))
	if err != nil || len(left) != 1 || strings.Count(s.read("seen"), s.path("tmp")) != 2 {
		t.Errorf("what was edited is left: %v (%v)", left, err)
	}
	c = s.converse([]string{"VISUAL=", "EDITOR=false"}, "config", "a")
	c.talk("url< :review", "s, e, q or d< e", "? nothing was taken from the editor", "s, e, q or d< d")
	c.end(1)
}

func TestConfigOfAFile(t *testing.T) {
	s := newConfigBox(t, packBlock("a"))
	s.write("root/configs/a.yaml", "---\n# by hand\nurl: x # stays\npassword: old-secret\n# the end\n")
	c := s.converse(nil, "config", "--yaml", "a")
	c.talk("url<", "auth<", "port< 1", "? (set)", "password< hunter2", "? (7 characters)", "sensor<", "projects<", "servers<", "? ~ password: changed", "s, e, q or d< s", "? when it is registered")
	if said := c.end(0); strings.Contains(said, "hunter2") || strings.Contains(said, "old-secret") {
		t.Errorf("a secret is shown:\n%s", said)
	}
	if got, want := s.read("root/configs/a.yaml"), "---\n# by hand\nurl: x # stays\npassword: \"hunter2\"\n# the end\nport: 1\n"; got != want {
		t.Errorf("the file is\n%s\nwant\n%s", got, want)
	}

	// a new file is one that StackStorm can read and nobody else
	if err := os.Remove(s.path("root/configs/a.yaml")); err != nil {
		t.Fatal(err)
	}
	c = s.converse(nil, "config", "--yaml", "a")
	c.talk("url< x", "auth< :review", "s, e, q or d< s")
	c.end(0)
	if info, err := os.Stat(s.path("root/configs/a.yaml")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v (%v)", info.Mode(), err)
	}

	// one that packsync owns is not changed past the declaration
	s.declare("", packBlock("a", "config = { url = \"y\" }"))
	c = s.converse(nil, "config", "--yaml", "a")
	c.see("packsync owns the YAML file of")
	c.end(1)
	s.mustRun(0, "apply", "--auto-approve")
	s.declare("", packBlock("a"))
	c = s.converse(nil, "config", "--yaml", "a")
	c.see("packsync still owns")
	c.end(1)

	// config_file is the file
	s.write("a.yaml", "url: z\n")
	s.declare("", packBlock("a", "config_file = \"a.yaml\""))
	c = s.converse(nil, "config", "a")
	c.see("packsync config --yaml a")
	c.end(1)
	c = s.converse(nil, "config", "--yaml", "a")
	c.talk("url< zz", "auth< :review", "s, e, q or d< s")
	c.end(0)
	if got := s.read("a.yaml"); got != "url: \"zz\"\n" {
		t.Errorf("a.yaml is %q", got)
	}
}

// TestConfigTakesAPasteAsOneAnswer pastes a key of several lines, into a terminal
// that marks pastes and into one that does not.
func TestConfigTakesAPasteAsOneAnswer(t *testing.T) {
	s := newConfigBox(t, packBlock("a"))
	c := s.converse(nil, "config", "a")
	c.see(" url: ")
	c.typing("\x1b[200~one\r\ntwo\tx\x03\nthree\x1b[201~")
	c.see("one⏎two␉x⏎three")
	c.typing("\r")
	c.see(" auth: ")
	c.typing("2\x1b[200~\n\x1b[201~\r") // the break behind a line is none
	c.talk("port< :back", "auth< :back")
	c.see(" url: ")
	c.typing("\x1b[A") // brings it in
	c.see("one⏎two␉x⏎three")
	c.typing("!\r")
	c.talk("auth< :review", "s, e, q or d< s")
	c.end(0)
	if got := s.read("packs.hcl"); !strings.Contains(got, `url  = "one\ntwo\tx\nthree!"`) || !strings.Contains(got, `auth = "basic"`) {
		t.Errorf("packs.hcl is\n%s", got)
	}

	c = s.converse([]string{"TERM=dumb"}, "config", "--yaml", "a")
	c.see("owns the YAML file")
	c.end(1)
	s.declare("", packBlock("a"))
	c = s.converse([]string{"TERM=dumb"}, "config", "--yaml", "a")
	c.see(" url: ")
	c.typing("one\ntwo\n")
	c.see("one⏎two⏎")
	c.typing("\r")
	c.talk("auth< :review", "s, e, q or d< s")
	if said := c.end(0); strings.Contains(said, "\x1b[?2004") {
		t.Errorf("it shows\n%s", said)
	}
	if got := s.read("root/configs/a.yaml"); got != "url: \"one\\ntwo\\n\"\n" {
		t.Errorf("the file is\n%s", got)
	}
}

func TestConfigNeedsATerminal(t *testing.T) {
	s := newConfigBox(t, packBlock("a"))
	for _, args := range [][]string{{"config", "a"}, {"config", "a", "--json"}} {
		code, said := s.run(args...)
		if code != 1 || !strings.Contains(said, "nobody to answer them") || !strings.Contains(said, "config = {") {
			t.Errorf("%v: exit code %d, it says %q", args, code, said)
		}
	}
	c := s.converse(nil, "--no-input", "config", "a")
	c.see("nobody to answer them")
	c.end(1)
}

func TestConfigOfWhatHasNone(t *testing.T) {
	s := newConfigBox(t, packBlock("a"))
	s.pack("plain", "1.0.0")
	s.declare("", packBlock("a"), packBlock("plain"), "pack \"many\" {\n  for_each = toset([\"x\"])\n  source = \"./sources/a\"\n}", "pack \"b\" {\n  source = \"./sources/a\"\n  config = merge({}, {})\n}")
	for ref, want := range map[string]string{
		"plain": "has no config.schema.yaml", "aa": "did you mean a?", "nowhere": "packsync import nowhere", "x": "for_each", "b": "it is an expression",
	} {
		c := s.converse(nil, "config", ref)
		said := c.end(1)
		if !strings.Contains(strings.Join(strings.Fields(said), " "), want) {
			t.Errorf("%s: it says %q, want %q", ref, said, want)
		}
	}
}
