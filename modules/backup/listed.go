package backup

import (
	"context"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/privacy/privacyapi"
)

var errBeside = kernel.Fail(http.StatusForbidden, "kept_by_server", "This is no backup: the server keeps it beside them, and restoring needs it.")

// bindListed keeps what lies beside the backups from being taken for one in the dashboard: the
// copies of every few minutes are not listed there, and neither they nor the list of erasures
// deleted. That list is shown, for it has to be downloaded along with a backup.
func bindListed(k *kernel.Kernel) {
	k.App.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "backup.listed", Func: func(se *core.ServeEvent) error {
		// After PocketBase has seen that it is a superuser.
		se.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: "backup.listed", Priority: 1, Func: func(e *core.RequestEvent) error {
			switch e.Request.Pattern {
			case "GET /api/backups":
				return list(e)
			case "DELETE /api/backups/{key}":
				if key := path.Clean(e.Request.PathValue("key")); key == privacyapi.ErasuresList || strings.HasPrefix(key, copiesKey) {
					return k.APIError(errBeside)
				}
			}
			return e.Next()
		}})
		return se.Next()
	}})
}

// listed is PocketBase's.
type listed struct {
	Modified types.DateTime `json:"modified"`
	Key      string         `json:"key"`
	Size     int64          `json:"size"`
}

func list(e *core.RequestEvent) error {
	ctx, cancel := context.WithTimeout(e.Request.Context(), 30*time.Second)
	defer cancel()
	fsys, err := e.App.NewBackupsFilesystem()
	if err != nil {
		return e.BadRequestError("Failed to load backups filesystem.", err)
	}
	defer fsys.Close()
	fsys.SetContext(ctx)
	there, err := fsys.List("")
	if err != nil {
		return e.BadRequestError("Failed to retrieve backup items. Raw error: \n"+err.Error(), nil)
	}
	answer := []listed{}
	for _, o := range there {
		if strings.HasPrefix(o.Key, copiesKey) {
			continue
		}
		at, _ := types.ParseDateTime(o.ModTime) // a time.Time always parses
		answer = append(answer, listed{at, o.Key, o.Size})
	}
	return e.JSON(http.StatusOK, answer)
}
