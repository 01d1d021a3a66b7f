package boot

import (
	"context"
	"net"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// stopPatience is how long a request under way may take to finish when the server is told to
// stop. PocketBase alone gives it one second.
const stopPatience = 10 * time.Second

// bindStop lets requests under way finish, and ends realtime connections, which never would.
func bindStop(app core.App) {
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "boot.stop", Func: func(se *core.ServeEvent) error {
		server, base := se.Server, se.Server.BaseContext
		ctx, cancel := context.WithCancel(context.Background())
		server.BaseContext = func(l net.Listener) context.Context {
			if base != nil {
				context.AfterFunc(base(l), cancel)
			}
			return ctx
		}
		app.OnTerminate().Bind(&hook.Handler[*core.TerminateEvent]{
			Id: "boot.stop", Priority: -10000, // ahead of PocketBase's own
			Func: func(te *core.TerminateEvent) error {
				cancel()
				wait, done := context.WithTimeout(context.Background(), stopPatience)
				defer done()
				if err := server.Shutdown(wait); err != nil {
					app.Logger().Warn("requests were cut off at the stop", "error", err)
				}
				return te.Next()
			},
		})
		return se.Next()
	}})
}
