package boot

import (
	"context"
	"net"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// stopPatience is how long requests under way may take to finish when the server is told to
// stop. PocketBase alone cancels what they are saving at once, and cuts them off after a second.
const stopPatience = 10 * time.Second

// bindStop lets requests under way finish, and ends realtime connections, which never would.
func bindStop(app core.App) {
	live, endLive := context.WithCancel(context.Background())
	app.OnRealtimeConnectRequest().Bind(&hook.Handler[*core.RealtimeConnectRequestEvent]{Id: "boot.live", Func: func(e *core.RealtimeConnectRequestEvent) error {
		ctx, cancel := context.WithCancel(e.Request.Context())
		defer cancel()
		defer context.AfterFunc(live, cancel)()
		e.Request = e.Request.WithContext(ctx)
		return e.Next()
	}})
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: "boot.stop", Func: func(se *core.ServeEvent) error {
		server := se.Server
		// PocketBase's own context ends as soon as the server takes no more requests.
		work, endWork := context.WithCancel(context.Background())
		server.BaseContext = func(net.Listener) context.Context { return work }
		app.OnTerminate().Bind(&hook.Handler[*core.TerminateEvent]{
			Id: "boot.stop", Priority: -10000, // ahead of PocketBase's own
			Func: func(te *core.TerminateEvent) error {
				endLive()
				wait, done := context.WithTimeout(context.Background(), stopPatience)
				defer done()
				if err := server.Shutdown(wait); err != nil {
					app.Logger().Warn("requests were cut off at the stop", "error", err)
				}
				endWork()
				return te.Next()
			},
		})
		return se.Next()
	}})
}
