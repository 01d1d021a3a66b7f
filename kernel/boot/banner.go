package boot

import (
	"log"
	"os"

	"github.com/fatih/color"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// bindBanner says where the server is once it listens. dashboard is where that has an address of
// its own, "" where it has none.
func bindBanner(app core.App, url string, dashboard *string) {
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "boot.banner", Priority: -10001, // its end is after that of boot.dashboard
		Func: func(se *core.ServeEvent) error {
			if err := se.Next(); err != nil {
				return err
			}
			at, only := *dashboard, " (superusers are let in there alone)"
			if at == "" {
				at, only = url+"/_/", ""
			}
			log.New(os.Stdout, "", log.LstdFlags).Println(color.New(color.Bold, color.FgGreen).Sprint("Server started at"), color.CyanString("%s", url))
			regular := color.New()
			regular.Printf("├─ REST API:  %s\n", color.CyanString("%s/api/docs", url))
			regular.Printf("└─ Dashboard: %s%s\n", color.CyanString("%s", at), only)
			return nil
		},
	})
}
