package auth

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/audit/auditapi"
)

// superuserCommand joins PocketBase's commands of that name.
func superuserCommand(k *kernel.Kernel) *cobra.Command {
	c := &cobra.Command{Use: "superuser", Short: "Manage superusers"}
	list := &cobra.Command{
		Use: "sessions [EMAIL]", Short: "List where superusers are signed in", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			rows, err := superuserSessions(k.App, strings.Join(args, ""))
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "ID\tSUPERUSER\tDEVICE\tADDRESS\tSINCE\tLAST SEEN\tENDS")
			for _, r := range rows {
				fmt.Fprintln(w, strings.Join([]string{
					r.Id, emailOf(k.App, r), deviceOf(r.GetString("agent")), r.GetString("address"), minute(r, "created"), minute(r, "lastSeen"), minute(r, "expiresAt"),
				}, "\t"))
			}
			return w.Flush()
		},
	}
	list.AddCommand(&cobra.Command{
		Use: "end ID|EMAIL", Short: "Sign a superuser out of one session, or of all", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := endSuperuserSessions(k.App, args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "Ended: %d. It counts at once.\n", n)
			return err
		},
	})
	c.AddCommand(list)
	return c
}

// superuserSessions returns the open sessions of one superuser, of all when email is "",
// newest first. When each was used last is as of a minute ago.
func superuserSessions(app core.App, email string) ([]*core.Record, error) {
	q := app.RecordQuery(ofSuperusers.collection).OrderBy("created DESC")
	if email != "" {
		r, err := superuserOf(app, email)
		if err != nil {
			return nil, err
		}
		q.AndWhere(dbx.HashExp{ofSuperusers.owner: r.Id})
	}
	rows := []*core.Record{}
	if err := q.All(&rows); err != nil {
		return nil, err
	}
	open := rows[:0]
	for _, r := range rows {
		if _, alive := of(app).superusers.alive(app, r.Id, r.GetString(ofSuperusers.owner), time.Now()); alive {
			open = append(open, r)
		}
	}
	return open, nil
}

// endSuperuserSessions ends the session of that id, or all of the superuser of that address,
// and returns how many. A running server looks at the rows.
func endSuperuserSessions(app core.App, which string) (n int, err error) {
	err = app.RunInTransaction(func(tx core.App) error {
		var rows []*core.Record
		if strings.Contains(which, "@") {
			r, err := superuserOf(tx, which)
			if err == nil {
				rows, err = tx.FindAllRecords(ofSuperusers.collection, dbx.HashExp{ofSuperusers.owner: r.Id})
			}
			if err != nil {
				return err
			}
		} else {
			r, err := tx.FindRecordById(ofSuperusers.collection, which)
			if errors.Is(err, sql.ErrNoRows) {
				return fmt.Errorf("there is no session %s: polyclinic superuser sessions lists them", which)
			}
			if err != nil {
				return err
			}
			rows = []*core.Record{r}
		}
		for _, r := range rows {
			if err := tx.Delete(r); err != nil {
				return err
			}
			items := []string{ofSuperusers.collection + "/" + r.Id, ofSuperusers.owners + "/" + r.GetString(ofSuperusers.owner)}
			if err := auditapi.Record(tx, auditapi.Entry{Action: "sign-out", Target: "superuser sessions end", Items: items}); err != nil {
				return err
			}
		}
		n = len(rows)
		return nil
	})
	return n, err
}

func superuserOf(app core.App, email string) (*core.Record, error) {
	r, err := app.FindAuthRecordByEmail(core.CollectionNameSuperusers, email)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("there is no superuser with the address %s", email)
	}
	return r, err
}

func emailOf(app core.App, session *core.Record) string {
	r, err := app.FindRecordById(core.CollectionNameSuperusers, session.GetString(ofSuperusers.owner))
	if err != nil {
		return "?"
	}
	return r.Email()
}

func minute(r *core.Record, field string) string {
	return r.GetDateTime(field).Time().UTC().Format("2006-01-02 15:04") + "Z"
}
