package view

import "fmt"

// Bytes writes a size as people read it: "512 bytes", "1.4 MiB".
func Bytes(n int64) string {
	if n < 1024 {
		return plural(int(n), "byte", "bytes")
	}
	size, unit := float64(n)/1024, 0
	for size >= 1024 && unit < 3 {
		size, unit = size/1024, unit+1
	}
	return fmt.Sprintf("%.1f %s", size, [...]string{"KiB", "MiB", "GiB", "TiB"}[unit])
}
