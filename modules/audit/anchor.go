package audit

import (
	"context"
	"errors"
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
	anchorAtEnd   = 3 * time.Second // a server that stops waits no longer
)

// anchorFile is the place that the setting names.
type anchorFile struct{}

func (anchorFile) Name() string { return settingAnchors.Value() }
func (anchorFile) Ready() bool  { return settingAnchors.Value() != "" }

func (anchorFile) Anchor(_ context.Context, a auditapi.Anchor) error {
	h, err := chain.ParseHash(a.Hash)
	if err != nil {
		return err
	}
	return chain.AppendAnchor(settingAnchors.Value(), chain.Head{Seq: a.Seq, Hash: h})
}

// Kept fails where no anchor is. Before the first there is no file; so it is when somebody
// took it away, or a disk that is not mounted.
func (anchorFile) Kept(context.Context) (list []auditapi.Anchor, err error) {
	kept, err := chain.ReadAnchors(settingAnchors.Value())
	if err != nil {
		return nil, err
	}
	for _, a := range kept {
		list = append(list, auditapi.Anchor{Seq: a.Seq, Hash: a.Hash.String(), At: a.At})
	}
	return list, nil
}

// places are where anchors are kept: those that are set up.
func places(k *kernel.Kernel) (list []auditapi.Anchors) {
	for _, p := range append([]auditapi.Anchors{anchorFile{}}, kernel.All[auditapi.Anchors](k)...) {
		if p.Ready() {
			list = append(list, p)
		}
	}
	return list
}

// anchoring remembers what is anchored.
type anchoring struct {
	due chan struct{}

	mu     sync.Mutex
	last   map[string]int64 // entry, by place
	failed []string         // places
}

// anchorLoop sets anchors, beside everything else: a place that is away for long keeps nobody
// waiting.
func (t *trail) anchorLoop(stop <-chan struct{}) {
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	for {
		select {
		case <-stop:
			return
		case <-t.anchored.due:
		case <-minute.C:
		}
		t.anchor(anchorTimeout)
	}
}

// anchorWhenDue has anchors set ahead of their time when many entries came.
func (t *trail) anchorWhenDue() {
	c := t.chain.Load()
	if c == nil || c.Head().Seq-t.asked < anchorEvery {
		return
	}
	t.asked = c.Head().Seq
	select {
	case t.anchored.due <- struct{}{}:
	default: // it is about to
	}
}

// anchor puts the head of the trail where whoever can write the trail may not be able to.
func (t *trail) anchor(patience time.Duration) {
	c := t.chain.Load()
	t.anchored.mu.Lock()
	last := t.anchored.last
	t.anchored.mu.Unlock()
	if c == nil {
		return
	}
	h, now := c.Head(), map[string]int64{}
	var failed []string
	for _, place := range places(t.k) {
		if now[place.Name()] = last[place.Name()]; last[place.Name()] == h.Seq {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		err := place.Anchor(ctx, auditapi.Anchor{Seq: h.Seq, Hash: h.Hash.String(), At: time.Now().UTC()})
		cancel()
		if err != nil {
			t.k.App.Logger().Warn("audit trail not anchored", "place", place.Name(), "error", err)
			failed = append(failed, place.Name())
			continue
		}
		now[place.Name()] = h.Seq
	}
	t.anchored.mu.Lock()
	defer t.anchored.mu.Unlock()
	t.anchored.last, t.anchored.failed = now, failed
}

// keptAnchors reads the anchors of every place. One that cannot be read is named by the
// error, beside what the others have.
func keptAnchors(k *kernel.Kernel) (list []chain.Anchor, err error) {
	var failed []error
	for _, place := range places(k) {
		ctx, cancel := context.WithTimeout(context.Background(), anchorTimeout)
		kept, err := place.Kept(ctx)
		cancel()
		if err != nil {
			failed = append(failed, fmt.Errorf("the anchors in %s could not be read: %w", place.Name(), err))
			continue
		}
		if len(kept) == 0 {
			failed = append(failed, fmt.Errorf("no anchor is in %s: a server sets the first within a minute", place.Name()))
		}
		for _, a := range kept {
			h, err := chain.ParseHash(a.Hash)
			if err != nil {
				failed = append(failed, fmt.Errorf("the anchors in %s: %w", place.Name(), err))
				break
			}
			list = append(list, chain.Anchor{Seq: a.Seq, Hash: h, At: a.At, Where: place.Name()})
		}
	}
	return list, errors.Join(failed...)
}
