// Package serve is what the programs of this benchmark have in common: they repeat one operation on request and measure themselves.
package serve

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
)

// Runs runs work once per line of stdin.
func Runs(work func() error) error {
	out := json.NewEncoder(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		cpuBefore := cpuTime()
		start := time.Now()
		if err := work(); err != nil {
			return err
		}
		elapsed := time.Since(start)
		cpuUsed := cpuTime() - cpuBefore
		if err := out.Encode(map[string]float64{"wallMs": milliseconds(elapsed), "cpuMs": milliseconds(cpuUsed)}); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return out.Encode(map[string]int64{"peakRssBytes": peakRSS()})
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// cpuTime returns the CPU time of this process so far.
func cpuTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// peakRSS returns the largest resident set of this process in bytes, 0 where the kernel does not tell.
// The maximum in rusage would not do: it starts at what the parent had when it forked.
func peakRSS() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for _, line := range strings.Split(string(status), "\n") {
		var kib int64
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kib); err == nil {
			return kib * 1024
		}
	}
	return 0
}

// Version prints the versions of Go and of every module in the program, as one line of JSON.
func Version() error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return errors.New("built without module information")
	}
	versions := map[string]string{"go": info.GoVersion}
	for _, dependency := range info.Deps {
		versions[dependency.Path] = dependency.Version
	}
	return json.NewEncoder(os.Stdout).Encode(versions)
}
