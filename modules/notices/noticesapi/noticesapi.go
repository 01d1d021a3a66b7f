// Package noticesapi is how other modules put up a notice.
package noticesapi

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// Notice is an announcement of the platform's own, published at once. Its text names no
// patient: everybody of the audience reads it.
type Notice struct {
	Title, Body string
	Audience    []string // roles
}

// Board is where notices are put up. The notices module provides it.
type Board interface {
	Post(tx core.App, n Notice) error
}

// Post puts up the notice in tx. A build without notices has nobody to tell.
func Post(tx core.App, n Notice) error {
	for _, b := range kernel.All[Board](kernel.Of(tx)) {
		if err := b.Post(tx, n); err != nil {
			return err
		}
	}
	return nil
}
