package postgrestest_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/polyclinic-os/polyclinic/modules/analytics/postgrestest"
)

var postgres postgrestest.Shared

func TestMain(m *testing.M) { os.Exit(postgres.Run(m)) }

func number(t *testing.T, url, sql string) (n int) {
	t.Helper()
	if err := postgrestest.Connect(t, url).QueryRow(context.Background(), sql).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestKilledServerKeepsWhatItAcknowledged(t *testing.T) {
	s := postgrestest.Start(t)
	url := s.Database(t)
	s.Exec(t, url, "CREATE TABLE kept (n int)")
	for range 20 {
		s.Exec(t, url, "INSERT INTO kept VALUES (1)")
	}
	s.Kill(t)
	if c, err := pgx.Connect(context.Background(), url); err == nil {
		t.Fatalf("a killed server took a connection: %v", c)
	}
	s.Restart(t)
	if n := number(t, url, "SELECT count(*) FROM kept"); n != 20 {
		t.Errorf("got %d rows, want 20", n)
	}
}

func TestFolderPutBack(t *testing.T) {
	s := postgrestest.Start(t)
	url := s.Database(t)
	s.Exec(t, url, "CREATE TABLE kept (n int)")
	s.Stop(t)
	old := s.Copy(t)
	s.Restart(t)
	s.Exec(t, url, "INSERT INTO kept VALUES (1)")
	s.Stop(t)
	s.PutBack(t, old)
	s.Restart(t)
	if n := number(t, url, "SELECT count(*) FROM kept"); n != 0 {
		t.Errorf("got %d rows, want none", n)
	}
}

func TestFrozenServerAnswersAfterThaw(t *testing.T) {
	s := postgrestest.Start(t)
	c := postgrestest.Connect(t, s.URL("postgres"))
	s.Freeze()
	answered := make(chan error, 1)
	go func() { _, err := c.Exec(context.Background(), "SELECT 1"); answered <- err }()
	select {
	case err := <-answered:
		t.Fatalf("a frozen server answered: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	s.Thaw()
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

func TestProxyCutsAndMends(t *testing.T) {
	s := postgres.Server(t)
	p := postgrestest.NewProxy(t, s.Address())
	url := s.Via(s.Database(t), p.Address())
	c := postgrestest.Connect(t, url)
	p.CutAfter(10)
	if _, err := c.Exec(context.Background(), "SELECT repeat('x', 100)"); err == nil {
		t.Error("a statement got through a network that was cut in the middle of it")
	}
	if _, err := pgx.Connect(context.Background(), url); err == nil {
		t.Error("connected through a network that is cut")
	}
	p.Mend()
	if n := number(t, url, "SELECT 7"); n != 7 {
		t.Errorf("got %d, want 7", n)
	}
}

func TestProxyHolds(t *testing.T) {
	s := postgres.Server(t)
	p := postgrestest.NewProxy(t, s.Address())
	c := postgrestest.Connect(t, s.Via(s.URL("postgres"), p.Address()))
	p.Hold()
	answered := make(chan error, 1)
	go func() { _, err := c.Exec(context.Background(), "SELECT 1"); answered <- err }()
	select {
	case err := <-answered:
		t.Fatalf("an answer came through a network that is held: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	p.Resume()
	if err := <-answered; err != nil {
		t.Error(err)
	}
}
