package kernel

import (
	"slices"

	"github.com/pocketbase/pocketbase/core"
)

// StrictSwitch is provided by the one module that has a setting for strict access. While it
// is on, Rule.Strict takes the place of Rule.Filter in every rule that has one.
type StrictSwitch interface {
	Strict(app core.App) (bool, error)
}

// strictly returns the policy as it is while strict access is on.
func (p Policy) strictly() Policy {
	p.Rule = p.Rule.strictly()
	p.Grants = slices.Clone(p.Grants)
	for i := range p.Grants {
		p.Grants[i].Rule = p.Grants[i].Rule.strictly()
	}
	return p
}

func (r Rule) strictly() Rule {
	if r.Strict != "" {
		r.Filter = r.Strict
	}
	return r
}

func (a Access) strictly() Access {
	a.List, a.View = a.List.strictly(), a.View.strictly()
	a.Create, a.Update, a.Delete = a.Create.strictly(), a.Update.strictly(), a.Delete.strictly()
	return a
}

// accessNow is the policy table of a collection as it is now, strict or not.
func (k *Kernel) accessNow(collection string) Access {
	a := k.access[collection]
	if k.strict.Load() {
		return a.strictly()
	}
	return a
}

// strictIn reads the switch, in a transaction as it is there.
func (k *Kernel) strictIn(app core.App) (bool, error) {
	for _, s := range All[StrictSwitch](k) {
		if on, err := s.Strict(app); on || err != nil {
			return on, err
		}
	}
	return false, nil
}
