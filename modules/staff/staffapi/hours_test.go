package staffapi_test

import (
	"testing"

	"github.com/polyclinic-os/polyclinic/modules/staff/staffapi"
)

func TestMinute(t *testing.T) {
	for text, want := range map[string]int{
		"00:00": 0, "08:05": 485, "23:59": 1439, "24:00": 1440,
		"24:01": -1, "12:60": -1, "8:00": -1, " 8:00": -1, "+9:00": -1, "-1:00": -1, "08-00": -1, "08:0x": -1, "": -1, "８:00": -1,
	} {
		if got := staffapi.Minute(text); got != want {
			t.Errorf("Minute(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestContact(t *testing.T) {
	for text, ok := range map[string]bool{
		"": true, "+1 (555) 010-02": true, "42": true, "x@example.org": true, "ward telephone 12": true,
		"unknown": false, "7": false, "12\n34": false, "555\x00123": false,
	} {
		if err := staffapi.CheckContact(text); (err == nil) != ok {
			t.Errorf("CheckContact(%q) = %v", text, err)
		}
	}
}
