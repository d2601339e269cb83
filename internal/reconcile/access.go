package reconcile

import (
	"strings"

	"github.com/packsync/packsync/internal/config"
	"github.com/packsync/packsync/internal/credential"
)

// logins is who we are to which host.
func logins(cfg *config.Config, opts Options) *credential.Set {
	var list []credential.Credential
	for _, c := range cfg.Credentials {
		list = append(list, credential.Credential{
			Host: c.Host, Username: c.Username, Token: c.Token, TokenFile: c.TokenFile, TokenEnv: c.TokenEnv,
			TokenCommand: c.TokenCommand, GitHelper: c.GitHelper, SSHKeyFile: c.SSHKeyFile, KnownHostsFile: c.KnownHostsFile,
		})
	}
	return credential.New(credential.Options{
		Credentials: list, NetrcFile: opts.NetrcFile, Environ: opts.Config.Environ, Dir: cfg.Dir,
	})
}

// hostCAFiles gives each host the authorities of its blocks. TLS begins before a
// path is known, so that those of a block for a path count for the whole host.
func hostCAFiles(credentials []config.Credential) map[string][]string {
	files := map[string][]string{}
	for _, c := range credentials {
		if c.CAFile != "" {
			host, _, _ := strings.Cut(c.Host, "/")
			files[host] = append(files[host], c.CAFile)
		}
	}
	return files
}
