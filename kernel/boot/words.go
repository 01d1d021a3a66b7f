package boot

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"strings"
	"syscall"
)

// explain puts what a clinic without an IT person will meet into words. dir is the data folder.
func explain(err error, dir string) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	said := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(text, p) {
				return true
			}
		}
		return false
	}
	var network *net.OpError
	listens := errors.As(err, &network) && network.Op == "listen"
	var path *fs.PathError
	flag := "--http"
	if said("the dashboard's address") {
		flag = "--dashboard"
	}
	switch {
	case errors.Is(err, syscall.EADDRINUSE) || said("address already in use"):
		return fmt.Errorf("the port is taken: another program, perhaps another Polyclinic, is listening there. End it or choose another with %s 127.0.0.1:PORT (%w)", flag, err)
	case listens && errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("this account may not listen on that port: ports below 1024 are the system's. Choose another with %s 127.0.0.1:PORT (%w)", flag, err)
	case listens:
		return fmt.Errorf("the server cannot listen there: is the address in %s one of this machine? (%w)", flag, err)
	case network != nil && network.Op == "dial": // such as an S3
		return fmt.Errorf("%s cannot be reached: is the address right, and the network there? (%w)", network.Addr, err)
	case errors.Is(err, syscall.ENOSPC) && errors.As(err, &path) && elsewhere(path.Path, dir):
		return fmt.Errorf("the disk of %s is full: make room there, or name another place (%w)", filepath.Dir(path.Path), err)
	case said("no space left on device", "database or disk is full"):
		return fmt.Errorf("the disk of the data folder %s is full: make room and start again (%w)", dir, err)
	case said("file is not a database", "database disk image is malformed"):
		return fmt.Errorf("the database in %s is damaged: restore a backup (%w)", dir, err)
	case errors.As(err, &path) && (errors.Is(err, fs.ErrPermission) || path.Op == "mkdir") && elsewhere(path.Path, dir):
		return fmt.Errorf("%s cannot be read, made or written: let the account that runs Polyclinic have it, or name another in the argument or setting that it comes from, such as POLYCLINIC_AUDIT_DIR (%w)", path.Path, err)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("the data folder %s cannot be written: it is a file, or lies in one. Choose another with --dir (%w)", dir, err)
	case errors.Is(err, fs.ErrPermission) || said("permission denied", "read-only", "readonly", "unable to open database file"):
		return fmt.Errorf("the data folder %s cannot be written: let the account that runs Polyclinic own it, or choose another with --dir (%w)", dir, err)
	case errors.As(err, &path) && path.Op == "mkdir": // where the system lets nobody make a folder
		return fmt.Errorf("the data folder %s cannot be made there: choose another with --dir (%w)", dir, err)
	}
	return err
}

// elsewhere reports whether a path is neither in the data folder nor above it.
func elsewhere(path, dir string) bool {
	path, err := filepath.Abs(path)
	dir, errDir := filepath.Abs(dir)
	if err != nil || errDir != nil {
		return false
	}
	within := func(of, folder string) bool {
		rel, err := filepath.Rel(folder, of)
		return err == nil && filepath.IsLocal(rel)
	}
	return !within(path, dir) && !within(dir, path)
}
