package auth

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"
	"github.com/spf13/cobra"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/auth/authapi"
)

// adminCommand helps a clinic whose administrator cannot sign in any more.
func adminCommand(k *kernel.Kernel) *cobra.Command {
	c := &cobra.Command{Use: "admin", Short: "Help administrators who cannot sign in"}
	c.AddCommand(&cobra.Command{
		Use: "reset EMAIL", Short: "Give an administrator a new random password, open the account and take its second factor off", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			password, err := resetAdmin(k.App, tidyEmail(args[0]))
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "New password of %s, here and in the dashboard: %s\nAll earlier sessions have ended. Change it after signing in.\n", tidyEmail(args[0]), password)
			return err
		},
	})
	return c
}

// resetAdmin opens an admin's account under a new password, which it returns, and gives
// the superuser of the same address the same one. It also works beside a running server:
// tokens are void by the account's new token key.
func resetAdmin(app core.App, email string) (password string, err error) {
	// Letters that look alike are left out; 20 of 32 are 100 bits.
	password = security.RandomStringWithAlphabet(20, "abcdefghijkmnpqrstuvwxyz23456789")
	return password, app.RunInTransaction(func(tx core.App) error {
		account, err := tx.FindAuthRecordByEmail(kernel.AccountsCollection, email)
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("there is no account with the address %s", email)
		}
		if err != nil {
			return err
		}
		if !authapi.Admin.Has(account) {
			return fmt.Errorf("%s is no administrator: an administrator gives that account a new password", email)
		}
		account.Set("status", authapi.Active)
		account.SetPassword(password)
		if err := tx.Save(account); err != nil {
			return err
		}
		if err := removeSecondFactor(tx, account.Id); err != nil {
			return err
		}
		return upsertSuperuser(tx, email, password)
	})
}

// upsertSuperuser gives the dashboard's superuser of the address the password.
func upsertSuperuser(tx core.App, email, password string) error {
	r, err := tx.FindAuthRecordByEmail(core.CollectionNameSuperusers, email)
	if errors.Is(err, sql.ErrNoRows) {
		c, err := tx.FindCollectionByNameOrId(core.CollectionNameSuperusers)
		if err != nil {
			return err
		}
		r = core.NewRecord(c)
		r.SetEmail(email)
	} else if err != nil {
		return err
	}
	r.SetPassword(password)
	return tx.Save(r)
}
