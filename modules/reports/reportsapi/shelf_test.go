package reportsapi_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

func TestShelfReadsWhatChanged(t *testing.T) {
	rows := map[string][]int{"a": {1}, "b": {2, 3}, "c": {}, "d": {4}}
	var read []string
	load := func(first, last string, add func(string, int)) error {
		read = append(read, first+"-"+last)
		for period, list := range rows {
			for _, n := range list {
				if period >= first && period <= last {
					add(period, n)
				}
			}
		}
		return nil
	}
	var shelf reportsapi.Shelf[int]
	get := func(stamps []reportsapi.Stamp, wantRead ...string) {
		t.Helper()
		read = nil
		got, err := shelf.Get(stamps, load)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range stamps {
			if !slices.Equal(got[i], rows[s.Period]) {
				t.Errorf("%s: got %v, want %v", s.Period, got[i], rows[s.Period])
			}
		}
		if !slices.Equal(read, wantRead) {
			t.Errorf("read %v, want %v", read, wantRead)
		}
	}
	get([]reportsapi.Stamp{{"b", 1}, {"c", 1}}, "b-c")
	get([]reportsapi.Stamp{{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}}, "a-a", "d-d")
	get([]reportsapi.Stamp{{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}})
	rows["c"] = []int{9}
	get([]reportsapi.Stamp{{"a", 1}, {"b", 1}, {"c", 2}, {"d", 1}}, "c-c")
	rows["a"] = nil
	get([]reportsapi.Stamp{{"a", 7}, {"b", 1}}, "a-a")
}

func TestShelfKeepsNothingOfAFailedRead(t *testing.T) {
	var shelf reportsapi.Shelf[int]
	stamps := []reportsapi.Stamp{{"a", 1}}
	broken := errors.New("broken")
	if _, err := shelf.Get(stamps, func(_, _ string, add func(string, int)) error { add("a", 1); return broken }); !errors.Is(err, broken) {
		t.Fatalf("got %v, want %v", err, broken)
	}
	got, err := shelf.Get(stamps, func(_, _ string, add func(string, int)) error { add("a", 2); return nil })
	if err != nil || !slices.Equal(got[0], []int{2}) {
		t.Errorf("got %v %v, want [2]", got, err)
	}
}

func TestShelfKeepsNoMoreThanMax(t *testing.T) {
	read := 0
	load := func(first, last string, add func(string, int)) error {
		for _, period := range []string{"a", "b", "c", "d"} {
			if period >= first && period <= last {
				add(period, 1)
				add(period, 2)
				read++
			}
		}
		return nil
	}
	shelf := reportsapi.Shelf[int]{Max: 4}
	for _, c := range []struct {
		ask  []reportsapi.Stamp
		read int
	}{
		{[]reportsapi.Stamp{{"a", 1}, {"b", 1}}, 2},
		{[]reportsapi.Stamp{{"c", 1}}, 1},                               // and a and b go
		{[]reportsapi.Stamp{{"c", 1}}, 0},                               // it is there
		{[]reportsapi.Stamp{{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}}, 3}, // more than is kept: a and b stay
		{[]reportsapi.Stamp{{"a", 1}, {"b", 1}}, 0},
		{[]reportsapi.Stamp{{"d", 1}}, 1},
	} {
		read = 0
		got, err := shelf.Get(c.ask, load)
		if err != nil {
			t.Fatal(err)
		}
		for i, rows := range got {
			if !slices.Equal(rows, []int{1, 2}) {
				t.Errorf("%v: got %v", c.ask[i], rows)
			}
		}
		if read != c.read {
			t.Errorf("%v: read %d periods, want %d", c.ask, read, c.read)
		}
	}
}
