// Command ltxbench runs the Go module superfly/ltx for the benchmark beside it.
//
//	ltxbench encode LTX DB      ltxbench decode DB LTX      ltxbench merge LTX INPUT...
//	ltxbench verify LTX...      ltxbench version
//
// encode, decode and merge run once for every line read from stdin and answer each with one line of JSON;
// at the end of stdin they print what the process used in all.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/superfly/ltx"

	"ltxbench/internal/serve"
)

// bufferSize is what one read or write to a file moves: the module itself asks for 6 bytes at a time.
const bufferSize = 256 << 10

// mergeBufferSize is the read buffer of one input of a merge.
const mergeBufferSize = 64 << 10

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "ltxbench:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("usage: ltxbench encode|decode|merge|verify|version FILE...")
	}
	command, files := args[0], args[1:]
	switch {
	case command == "encode" && len(files) == 2:
		return serve.Runs(func() error { return encode(files[1], files[0]) })
	case command == "decode" && len(files) == 2:
		return serve.Runs(func() error { return decode(files[1], files[0]) })
	case command == "merge" && len(files) >= 2:
		return serve.Runs(func() error { return merge(files[0], files[1:]) })
	case command == "verify" && len(files) >= 1:
		return verify(files)
	case command == "version":
		return serve.Version()
	}
	return fmt.Errorf("cannot run %q with %d files", command, len(files))
}

func encode(dbPath, ltxPath string) error {
	db, err := os.Open(dbPath)
	if err != nil {
		return err
	}
	defer db.Close()
	info, err := db.Stat()
	if err != nil {
		return err
	}
	r := bufio.NewReaderSize(db, bufferSize)
	pageSize, err := pageSizeOf(r)
	if err != nil {
		return err
	}
	commit := uint32(info.Size() / int64(pageSize))
	return writeFile(ltxPath, func(w io.Writer) error {
		enc, err := ltx.NewEncoder(w)
		if err != nil {
			return err
		}
		if err := enc.EncodeHeader(ltx.Header{
			Version: ltx.Version, Flags: ltx.HeaderFlagNoChecksum, PageSize: pageSize, Commit: commit,
			MinTXID: 1, MaxTXID: 1, Timestamp: 1_700_000_000_000,
		}); err != nil {
			return err
		}
		lockPgno := ltx.LockPgno(pageSize)
		page := make([]byte, pageSize)
		for pgno := uint32(1); pgno <= commit; pgno++ {
			if _, err := io.ReadFull(r, page); err != nil {
				return err
			}
			if pgno == lockPgno {
				continue
			}
			if err := enc.EncodePage(ltx.PageHeader{Pgno: pgno}, page); err != nil {
				return err
			}
		}
		return enc.Close()
	})
}

// pageSizeOf reads the page size out of the SQLite header without consuming it.
func pageSizeOf(r *bufio.Reader) (uint32, error) {
	header, err := r.Peek(18)
	if err != nil {
		return 0, err
	}
	size := uint32(header[16])<<8 | uint32(header[17])
	if size == 1 {
		size = 65536
	}
	return size, nil
}

func decode(ltxPath, dbPath string) error {
	f, err := os.Open(ltxPath)
	if err != nil {
		return err
	}
	defer f.Close()
	return writeFile(dbPath, func(w io.Writer) error {
		return ltx.NewDecoder(bufio.NewReaderSize(f, bufferSize)).DecodeDatabaseTo(w)
	})
}

func merge(outPath string, inputs []string) error {
	readers := make([]io.Reader, 0, len(inputs))
	for _, input := range inputs {
		f, err := os.Open(input)
		if err != nil {
			return err
		}
		defer f.Close()
		readers = append(readers, bufio.NewReaderSize(f, mergeBufferSize))
	}
	return writeFile(outPath, func(w io.Writer) error {
		compactor, err := ltx.NewCompactor(w, readers)
		if err != nil {
			return err
		}
		compactor.HeaderFlags = ltx.HeaderFlagNoChecksum
		return compactor.Compact(context.Background())
	})
}

func verify(paths []string) error {
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		err = ltx.NewDecoder(bufio.NewReaderSize(f, bufferSize)).Verify()
		f.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// writeFile replaces path by what write writes, through a buffer.
func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, bufferSize)
	if err := write(w); err != nil {
		f.Close()
		return err
	}
	if err := w.Flush(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
