package audit

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/auditapi"
	"github.com/polyclinic-os/polyclinic/modules/audit/chain"
)

var settingAnchors = kernel.Setting{Name: "POLYCLINIC_AUDIT_ANCHORS", Doc: "File, best on another machine's disk, to which the head of the audit trail is appended once a minute. It shows a trail that was rewritten as a whole or cut off."}

const (
	anchorEvery   = 1000 // entries, when they come faster than a minute
	anchorTimeout = 10 * time.Second
)

// anchoring remembers what is anchored.
type anchoring struct {
	mu   sync.Mutex
	last int64
	err  error
}

func (t *trail) anchorWhenDue() {
	c := t.chain.Load()
	if c == nil {
		return
	}
	t.anchored.mu.Lock()
	due := c.Head().Seq-t.anchored.last >= anchorEvery
	t.anchored.mu.Unlock()
	if due {
		t.anchor()
	}
}

// anchor puts the head of the trail where whoever can write the trail may not be able to.
func (t *trail) anchor() {
	c := t.chain.Load()
	t.anchored.mu.Lock()
	defer t.anchored.mu.Unlock()
	if c == nil || c.Head().Seq == t.anchored.last {
		return
	}
	h := c.Head()
	t.anchored.err = nil
	if path := settingAnchors.Value(); path != "" {
		t.anchored.err = chain.AppendAnchor(path, h)
	}
	for _, place := range kernel.All[auditapi.Anchors](t.k) {
		ctx, cancel := context.WithTimeout(context.Background(), anchorTimeout)
		if err := place.Anchor(ctx, auditapi.Anchor{Seq: h.Seq, Hash: h.Hash.String(), At: time.Now().UTC()}); err != nil {
			t.anchored.err = fmt.Errorf("%s: %w", place.Name(), err)
		}
		cancel()
	}
	if t.anchored.err != nil {
		t.k.App.Logger().Warn("audit trail not anchored", "error", t.anchored.err)
		return
	}
	t.anchored.last = h.Seq
}
