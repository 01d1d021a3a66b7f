package video

import (
	"database/sql"
	"errors"
	"math/rand/v2"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/kernel"
	"github.com/polyclinic-os/polyclinic/modules/video/videoapi"
)

// NumberOf returns the number by which Agora knows an account in a channel, 1 to 2³²−1: one
// for all channels, and one of its own for a channel that the account was shut out of.
// Agora's clients of one channel must all join by number, and 0 would admit anybody. The
// first call for an account makes the number; it must be in a transaction.
func NumberOf(tx core.App, accountID, channel string) (uint32, error) {
	r, err := numberRow(tx, accountID, channel)
	if err == nil {
		return uint32(r.GetInt("number")), nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return 0, err
	}
	return newNumber(tx, accountID, "")
}

// numberRow returns sql.ErrNoRows for an account that never asked for a token.
func numberRow(tx core.App, accountID, channel string) (*core.Record, error) {
	r := &core.Record{}
	return r, tx.RecordQuery("video_numbers").AndWhere(dbx.HashExp{"accountId": accountID}).
		AndWhere(dbx.In("channelName", "", channel)).OrderBy("channelName DESC").Limit(1).One(r)
}

// newNumber gives the account a number for a channel, or for all when it is "".
func newNumber(tx core.App, accountID, channel string) (uint32, error) {
	c, err := tx.FindCachedCollectionByNameOrId("video_numbers")
	if err != nil {
		return 0, err
	}
	for {
		number := rand.Uint32()
		_, err := tx.FindFirstRecordByData(c, "number", number)
		if number == 0 || err == nil {
			continue // nobody's, or somebody else's
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return 0, err
		}
		r := core.NewRecord(c)
		r.Load(map[string]any{"accountId": accountID, "channelName": channel, "number": number})
		return number, tx.Save(r)
	}
}

// shutOut makes void what tokens an account holds for a channel. Agora goes by the number,
// which it is told to keep out; should the account take part again, it has another one
// there, and goes by the old one in its other calls.
func shutOut(tx core.App, accountID, channel string) error {
	old, err := numberRow(tx, accountID, channel)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if old.GetString("channelName") != "" {
		if err := tx.Delete(old); err != nil {
			return err
		}
	}
	if _, err := newNumber(tx, accountID, channel); err != nil {
		return err
	}
	return kernel.Emit(tx, videoapi.ShutOut, videoapi.ShutOutV1{ChannelName: channel, Number: uint32(old.GetInt("number"))})
}

// shutOutEverywhere makes void every token that an account holds.
func shutOutEverywhere(tx core.App, accountID string) error {
	all, err := tx.FindAllRecords("video_numbers", dbx.HashExp{"accountId": accountID})
	if err != nil {
		return err
	}
	for _, r := range all {
		if err := tx.Delete(r); err != nil {
			return err
		}
		err := kernel.Emit(tx, videoapi.ShutOut, videoapi.ShutOutV1{ChannelName: r.GetString("channelName"), Number: uint32(r.GetInt("number"))})
		if err != nil {
			return err
		}
	}
	return nil
}
