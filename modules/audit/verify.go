package audit

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/polyclinic-os/polyclinic/modules/audit/chain"
)

// verified is what a verification found. An entry that tells of a gap is in order, and so is
// the trail around it: what the gap took is gone all the same.
type verified struct {
	chain.Report
	gaps  []noted // parts of the trail that were lost
	notes []noted // copies of the data that were restored
	other string  // what is wrong with data.db itself
	older string  // what data.db lacks that the trail has, of which no entry tells yet
}

// noted is an entry about the trail itself.
type noted struct {
	seq int64
	at  string
	why string
}

func (n noted) String() string { return fmt.Sprintf("entry %d, %s: %s", n.seq, n.at, n.why) }

// see takes note of entries about the trail itself.
func (v *verified) see(r chain.Row, e chain.Entry) {
	switch e.Action {
	case actionLost:
		v.gaps = append(v.gaps, noted{r.Seq, e.At, e.Why})
	case actionRestored:
		v.notes = append(v.notes, noted{r.Seq, e.At, e.Why})
	}
}

// unknown returns an error that names the gaps other than the known ones, nil when there is none.
func (v verified) unknown(known []int64) error {
	var list []string
	for _, g := range v.gaps {
		if !slices.Contains(known, g.seq) {
			list = append(list, g.String())
		}
	}
	if len(list) == 0 {
		return nil
	}
	return fmt.Errorf("the trail has a GAP: what it holds is in order, but a part of it was lost\n  %s\nOnce that is accounted for, name the entry with --known-gaps or in %s", strings.Join(list, "\n  "), settingGaps.Name)
}

// verifySource verifies a trail alone.
func verifySource(src chain.Source, anchors []chain.Anchor) (v verified, err error) {
	v.Report, err = chain.Verify(src, anchors, false, func(r chain.Row, e chain.Entry) *chain.Problem {
		v.see(r, e)
		return nil
	})
	return v, err
}

// verifyFolder verifies the trail of a data folder, and compares it with what data.db and the
// index know. Both are looked at as they were a moment before the trail, so that a server may
// go on writing. chain.ErrNone when there is no trail, and nothing tells that there was one.
func verifyFolder(dataDir, trail string, anchors []chain.Anchor) (v verified, err error) {
	data, err := openKept(filepath.Join(dataDir, "data.db"))
	if err != nil {
		return v, err
	}
	defer data.close()
	x, err := openIndexed(trail)
	if err != nil {
		return v, err
	}
	defer x.close()
	v.Report, err = chain.Verify(chain.Folder(trail), anchors, true, func(r chain.Row, e chain.Entry) *chain.Problem {
		v.see(r, e)
		if p := data.compare(r, e); p != nil {
			return p
		}
		return x.compare(r, e)
	})
	if err != nil && !errors.Is(err, chain.ErrNone) {
		return v, err
	}
	if v.Problem == nil {
		v.other = data.other()
	}
	if v.Problem == nil && v.other == "" {
		v.Problem = data.end(v.Report)
	}
	if v.Problem == nil {
		v.Problem = x.end(v.Report)
	}
	if v.Problem != nil {
		return v, nil
	}
	if err = errors.Join(err, data.err, x.err); err == nil {
		v.older, err = data.older()
	}
	return v, err
}

// wholeTrail is backupapi.Part.Verify. A gap that the trail tells of is no fault of the backup's.
func wholeTrail(dataDir string) error {
	v, err := verifyFolder(dataDir, filepath.Join(dataDir, dirName), nil)
	if errors.Is(err, chain.ErrNone) {
		return nil // of a clinic that no server has served yet
	}
	switch {
	case err != nil:
	case v.Problem != nil:
		err = errors.New(v.Report.String())
	case v.other != "":
		err = errors.New(v.other)
	}
	return err
}
