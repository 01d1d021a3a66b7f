package backup

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"
	"github.com/pocketbase/pocketbase/tools/filesystem/blob"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
)

// bind makes the backup that PocketBase's schedule, its dashboard and POST /api/backups ask
// for ours: its own holds every writer while it packs, for 23 s at 248 MB.
func (m maker) bind(k *kernel.Kernel) error {
	k.App.OnBackupCreate().Bind(&hook.Handler[*core.BackupEvent]{Id: "backup.create", Priority: 1000, Func: func(e *core.BackupEvent) error {
		name, err := m.store(e.Context, e.App, e.Name)
		if err != nil {
			return err
		}
		e.App.Logger().Info("backup made", "backup", name)
		if !strings.HasPrefix(name, autoPrefix) {
			return nil
		}
		return keepWeekly(e.Context, e.App, name, time.Now())
	}})
	bindDurable(k)
	bindListed(k)
	return nil
}

// weeklyPrefix begins the names of the weekly backups.
const weeklyPrefix = "weekly_"

// keepWeekly puts a scheduled backup aside when the newest weekly one is a week old, and
// removes the oldest beyond as many as the clinic keeps.
func keepWeekly(ctx context.Context, app core.App, name string, now time.Time) error {
	keep, err := strconv.Atoi(weekly.Value())
	if err != nil || keep <= 0 {
		return nil // "0" keeps none; config prints the value
	}
	fsys, err := app.NewBackupsFilesystem()
	if err != nil {
		return err
	}
	defer fsys.Close()
	fsys.SetContext(ctx)
	have, err := newestFirst(fsys, weeklyPrefix)
	if err != nil {
		return err
	}
	// An hour less: the schedule's minutes differ.
	if len(have) > 0 && now.Sub(have[0].ModTime) < 7*24*time.Hour-time.Hour {
		return nil
	}
	if err := fsys.Copy(name, weeklyPrefix+strings.TrimPrefix(name, autoPrefix)); err != nil {
		return err
	}
	for i, old := range have {
		if i >= keep-1 {
			if err := fsys.Delete(old.Key); err != nil {
				return err
			}
		}
	}
	return nil
}

func newestFirst(fsys *filesystem.System, prefix string) ([]*blob.ListObject, error) {
	list, err := fsys.List(prefix)
	slices.SortFunc(list, func(a, b *blob.ListObject) int {
		return cmp.Or(b.ModTime.Compare(a.ModTime), strings.Compare(b.Key, a.Key))
	})
	return list, err
}
