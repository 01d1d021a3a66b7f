package staffapi

import "github.com/pocketbase/pocketbase/core"

// Blocker is contributed by modules whose records keep a doctor, nurse or member of staff
// from being deleted. Provide it as a Blocker value: kernel.All finds it by this type.
type Blocker interface {
	// Blocks returns what stands in the way of deleting the profile, as the end of the
	// sentence "… cannot be deleted: ", such as "3 appointments ahead, the next on
	// 2026-11-24". It returns "" when nothing does. collection is doctors, nurses or staff.
	Blocks(tx core.App, collection, id string) (reason string, err error)
}
