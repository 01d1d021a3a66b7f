package appointments

import (
	"errors"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/polyclinic-os/polyclinic/modules/reports/reportsapi"
)

// initSums replaces visit_days by sums of each day and month, of all ("*") and by doctor
// (of the units "day by" and "month by": the former are few and stay together),
// and by packs of each day, from which patients are counted without reading a visit.
func initSums(tx core.App) error {
	c, err := tx.FindCollectionByNameOrId("appointments")
	if err != nil {
		return err
	}
	c.RemoveIndex("idx_appointments_report") // nothing reads visits any more to count them
	if err := tx.Save(c); err != nil {
		return err
	}
	// Of one appointment X; instants are text, and one that is not known is empty.
	const figures = `
		SELECT ± 1 AS total, ± (X.status = 'completed') AS completed, ± (X.status = 'cancelled') AS cancelled, ± (X.status = 'no-show') AS noShow,
			± (X.status NOT IN ('cancelled', 'no-show')) * (X.endMinute - X.startMinute) AS minutes,
			± (X.status = 'no-show') * (X.endMinute - X.startMinute) AS lostMinutes,
			± waited AS waits, ± waited * wait AS waitSeconds,
			± (waited AND wait <= 900) AS waits15, ± (waited AND wait <= 1800) AS waits30, ± (waited AND wait <= 3600) AS waits60,
			± lasted AS lengths, ± lasted * length AS lengthSeconds,
			± ahead AS leads, ± ahead * (lead / 60) AS leadMinutes
		FROM (SELECT
			X.checkedInAt != '' AND X.startedAt >= X.checkedInAt AS waited, coalesce(unixepoch(X.startedAt) - unixepoch(X.checkedInAt), 0) AS wait,
			X.startedAt != '' AND X.completedAt >= X.startedAt AS lasted, coalesce(unixepoch(X.completedAt) - unixepoch(X.startedAt), 0) AS length,
			X.sourceId = '' AND X.created != '' AND X.startsAt > X.created AND X.status != 'cancelled' AS ahead, coalesce(unixepoch(X.startsAt) - unixepoch(X.created), 0) AS lead)`
	const add = `
			INSERT INTO visit_sums
			SELECT k.column1, k.column2, k.column3, f.*
			FROM (VALUES ('month', substr(X.appointmentDate, 1, 7), '*'), ('month by', substr(X.appointmentDate, 1, 7), X.doctorId),
				('day', X.appointmentDate, '*'), ('day by', X.appointmentDate, X.doctorId)) k CROSS JOIN (` + figures + `) f WHERE true
			ON CONFLICT (unit, period, doctorId) DO UPDATE SET total = total + excluded.total, completed = completed + excluded.completed,
				cancelled = cancelled + excluded.cancelled, noShow = noShow + excluded.noShow, minutes = minutes + excluded.minutes,
				lostMinutes = lostMinutes + excluded.lostMinutes, waits = waits + excluded.waits, waitSeconds = waitSeconds + excluded.waitSeconds,
				waits15 = waits15 + excluded.waits15, waits30 = waits30 + excluded.waits30, waits60 = waits60 + excluded.waits60,
				lengths = lengths + excluded.lengths, lengthSeconds = lengthSeconds + excluded.lengthSeconds,
				leads = leads + excluded.leads, leadMinutes = leadMinutes + excluded.leadMinutes;`
	plus := func(row string) string { return strings.NewReplacer("X.", row+".", "± ", "").Replace(add) }
	minus := func(row string) string { return strings.NewReplacer("X.", row+".", "± ", "-").Replace(add) }

	const entry = `'!' || char(48 + (p.no >> 24 & 63), 48 + (p.no >> 18 & 63), 48 + (p.no >> 12 & 63), 48 + (p.no >> 6 & 63), 48 + (p.no & 63),
				48 + (d.no >> 12 & 63), 48 + (d.no >> 6 & 63), 48 + (d.no & 63))`
	const pack = `
			INSERT INTO visit_patients (id) SELECT NEW.patientId WHERE NEW.status != 'cancelled' AND NOT EXISTS (SELECT 1 FROM visit_patients WHERE id = NEW.patientId);
			INSERT INTO visit_doctors (id) SELECT NEW.doctorId WHERE NEW.status != 'cancelled' AND NOT EXISTS (SELECT 1 FROM visit_doctors WHERE id = NEW.doctorId);
			INSERT INTO visit_packs SELECT NEW.appointmentDate, ` + entry + ` FROM visit_patients p, visit_doctors d
			WHERE p.id = NEW.patientId AND d.id = NEW.doctorId AND NEW.status != 'cancelled'
			ON CONFLICT (day) DO UPDATE SET pack = pack || excluded.pack;`
	const unpack = `
			UPDATE visit_packs SET pack = substr(pack, 1, instr(pack, old.entry) - 1) || substr(pack, instr(pack, old.entry) + 9)
			FROM (SELECT ` + entry + ` AS entry FROM visit_patients p, visit_doctors d WHERE p.id = OLD.patientId AND d.id = OLD.doctorId) old
			WHERE day = OLD.appointmentDate AND OLD.status != 'cancelled' AND instr(pack, old.entry) > 0;`
	for _, statement := range append([]string{
		`DROP TRIGGER visit_days_insert`, `DROP TRIGGER visit_days_update`, `DROP TRIGGER visit_days_delete`, `DROP TABLE visit_days`,
		`CREATE TABLE visit_sums (
			unit TEXT NOT NULL, period TEXT NOT NULL, doctorId TEXT NOT NULL,
			total INTEGER NOT NULL, completed INTEGER NOT NULL, cancelled INTEGER NOT NULL, noShow INTEGER NOT NULL,
			minutes INTEGER NOT NULL, lostMinutes INTEGER NOT NULL,
			waits INTEGER NOT NULL, waitSeconds INTEGER NOT NULL, waits15 INTEGER NOT NULL, waits30 INTEGER NOT NULL, waits60 INTEGER NOT NULL,
			lengths INTEGER NOT NULL, lengthSeconds INTEGER NOT NULL, leads INTEGER NOT NULL, leadMinutes INTEGER NOT NULL,
			PRIMARY KEY (unit, period, doctorId)
		) WITHOUT ROWID`,
		`CREATE TABLE visit_patients (no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE)`,
		`CREATE TABLE visit_doctors (no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE)`,
		`CREATE TABLE visit_packs (day TEXT PRIMARY KEY NOT NULL, pack TEXT NOT NULL) WITHOUT ROWID`,
		`CREATE TRIGGER visit_sums_insert AFTER INSERT ON appointments BEGIN` + plus("NEW") + ` END`,
		`CREATE TRIGGER visit_sums_update AFTER UPDATE ON appointments
		WHEN NEW.appointmentDate != OLD.appointmentDate OR NEW.doctorId != OLD.doctorId OR NEW.status != OLD.status
			OR NEW.startMinute != OLD.startMinute OR NEW.endMinute != OLD.endMinute OR NEW.checkedInAt != OLD.checkedInAt OR NEW.startedAt != OLD.startedAt
			OR NEW.completedAt != OLD.completedAt OR NEW.startsAt != OLD.startsAt OR NEW.created != OLD.created OR NEW.sourceId != OLD.sourceId
		BEGIN` + minus("OLD") + plus("NEW") + ` END`,
		`CREATE TRIGGER visit_sums_delete AFTER DELETE ON appointments BEGIN` + minus("OLD") + ` END`,
		`CREATE TRIGGER visit_packs_insert AFTER INSERT ON appointments BEGIN` + pack + ` END`,
		`CREATE TRIGGER visit_packs_update AFTER UPDATE ON appointments
		WHEN NEW.appointmentDate != OLD.appointmentDate OR NEW.patientId != OLD.patientId OR NEW.doctorId != OLD.doctorId
			OR (NEW.status = 'cancelled') != (OLD.status = 'cancelled')
		BEGIN` + unpack + pack + ` END`,
		`CREATE TRIGGER visit_packs_delete AFTER DELETE ON appointments BEGIN` + unpack + ` END`,
		"INSERT INTO visit_sums " + visitSums.Recount,
	}, visitPacks.Rebuild...) {
		if _, err := tx.NonconcurrentDB().NewQuery(reportsapi.OfAll(statement)).Execute(); err != nil {
			return err
		}
	}
	return nil
}

// initStamps lets reports keep what they read of months that did not change.
func initStamps(tx core.App) error {
	return errors.Join(reportsapi.Stamp(tx, "visit_sums", reportsapi.BySum), reportsapi.Stamp(tx, "visit_packs", reportsapi.ByPack))
}

// initDayStamps lets reports read the days that changed, not their months.
func initDayStamps(tx core.App) error { return reportsapi.StampDays(tx, "visit_packs") }

// visitSums and visitPacks are what initSums' triggers keep.
var visitSums = reportsapi.Summary{
	Table: "visit_sums", Rows: "appointments", Day: "appointmentDate", Along: "period", Keys: []string{"unit", "period", "doctorId"},
	Sums: []string{"total", "completed", "cancelled", "noShow", "minutes", "lostMinutes", "waits", "waitSeconds", "waits15", "waits30", "waits60",
		"lengths", "lengthSeconds", "leads", "leadMinutes"},
	Triggers: append(reportsapi.StampTriggers("visit_sums"), "visit_sums_insert", "visit_sums_update", "visit_sums_delete"),
	Recount: `SELECT k.column1 AS unit, substr(appointmentDate, 1, k.column2) AS period, iif(k.column3, '*', doctorId) AS doctorId,
			count(*) AS total, sum(status = 'completed') AS completed, sum(status = 'cancelled') AS cancelled, sum(status = 'no-show') AS noShow,
			sum(iif(status IN ('cancelled', 'no-show'), 0, endMinute - startMinute)) AS minutes, sum(iif(status = 'no-show', endMinute - startMinute, 0)) AS lostMinutes,
			count(wait) AS waits, coalesce(sum(wait), 0) AS waitSeconds, count(iif(wait <= 900, 1, NULL)) AS waits15, count(iif(wait <= 1800, 1, NULL)) AS waits30, count(iif(wait <= 3600, 1, NULL)) AS waits60,
			count(length) AS lengths, coalesce(sum(length), 0) AS lengthSeconds, count(lead) AS leads, coalesce(sum(lead), 0) AS leadMinutes
		FROM (SELECT appointmentDate, doctorId, status, startMinute, endMinute,
				iif(checkedInAt != '' AND startedAt >= checkedInAt, coalesce(unixepoch(startedAt) - unixepoch(checkedInAt), 0), NULL) AS wait,
				iif(startedAt != '' AND completedAt >= startedAt, coalesce(unixepoch(completedAt) - unixepoch(startedAt), 0), NULL) AS length,
				iif(sourceId = '' AND created != '' AND startsAt > created AND status != 'cancelled', coalesce((unixepoch(startsAt) - unixepoch(created)) / 60, 0), NULL) AS lead
			FROM appointments WHERE ` + reportsapi.Part("appointmentDate") + `), (VALUES ('month', 7, true), ('month by', 7, false), ('day', 10, true), ('day by', 10, false)) k
		GROUP BY 1, 2, 3`,
}

var visitPacks = reportsapi.Summary{
	Table: "visit_packs", Rows: "appointments", Day: "appointmentDate", Along: "day", Keys: []string{"day", "patientId", "doctorId"}, Sums: []string{"visits"},
	Triggers: slices.Concat(reportsapi.StampTriggers("visit_packs"), reportsapi.DayStampTriggers("visit_packs"),
		[]string{"visit_packs_insert", "visit_packs_update", "visit_packs_delete"}),
	Recount: "SELECT appointmentDate AS day, patientId, doctorId, count(*) AS visits FROM appointments WHERE status != 'cancelled' AND " + reportsapi.Part("appointmentDate") + " GROUP BY 1, 2, 3",
	Kept: `SELECT e.day AS day, coalesce(p.id, 'patient ' || e.patient) AS patientId, coalesce(d.id, 'doctor ' || e.doctor) AS doctorId, count(*) AS visits
		FROM (SELECT day,
				((((unicode(substr(value, 1)) - 48) * 64 + unicode(substr(value, 2)) - 48) * 64 + unicode(substr(value, 3)) - 48) * 64 + unicode(substr(value, 4)) - 48) * 64 + unicode(substr(value, 5)) - 48 AS patient,
				((unicode(substr(value, 6)) - 48) * 64 + unicode(substr(value, 7)) - 48) * 64 + unicode(substr(value, 8)) - 48 AS doctor
			FROM visit_packs, json_each('["' || replace(replace(substr(pack, 2), '\', '\\'), '!', '","') || '"]') WHERE pack != '' AND ` + reportsapi.Part("day") + `) e
		LEFT JOIN visit_patients p ON p.no = e.patient LEFT JOIN visit_doctors d ON d.no = e.doctor GROUP BY 1, 2, 3`,
	Rebuild: []string{
		"DELETE FROM visit_packs",
		"INSERT INTO visit_patients (id) SELECT DISTINCT patientId FROM appointments WHERE status != 'cancelled' AND patientId NOT IN (SELECT id FROM visit_patients)",
		"INSERT INTO visit_doctors (id) SELECT DISTINCT doctorId FROM appointments WHERE status != 'cancelled' AND doctorId NOT IN (SELECT id FROM visit_doctors)",
		`INSERT INTO visit_packs SELECT appointmentDate, group_concat('!' || char(48 + (p.no >> 24 & 63), 48 + (p.no >> 18 & 63), 48 + (p.no >> 12 & 63), 48 + (p.no >> 6 & 63), 48 + (p.no & 63),
				48 + (d.no >> 12 & 63), 48 + (d.no >> 6 & 63), 48 + (d.no & 63)), '')
			FROM appointments a JOIN visit_patients p ON p.id = a.patientId JOIN visit_doctors d ON d.id = a.doctorId WHERE status != 'cancelled' AND ` + reportsapi.Part("appointmentDate") + ` GROUP BY 1`,
	},
}
