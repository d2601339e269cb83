package config

import (
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/packsync/packsync/internal/diag"
	"github.com/packsync/packsync/internal/pack"
)

// What StackStorm's packages set up.
const (
	defaultRoot        = "/opt/stackstorm"
	defaultGroup       = "st2packs"
	defaultConfigUser  = "root"
	defaultConfigGroup = "st2"
	defaultConf        = "/etc/st2/st2.conf"
)

func (l *loader) decodeHost() {
	b, declared := l.single("stackstorm")
	if !declared {
		b = block{l: l, body: &hclsyntax.Body{}, scope: l.scope, what: "stackstorm block"}
	}
	h := &l.cfg.Host
	l.conf = b.readST2Conf()
	h.Root = b.pathOr("root", l.conf.rootOr(defaultRoot))
	below := func(name string) string {
		if h.Root == "" {
			return ""
		}
		return filepath.Join(h.Root, name)
	}
	h.PacksDir = b.pathOr("packs_dir", below("packs"))
	h.ConfigsDir = b.pathOr("configs_dir", below("configs"))
	h.VirtualenvsDir = b.pathOr("virtualenvs_dir", below("virtualenvs"))
	h.OverridesDir = b.pathOr("overrides_dir", below("overrides"))
	h.Group = b.textOr("group", l.conf.groupOr(defaultGroup))
	h.ConfigUser = b.textOr("config_user", defaultConfigUser)
	h.ConfigGroup = b.textOr("config_group", defaultConfigGroup)
	h.OnDrift = b.onDrift()
	h.Mode = b.mode()
	h.Keep = b.keep()
	h.Purge = b.purge()
	h.NewContent = b.newContent()
	h.Overrides = l.decodeOverrides(b.body.Blocks, l.scope)
	h.Python, _ = b.path("python")
	h.Version = b.stackstormVersion()
	h.Registration = Registration{Kind: RegisterNone}
	l.cfg.BasePaths = []BasePath{{Name: pack.DefaultBasePath, Path: h.PacksDir}}
	for _, stackstorm := range l.blocks["stackstorm"] {
		for _, inner := range stackstorm.Body.Blocks {
			if inner.Type == "registration" && len(inner.Labels) == 1 && l.once("block registration", "", inner.DefRange()) {
				l.decodeRegistration(inner)
			}
		}
	}
	l.decodeBasePaths()
	l.addST2BasePaths()
}

// pathOr is path with a value for an argument that is absent; one that is present
// but not usable gives "".
func (b block) pathOr(name, absent string) string {
	if path, ok := b.path(name); ok || b.given(name) {
		return path
	}
	return absent
}

func (b block) textOr(name, absent string) string {
	if text, ok := b.text(name, textAny); ok || b.given(name) {
		return text
	}
	return absent
}

// given tells whether an argument is present and not null.
func (b block) given(name string) bool {
	_, _, ok := b.value(name)
	return ok
}

// registrationArguments lists what belongs to which kind of registration.
var registrationArguments = map[RegistrationKind][]string{
	RegisterAPI:     {"url", "api_key", "token", "ca_file"},
	RegisterCommand: {"command", "config_file"},
	RegisterNone:    {},
}

func (l *loader) decodeRegistration(inner *hclsyntax.Block) {
	kind := RegistrationKind(inner.Labels[0])
	arguments, known := registrationArguments[kind]
	if !known {
		l.error(inner.LabelRanges[0], "Unknown registration", "Registration is \"api\", \"command\" or \"none\".%s",
			didYouMean(inner.Labels[0], []string{"api", "command", "none"}))
		return
	}
	for _, attr := range sortedAttributes(inner.Body) {
		for other, theirs := range registrationArguments {
			if slices.Contains(theirs, attr.Name) && !slices.Contains(arguments, attr.Name) {
				l.error(attr.NameRange, "Unsupported argument", "The argument %q belongs to registration %q, and this is registration %q.", attr.Name, other, kind)
			}
		}
	}
	scope := l.scope
	scope.secret = true
	b := block{l: l, body: inner.Body, scope: scope, what: "registration block"}
	r := Registration{Kind: kind, Declared: true}
	switch kind {
	case RegisterAPI:
		b.decodeAPI(&r, inner.DefRange())
	case RegisterCommand:
		r.Command = b.texts("command")
		if slices.ContainsFunc(r.Command, func(arg string) bool { return filepath.Base(arg) == "st2ctl" }) {
			l.error(b.body.Attributes["command"].Expr.Range(), "Unusable command", "st2ctl registers all packs at once and stops at the first that is broken, whoever that belongs to. "+
				"Name the command that it calls itself and that takes one pack: st2-register-content (in StackStorm's packages /opt/stackstorm/st2/bin/st2-register-content).")
		}
		r.ConfigFile = b.pathOr("config_file", defaultConf)
	}
	l.cfg.Host.Registration = r
}

func (b block) decodeAPI(r *Registration, at diag.Range) {
	if !b.given("url") {
		b.l.error(at, "Missing argument", "Registration \"api\" needs the argument \"url\": what /v1 is appended to, for example \"https://st2.example.com/api\".")
	}
	if text, ok := b.text("url", textNonEmpty); ok {
		if problem := apiURLProblem(text); problem != "" {
			b.l.error(b.body.Attributes["url"].Expr.Range(), "Invalid URL", "The url of registration \"api\" %s. It looks like \"https://st2.example.com/api\".", problem)
		}
		r.URL = strings.TrimRight(text, "/")
	}
	b.both("api_key", "token", "StackStorm takes one of them")
	r.APIKey, _ = b.secret("api_key")
	r.Token, _ = b.secret("token")
	r.CAFile, _ = b.path("ca_file")
}

// apiURLProblem says what is wrong with a URL, without quoting it: it may hold a
// password.
func apiURLProblem(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "is not a URL"
	case u.User != nil:
		return "must not hold a user or password: use api_key or token"
	case u.Scheme != "https" && u.Scheme != "http":
		return "must begin with https:// or http://"
	case u.Hostname() == "":
		return "names no host"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "must not have a query or fragment"
	case strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/v1"):
		return "must not end in /v1, which is appended"
	}
	return ""
}

func (l *loader) decodeBasePaths() {
	for _, inner := range l.blocks["base_path"] {
		name, at := inner.Labels[0], inner.LabelRanges[0]
		if name == pack.DefaultBasePath {
			l.error(at, "Reserved name", "The base path %q is <root>/packs and always there. Set packs_dir in the stackstorm block to move it.", name)
			continue
		}
		if !l.checkName(name, "a base path", at) || !l.once("base path", name, inner.DefRange()) {
			continue
		}
		b := block{l: l, body: inner.Body, scope: l.scope, what: "base_path block"}
		path, _ := b.path("path")
		l.cfg.BasePaths = append(l.cfg.BasePaths, BasePath{Name: name, Path: path})
	}
}

// directory is one of the directories that must not lie in each other.
type directory struct {
	what, path string
	at         diag.Range
}

// checkDirectories refuses directories that are equal or lie in each other: what
// StackStorm finds below one would be taken for a pack, or be swapped away with one.
func (l *loader) checkDirectories() {
	h := l.cfg.Host
	all := []directory{
		{"packs_dir", h.PacksDir, l.hostPlace("packs_dir")}, {"configs_dir", h.ConfigsDir, l.hostPlace("configs_dir")},
		{"virtualenvs_dir", h.VirtualenvsDir, l.hostPlace("virtualenvs_dir")}, {"overrides_dir", h.OverridesDir, l.hostPlace("overrides_dir")},
	}
	for _, b := range l.cfg.BasePaths[1:] {
		all = append(all, directory{"base path " + quoted(b.Name), b.Path, l.places["base path "+b.Name]})
	}
	for i, later := range all {
		for _, earlier := range all[:i] {
			switch {
			case later.path == "" || earlier.path == "":
			case later.path == earlier.path:
				l.error(later.at, "Same directory twice", "%s is the same directory as %s.", capital(later.what), earlier.what)
			case within(later.path, earlier.path):
				l.error(later.at, "Directories in each other", "%s lies in %s.", capital(later.what), earlier.what)
			case within(earlier.path, later.path):
				l.error(later.at, "Directories in each other", "%s lies in %s.", capital(earlier.what), later.what)
			}
		}
	}
}

// hostNames tells whether the stackstorm block has an argument.
func (l *loader) hostNames(argument string) bool {
	for _, b := range l.blocks["stackstorm"] {
		if b.Body.Attributes[argument] != nil {
			return true
		}
	}
	return false
}

// hostPlace is where a path of the stackstorm block comes from.
func (l *loader) hostPlace(argument string) diag.Range {
	if len(l.blocks["stackstorm"]) == 0 {
		return diag.Range{}
	}
	first := l.blocks["stackstorm"][0]
	if attr := first.Body.Attributes[argument]; attr != nil {
		return attr.Expr.Range()
	}
	return first.DefRange()
}

func within(inner, outer string) bool {
	return strings.HasPrefix(inner, strings.TrimSuffix(outer, "/")+"/")
}
