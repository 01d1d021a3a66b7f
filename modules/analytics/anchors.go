package analytics

import (
	"context"
	"errors"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/analytics/capture"
	"github.com/polyclinic-os/polyclinic/modules/analytics/warehouse"
	"github.com/polyclinic-os/polyclinic/modules/audit/auditapi"
)

// anchors keeps the audit trail's anchors in the warehouse: whoever rewrites the trail on the
// clinic's machine finds its old hashes there.
type anchors struct{ k *kernel.Kernel }

func (*anchors) Name() string { return "the analytics warehouse" }
func (*anchors) Ready() bool  { return configured() }

// Anchor is auditapi.Anchors'. Its connection is its own: the shipper's may be in the middle
// of a first copy.
func (a *anchors) Anchor(ctx context.Context, head auditapi.Anchor) error {
	w, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer closing(w)
	if err := a.mine(ctx, w); err != nil {
		return err
	}
	return w.Anchor(ctx, head.Seq, head.Hash)
}

// mine fails while the site in the warehouse is another data folder's: its trail would look
// written anew beside the hashes of ours.
func (a *anchors) mine(ctx context.Context, w *warehouse.Warehouse) error {
	at, err := w.Position(ctx)
	if err != nil || at.Epoch == "" {
		return err
	}
	holder, err := holder(a.k.App)
	if err != nil {
		return err
	}
	ours, err := capture.Ours(a.k.App, at.Epoch, at.Token)
	if err == nil && (!ours || at.Holder != holder) {
		err = errAnothers
	}
	return err
}

var errAnothers = errors.New("another data folder ships under this " + siteSetting.Name)

// Kept is auditapi.Anchors'.
func (a *anchors) Kept(ctx context.Context) (list []auditapi.Anchor, err error) {
	w, err := a.open(ctx)
	if err != nil {
		return nil, err
	}
	defer closing(w)
	kept, err := w.Anchors(ctx)
	for _, one := range kept {
		list = append(list, auditapi.Anchor{Seq: one.Seq, Hash: one.Hash, At: one.At})
	}
	return list, err
}

func (a *anchors) open(ctx context.Context) (*warehouse.Warehouse, error) {
	site, err := Site(a.k.App)
	if err != nil {
		return nil, err
	}
	url, err := urlSetting.Read()
	if err != nil {
		return nil, err
	}
	return warehouse.Open(ctx, url, site)
}
