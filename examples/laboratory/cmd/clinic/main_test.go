package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/polyclinic-os/polyclinic/kernel/kerneltest/program"

	"example.net/laboratory/laboratory"
)

var clinicProgram program.Program

func TestMain(m *testing.M) {
	os.Exit(program.Test(m, ".", func(p program.Program) { clinicProgram = p }))
}

var reModule = regexp.MustCompile(`(?m)^\s+(\w+)\.Module\(`)

// The list here is the product's, and one line more.
func TestTheListIsTheProductsAndOneMore(t *testing.T) {
	names := func(file string) (out []string) {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range reModule.FindAllStringSubmatch(string(raw), -1) {
			out = append(out, m[1])
		}
		return out
	}
	want := append(names("../../../../main.go"), "laboratory")
	got := names("main.go")
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestTheClinicHasALaboratory(t *testing.T) {
	said, status := clinicProgram.Run(t, "modules")
	if status != 0 || !strings.Contains(said, "laboratory") {
		t.Fatalf("exit status %d\n%s", status, said)
	}
	dir := filepath.Join(t.TempDir(), "pb_data")
	s := clinicProgram.Serve(t, dir, "--demo")
	code, answer := s.Do(t, "POST", "/api/auth/login", "", fmt.Sprintf(`{"email":%q,"password":%q}`, "doctor@gmail.com", "doctor123$#"))
	var v struct{ Token string }
	if err := json.Unmarshal([]byte(answer), &v); err != nil || v.Token == "" {
		t.Fatalf("sign in: %d %s", code, answer)
	}
	code, answer = s.Do(t, "POST", "/api/laboratory/results/"+laboratory.CastResult+"/sign", v.Token, "{}")
	if code != http.StatusOK || !strings.Contains(answer, `"signedAt"`) {
		t.Errorf("sign: %d %s", code, answer)
	}
	code, answer = s.Do(t, "GET", "/api/openapi.json", "", "")
	if code != http.StatusOK || !strings.Contains(answer, "/api/laboratory/results/{id}/sign") {
		t.Errorf("the API document lacks the laboratory: %d", code)
	}
}
