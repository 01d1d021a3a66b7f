package bundle

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// File is a file to read.
type File struct {
	Path string
	Size int64 // bytes on disk, the whole of Reader.Progress
}

// Files returns the files that args stand for: files as they are, and of
// folders and theirs those named .json, .ndjson or .jsonl, each with or without
// .gz, or just .gz; nothing whose name starts with a dot. Each file comes once.
//
// Files that by their names define what others refer to come first
// (organizations, practitioners, then patients, encounters, the rest, bills),
// and within these by path. It is an order that saves work and memory, no
// promise: references may still run forward.
//
// What does not exist, a folder that cannot be read and one that has no such
// file is a problem, and the other files are returned all the same. The error
// says that there are no args.
func Files(args []string) (files []File, problems []*Problem, err error) {
	if len(args) == 0 {
		return nil, nil, errors.New("no files or folders given")
	}
	for _, arg := range args {
		found, bad := expand(arg)
		files, problems = append(files, found...), append(problems, bad...)
	}
	slices.SortFunc(files, func(a, b File) int {
		return cmp.Or(cmp.Compare(rank(a.Path), rank(b.Path)), cmp.Compare(a.Path, b.Path))
	})
	seen := map[string]bool{}
	return slices.DeleteFunc(files, func(f File) bool {
		path := realPath(f.Path)
		again := seen[path]
		seen[path] = true
		return again
	}), problems, nil
}

// realPath is the one path of a file that may be spelled in several ways.
func realPath(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return path
}

// expand returns the files that one argument stands for, and what of it cannot be had.
func expand(arg string) (files []File, problems []*Problem) {
	arg = filepath.Clean(arg)
	bad := func(path, reason string) {
		problems = append(problems, &Problem{File: path, Index: -1, Reason: reason})
	}
	info, err := os.Stat(arg)
	if err != nil {
		bad(arg, openReason(err))
		return nil, problems
	}
	if !info.IsDir() {
		return []File{{arg, info.Size()}}, nil
	}
	// The walk goes on past every problem, so it has no error of its own.
	_ = filepath.WalkDir(arg, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil: // a folder within, of which other files may still come
			bad(path, openReason(err))
			return nil
		case path == arg:
			return nil
		case strings.HasPrefix(d.Name(), ".") && d.IsDir():
			return fs.SkipDir
		case d.IsDir() || !isFHIR(d.Name()):
			return nil
		}
		info, err := os.Stat(path) // follows links, as opening will
		if err != nil {
			bad(path, openReason(err))
			return nil
		}
		if info.Mode().IsRegular() {
			files = append(files, File{path, info.Size()})
		}
		return nil
	})
	if len(files) == 0 && len(problems) == 0 {
		bad(arg, "no .json, .ndjson, .jsonl or .gz file in this folder")
	}
	return files, problems
}

// isFHIR reports whether a file of a folder is meant, by its name.
func isFHIR(name string) bool {
	if strings.HasPrefix(name, ".") {
		return false
	}
	stem, packed := strings.CutSuffix(strings.ToLower(name), ".gz")
	switch filepath.Ext(stem) {
	case ".json", ".ndjson", ".jsonl":
		return true
	case "":
		return packed // but not .csv.gz, .tar.gz
	}
	return false
}

// isLines reports whether a file has a document a line, by its name.
func isLines(name string) bool {
	ext := filepath.Ext(strings.TrimSuffix(strings.ToLower(name), ".gz"))
	return ext == ".ndjson" || ext == ".jsonl"
}

// ranks orders files by the first word of their names, as Synthea
// (hospitalInformation1559319163815.json) and bulk exports (Encounter.000.ndjson)
// write them. Other names, such as those of Synthea's patients, are restRank.
var ranks = map[string]int{
	"organization": 1, "hospital": 1, "hospitalinformation": 1, "location": 1, "payer": 1,
	"practitioner": 2, "practitionerinformation": 2, "medication": 2,
	"practitionerrole": 3,
	"patient":          4,
	"encounter":        5,
	"claim":            7, "explanationofbenefit": 8,
}

const restRank = 6

func rank(path string) int {
	name := strings.ToLower(filepath.Base(path))
	name = strings.TrimLeft(name, "0123456789._-")
	end := strings.IndexFunc(name, func(r rune) bool { return r < 'a' || r > 'z' })
	if end >= 0 {
		name = name[:end]
	}
	if at, known := ranks[strings.TrimSuffix(name, "s")]; known {
		return at
	}
	return restRank
}
