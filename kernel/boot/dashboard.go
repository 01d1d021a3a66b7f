package boot

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/kernel/reach"
)

var (
	errPlainDashboard = errors.New("--dashboard takes an address of this machine alone, such as 127.0.0.1:8091, since it has no encryption of its own; in a container whose port is published on 127.0.0.1 only, say --behind-proxy as well")
	errElsewhere      = kernel.Fail(http.StatusForbidden, "superusers_elsewhere", "Superusers are let in at the dashboard's own address only.")
)

// byDashboard marks the requests that came to the dashboard's own address.
type byDashboard struct{}

// bindDashboard answers the dashboard, and whoever is a superuser, at addr only: what the
// clinic's people and the internet reach then has neither. at is told where it is.
func bindDashboard(k *kernel.Kernel, app core.App, addr string, said bool, at *string) error {
	if !said && !reach.Loopback(addr) {
		return errPlainDashboard
	}
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "boot.dashboard", Priority: -10000, // its end is after all that wraps the handler
		Func: func(se *core.ServeEvent) error {
			se.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: "boot.dashboard", Priority: kernel.PriorityGuard - 1, Func: func(e *core.RequestEvent) error {
				if e.Request.Context().Value(byDashboard{}) == nil {
					if err := refuseSuperusers(e); err != nil {
						return k.APIError(err)
					}
				}
				return e.Next()
			}})
			err := se.Next()
			if err != nil {
				return err
			}
			*at, err = serveDashboard(app, se.Server, addr)
			return err
		},
	})
	return nil
}

// refuseSuperusers returns why a request to the public address is not answered, nil when it is.
func refuseSuperusers(e *core.RequestEvent) error {
	if p := e.Request.URL.Path; p == "/_" || strings.HasPrefix(p, "/_/") {
		return kernel.ErrNotFound
	}
	if e.HasSuperuserAuth() {
		return errElsewhere
	}
	if named := e.Request.PathValue("collection"); named != "" {
		if c, err := e.App.FindCachedCollectionByNameOrId(named); err == nil && c.Name == core.CollectionNameSuperusers {
			return errElsewhere
		}
	}
	if token := e.Request.URL.Query().Get("token"); token != "" {
		if who, err := e.App.FindAuthRecordByToken(token, core.TokenTypeFile); err == nil && who.IsSuperuser() {
			return errElsewhere
		}
	}
	return nil
}

// serveDashboard answers at addr what public does, until the process is told to stop, and returns
// the dashboard's URL.
func serveDashboard(app core.App, public *http.Server, addr string) (string, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return "", fmt.Errorf("the dashboard's address: %w", err)
	}
	own := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			public.Handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), byDashboard{}, true)))
		}),
		BaseContext: public.BaseContext, ErrorLog: public.ErrorLog, MaxHeaderBytes: public.MaxHeaderBytes,
		ReadTimeout: public.ReadTimeout, ReadHeaderTimeout: public.ReadHeaderTimeout, WriteTimeout: public.WriteTimeout, IdleTimeout: public.IdleTimeout,
	}
	app.OnTerminate().Bind(&hook.Handler[*core.TerminateEvent]{Id: "boot.dashboard", Priority: -10001, Func: func(te *core.TerminateEvent) error {
		wait, done := context.WithTimeout(context.Background(), stopPatience)
		defer done()
		go func() { _ = own.Shutdown(wait) }() // boot.stop ends what is live, and waits for the public address
		return te.Next()
	}})
	go func() {
		if err := own.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			app.Logger().Error("the dashboard is not served any more", "error", err)
		}
	}()
	return fmt.Sprintf("http://%s/_/", listener.Addr()), nil
}
