// Package hooks holds the rules that name no collection: they hold for every record and request.
package hooks

import (
	"github.com/polyclinic-os/polyclinic/kernel"
)

// Module binds the platform-wide hooks. List it first.
func Module() kernel.Module {
	return kernel.Module{
		Name: "platform", Doc: "Rules that hold for every record and request.",
		Settings: limitSettings,
		Bind: func(k *kernel.Kernel) error {
			bindTx(k)
			bindBody(k)
			bindReach(k)
			bindSchema(k)
			bindConsole(k)
			bindRequest(k)
			bindRates(k)
			bindGuard(k)
			bindBatch(k)
			bindRealtime(k)
			bindLeaving(k)
			bindFiles(k)
			bindLimits(k)
			bindUploads(k) // ahead of what reads a body
			bindHeaders(k)
			bindText(k)
			bindReadable(k)
			return nil
		},
	}
}
