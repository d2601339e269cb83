package cli

import "github.com/spf13/cobra"

// Tree returns the commands with their flags and texts, for documentation. They
// have no process behind them and are not for running.
func Tree() *cobra.Command { return newRoot(&app{}) }
