package auth

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

var migrations = []kernel.Migration{
	{ID: "1780000200_users", Up: initUsers},
	{ID: "1780000210_sessions", Up: initSessions},
	{ID: "1780000220_last_admin", Up: initLastAdmin},
	{ID: "1780000230_second_factor", Up: initSecondFactor},
	{ID: "1780000240_invitations", Up: initInvitations},
	{ID: "1780000250_email_seen", Up: initEmailSeen},
	{ID: "1780000260_known_addresses", Up: initKnownAddresses},
	{ID: "1780000270_superuser_sessions", Up: initSuperuserSessions},
	{ID: "1780000280_sealed", Up: initSealed},
}

func initUsers(tx core.App) error {
	c, err := tx.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	c.Fields.Add(
		&core.TextField{Name: "name", Required: true, Max: 200},
		&core.SelectField{Name: "role", Required: true, MaxSelect: 1, Values: []string{"admin", "doctor", "nurse", "staff", "patient"}},
		&core.SelectField{Name: "status", Required: true, MaxSelect: 1, Values: []string{"active", "pending", "disabled"}},
		&core.SelectField{Name: "duty", MaxSelect: 3, Values: []string{"reception", "cashier", "pharmacy"}},
	)
	if f, ok := c.Fields.GetByName("avatar").(*core.FileField); ok {
		f.Protected = true // PocketBase creates it public, and unprotected files ignore access rules
	}
	c.AddIndex("idx_users_role", false, "role, status", "")
	c.AddIndex("idx_users_created", false, "created", "")
	// An admin sees e-mail addresses and may set a new address or password.
	manage := "@request.auth.collectionName = 'users' && @request.auth.status = 'active' && @request.auth.role = 'admin'"
	c.ManageRule = &manage
	// A login from a new device would wait for the mail server, 15 s when that hangs.
	c.AuthAlert.Enabled = false
	return tx.Save(c)
}

func initSessions(tx core.App) error {
	users, err := tx.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	c := core.NewBaseCollection("sessions")
	c.Fields.Add(
		&core.RelationField{Name: "userId", CollectionId: users.Id, MaxSelect: 1, Required: true, CascadeDelete: true},
		&core.DateField{Name: "expiresAt", Required: true},
		&core.DateField{Name: "lastSeen", Required: true},
		&core.TextField{Name: "address", Max: 64},
		&core.TextField{Name: "agent", Max: 300},
		&core.AutodateField{Name: "created", OnCreate: true},
	)
	c.AddIndex("idx_sessions_userId", false, "userId", "")
	c.AddIndex("idx_sessions_expiresAt", false, "expiresAt", "")
	return tx.Save(c)
}

// initSuperuserSessions adds those of the dashboard's accounts, beside those of the clinic's
// people: a relation leads into one collection.
func initSuperuserSessions(tx core.App) error {
	superusers, err := tx.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		return err
	}
	c := core.NewBaseCollection("superuser_sessions")
	c.Fields.Add(
		&core.RelationField{Name: "superuserId", CollectionId: superusers.Id, MaxSelect: 1, Required: true, CascadeDelete: true},
		&core.TextField{Name: "address", Max: 64},
		&core.TextField{Name: "agent", Max: 300},
		&core.DateField{Name: "lastSeen", Required: true},
		&core.DateField{Name: "expiresAt", Required: true},
		&core.AutodateField{Name: "created", OnCreate: true},
	)
	c.AddIndex("idx_superuser_sessions_superuserId", false, "superuserId", "")
	c.AddIndex("idx_superuser_sessions_expiresAt", false, "expiresAt", "")
	return tx.Save(c)
}

// initLastAdmin keeps the last active admin whatever writes: two admins who demote each
// other at once are two transactions, and the second meets the trigger.
func initLastAdmin(tx core.App) error {
	for _, q := range []string{
		`CREATE TRIGGER users_last_admin_role AFTER UPDATE ON users
		WHEN OLD.role = 'admin' AND OLD.status = 'active' AND NEW.role <> 'admin'
			AND NOT EXISTS (SELECT 1 FROM users WHERE role = 'admin' AND status = 'active')
		BEGIN SELECT RAISE(ABORT, 'polyclinic:last_admin:role'); END`,
		`CREATE TRIGGER users_last_admin_status AFTER UPDATE ON users
		WHEN OLD.role = 'admin' AND OLD.status = 'active' AND NEW.status <> 'active'
			AND NOT EXISTS (SELECT 1 FROM users WHERE role = 'admin' AND status = 'active')
		BEGIN SELECT RAISE(ABORT, 'polyclinic:last_admin:status'); END`,
		`CREATE TRIGGER users_last_admin_delete AFTER DELETE ON users
		WHEN OLD.role = 'admin' AND OLD.status = 'active'
			AND NOT EXISTS (SELECT 1 FROM users WHERE role = 'admin' AND status = 'active')
		BEGIN SELECT RAISE(ABORT, 'polyclinic:last_admin:error'); END`,
	} {
		if _, err := tx.DB().NewQuery(q).Execute(); err != nil {
			return err
		}
	}
	return nil
}
