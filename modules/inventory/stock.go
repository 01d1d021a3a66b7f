package inventory

import (
	"net/http"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/clinic/clinicapi"
)

// maxQuantity keeps a quantity and its sums exact.
const maxQuantity = 1_000_000_000

// Keys of what a domain operation says of a change; they are no fields.
const (
	kindKey   = "@kind"
	reasonKey = "@reason"
)

// quantitySaid asks for a quantity, which PocketBase's "required" would refuse as 0.
func quantitySaid(e *core.RecordRequestEvent) error {
	body := map[string]any{}
	if err := e.BindBody(&body); err != nil {
		return kernel.ErrBadInput
	}
	if v, sent := body["quantity"]; !sent || v == nil || v == "" {
		kernel.Refuse(e.Record, kernel.Required("quantity"))
	}
	return nil
}

// quantityKept refuses a quantity that is sent as nothing, which PocketBase reads as 0.
func quantityKept(e *core.RecordRequestEvent) error {
	body := map[string]any{}
	if err := e.BindBody(&body); err != nil {
		return kernel.ErrBadInput
	}
	if v, sent := body["quantity"]; sent && (v == nil || v == "") {
		kernel.Refuse(e.Record, kernel.Required("quantity"))
	}
	return nil
}

// checkEntries tidies what was entered and names everything that makes no sense.
func checkEntries(tx core.App, r *core.Record) error {
	var bad kernel.Invalid
	for _, f := range []string{"itemName", "unit", "batch", "expiryDate", "supplier", "category"} {
		r.Set(f, strings.TrimSpace(r.GetString(f)))
	}
	if r.GetString("itemName") == "" {
		bad = append(bad, kernel.Required("itemName"))
	}
	if q := r.GetFloat("quantity"); q < 0 {
		bad = append(bad, kernel.Bad("quantity", "validation_min_greater_equal_than_required", "Must be 0 or more."))
	}
	if day := r.GetString("expiryDate"); day != "" {
		if _, ok := clinicapi.ParseDay(day); !ok {
			bad = append(bad, kernel.Bad("expiryDate", "validation_invalid_date", "Must be a day, YYYY-MM-DD."))
		}
	}
	s, err := clinicapi.Current(tx)
	if err != nil {
		return err
	}
	if e := checkPrice(r, s.Currency); e != nil {
		bad = append(bad, e)
	}
	return bad.Complete(tx, r)
}

// noMovement refuses one that no change of a quantity stands behind.
func noMovement(core.App, *core.Record) error { return errFinal }

// noteChange tells the trigger what to write into the movement.
func noteChange(tx core.App, r *core.Record) error {
	if !r.IsNew() && r.GetInt("quantity") == r.Original().GetInt("quantity") {
		return nil
	}
	kind, _ := r.GetRaw(kindKey).(string)
	reason, _ := r.GetRaw(reasonKey).(string)
	if kind == "" {
		kind, reason = "correction", "correction"
	}
	if r.IsNew() {
		reason = ""
	}
	s, err := clinicapi.Current(tx)
	if err != nil {
		return err
	}
	r.Set("changeOn", s.Today(time.Now()))
	r.Set("changeMark", security.PseudorandomString(10))
	r.Set("changeKind", kind)
	r.Set("changeReason", reason)
	r.Set("changeBy", kernel.Actor(r))
	return nil
}

// Adjust changes an item's quantity by delta units and leaves a movement with the reason
// and who did it. It returns errStock when less than that is there; nothing is changed then.
func Adjust(tx core.App, itemID string, delta int64, reason, accountID string) (*core.Record, error) {
	item, err := tx.FindRecordById("inventory", itemID) // the one writer of SQLite: nobody else changes it now
	if err != nil {
		return nil, kernel.ErrNotFound
	}
	after := int64(item.GetInt("quantity")) + delta
	if after < 0 {
		return nil, errStock.At("delta")
	}
	if after > maxQuantity {
		return nil, kernel.Bad("delta", "validation_max_less_equal_than_required", "The quantity would be too large.")
	}
	item.Set("quantity", after)
	item.SetRaw(kindKey, "adjustment")
	item.SetRaw(reasonKey, reason)
	kernel.SetActor(item, accountID)
	return item, tx.Save(item)
}

type adjustInput struct {
	ID     string `path:"id"`
	Delta  *int64 `json:"delta" required:"true" doc:"units to add, negative to take out; not 0"`
	Reason string `json:"reason" required:"true" doc:"why, 1 to 500 characters"`
}

// Validate names what is missing.
func (in *adjustInput) Validate() error {
	var bad kernel.Invalid
	switch {
	case in.Delta == nil:
		bad = append(bad, kernel.Required("delta"))
	case *in.Delta == 0:
		bad = append(bad, kernel.Bad("delta", "validation_out_of_range", "Must not be 0."))
	case *in.Delta > maxQuantity || *in.Delta < -maxQuantity:
		bad = append(bad, kernel.Bad("delta", "validation_max_less_equal_than_required", "Too large."))
	}
	if in.Reason = strings.TrimSpace(in.Reason); in.Reason == "" {
		bad = append(bad, kernel.Required("reason"))
	} else if len([]rune(in.Reason)) > 500 {
		bad = append(bad, kernel.Bad("reason", "validation_length_out_of_range", "At most 500 characters."))
	}
	return bad.OrNil()
}

var adjustRoute = kernel.Op(kernel.Route{
	Method: http.MethodPost, Path: "/api/inventory/{id}/adjust", Record: "inventory", Allow: writers, Returns: "inventory",
	Summary: "Add to or take from an item's stock", Errors: []*kernel.Error{errStock},
}, func(c *kernel.Call, in adjustInput) (*core.Record, error) {
	return Adjust(c.App, c.Record.Id, *in.Delta, in.Reason, actorOf(c))
})

// actorOf returns the calling account, "" for a superuser, who is none.
func actorOf(c *kernel.Call) string {
	if c.Auth.IsSuperuser() {
		return ""
	}
	return c.Auth.Id
}

// takeOff keeps the row and its movements. A second delete is a 404.
func takeOff(tx core.App, r *core.Record) error {
	item, err := tx.FindRecordById("inventory", r.Id)
	if err != nil {
		return err
	}
	if !item.GetDateTime("deletedAt").IsZero() {
		return kernel.ErrNotFound
	}
	item.Set("deletedAt", types.NowDateTime())
	return tx.Save(item)
}
