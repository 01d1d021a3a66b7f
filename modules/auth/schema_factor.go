package auth

import (
	"github.com/pocketbase/pocketbase/core"
)

// initSecondFactor adds authenticators, the codes that stand in for a lost one, and which
// sessions began with a second factor.
func initSecondFactor(tx core.App) error {
	users, err := tx.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	a := core.NewBaseCollection("authenticators")
	a.Fields.Add(
		&core.RelationField{Name: "userId", CollectionId: users.Id, MaxSelect: 1, Required: true, CascadeDelete: true},
		&core.TextField{Name: "secret", Hidden: true, Max: 100},
		&core.TextField{Name: "pending", Hidden: true, Max: 100},
		&core.DateField{Name: "pendingUntil"},
		&core.DateField{Name: "confirmedAt"},
		&core.NumberField{Name: "lastStep", OnlyInt: true},
		&core.AutodateField{Name: "created", OnCreate: true},
		&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
	)
	a.AddIndex("idx_authenticators_userId", true, "userId", "")
	if err := tx.Save(a); err != nil {
		return err
	}
	c := core.NewBaseCollection("recovery_codes")
	c.Fields.Add(
		&core.RelationField{Name: "userId", CollectionId: users.Id, MaxSelect: 1, Required: true, CascadeDelete: true},
		&core.TextField{Name: "hash", Required: true, Hidden: true, Max: 64},
	)
	c.AddIndex("idx_recovery_codes_userId", true, "userId, hash", "")
	if err := tx.Save(c); err != nil {
		return err
	}
	sessions, err := tx.FindCollectionByNameOrId("sessions")
	if err != nil {
		return err
	}
	sessions.Fields.Add(&core.BoolField{Name: "secondFactor"})
	return tx.Save(sessions)
}

// initInvitations adds the one-time links by which people choose their first password. An
// account has one at most.
func initInvitations(tx core.App) error {
	users, err := tx.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	c := core.NewBaseCollection("invitations")
	c.Fields.Add(
		&core.RelationField{Name: "userId", CollectionId: users.Id, MaxSelect: 1, Required: true, CascadeDelete: true},
		&core.TextField{Name: "hash", Required: true, Hidden: true, Max: 64},
		&core.DateField{Name: "expiresAt", Required: true},
		&core.AutodateField{Name: "created", OnCreate: true},
	)
	c.AddIndex("idx_invitations_userId", true, "userId", "")
	c.AddIndex("idx_invitations_hash", true, "hash", "")
	return tx.Save(c)
}

// initEmailSeen lets admins find accounts by their address: PocketBase keeps addresses that
// are not marked visible out of every search. Who may see an account at all is for the
// access rules, which admit only admins and the owner.
func initEmailSeen(tx core.App) error {
	_, err := tx.DB().NewQuery("UPDATE users SET emailVisibility = TRUE").Execute()
	return err
}

// initKnownAddresses remembers over restarts from where people sign in: there they are not
// held up by strangers who guess at their passwords.
func initKnownAddresses(tx core.App) error {
	users, err := tx.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	c := core.NewBaseCollection("known_addresses")
	c.Fields.Add(
		&core.RelationField{Name: "userId", CollectionId: users.Id, MaxSelect: 1, Required: true, CascadeDelete: true},
		&core.TextField{Name: "network", Required: true, Max: 64},
		&core.DateField{Name: "lastSeen", Required: true},
	)
	c.AddIndex("idx_known_addresses_userId", true, "userId, network", "")
	c.AddIndex("idx_known_addresses_lastSeen", false, "lastSeen", "")
	return tx.Save(c)
}
