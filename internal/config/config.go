// Package config reads packs.hcl: the declaration becomes a Config, or a list of
// diagnostics that point into the files (design.md 3).
//
// It is not for looking at the host or the network: it reads the declaration, the
// files that it names, and the variables it is given, and nothing else.
package config

import (
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/packsync/packsync/internal/pack"
)

// Config is a declaration that was read and checked. Everything in it is
// resolved: variables are replaced, for_each is expanded, relative paths are
// absolute. It is plain data; nobody changes it after Load.
type Config struct {
	Name        string // packsync.name; "" if not set
	Dir         string // absolute directory of the declaration
	Host        Host
	BasePaths   []BasePath // the default one first, then in the order declared
	Indexes     []Index    // in the order declared: the first wins per pack
	Network     Network
	Rewrites    pack.Rewrites
	Credentials []Credential
	Packs       []Pack          // sorted by ref
	AutoApprove *AutoApprove    // nil: there is no such block
	Accepts     []Accept        // in the order declared
	Variables   map[string]bool // those that are declared: whether they are sensitive
	Inputs      []Input
	SecretEnv   []string // names of environment variables that secrets are taken from, sorted: no child needs them
}

// Host is the stackstorm block: where StackStorm lives on this host.
type Host struct {
	Root           string // absolute, default /opt/stackstorm
	PacksDir       string // default <root>/packs; the default base path
	ConfigsDir     string
	VirtualenvsDir string
	OverridesDir   string
	Group          string // group of installed files; "" leaves it alone; default st2packs
	ConfigUser     string // default root
	ConfigGroup    string // default st2
	OnDrift        OnDrift
	Mode           FileMode
	Purge          Purge
	Keep           int    // displaced generations that are kept of each pack: 1 to 100, default 2
	Python         string // absolute interpreter for virtualenvs; "" for StackStorm's, else python3
	Version        string // of StackStorm, X.Y.Z, as declared; "" lets it be looked up on the host
	Registration   Registration
	Overrides      *Overrides // of all packs: only defaults; nil if there is no such block
	NewContent     NewContent
}

// OnDrift says what is to happen to a pack or config that a person edited. The
// zero OnDrift leaves it to the host, and there it means DriftStop.
type OnDrift string

// The policies.
const (
	DriftStop   OnDrift = "stop"
	DriftRepair OnDrift = "repair"
	DriftLeave  OnDrift = "leave"
)

// RegistrationKind tells how StackStorm is told what changed.
type RegistrationKind string

// The kinds of registration. Without a registration block it is RegisterNone.
const (
	RegisterAPI     RegistrationKind = "api"
	RegisterCommand RegistrationKind = "command"
	RegisterNone    RegistrationKind = "none"
)

// Registration is the registration block, or what stands for its absence.
type Registration struct {
	Kind   RegistrationKind
	URL    string      // api: what /v1 is appended to, without trailing slash
	APIKey pack.Secret // api: at most one of APIKey and Token
	Token  pack.Secret
	CAFile string // api: added to the system roots; absolute
	// command: argv prefix of st2-register-content; empty means it is found on
	// PATH or where StackStorm's packages put it. Never st2ctl.
	Command    []string
	ConfigFile string // command: st2.conf given to it; default /etc/st2/st2.conf
	Declared   bool   // there is a registration block
}

// BasePath is a directory that StackStorm searches for packs.
type BasePath struct {
	Name string
	Path string // absolute
}

// Index is a pack index: a JSON document that names where packs come from.
type Index struct {
	Name string
	URL  string // https, file, or http to a loopback address
	// Optional lets the indexes after it answer while it cannot be read, although
	// it might name another repository: for a mirror that is asked first.
	Optional bool
}

// Network is the network block. Empty fields default to the environment.
type Network struct {
	HTTPProxy  pack.Secret // may carry a user and password
	HTTPSProxy pack.Secret
	NoProxy    string
	CAFile     string // absolute
}

// Credential is a credentials block: how to authenticate to one host.
type Credential struct {
	Host           string // HOST or HOST/PREFIX
	Username       string
	Token          pack.Secret
	TokenFile      string   // absolute
	TokenEnv       string   // name of an environment variable
	TokenCommand   []string // argv; runs in the declaration's directory
	GitHelper      bool     // ask git's own credential helpers
	SSHKeyFile     string   // absolute
	KnownHostsFile string   // absolute
	CAFile         string   // absolute
	// Unknown tells that one of the values is not known because a variable has
	// none; only in the partial mode.
	Unknown bool
	Range   hcl.Range
}

// Pack is one declared pack, for_each expanded.
type Pack struct {
	Ref        pack.Ref
	ShortName  string      // looked up in the indexes; "" if Source is declared
	Source     pack.Source // only its Limits are set if ShortName is
	SourceText string      // as written, for a directory the path that the lock records
	Selector   pack.Selector
	BasePath   string // name of a BasePath
	Config     *PackConfig
	Virtualenv bool
	Python     Python
	OnDrift    OnDrift
	Mode       FileMode
	Replace    bool       // an unmanaged directory in the way is replaced, the old one goes to pen/
	DependsOn  []pack.Ref // sorted
	Purge      Purge
	Protect    []string // refs of objects that are never purged; one that ends in * is all that begin alike
	// PurgeConfig: the config file goes when the pack is removed.
	PurgeConfig bool
	Overrides   *Overrides // nil if there is no such block
	NewContent  NewContent

	Range         hcl.Range // the block's header
	SourceRange   hcl.Range
	SelectorRange hcl.Range
}

// Python is the python block of a pack: how its virtualenv is built.
type Python struct {
	BuildUser  string        // whom pip runs as if packsync is root; "" for nobody
	OnlyBinary bool          // only wheels: nothing of a package runs at build time
	Timeout    time.Duration // 0 for the default
}

// PackConfig is the config that a pack block declares: either values or a file
// that is copied byte for byte.
type PackConfig struct {
	// Values is nil for a file. It holds map[string]any, []any, string, bool, int64,
	// *big.Int, float64, nil in lists only, and pack.Secret around any of them.
	Values map[string]any
	File   string // absolute path of config_file, "" for values
	Bytes  []byte // content of File
	// Unknown tells that a value is not known because a variable has none; only
	// in the partial mode of validate and lock. In Values it is left
	// out of a map, and nil in a list.
	Unknown bool
	// Keys are the keys at the first level, sorted, also those whose values are not
	// known; nil for a file.
	Keys  []string
	Range hcl.Range // the name of the argument

	find func(path []string) hcl.Range // nil for a file; see KeyRange
}

// Input is a file whose bytes made this Config what it is: declaration files,
// var files and the files they name. The desired digest covers them.
type Input struct {
	Path  string // relative to Config.Dir where it lies below, else absolute
	Bytes []byte
}
