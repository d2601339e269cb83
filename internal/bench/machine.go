package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
)

// machineInfo is what the figures were measured on.
type machineInfo struct {
	CPU       string `json:"cpu"`
	Cores     int    `json:"cores"`
	MemoryMiB int64  `json:"memory_mib"`
	Kernel    string `json:"kernel"`
	Go        string `json:"go"`
	Git       string `json:"git"`
	Terraform string `json:"terraform,omitempty"`
	// LoadBefore is the load average of the minute before: figures of a busy
	// machine are worth less, their ratios not quite as much less.
	LoadBefore float64 `json:"load_before"`
}

func (m machineInfo) String() string {
	text := fmt.Sprintf("%d × %s, %d MiB, Linux %s, %s, %s", m.Cores, m.CPU, m.MemoryMiB, m.Kernel, m.Go, m.Git)
	if m.Terraform != "" {
		text += ", " + m.Terraform
	}
	return fmt.Sprintf("%s, load %.2f before", text, m.LoadBefore)
}

func thisMachine() machineInfo {
	m := machineInfo{
		CPU: field("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU(), MemoryMiB: kib("MemTotal") >> 10, Go: runtime.Version(),
		Kernel: firstLine("uname", "-r"), Git: firstLine("git", "--version"), Terraform: firstLine("terraform", "version"),
	}
	if data, err := os.ReadFile("/proc/loadavg"); err == nil {
		load, _, _ := strings.Cut(string(data), " ")
		if m.LoadBefore, err = strconv.ParseFloat(load, 64); err != nil {
			m.LoadBefore = -1
		}
	}
	return m
}

// field returns the last value of a name in a file like /proc/cpuinfo.
func field(path, name string) string {
	found := "unknown"
	data, err := os.ReadFile(path)
	if err != nil {
		return found
	}
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			found = strings.TrimSpace(value)
		}
	}
	return found
}

func kib(name string) int64 {
	number, _, _ := strings.Cut(field("/proc/meminfo", name), " ")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func memoryAvailable() int64 { return kib("MemAvailable") << 10 }

// firstLine runs a program; "" if it is not there.
func firstLine(argv ...string) string {
	out, err := exec.Command(argv[0], argv[1:]...).Output()
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line)
}
