package postgrestest

import (
	"fmt"
	"path/filepath"
	"testing"
)

// OnSmallDisk starts a server that has one database, on a disk of its own of so many MB, and
// returns the database's URL. The disk can be filled to its end and is nobody else's.
func OnSmallDisk(tb testing.TB, megabytes int) (*Server, string) {
	tb.Helper()
	s, err := start(megabytes, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.remove)
	s.Exec(tb, s.URL("postgres"), "CREATE TABLESPACE small LOCATION '"+s.smallDir()+"'", "CREATE DATABASE small TABLESPACE small")
	return s, s.URL("small")
}

// smallDir is seen as a disk by the server alone.
func (s *Server) smallDir() string { return filepath.Join(s.dir, "small") }

// onSmallDisk is what a command line begins with to run where dir is a disk of its own: in a
// namespace of its mounts, which needs no rights, and in it as somebody who is not root, as
// PostgreSQL wants it.
func onSmallDisk(dir string, megabytes int) []string {
	const mount = `mkdir -p "$1" && mount -t tmpfs -o mode=0700,size="$0" tmpfs "$1" && shift && exec unshare --user --map-user=1 --map-group=1 -- "$@"`
	return []string{"unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, fmt.Sprintf("%dm", megabytes), dir}
}

// Fill writes to the database's disk until there is no room, into a table; Empty makes room again.
func (s *Server) Fill(tb testing.TB, url string) {
	tb.Helper()
	s.Exec(tb, url, "CREATE TABLE filler (x text)", "ALTER TABLE filler ALTER x SET STORAGE PLAIN", `DO $$ BEGIN
		LOOP
			BEGIN
				INSERT INTO filler SELECT repeat('x', 7000) FROM generate_series(1, 100);
			EXCEPTION WHEN disk_full THEN EXIT;
			END;
		END LOOP;
		LOOP
			BEGIN
				INSERT INTO filler VALUES (repeat('x', 7000));
			EXCEPTION WHEN disk_full THEN EXIT;
			END;
		END LOOP; END $$`)
}

// Empty drops what Fill made.
func (s *Server) Empty(tb testing.TB, url string) {
	tb.Helper()
	s.Exec(tb, url, "DROP TABLE filler", "CHECKPOINT")
}
