package reconcile

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/credential"
	"github.com/packsync/packsync/internal/transport"
)

// logins is who we are to which host.
func logins(cfg *config.Config, opts Options) *credential.Set {
	var list []credential.Credential
	for _, c := range cfg.Credentials {
		list = append(list, credential.Credential{
			Host: c.Host, Username: c.Username, Token: c.Token, TokenFile: c.TokenFile, TokenEnv: c.TokenEnv,
			TokenCommand: c.TokenCommand, GitHelper: c.GitHelper, SSHKeyFile: c.SSHKeyFile, KnownHostsFile: c.KnownHostsFile,
			Unknown: c.Unknown,
		})
	}
	return credential.New(credential.Options{
		Credentials: list, NetrcFile: opts.NetrcFile, Environ: opts.Config.Environ, HiddenEnv: cfg.SecretEnv, Dir: cfg.Dir,
	})
}

// mostSecret bounds what the command of a variable may print: as much as a file
// of a variable may hold.
const mostSecret = 1 << 20

// runCommands lets the declaration run the commands of its variables.
func runCommands(ctx context.Context, environ []string) func(config.Command) ([]byte, error) {
	return func(c config.Command) ([]byte, error) {
		out, err := credential.Run(ctx, credential.Command{
			Argv: c.Argv, Dir: c.Dir, Environ: credential.ChildEnviron(environ, c.HiddenEnv), Most: mostSecret,
		})
		var failed *credential.RunError
		if errors.As(err, &failed) {
			return nil, &config.CommandError{Problem: failed.Problem, Stderr: failed.Stderr}
		}
		return out, err
	}
}

// forEdit is the request to judge an edit of a declaration that was read already:
// it needs no secret.
func forEdit(opts Options) config.Request {
	request := opts.Config
	request.Mode = config.Partial
	return request
}

// wayOut is how HTTP leaves this host: as the network block says, else as the
// environment does.
func wayOut(cfg *config.Config, opts Options) transport.Options {
	n := cfg.Network
	return transport.Options{
		HTTPProxy: n.HTTPProxy, HTTPSProxy: n.HTTPSProxy, NoProxy: n.NoProxy,
		CAFile: caFile(cfg, opts), CAFiles: hostCAFiles(cfg, opts.Config.Mode), UserAgent: "packsync/" + opts.Version,
	}
}

// caFile names the authorities that are trusted beside the system's: those of the
// network block, else those that StackStorm's own variable names.
func caFile(cfg *config.Config, opts Options) string {
	if cfg.Network.CAFile != "" {
		return cfg.Network.CAFile
	}
	for _, entry := range opts.Config.Environ {
		if value, ok := strings.CutPrefix(entry, "proxy_ca_bundle_path="); ok {
			return value
		}
	}
	return ""
}

// hostCAFiles gives each host the authorities of its blocks. TLS begins before a
// path is known, so that those of a block for a path count for the whole host.
func hostCAFiles(cfg *config.Config, mode config.Mode) map[string][]string {
	files := map[string][]string{}
	for _, c := range cfg.Credentials {
		if c.CAFile != "" {
			host, _, _ := strings.Cut(c.Host, "/")
			files[host] = append(files[host], c.CAFile)
		}
	}
	// The file of the API need not exist where a lock is made.
	if r := cfg.Host.Registration; r.CAFile != "" && mode == config.Full {
		if u, err := url.Parse(r.URL); err == nil { // config has judged it
			host := strings.ToLower(u.Host)
			files[host] = append(files[host], r.CAFile)
		}
	}
	return files
}
