package video

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
)

var migrations = []kernel.Migration{
	{ID: "1780000550_video_calls", Up: initCalls},
	{ID: "1780000551_video_numbers", Up: initNumbers},
	{ID: "1780000552_video_channels", Up: initChannels},
}

func initCalls(tx core.App) error {
	ids := map[string]string{}
	for _, name := range []string{"appointments", "patients", "doctors", "users"} {
		c, err := tx.FindCollectionByNameOrId(name)
		if err != nil {
			return err
		}
		ids[name] = c.Id
	}
	low := 0.0
	c := core.NewBaseCollection("video_calls")
	c.Fields.Add(
		&core.RelationField{Name: "appointmentId", CollectionId: ids["appointments"], MaxSelect: 1, Required: true},
		&core.RelationField{Name: "patientId", CollectionId: ids["patients"], MaxSelect: 1, Required: true},
		&core.RelationField{Name: "doctorId", CollectionId: ids["doctors"], MaxSelect: 1, Required: true},
		&core.TextField{Name: "channelName", Required: true, Max: 63},
		&core.SelectField{Name: "status", Required: true, MaxSelect: 1, Values: []string{"ringing", "active", "ended"}},
		&core.RelationField{Name: "startedBy", CollectionId: ids["users"], MaxSelect: 1},
		&core.DateField{Name: "startedAt", Required: true},
		&core.DateField{Name: "endedAt"},
		&core.NumberField{Name: "durationSeconds", OnlyInt: true, Min: &low},
		&core.AutodateField{Name: "created", OnCreate: true},
		&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
	)
	// Starting twice joins the same call, however many start at once.
	c.AddIndex("idx_video_calls_live", true, "appointmentId", "status != 'ended'")
	c.AddIndex("idx_video_calls_appointment", false, "appointmentId, startedAt", "")
	c.AddIndex("idx_video_calls_patient", false, "patientId, startedAt", "")
	c.AddIndex("idx_video_calls_doctor", false, "doctorId, startedAt", "")
	c.AddIndex("idx_video_calls_startedBy", false, "startedBy", "")
	return tx.Save(c)
}

func initNumbers(tx core.App) error {
	users, err := tx.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	low, high := 1.0, 4294967295.0
	c := core.NewBaseCollection("video_numbers")
	c.Fields.Add(
		&core.RelationField{Name: "accountId", CollectionId: users.Id, MaxSelect: 1, Required: true, CascadeDelete: true},
		&core.NumberField{Name: "number", OnlyInt: true, Required: true, Min: &low, Max: &high},
		&core.AutodateField{Name: "created", OnCreate: true},
	)
	c.AddIndex("idx_video_numbers_account", true, "accountId", "")
	c.AddIndex("idx_video_numbers_number", true, "number", "")
	return tx.Save(c)
}

// initChannels lets an account have another number in one channel.
func initChannels(tx core.App) error {
	c, err := tx.FindCollectionByNameOrId("video_numbers")
	if err != nil {
		return err
	}
	c.Fields.Add(&core.TextField{Name: "channelName", Max: 63})
	c.RemoveIndex("idx_video_numbers_account")
	c.AddIndex("idx_video_numbers_channel", true, "accountId, channelName", "")
	return tx.Save(c)
}
