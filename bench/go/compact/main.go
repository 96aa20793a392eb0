// Command compact runs upstream's compactor, without the daemon around it, for the benchmark beside it.
//
//	compact REPLICA      compact version
//
// It compacts level 0 of the replica in a directory into level 1, once for every line read from stdin.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/benbjohnson/litestream"
	"github.com/benbjohnson/litestream/file"

	"ltxbench/internal/serve"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "compact:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: compact REPLICA|version")
	}
	if args[0] == "version" {
		return serve.Version()
	}
	compactor := litestream.NewCompactor(file.NewReplicaClient(args[0]), nil)
	return serve.Runs(func() error {
		_, err := compactor.Compact(context.Background(), 1)
		return err
	})
}
